// What makes two engines interchangeable for stored state: the arithmetic and the weights (spec prefix 3.1).
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "engine/engine.h"
#include "io/sha256.h"

namespace baleen::engine {

namespace {

constexpr std::uint64_t kSampleBytes = 4096;

std::uint64_t fnv1a(std::string_view text) {
    std::uint64_t hash = 1469598103934665603u;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
    return hash;
}

// Config fields that enter the arithmetic.
void add_config(io::Sha256& hash, const model::Config& c) {
    for (const std::int64_t value :
         {c.vocab_size, c.hidden_size, std::int64_t{c.num_hidden_layers}, std::int64_t{c.num_attention_heads}, std::int64_t{c.head_dim},
          std::int64_t{c.qk_rope_head_dim}, std::int64_t{c.q_lora_rank}, std::int64_t{c.o_lora_rank}, std::int64_t{c.o_groups},
          std::int64_t{c.sliding_window}, std::int64_t{c.index_n_heads}, std::int64_t{c.index_head_dim}, std::int64_t{c.index_topk},
          std::int64_t{c.n_routed_experts}, std::int64_t{c.num_experts_per_tok}, std::int64_t{c.moe_intermediate_size},
          std::int64_t{c.num_hash_layers}, std::int64_t{c.hc_mult}, std::int64_t{c.hc_sinkhorn_iters},
          c.rope_scaling.original_max_position_embeddings})
        hash.add(static_cast<std::uint64_t>(value));
    for (int layer = 0; layer < c.num_hidden_layers; ++layer) hash.add(static_cast<std::uint64_t>(c.compress_ratio(layer)));
    for (const double value : {c.routed_scaling_factor, c.swiglu_limit, c.hc_eps, c.rms_norm_eps, c.rope_theta, c.compress_rope_theta,
                               c.rope_scaling.factor, c.rope_scaling.beta_fast, c.rope_scaling.beta_slow})
        hash.add(std::bit_cast<std::uint64_t>(value));
}

}  // namespace

std::string numerics_signature(Numerics numerics, const kernels::Kernels& kernels) {
    return fmt::format("{}/{}/{:016x}", numerics == Numerics::official ? "official" : "weights-only", kernels.name,
                       kernels::fingerprint(kernels));
}

std::string model_id(const model::Checkpoint& checkpoint) {
    std::vector<const model::TensorInfo*> tensors;
    for (const model::TensorInfo& tensor : checkpoint.tensors()) tensors.push_back(&tensor);
    std::sort(tensors.begin(), tensors.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    io::Sha256 hash;
    hash.add(std::string_view("baleen model 1"));
    add_config(hash, checkpoint.config());
    for (const model::TensorInfo* tensor : tensors) {
        hash.add(static_cast<std::uint64_t>(tensor->name.size()));
        hash.add(std::string_view(tensor->name));
        hash.add(tensor::name(tensor->dtype));
        hash.add(static_cast<std::uint64_t>(tensor->shape.size()));
        for (const std::int64_t dim : tensor->shape) hash.add(static_cast<std::uint64_t>(dim));
        // One page at a place that depends on the name, so that tensors of one shape are not all sampled alike.
        const std::uint64_t places = tensor->bytes / kSampleBytes;
        const std::uint64_t at = places > 1 ? fnv1a(tensor->name) % places * kSampleBytes : 0;
        hash.add(std::span(checkpoint.data(*tensor) + at, std::min<std::uint64_t>(kSampleBytes, tensor->bytes - at)));
    }
    return hash.hex();
}

}  // namespace baleen::engine
