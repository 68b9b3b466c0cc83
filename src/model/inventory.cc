#include "model/inventory.h"

#include <fmt/format.h>

#include <charconv>

#include "base/check.h"

namespace baleen::model {

using tensor::DType;

std::string_view name(Kind kind) {
    switch (kind) {
        case Kind::embedding:
            return "embedding";
        case Kind::head:
            return "head";
        case Kind::attention:
            return "attention";
        case Kind::compressors:
            return "compressors";
        case Kind::indexers:
            return "indexers";
        case Kind::hyper_connections:
            return "hyper_connections";
        case Kind::norms:
            return "norms";
        case Kind::routers:
            return "routers";
        case Kind::hash_tables:
            return "hash_tables";
        case Kind::shared_experts:
            return "shared_experts";
        case Kind::routed_experts:
            return "routed_experts";
        case Kind::draft:
            return "draft";
    }
    return "?";
}

std::string_view name(Draft draft) {
    switch (draft) {
        case Draft::none:
            return "none";
        case Draft::mtp:
            return "mtp";
        case Draft::dspark:
            return "dspark";
    }
    return "?";
}

std::string variant(const Form& form) {
    if (form.vision) return "Vision-Exp";
    if (form.fp8_experts && form.f32_scales) return "Base";
    const std::string experts = form.fp8_experts ? ", experts repacked to FP8" : "";
    switch (form.draft) {
        case Draft::mtp:
            return "preview" + experts;
        case Draft::dspark:
            return "DSpark (also 0731, 0813)" + experts;
        case Draft::none:
            break;
    }
    return "without draft blocks" + experts;
}

namespace {

void add_hyper_connection(std::vector<Parameter>& out, const std::string& prefix, const Config& c, Kind kind,
                          std::int64_t mixes, std::int64_t scales) {
    out.push_back({prefix + "_fn", Storage::f32, kind, mixes, c.hc_mult * c.hidden_size});
    out.push_back({prefix + "_base", Storage::f32, kind, mixes});
    out.push_back({prefix + "_scale", Storage::f32, kind, scales});
}

// Ratio 4 has two columns per entry component: one for the next entry's overlap, one for the own (spec 2.1).
void add_compressor(std::vector<Parameter>& out, const std::string& prefix, const Config& c, Kind kind, int ratio,
                    std::int64_t entry_dim) {
    const std::int64_t width = ratio == 4 ? 2 * entry_dim : entry_dim;
    out.push_back({prefix + ".ape", Storage::f32, kind, ratio, width});
    out.push_back({prefix + ".norm", Storage::norm, kind, entry_dim});
    out.push_back({prefix + ".wkv", Storage::bf16, kind, width, c.hidden_size});
    out.push_back({prefix + ".wgate", Storage::bf16, kind, width, c.hidden_size});
}

void add_attention(std::vector<Parameter>& out, const Config& c) {
    const std::int64_t heads_width = std::int64_t{c.num_attention_heads} * c.head_dim;
    const std::int64_t outputs = std::int64_t{c.o_groups} * c.o_lora_rank;
    out.push_back({"attn.wq_a", Storage::dense, Kind::attention, c.q_lora_rank, c.hidden_size});
    out.push_back({"attn.q_norm", Storage::norm, Kind::norms, c.q_lora_rank});
    out.push_back({"attn.wq_b", Storage::dense, Kind::attention, heads_width, c.q_lora_rank});
    out.push_back({"attn.wkv", Storage::dense, Kind::attention, c.head_dim, c.hidden_size});
    out.push_back({"attn.kv_norm", Storage::norm, Kind::norms, c.head_dim});
    out.push_back({"attn.attn_sink", Storage::f32, Kind::norms, c.num_attention_heads});
    out.push_back({"attn.wo_a", Storage::dense, Kind::attention, outputs, heads_width / c.o_groups});
    out.push_back({"attn.wo_b", Storage::dense, Kind::attention, c.hidden_size, outputs});
}

}  // namespace

std::vector<Parameter> top_parameters(const Config& c) {
    std::vector<Parameter> out{{"embed", Storage::bf16, Kind::embedding, c.vocab_size, c.hidden_size},
                               {"head", Storage::bf16, Kind::head, c.vocab_size, c.hidden_size},
                               {"norm", Storage::norm, Kind::norms, c.hidden_size}};
    add_hyper_connection(out, "hc_head", c, Kind::hyper_connections, c.hc_mult, 1);
    return out;
}

std::vector<Parameter> block_parameters(const Config& c, int ratio, bool hash_routed) {
    std::vector<Parameter> out;
    add_attention(out, c);
    if (ratio != 0) add_compressor(out, "attn.compressor", c, Kind::compressors, ratio, c.head_dim);
    if (ratio == 4) {
        const std::int64_t index_width = std::int64_t{c.index_n_heads} * c.index_head_dim;
        out.push_back({"attn.indexer.wq_b", Storage::dense, Kind::indexers, index_width, c.q_lora_rank});
        out.push_back({"attn.indexer.weights_proj", Storage::bf16, Kind::indexers, c.index_n_heads, c.hidden_size});
        add_compressor(out, "attn.indexer.compressor", c, Kind::indexers, ratio, c.index_head_dim);
    }
    out.push_back({"attn_norm", Storage::norm, Kind::norms, c.hidden_size});
    out.push_back({"ffn_norm", Storage::norm, Kind::norms, c.hidden_size});
    const std::int64_t mixes = std::int64_t{2 + c.hc_mult} * c.hc_mult;
    add_hyper_connection(out, "hc_attn", c, Kind::hyper_connections, mixes, 3);
    add_hyper_connection(out, "hc_ffn", c, Kind::hyper_connections, mixes, 3);
    out.push_back({"ffn.gate", Storage::bf16, Kind::routers, c.n_routed_experts, c.hidden_size});
    if (hash_routed) {
        out.push_back({"ffn.gate.tid2eid", Storage::hash, Kind::hash_tables, c.vocab_size, c.num_experts_per_tok});
    } else {
        out.push_back({"ffn.gate.bias", Storage::f32, Kind::routers, c.n_routed_experts});
    }
    const std::int64_t m = c.moe_intermediate_size;
    out.push_back({"ffn.shared_experts.w1", Storage::dense, Kind::shared_experts, m, c.hidden_size});
    out.push_back({"ffn.shared_experts.w3", Storage::dense, Kind::shared_experts, m, c.hidden_size});
    out.push_back({"ffn.shared_experts.w2", Storage::dense, Kind::shared_experts, c.hidden_size, m});
    return out;
}

std::vector<Parameter> expert_parameters(const Config& c) {
    const std::int64_t m = c.moe_intermediate_size;
    return {{"w1", Storage::expert, Kind::routed_experts, m, c.hidden_size},
            {"w3", Storage::expert, Kind::routed_experts, m, c.hidden_size},
            {"w2", Storage::expert, Kind::routed_experts, c.hidden_size, m}};
}

std::vector<Parameter> draft_parameters(const Config& c, const Form& form, int block) {
    const std::int64_t d = c.hidden_size;
    const bool last = block == form.draft_blocks - 1;
    std::vector<Parameter> out;
    if (form.draft == Draft::mtp) {
        out.push_back({"e_proj", Storage::dense, Kind::draft, d, d});
        out.push_back({"h_proj", Storage::dense, Kind::draft, d, d});
        out.push_back({"enorm", Storage::norm, Kind::draft, d});
        out.push_back({"hnorm", Storage::norm, Kind::draft, d});
        if (form.draft_copies) {
            out.push_back({"embed", Storage::bf16, Kind::draft, c.vocab_size, d});
            out.push_back({"head", Storage::bf16, Kind::draft, c.vocab_size, d});
        }
    } else if (block == 0) {
        out.push_back({"main_proj", Storage::dense, Kind::draft, d, 3 * d});
        out.push_back({"main_norm", Storage::norm, Kind::draft, d});
    }
    if (last) {
        out.push_back({"norm", Storage::norm, Kind::draft, d});
        add_hyper_connection(out, "hc_head", c, Kind::draft, c.hc_mult, 1);
    }
    if (last && form.draft == Draft::dspark) {
        out.push_back({"markov_head.markov_w1", Storage::bf16, Kind::draft, c.vocab_size, form.markov_rank});
        out.push_back({"markov_head.markov_w2", Storage::bf16, Kind::draft, c.vocab_size, form.markov_rank});
        out.push_back({"confidence_head.proj", Storage::bf16, Kind::draft, 1, d + form.markov_rank});
    }
    return out;
}

std::string block_prefix(const Config& config, int layer) {
    const int backbone = config.num_hidden_layers;
    return layer < backbone ? fmt::format("layers.{}.", layer) : fmt::format("mtp.{}.", layer - backbone);
}

std::string expert_prefix(const Config& config, int layer, int expert) {
    return fmt::format("{}ffn.experts.{}.", block_prefix(config, layer), expert);
}

std::uint64_t TensorSpec::bytes() const {
    auto sum = static_cast<std::uint64_t>(tensor::element_bytes(dtype));
    for (const std::int64_t dimension : shape) sum *= static_cast<std::uint64_t>(dimension);
    return sum;
}

std::vector<TensorSpec> tensors_of(const Parameter& p, const std::string& prefix, const Form& form) {
    const std::string whole = prefix + p.name;
    const auto one = [&](std::string name, DType dtype, std::vector<std::int64_t> shape) {
        return TensorSpec{std::move(name), dtype, std::move(shape), p.kind, -1, -1, false, p.elements()};
    };
    const auto scale = [&](std::int64_t rows, std::int64_t cols) {
        const DType dtype = form.f32_scales ? DType::f32 : DType::f8_e8m0;
        return TensorSpec{whole + ".scale", dtype, {rows, cols}, p.kind, -1, -1, true, 0};
    };
    switch (p.storage) {
        case Storage::expert:
            if (!form.fp8_experts)
                return {one(whole + ".weight", DType::i8, {p.rows, p.cols / 2}), scale(p.rows, p.cols / 32)};
            [[fallthrough]];
        case Storage::dense:
            return {one(whole + ".weight", DType::f8_e4m3, {p.rows, p.cols}),
                    scale((p.rows + 127) / 128, (p.cols + 127) / 128)};
        case Storage::bf16:
            return {one(whole + ".weight", DType::bf16, {p.rows, p.cols})};
        case Storage::norm:
            return {one(whole + ".weight", DType::bf16, {p.rows})};
        case Storage::f32:
            if (p.cols == 0) return {one(whole, DType::f32, {p.rows})};
            return {one(whole, DType::f32, {p.rows, p.cols})};
        case Storage::hash:
            return {one(whole, DType::i64, {p.rows, p.cols})};
    }
    return {};
}

void for_each_parameter(const Config& config, const Form& form,
                        const std::function<void(const Parameter&, const std::string&, int, int)>& visit) {
    const auto all = [&](const std::vector<Parameter>& parameters, const std::string& prefix, int layer, int expert) {
        for (const Parameter& parameter : parameters) visit(parameter, prefix, layer, expert);
    };
    all(top_parameters(config), "", -1, -1);
    const std::vector<Parameter> expert = expert_parameters(config);
    for (int layer = 0; layer < config.num_hidden_layers + form.draft_blocks; ++layer) {
        const bool draft = layer >= config.num_hidden_layers;
        const int ratio = draft ? 0 : config.compress_ratio(layer);
        const std::string prefix = block_prefix(config, layer);
        all(block_parameters(config, ratio, !draft && config.hash_routed(layer)), prefix, layer, -1);
        if (draft) all(draft_parameters(config, form, layer - config.num_hidden_layers), prefix, layer, -1);
        for (int e = 0; e < config.n_routed_experts; ++e) all(expert, expert_prefix(config, layer, e), layer, e);
    }
}

void for_each_tensor(const Config& config, const Form& form, const std::function<void(const TensorSpec&)>& visit) {
    for_each_parameter(config, form, [&](const Parameter& parameter, const std::string& prefix, int layer, int expert) {
        for (TensorSpec& spec : tensors_of(parameter, prefix, form)) {
            spec.layer = layer;
            spec.expert = expert;
            visit(spec);
        }
    });
}

bool ignorable(const Config& config, std::string_view tensor) {
    for (const std::string_view prefix : {"vision.", "aligner.", "image_"})
        if (tensor.starts_with(prefix)) return true;
    if (tensor.ends_with(".ffn.gate.bias_vl")) return true;
    constexpr std::string_view kDraft = "mtp.0.";
    if (tensor.starts_with(kDraft)) {
        const std::string_view rest = tensor.substr(kDraft.size());
        return rest.starts_with("head") || rest.find("emb") != std::string_view::npos;
    }
    constexpr std::string_view kLayers = "layers.";
    if (tensor.starts_with(kLayers) && tensor.ends_with(".ffn.gate.bias")) {
        int layer = -1;
        const std::string_view number = tensor.substr(kLayers.size());
        const auto parsed = std::from_chars(number.data(), number.data() + number.size(), layer);
        return parsed.ec == std::errc() && std::string_view(parsed.ptr).starts_with(".") && layer >= 0 &&
               layer < config.num_hidden_layers && config.hash_routed(layer);
    }
    return false;
}

}  // namespace baleen::model
