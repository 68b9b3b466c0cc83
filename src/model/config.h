// config.json of a DeepSeek V4 checkpoint, with the published field names (spec architecture 1.1). parse_config()
// validates every field against stated bounds, so that everything behind it may rely on them; small models with free
// dimensions load, other architectures get an error that names them. Plain data, immutable after loading.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/entry_layout.h"

namespace baleen::model {

struct RopeScaling {  // YaRN, used on layers with compress_ratio != 0 only
    double factor = 16;
    std::int64_t original_max_position_embeddings = 65536;
    double beta_fast = 32;
    double beta_slow = 1;
    bool operator==(const RopeScaling&) const = default;
};

struct Config {
    std::string model_type;  // "deepseek_v4"
    std::int64_t vocab_size = 0;
    std::int64_t hidden_size = 0;  // multiple of 128
    int num_hidden_layers = 0;
    int num_attention_heads = 0;
    int head_dim = 0;              // rope part included; nope part a multiple of 64
    int qk_rope_head_dim = 0;      // the last dims of a head; even
    int q_lora_rank = 0;           // multiple of 128
    int o_lora_rank = 0;           // per output group
    int o_groups = 0;              // divides num_attention_heads
    int sliding_window = 0;
    std::vector<int> compress_ratios;  // backbone layers, then one per draft block; 0, 4 or 128
    int index_n_heads = 0;
    int index_head_dim = 0;        // power of two, multiple of 32, at least qk_rope_head_dim
    int index_topk = 0;
    int n_routed_experts = 0;
    int num_experts_per_tok = 0;
    int moe_intermediate_size = 0;  // multiple of 128
    int num_hash_layers = 0;
    double routed_scaling_factor = 1;
    double swiglu_limit = 10;
    int hc_mult = 4;
    int hc_sinkhorn_iters = 20;
    double hc_eps = 1e-6;
    double rms_norm_eps = 1e-6;
    double rope_theta = 10000;
    double compress_rope_theta = 160000;
    RopeScaling rope_scaling;
    std::int64_t max_position_embeddings = 0;
    int num_nextn_predict_layers = 0;
    std::string expert_dtype;  // "fp4", "fp8" or empty; informative only, the tensors' dtypes decide
    int bos_token_id = 0;
    int eos_token_id = 1;

    // 0-based layer; MTP block k is layer num_hidden_layers + k.
    int compress_ratio(int layer) const { return compress_ratios[static_cast<std::size_t>(layer)]; }
    bool hash_routed(int layer) const { return layer < num_hash_layers; }
    tensor::EntryLayout entry_layout(bool packed = true) const { return {head_dim, qk_rope_head_dim, packed}; }
    tensor::KeyLayout key_layout(bool packed = true) const { return {index_head_dim, packed}; }
};

// Parses and validates. `file` is named in errors, with the field: "config.json: head_dim: 500 is not ...".
Result<Config> parse_config(std::string_view json, std::string_view file);

// A published model to compare with.
struct Mismatch {
    std::string field, here, published;
};
// The canonical shape this config is nearest to ("V4-Flash", "V4-Pro"), or empty when it is a shape of its own; the
// fields in which it differs.
struct Comparison {
    std::string canonical;
    std::vector<Mismatch> mismatches;
};
Comparison compare_with_published(const Config& config);

// The published configs themselves.
Config published_flash();
Config published_pro();

}  // namespace baleen::model
