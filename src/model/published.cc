// The published shapes (spec architecture 1.1, 1.2) and the comparison of a config with them.
#include <fmt/format.h>

#include <algorithm>

#include "model/config.h"

namespace baleen::model {

namespace {

// A config further than this many fields from both published ones is a shape of its own.
constexpr std::size_t kMismatchesMax = 6;

std::vector<int> schedule(int first, int layers, int draft_blocks) {
    std::vector<int> ratios(static_cast<std::size_t>(layers + draft_blocks), 0);
    for (int i = 0; i < layers; ++i) ratios[static_cast<std::size_t>(i)] = i < 2 ? first : i % 2 == 0 ? 4 : 128;
    return ratios;
}

std::string print_ratios(const Config& config) {
    std::string out;
    for (int i = 0; i < config.num_hidden_layers; ++i) {
        if (i == 12 && config.num_hidden_layers > 16)
            return out + fmt::format(",... ({} layers)", config.num_hidden_layers);
        out += fmt::format("{}{}", i == 0 ? "" : ",", config.compress_ratio(i));
    }
    return out;
}

// Every field that shapes tensors or arithmetic, as text. Draft blocks and storage formats are no part of it: they vary
// between the published variants of one shape.
std::vector<std::pair<const char*, std::string>> fields(const Config& c) {
    const auto text = [](auto value) { return fmt::format("{}", value); };
    return {
        {"vocab_size", text(c.vocab_size)},
        {"hidden_size", text(c.hidden_size)},
        {"num_hidden_layers", text(c.num_hidden_layers)},
        {"num_attention_heads", text(c.num_attention_heads)},
        {"head_dim", text(c.head_dim)},
        {"qk_rope_head_dim", text(c.qk_rope_head_dim)},
        {"q_lora_rank", text(c.q_lora_rank)},
        {"o_lora_rank", text(c.o_lora_rank)},
        {"o_groups", text(c.o_groups)},
        {"sliding_window", text(c.sliding_window)},
        {"compress_ratios", print_ratios(c)},
        {"index_n_heads", text(c.index_n_heads)},
        {"index_head_dim", text(c.index_head_dim)},
        {"index_topk", text(c.index_topk)},
        {"n_routed_experts", text(c.n_routed_experts)},
        {"num_experts_per_tok", text(c.num_experts_per_tok)},
        {"moe_intermediate_size", text(c.moe_intermediate_size)},
        {"num_hash_layers", text(c.num_hash_layers)},
        {"routed_scaling_factor", text(c.routed_scaling_factor)},
        {"swiglu_limit", text(c.swiglu_limit)},
        {"hc_mult", text(c.hc_mult)},
        {"hc_sinkhorn_iters", text(c.hc_sinkhorn_iters)},
        {"hc_eps", text(c.hc_eps)},
        {"rms_norm_eps", text(c.rms_norm_eps)},
        {"rope_theta", text(c.rope_theta)},
        {"compress_rope_theta", text(c.compress_rope_theta)},
        {"rope_scaling.factor", text(c.rope_scaling.factor)},
        {"rope_scaling.original_max_position_embeddings", text(c.rope_scaling.original_max_position_embeddings)},
        {"rope_scaling.beta_fast", text(c.rope_scaling.beta_fast)},
        {"rope_scaling.beta_slow", text(c.rope_scaling.beta_slow)},
        {"max_position_embeddings", text(c.max_position_embeddings)},
    };
}

std::vector<Mismatch> mismatches(const Config& here, const Config& published) {
    std::vector<Mismatch> out;
    const auto a = fields(here);
    const auto b = fields(published);
    for (std::size_t i = 0; i < a.size(); ++i)
        if (a[i].second != b[i].second) out.push_back({a[i].first, a[i].second, b[i].second});
    // The schedule is printed cut short; compare it whole.
    const auto backbone = [](const Config& c) {
        return std::vector<int>(c.compress_ratios.begin(), c.compress_ratios.begin() + c.num_hidden_layers);
    };
    const bool listed =
        std::any_of(out.begin(), out.end(), [](const Mismatch& m) { return m.field == "compress_ratios"; });
    if (!listed && backbone(here) != backbone(published))
        out.push_back({"compress_ratios", print_ratios(here), print_ratios(published)});
    return out;
}

}  // namespace

Config published_flash() {
    Config c;
    c.model_type = "deepseek_v4";
    c.vocab_size = 129280;
    c.hidden_size = 4096;
    c.num_hidden_layers = 43;
    c.num_attention_heads = 64;
    c.head_dim = 512;
    c.qk_rope_head_dim = 64;
    c.q_lora_rank = 1024;
    c.o_lora_rank = 1024;
    c.o_groups = 8;
    c.sliding_window = 128;
    c.compress_ratios = schedule(0, 43, 1);
    c.index_n_heads = 64;
    c.index_head_dim = 128;
    c.index_topk = 512;
    c.n_routed_experts = 256;
    c.num_experts_per_tok = 6;
    c.moe_intermediate_size = 2048;
    c.num_hash_layers = 3;
    c.routed_scaling_factor = 1.5;
    c.max_position_embeddings = 1048576;
    c.num_nextn_predict_layers = 1;
    c.expert_dtype = "fp4";
    return c;
}

Config published_pro() {
    Config c = published_flash();
    c.hidden_size = 7168;
    c.num_hidden_layers = 61;
    c.num_attention_heads = 128;
    c.q_lora_rank = 1536;
    c.o_groups = 16;
    c.compress_ratios = schedule(128, 61, 1);
    c.index_topk = 1024;
    c.n_routed_experts = 384;
    c.moe_intermediate_size = 3072;
    c.routed_scaling_factor = 2.5;
    return c;
}

Comparison compare_with_published(const Config& config) {
    Comparison flash{"V4-Flash", mismatches(config, published_flash())};
    Comparison pro{"V4-Pro", mismatches(config, published_pro())};
    Comparison& nearest = pro.mismatches.size() < flash.mismatches.size() ? pro : flash;
    if (nearest.mismatches.size() > kMismatchesMax) return {};
    return std::move(nearest);
}

}  // namespace baleen::model
