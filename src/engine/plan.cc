#include "engine/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace baleen::engine {

namespace {

// Buffers of a step, after v4::Workspace and v4::Batch: what grows with the rows, in float32 (and bf16 copies).
std::int64_t workspace_bytes(const model::Config& c, std::int64_t rows) {
    const std::int64_t d = c.hidden_size, heads = std::int64_t{c.num_attention_heads} * c.head_dim;
    const std::int64_t k = c.num_experts_per_tok, m = c.moe_intermediate_size;
    const std::int64_t widest = std::max({d, std::int64_t{c.o_groups} * c.o_lora_rank, m});
    std::int64_t row = std::int64_t{c.hc_mult} * d * 4;                    // streams
    row += 3 * d * 4 + d * 2 + widest * 6;                                 // hidden, normed, output; normed bf16; quantised
    row += std::int64_t{c.q_lora_rank} * 10 + heads * 10;                  // query rank; query, heads, heads bf16
    row += std::int64_t{c.head_dim} * (4 + 16) + c.entry_layout().bytes();  // kv and compressor inputs
    row += std::int64_t{c.index_n_heads} * (c.index_head_dim * 5 + 4) + std::int64_t{c.index_topk} * 4;
    row += std::int64_t{c.o_groups} * c.o_lora_rank * 4;
    row += k * (d * 6 + m * 10 + d * 4) + m * 10 + d * 4;  // routed and shared experts
    row += c.n_routed_experts * 4 + k * 8;
    return row * rows;
}

std::string human(std::int64_t bytes) {
    if (bytes >= std::int64_t{1} << 30) return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / (1 << 30));
    if (bytes >= 1 << 20) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
    return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}

}  // namespace

Plan make_plan(const model::Config& config, const PlanRequest& request) {
    const kv::Shape shape = kv::make_shape(config, request.packed, request.draft_layers);
    Plan plan;
    plan.context = request.context > 0 ? request.context : config.max_position_embeddings;
    const std::int64_t block = std::max<std::int64_t>(shape.block_bytes(), 1);
    // One sequence of full context, or what the budget holds.
    plan.pool_blocks = request.kv_budget_bytes > 0 ? request.kv_budget_bytes / block
                                                   : (plan.context + kv::kBlockTokens - 1) / kv::kBlockTokens;
    plan.pool_blocks = std::clamp<std::int64_t>(plan.pool_blocks, 1, 1 << 26);
    plan.weights_bytes = request.weights_bytes;
    plan.kv_bytes_per_token = shape.bytes_per_token();
    plan.pool_bytes = plan.pool_blocks * shape.block_bytes();
    plan.state_bytes = shape.live_state_bytes();
    plan.workspace_bytes = workspace_bytes(config, request.rows_per_step);
    plan.lines = {{"weights (mapped)", plan.weights_bytes},
                  {fmt::format("KV pool, {} blocks of {} tokens, {:.2f} B/token", plan.pool_blocks, kv::kBlockTokens,
                               plan.kv_bytes_per_token),
                   plan.pool_bytes},
                  {"state of one live sequence (windows, compressor rows, open block)", plan.state_bytes},
                  {fmt::format("buffers of a step of {} tokens", request.rows_per_step), plan.workspace_bytes},
                  {"expert slots (streamed experts are not built: all experts are mapped)", 0},
                  {"draft blocks", request.draft_layers > 0 ? request.draft_layers * shape.window_rows() * shape.entry.bytes() : 0}};
    return plan;
}

std::string print(const Plan& plan) {
    std::string text = fmt::format("memory plan for a context of {} tokens\n", plan.context);
    for (const PlanLine& line : plan.lines) text += fmt::format("  {:>12}  {}\n", human(line.bytes), line.what);
    text += fmt::format("  {:>12}  in all\n", human(plan.total()));
    return text;
}

}  // namespace baleen::engine
