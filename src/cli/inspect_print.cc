// The report as JSON for programs and as text for people.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/inspect_report.h"

namespace baleen::cli {

namespace {

using nlohmann::ordered_json;

ordered_json count_json(const model::Count& count) {
    return {{"tensors", count.tensors}, {"bytes", count.bytes}, {"parameters", count.parameters}};
}

std::string_view precision_name(model::Precision precision) {
    switch (precision) {
        case model::Precision::fp4:
            return "fp4";
        case model::Precision::fp8:
            return "fp8";
        case model::Precision::bf16:
            return "bf16";
    }
    return "?";
}

ordered_json config_json(const model::Config& c) {
    return {{"model_type", c.model_type},
            {"vocab_size", c.vocab_size},
            {"hidden_size", c.hidden_size},
            {"num_hidden_layers", c.num_hidden_layers},
            {"num_attention_heads", c.num_attention_heads},
            {"head_dim", c.head_dim},
            {"qk_rope_head_dim", c.qk_rope_head_dim},
            {"q_lora_rank", c.q_lora_rank},
            {"o_lora_rank", c.o_lora_rank},
            {"o_groups", c.o_groups},
            {"sliding_window", c.sliding_window},
            {"compress_ratios", c.compress_ratios},
            {"index_n_heads", c.index_n_heads},
            {"index_head_dim", c.index_head_dim},
            {"index_topk", c.index_topk},
            {"n_routed_experts", c.n_routed_experts},
            {"num_experts_per_tok", c.num_experts_per_tok},
            {"moe_intermediate_size", c.moe_intermediate_size},
            {"num_hash_layers", c.num_hash_layers},
            {"hc_mult", c.hc_mult},
            {"rms_norm_eps", c.rms_norm_eps},
            {"max_position_embeddings", c.max_position_embeddings}};
}

// ---- Text

// 1234567 -> "1,234,567"
std::string grouped(std::int64_t value) {
    const std::string digits = fmt::format("{}", value < 0 ? -value : value);
    std::string out = value < 0 ? "-" : "";
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
        out += digits[i];
    }
    return out;
}

std::string binary(double bytes) {
    const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 2, units[unit]);
}

std::string layers_text(const model::Config& c) {
    int csa = 0, hca = 0, window = 0;
    for (int i = 0; i < c.num_hidden_layers; ++i) {
        const int ratio = c.compress_ratio(i);
        (ratio == 4 ? csa : ratio == 128 ? hca : window) += 1;
    }
    return fmt::format("{} layers: {} CSA (ratio 4), {} HCA (ratio 128), {} window only; {} of them hash-routed",
                       c.num_hidden_layers, csa, hca, window, c.num_hash_layers);
}

void print_shape(std::string& out, const InspectReport& r) {
    const model::Config& c = r.config;
    out += fmt::format("{}\n  {}, {}\n", r.directory, c.model_type, model::variant(r.form));
    if (r.comparison.canonical.empty()) {
        out += "  a shape of its own, neither V4-Flash nor V4-Pro\n";
    } else if (r.comparison.mismatches.empty()) {
        out += fmt::format("  the shape of {} in every field\n", r.comparison.canonical);
    } else {
        out += fmt::format("  {} but for\n", r.comparison.canonical);
        for (const model::Mismatch& m : r.comparison.mismatches)
            out += fmt::format("    {}: {} here, {} published\n", m.field, m.here, m.published);
    }
    out += fmt::format("\nshape\n  {}\n", layers_text(c));
    out += fmt::format("  hidden {}, {} heads of {} ({} rotary), q rank {}, o rank {} x {} groups, window {}\n",
                       c.hidden_size, c.num_attention_heads, c.head_dim, c.qk_rope_head_dim, c.q_lora_rank,
                       c.o_lora_rank, c.o_groups, c.sliding_window);
    out += fmt::format("  indexer {} heads of {}, top {}; {} streams\n", c.index_n_heads, c.index_head_dim,
                       c.index_topk, c.hc_mult);
    out += fmt::format("  {} routed experts of width {}, {} a token, and a shared one; experts {}, scales {}\n",
                       c.n_routed_experts, c.moe_intermediate_size, c.num_experts_per_tok,
                       r.form.fp8_experts ? "FP8" : "FP4", r.form.f32_scales ? "F32" : "UE8M0");
    out += fmt::format("  vocabulary {}, positions up to {}, {} draft block{} ({})\n", c.vocab_size,
                       c.max_position_embeddings, r.form.draft_blocks, r.form.draft_blocks == 1 ? "" : "s",
                       model::name(r.form.draft));
}

void print_tensors(std::string& out, const InspectReport& r) {
    out += fmt::format("\n{:<20}{:>10}{:>22}{:>14}{:>24}\n", "tensors", "count", "bytes", "", "parameters");
    const auto line = [&](std::string_view what, const model::Count& count) {
        if (count.tensors == 0) return;
        out += fmt::format("  {:<18}{:>10}{:>22}{:>14}{:>24}\n", what, grouped(count.tensors), grouped(count.bytes),
                           binary(static_cast<double>(count.bytes)), grouped(count.parameters));
    };
    for (int kind = 0; kind < model::kKinds; ++kind)
        line(model::name(static_cast<model::Kind>(kind)), r.kinds[static_cast<std::size_t>(kind)]);
    line("draft blocks", r.draft);
    line("ignored", r.ignored);
    line("unknown", r.unknown);
    out += fmt::format("  {:<18}{:>10}{:>22}{:>14}   in {} shard{}\n", "all", grouped(r.tensors), grouped(r.bytes),
                       binary(static_cast<double>(r.bytes)), r.shards, r.shards == 1 ? "" : "s");
}

void print_parameters(std::string& out, const InspectReport& r) {
    const model::ParameterCounts& p = r.parameters;
    out += "\nparameters (scales are none)\n";
    out += fmt::format("  {:>22}  checkpoint total: backbone, hash tables, draft blocks\n", grouped(p.checkpoint));
    out += fmt::format("  {:>22}  backbone\n", grouped(p.backbone));
    out += fmt::format("  {:>22}  draft blocks\n", grouped(p.draft));
    out += fmt::format("  {:>22}  hash-table ids\n", grouped(p.hash_ids));
    out += fmt::format("  {:>22}  active per token, without the embedding table\n", grouped(p.active));
    out += fmt::format("  {:>22}  active per token, embedding table included\n", grouped(p.active_with_embedding));
    const auto giga = [](std::int64_t bytes) { return static_cast<double>(bytes) / 1e9; };
    out += fmt::format("\nbytes\n  {:>22}  one routed expert\n", grouped(r.account.expert.bytes));
    out += fmt::format("  {:>22}  everything but routed experts and draft blocks\n",
                       grouped(model::resident_bytes(r.account)));
    out += fmt::format("  {:>22}  read per decoded token: {:.3f} GB dense, {:.3f} head, {:.3f} routed experts\n",
                       grouped(r.decode.total()), giga(r.decode.dense), giga(r.decode.head), giga(r.decode.routed));
}

void print_context(std::string& out, const InspectReport& r) {
    out += fmt::format("\nat a context of {} tokens\n", grouped(r.context));
    out += fmt::format("  KV {} B/token, {} B = {} with windows; {:.1f} % of V3.2's\n", r.kv_bytes_per_token,
                       grouped(r.kv.total()), binary(static_cast<double>(r.kv.total())), 100 * r.kv_ratio_v32());
    out += fmt::format("  fixed state {} B: windows {}, compressor accumulators {}\n", grouped(r.state_bytes()),
                       grouped(r.kv.windows), grouped(r.compressor_state_bytes));
    out += fmt::format("  {:.3f} GFLOP per decoded token, {:.3f} FP8-equivalent; {:.1f} % of V3.2's\n",
                       model::raw_flops(r.flops) / 1e9, model::fp8_equivalent_flops(r.flops) / 1e9,
                       100 * r.flops_ratio_v32());
    for (const model::FlopLine& line : r.flops)
        if (line.flops > 0)
            out += fmt::format("  {:>12.4f}  {} ({})\n", line.flops / 1e9, line.what, precision_name(line.precision));
}

}  // namespace

ordered_json to_json(const InspectReport& r) {
    ordered_json kinds = ordered_json::object();
    for (int kind = 0; kind < model::kKinds; ++kind)
        kinds[std::string(model::name(static_cast<model::Kind>(kind)))] =
            count_json(r.kinds[static_cast<std::size_t>(kind)]);
    kinds["draft_blocks"] = count_json(r.draft);
    kinds["ignored"] = count_json(r.ignored);
    kinds["unknown"] = count_json(r.unknown);
    ordered_json flops = ordered_json::array();
    for (const model::FlopLine& line : r.flops)
        flops.push_back(
            {{"component", line.what}, {"precision", precision_name(line.precision)}, {"flops", line.flops}});
    ordered_json mismatches = ordered_json::array();
    for (const model::Mismatch& m : r.comparison.mismatches)
        mismatches.push_back({{"field", m.field}, {"here", m.here}, {"published", m.published}});
    ordered_json plan = ordered_json::array();
    for (const engine::PlanLine& line : r.plan.lines) plan.push_back({{"what", line.what}, {"bytes", line.bytes}});
    const model::ParameterCounts& p = r.parameters;

    return {{"directory", r.directory},
            {"variant", model::variant(r.form)},
            {"draft", model::name(r.form.draft)},
            {"draft_blocks", r.form.draft_blocks},
            {"expert_format", r.form.fp8_experts ? "fp8" : "fp4"},
            {"scale_format", r.form.f32_scales ? "f32" : "ue8m0"},
            {"shards", r.shards},
            {"tensors", r.tensors},
            {"bytes", r.bytes},
            {"params_total", p.checkpoint},
            {"params_active", p.active},
            {"params",
             {{"checkpoint_total", p.checkpoint},
              {"backbone", p.backbone},
              {"hash_ids", p.hash_ids},
              {"draft", p.draft},
              {"active", p.active},
              {"active_with_embedding", p.active_with_embedding}}},
            {"context", r.context},
            {"kv_bytes_per_token", r.kv_bytes_per_token},
            {"kv_bytes", r.kv.total()},
            {"kv",
             {{"csa_entries", r.kv.csa_entries},
              {"csa_keys", r.kv.csa_keys},
              {"hca_entries", r.kv.hca_entries},
              {"windows", r.kv.windows}}},
            {"state_bytes", r.state_bytes()},
            {"state", {{"windows", r.kv.windows}, {"compressor_accumulators", r.compressor_state_bytes}}},
            {"flops_per_token", model::raw_flops(r.flops)},
            {"flops_per_token_fp8", model::fp8_equivalent_flops(r.flops)},
            {"flops_by_component", std::move(flops)},
            {"kv_ratio_v32", r.kv_ratio_v32()},
            {"flops_ratio_v32", r.flops_ratio_v32()},
            {"flops_ratio_v32_raw", model::raw_flops(r.flops) / model::raw_flops(r.v32_flops)},
            {"expert_bytes", r.account.expert.bytes},
            {"resident_bytes", model::resident_bytes(r.account)},
            {"decode_bytes", r.decode.total()},
            {"kinds", std::move(kinds)},
            {"plan", {{"lines", std::move(plan)}, {"total", r.plan.total()}}},
            {"canonical", r.comparison.canonical},
            {"mismatches", std::move(mismatches)},
            {"usable", r.usable},
            {"warnings", r.warnings},
            {"config", config_json(r.config)}};
}

std::string print(const InspectReport& r) {
    std::string out;
    print_shape(out, r);
    print_tensors(out, r);
    print_parameters(out, r);
    print_context(out, r);
    out += '\n';
    out += engine::print(r.plan);
    if (!r.warnings.empty()) out += "\nwarnings\n";
    for (const std::string& warning : r.warnings) out += fmt::format("  {}\n", warning);
    return out;
}

}  // namespace baleen::cli
