#include "model/shape.h"

#include <algorithm>

namespace baleen::model {

Count& Count::operator+=(const Count& other) {
    tensors += other.tensors;
    bytes += other.bytes;
    parameters += other.parameters;
    return *this;
}

Count Count::operator*(std::int64_t times) const {
    return {tensors * times, bytes * times, parameters * times};
}

Count Account::backbone_total() const {
    Count sum;
    for (const Count& count : backbone) sum += count;
    return sum;
}

Count Account::total() const {
    Count sum = backbone_total();
    sum += draft;
    return sum;
}

namespace {

Count count_of(const Parameter& parameter, const Form& form) {
    Count out;
    for (const TensorSpec& tensor : tensors_of(parameter, "", form))
        out += {1, static_cast<std::int64_t>(tensor.bytes()), tensor.elements};
    return out;
}

Count sum_of(const std::vector<Parameter>& parameters, const Form& form) {
    Count out;
    for (const Parameter& parameter : parameters) out += count_of(parameter, form);
    return out;
}

int layers_of_ratio(const Config& config, int ratio) {
    int count = 0;
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) count += config.compress_ratio(layer) == ratio;
    return count;
}

}  // namespace

Account make_account(const Config& config, const Form& form) {
    Account out;
    const auto add = [&](const std::vector<Parameter>& parameters) {
        for (const Parameter& parameter : parameters)
            out.backbone[static_cast<std::size_t>(parameter.kind)] += count_of(parameter, form);
    };
    out.expert = sum_of(expert_parameters(config), form);
    const Count experts = out.expert * config.n_routed_experts;
    add(top_parameters(config));
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
        add(block_parameters(config, config.compress_ratio(layer), config.hash_routed(layer)));
        out.backbone[static_cast<std::size_t>(Kind::routed_experts)] += experts;
    }
    for (int block = 0; block < form.draft_blocks; ++block) {
        out.draft += sum_of(block_parameters(config, 0, false), form);
        out.draft += sum_of(draft_parameters(config, form, block), form);
        out.draft += experts;
    }
    return out;
}

ParameterCounts count_parameters(const Config& config, const Account& account) {
    ParameterCounts out;
    out.hash_ids = account[Kind::hash_tables].parameters;
    out.backbone = account.backbone_total().parameters - out.hash_ids;
    out.draft = account.draft.parameters;
    out.checkpoint = out.backbone + out.hash_ids + out.draft;
    const std::int64_t idle = config.n_routed_experts - config.num_experts_per_tok;
    out.active_with_embedding = out.backbone - config.num_hidden_layers * idle * account.expert.parameters;
    out.active = out.active_with_embedding - account[Kind::embedding].parameters;
    return out;
}

DecodeBytes decode_bytes(const Config& config, const Account& account) {
    DecodeBytes out;
    out.head = account[Kind::head].bytes;
    out.routed = std::int64_t{config.num_hidden_layers} * config.num_experts_per_tok * account.expert.bytes;
    out.embedding_row = account[Kind::embedding].bytes / config.vocab_size;
    out.dense = resident_bytes(account) - out.head - account[Kind::embedding].bytes - account[Kind::hash_tables].bytes;
    return out;
}

std::int64_t resident_bytes(const Account& account) {
    return account.backbone_total().bytes - account[Kind::routed_experts].bytes;
}

KvBytes kv_bytes(const Config& config, std::int64_t context) {
    const std::int64_t entry = config.entry_layout().bytes();
    const std::int64_t key = config.key_layout().bytes();
    const std::int64_t csa = layers_of_ratio(config, 4);
    KvBytes out;
    out.csa_entries = csa * (context / 4) * entry;
    out.csa_keys = csa * (context / 4) * key;
    out.hca_entries = layers_of_ratio(config, 128) * (context / 128) * entry;
    out.windows = std::int64_t{config.num_hidden_layers} * config.sliding_window * entry;
    return out;
}

double kv_bytes_per_token(const Config& config) {
    return static_cast<double>(kv_bytes(config, 128).growing()) / 128;  // 128: the least common multiple of the ratios
}

std::int64_t compressor_state_bytes(const Config& config) {
    // kv and score, float32: ratio 4 holds 8 rows of double width (main and indexer), ratio 128 holds 128 rows.
    const std::int64_t csa = 2 * 4 * 8 * std::int64_t{2} * (config.head_dim + config.index_head_dim);
    const std::int64_t hca = 2 * 4 * 128 * std::int64_t{config.head_dim};
    return layers_of_ratio(config, 4) * csa + layers_of_ratio(config, 128) * hca;
}

std::vector<FlopLine> flops_per_token(const Config& c, std::int64_t context) {
    const double n = static_cast<double>(context);
    const double d = static_cast<double>(c.hidden_size);
    const double layers = c.num_hidden_layers;
    const double csa = layers_of_ratio(c, 4), hca = layers_of_ratio(c, 128), window_only = layers_of_ratio(c, 0);
    const double heads_width = static_cast<double>(c.num_attention_heads) * c.head_dim;
    const double outputs = static_cast<double>(c.o_groups) * c.o_lora_rank;
    const double window = std::min<double>(c.sliding_window, n);
    const double index_width = static_cast<double>(c.index_n_heads) * c.index_head_dim;
    const double expert = 3 * d * c.moe_intermediate_size;
    const double hc = c.hc_mult;
    // Per entry attended, every head multiplies head_dim numbers twice: logit and value.
    const auto core = [&](double entries) { return heads_width * 2 * entries; };

    using enum Precision;
    std::vector<FlopLine> out{
        {"indexer scores", fp4, csa * index_width * (n / 4)},
        {"indexer head reduction", bf16, csa * c.index_n_heads * (n / 4)},
        {"indexer q projection", fp8, csa * index_width * c.q_lora_rank},
        {"indexer weights_proj", bf16, csa * c.index_n_heads * d},
        {"core attention, CSA", bf16, csa * core(window + std::min<double>(c.index_topk, n / 4))},
        {"core attention, HCA", bf16, hca * core(window + n / 128)},
        {"core attention, window only", bf16, window_only * core(window)},
        {"q, kv and wo_b projections", fp8,
         layers * (d * c.q_lora_rank + c.q_lora_rank * heads_width + d * c.head_dim + outputs * d)},
        {"wo_a", fp8, layers * outputs * heads_width / c.o_groups},
        {"compressors", bf16, d * 2 * (csa * 2 * (c.head_dim + c.index_head_dim) + hca * c.head_dim)},
        {"routed experts", fp8, layers * c.num_experts_per_tok * expert},
        {"shared expert", fp8, layers * expert},
        {"router", bf16, layers * c.n_routed_experts * d},
        // fn product, then pre, comb and post applied to hc streams; twice a layer
        {"mHC", bf16, layers * 2 * ((2 + hc) * hc * hc * d + (2 + hc) * hc * d)},
        {"output head", bf16, static_cast<double>(c.vocab_size) * d},
    };
    for (FlopLine& line : out) line.flops *= 2;
    return out;
}

double raw_flops(const std::vector<FlopLine>& lines) {
    double sum = 0;
    for (const FlopLine& line : lines) sum += line.flops;
    return sum;
}

double fp8_equivalent_flops(const std::vector<FlopLine>& lines) {
    double sum = 0;
    for (const FlopLine& line : lines)
        sum += line.flops * (line.precision == Precision::fp4 ? 0.5 : line.precision == Precision::bf16 ? 2 : 1);
    return sum;
}

std::vector<FlopLine> v32_flops_per_token(std::int64_t context) {
    // DeepSeek V3.2: 61 layers, 3 of them with a dense FFN; MLA with absorbed projections (rank 512 + 64 rotary), 128
    // heads; an FP8 indexer of 64 heads x 128 over every token, 2048 selected; 8 of 256 experts and a shared one.
    constexpr double kLayers = 61, kDenseLayers = 3, kMoeLayers = kLayers - kDenseLayers;
    constexpr double kHidden = 7168, kHeads = 128, kQueryRank = 1536, kRank = 512, kRope = 64, kHeadDim = 128;
    constexpr double kIndexHeads = 64, kIndexDim = 128, kSelected = 2048, kExperts = 256, kExpertWidth = 2048;
    const double n = static_cast<double>(context);
    using enum Precision;
    std::vector<FlopLine> out{
        {"indexer scores", fp8, kLayers * kIndexHeads * kIndexDim * n},
        {"indexer projections", fp8,
         kLayers * (kIndexHeads * kIndexDim * kQueryRank + kIndexHeads * kHidden + kIndexDim * kHidden)},
        {"core attention, sparse", bf16, kLayers * kHeads * (kRank + kRope + kRank) * std::min(kSelected, n)},
        {"q, kv and output projections", fp8,
         kLayers * (kHidden * kQueryRank + kQueryRank * kHeads * (kHeadDim + kRope) + kHidden * (kRank + kRope) +
                    2 * kHeads * kHeadDim * kRank + kHeads * kHeadDim * kHidden)},
        {"experts", fp8, kMoeLayers * (8 + 1) * 3 * kHidden * kExpertWidth},
        {"dense FFN", fp8, kDenseLayers * 3 * kHidden * 18432},
        {"router", bf16, kMoeLayers * kExperts * kHidden},
        {"output head", bf16, 129280 * kHidden},
    };
    for (FlopLine& line : out) line.flops *= 2;
    return out;
}

}  // namespace baleen::model
