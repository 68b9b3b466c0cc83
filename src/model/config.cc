#include "model/config.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "base/json.h"

namespace baleen::model {

namespace {

using nlohmann::json;

constexpr JsonLimits kConfigLimits{.bytes = 1 << 20, .depth = 16, .keys = 4096, .values = 65536};
constexpr int kDraftEntriesMax = 8;  // trailing compress_ratios behind the backbone's; published files have up to 3

// ---- The table of fields: where a value goes and what it may be. Bounds are sanity bounds: a power of two or ten well
// above every published model, so low that no product of sizes overflows 64 bits.

struct IntegerField {
    const char* name;
    std::variant<int Config::*, std::int64_t Config::*> member;
    std::int64_t low, high;
    bool required = true;
};

const IntegerField kIntegers[] = {
    {"vocab_size", &Config::vocab_size, 2, 1 << 22},
    {"hidden_size", &Config::hidden_size, 128, 1 << 16},
    {"num_hidden_layers", &Config::num_hidden_layers, 1, 512},
    {"num_attention_heads", &Config::num_attention_heads, 1, 1024},
    {"head_dim", &Config::head_dim, 66, 4096},
    {"qk_rope_head_dim", &Config::qk_rope_head_dim, 2, 1024},
    {"q_lora_rank", &Config::q_lora_rank, 128, 1 << 15},
    {"o_lora_rank", &Config::o_lora_rank, 1, 1 << 15},
    {"o_groups", &Config::o_groups, 1, 1024},
    {"sliding_window", &Config::sliding_window, 1, 1 << 16},
    {"index_n_heads", &Config::index_n_heads, 1, 1024},
    {"index_head_dim", &Config::index_head_dim, 32, 1024},
    {"index_topk", &Config::index_topk, 1, 1 << 16},
    {"n_routed_experts", &Config::n_routed_experts, 1, 4096},
    {"num_experts_per_tok", &Config::num_experts_per_tok, 1, 64},
    {"moe_intermediate_size", &Config::moe_intermediate_size, 128, 1 << 16},
    {"num_hash_layers", &Config::num_hash_layers, 0, 512},
    {"hc_mult", &Config::hc_mult, 1, 8},
    {"hc_sinkhorn_iters", &Config::hc_sinkhorn_iters, 1, 1000},
    {"max_position_embeddings", &Config::max_position_embeddings, 1, 1 << 24},  // positions stay exact in fp32
    {"num_nextn_predict_layers", &Config::num_nextn_predict_layers, 0, kDraftEntriesMax, false},
    {"bos_token_id", &Config::bos_token_id, 0, 1 << 22, false},
    {"eos_token_id", &Config::eos_token_id, 0, 1 << 22, false},
};

struct RealField {
    const char* name;
    double Config::*member;
    double low, high;  // inclusive; low is the smallest allowed number
};

const RealField kReals[] = {
    {"routed_scaling_factor", &Config::routed_scaling_factor, 1e-6, 1e6},
    {"swiglu_limit", &Config::swiglu_limit, 1e-6, 1e9},
    {"hc_eps", &Config::hc_eps, 0, 1},
    {"rms_norm_eps", &Config::rms_norm_eps, 0, 1},  // 1e-20 in Vision-Exp (spec 9.3)
    {"rope_theta", &Config::rope_theta, 1.001, 1e15},
    {"compress_rope_theta", &Config::compress_rope_theta, 1.001, 1e15},
};

struct RopeScalingReal {
    const char* name;
    double RopeScaling::*member;
    double low, high;
};

const RopeScalingReal kRopeScalingReals[] = {
    {"factor", &RopeScaling::factor, 1, 1e6},
    {"beta_fast", &RopeScaling::beta_fast, 1e-6, 1e6},
    {"beta_slow", &RopeScaling::beta_slow, 1e-6, 1e6},
};

// Fields with one supported value. Absent means that value.
struct FixedField {
    const char* name;
    json value;
};

const std::vector<FixedField>& fixed_fields() {
    static const std::vector<FixedField> kFields{
        {"num_key_value_heads", 1},     {"n_shared_experts", 1},   {"scoring_func", "sqrtsoftplus"},
        {"topk_method", "noaux_tc"},    {"norm_topk_prob", true},  {"hidden_act", "silu"},
        {"tie_word_embeddings", false}, {"attention_bias", false},
    };
    return kFields;
}

const std::vector<FixedField>& fixed_quantization_fields() {
    static const std::vector<FixedField> kFields{
        {"quant_method", "fp8"},           {"fmt", "e4m3"}, {"scale_fmt", "ue8m0"}, {"activation_scheme", "dynamic"},
        {"weight_block_size", {128, 128}},
    };
    return kFields;
}

// ---- Reading

std::string shown(const json& value) {
    return printable(value.dump(-1, ' ', true, json::error_handler_t::replace), 60);
}

// Reads members of one object and names them in errors.
class Reader {
  public:
    Reader(const json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

    Error wrong(std::string_view field, std::string_view what) const {
        return corrupt(fmt::format("{}{}: {}", prefix_, field, what));
    }

    // The member, or null if it is absent or JSON null.
    const json* find(const char* field) const {
        const auto found = object_.find(field);
        return found == object_.end() || found->is_null() ? nullptr : &*found;
    }

    Result<std::int64_t> integer(std::string_view field, const json& value, std::int64_t low, std::int64_t high) const {
        if (!value.is_number_integer()) return wrong(field, fmt::format("{} is not an integer", shown(value)));
        const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
        const auto number = huge ? INT64_MAX : value.get<std::int64_t>();
        if (huge || number < low || number > high)
            return wrong(field, fmt::format("{} is not in {} .. {}", shown(value), low, high));
        return number;
    }

    Result<double> real(std::string_view field, double low, double high) const {
        const json* const value = find(std::string(field).c_str());
        if (value == nullptr) return wrong(field, "missing");
        if (!value->is_number()) return wrong(field, fmt::format("{} is not a number", shown(*value)));
        const double number = value->get<double>();
        if (!(number >= low && number <= high))
            return wrong(field, fmt::format("{} is not in {} .. {}", shown(*value), low, high));
        return number;
    }

    Result<void> fixed(const FixedField& field) const {
        const json* const value = find(field.name);
        if (value == nullptr || (*value == field.value && value->is_boolean() == field.value.is_boolean())) return Ok{};
        return unsupported(
            fmt::format("{}{}: {} is not supported, only {}", prefix_, field.name, shown(*value), shown(field.value)));
    }

  private:
    const json& object_;
    std::string prefix_;  // "config.json: " or "config.json: rope_scaling."
};

Result<void> check_type(const Reader& reader, std::string_view file, Config& config) {
    const json* const type = reader.find("model_type");
    if (type == nullptr) return reader.wrong("model_type", "missing");
    if (!type->is_string()) return reader.wrong("model_type", fmt::format("{} is not a string", shown(*type)));
    config.model_type = type->get<std::string>();
    if (config.model_type == "deepseek_v4") return Ok{};
    return unsupported(fmt::format("{}: model_type: \"{}\" is another architecture; this program runs \"deepseek_v4\"",
                                   file, printable(config.model_type, 60)));
}

Result<void> read_integers(const Reader& reader, Config& config) {
    for (const IntegerField& field : kIntegers) {
        const json* const value = reader.find(field.name);
        if (value == nullptr) {
            if (field.required) return reader.wrong(field.name, "missing");
            continue;
        }
        TRY_ASSIGN(const std::int64_t number, reader.integer(field.name, *value, field.low, field.high));
        if (const auto* const small = std::get_if<int Config::*>(&field.member)) {
            config.*(*small) = static_cast<int>(number);
        } else {
            config.*std::get<std::int64_t Config::*>(field.member) = number;
        }
    }
    return Ok{};
}

Result<void> read_compress_ratios(const Reader& reader, Config& config) {
    const char* const field = "compress_ratios";
    const json* const list = reader.find(field);
    if (list == nullptr) return reader.wrong(field, "missing");
    if (!list->is_array()) return reader.wrong(field, fmt::format("{} is not a list", shown(*list)));
    const auto layers = static_cast<std::size_t>(config.num_hidden_layers);
    if (list->size() < layers || list->size() > layers + kDraftEntriesMax)
        return reader.wrong(field, fmt::format("{} entries for {} layers and at most {} draft blocks", list->size(),
                                               layers, kDraftEntriesMax));
    for (std::size_t i = 0; i < list->size(); ++i) {
        TRY_ASSIGN(const std::int64_t ratio, reader.integer(fmt::format("{}[{}]", field, i), (*list)[i], 0, 128));
        const bool known = ratio == 0 || ratio == 4 || ratio == 128;
        if (!known) return reader.wrong(fmt::format("{}[{}]", field, i), fmt::format("{} is not 0, 4 or 128", ratio));
        if (i >= layers && ratio != 0)
            return reader.wrong(fmt::format("{}[{}]", field, i),
                                fmt::format("{} on a draft block, which has 0", ratio));
        config.compress_ratios.push_back(static_cast<int>(ratio));
    }
    // Some files list the backbone only.
    const std::size_t all = layers + static_cast<std::size_t>(config.num_nextn_predict_layers);
    if (config.compress_ratios.size() < all) config.compress_ratios.resize(all, 0);
    return Ok{};
}

Result<void> read_rope_scaling(const Reader& reader, std::string_view file, Config& config) {
    const json* const object = reader.find("rope_scaling");
    if (object == nullptr) return reader.wrong("rope_scaling", "missing");
    if (!object->is_object()) return reader.wrong("rope_scaling", fmt::format("{} is not an object", shown(*object)));
    const Reader inner(*object, fmt::format("{}: rope_scaling.", file));
    const bool newer = inner.find("rope_type") != nullptr;
    const FixedField type{newer ? "rope_type" : "type", "yarn"};
    if (inner.find(type.name) == nullptr) return inner.wrong("type", "missing");
    TRY(inner.fixed(type));
    for (const RopeScalingReal& field : kRopeScalingReals) {
        TRY_ASSIGN(config.rope_scaling.*field.member, inner.real(field.name, field.low, field.high));
    }
    const char* const original = "original_max_position_embeddings";
    if (inner.find(original) == nullptr) return inner.wrong(original, "missing");
    TRY_ASSIGN(config.rope_scaling.original_max_position_embeddings,
               inner.integer(original, *inner.find(original), 1, 1 << 24));
    if (config.rope_scaling.beta_fast < config.rope_scaling.beta_slow)
        return inner.wrong("beta_fast", fmt::format("{} is below beta_slow", config.rope_scaling.beta_fast));
    return Ok{};
}

Result<void> read_quantization(const Reader& reader, std::string_view file, Config& config) {
    if (const json* const type = reader.find("expert_dtype")) {
        if (!type->is_string() || (*type != "fp4" && *type != "fp8"))
            return reader.wrong("expert_dtype", fmt::format("{} is neither \"fp4\" nor \"fp8\"", shown(*type)));
        config.expert_dtype = type->get<std::string>();
    }
    const json* const object = reader.find("quantization_config");
    if (object == nullptr) return Ok{};
    if (!object->is_object())
        return reader.wrong("quantization_config", fmt::format("{} is not an object", shown(*object)));
    const Reader inner(*object, fmt::format("{}: quantization_config.", file));
    for (const FixedField& field : fixed_quantization_fields()) TRY(inner.fixed(field));
    return Ok{};
}

// ---- What must hold between fields

Result<void> check_relations(const Reader& reader, const Config& c) {
    const auto multiple_of_128 = [&](const char* field, std::int64_t value, std::string_view why) -> Result<void> {
        if (value % 128 == 0) return Ok{};
        return reader.wrong(field, fmt::format("{} {} is not a multiple of 128", why, value));
    };
    TRY(multiple_of_128("hidden_size", c.hidden_size, "width"));
    TRY(multiple_of_128("q_lora_rank", c.q_lora_rank, "width"));
    TRY(multiple_of_128("moe_intermediate_size", c.moe_intermediate_size, "width"));

    const auto must = [&](bool good, const char* field, std::int64_t value, std::string_view what) -> Result<void> {
        if (good) return Ok{};
        return reader.wrong(field, fmt::format("{} {}", value, what));
    };
    const int nope = c.head_dim - c.qk_rope_head_dim;
    TRY(must(c.qk_rope_head_dim % 2 == 0, "qk_rope_head_dim", c.qk_rope_head_dim, "is odd"));
    TRY(must(nope >= 64 && nope % 64 == 0, "head_dim", c.head_dim,
             fmt::format("less qk_rope_head_dim {} is not a positive multiple of 64", c.qk_rope_head_dim)));
    TRY(must(std::has_single_bit(static_cast<unsigned>(c.index_head_dim)), "index_head_dim", c.index_head_dim,
             "is not a power of two"));
    TRY(must(c.qk_rope_head_dim <= c.index_head_dim, "qk_rope_head_dim", c.qk_rope_head_dim,
             fmt::format("is larger than index_head_dim {}", c.index_head_dim)));

    TRY(must(c.num_attention_heads % c.o_groups == 0, "o_groups", c.o_groups,
             fmt::format("does not divide num_attention_heads {}", c.num_attention_heads)));
    const std::int64_t group_inputs = std::int64_t{c.num_attention_heads} * c.head_dim / c.o_groups;
    TRY(multiple_of_128("o_groups", group_inputs, "inputs of a group (num_attention_heads * head_dim / o_groups)"));
    TRY(multiple_of_128("o_lora_rank", std::int64_t{c.o_groups} * c.o_lora_rank, "o_groups * o_lora_rank"));

    TRY(must(c.num_experts_per_tok <= c.n_routed_experts, "num_experts_per_tok", c.num_experts_per_tok,
             fmt::format("is larger than n_routed_experts {}", c.n_routed_experts)));
    TRY(must(c.num_hash_layers <= c.num_hidden_layers, "num_hash_layers", c.num_hash_layers,
             fmt::format("is larger than num_hidden_layers {}", c.num_hidden_layers)));
    TRY(must(std::int64_t{c.num_hidden_layers} * c.n_routed_experts <= 1 << 18, "n_routed_experts", c.n_routed_experts,
             fmt::format("experts in {} layers are more than 262144", c.num_hidden_layers)));
    TRY(must(c.bos_token_id < c.vocab_size, "bos_token_id", c.bos_token_id, "is not in the vocabulary"));
    TRY(must(c.eos_token_id < c.vocab_size, "eos_token_id", c.eos_token_id, "is not in the vocabulary"));
    return Ok{};
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file) {
    auto parsed = parse_json(text, kConfigLimits);
    if (!parsed.ok()) return with_context(std::string(file), std::move(parsed).error());
    const json& root = *parsed;
    if (!root.is_object()) return corrupt(fmt::format("{}: not a JSON object", file));

    Config config;
    const Reader reader(root, fmt::format("{}: ", file));
    TRY(check_type(reader, file, config));
    TRY(read_integers(reader, config));
    for (const RealField& field : kReals) {
        TRY_ASSIGN(config.*field.member, reader.real(field.name, field.low, field.high));
    }
    TRY(read_compress_ratios(reader, config));
    TRY(read_rope_scaling(reader, file, config));
    TRY(read_quantization(reader, file, config));
    for (const FixedField& field : fixed_fields()) TRY(reader.fixed(field));
    TRY(check_relations(reader, config));
    return config;
}

}  // namespace baleen::model
