// Attention of one query over a list of entries with a sink (spec 4.4, steps 19 to 21). Two passes over the entries:
// all logits, then their maximum, then the weighted sum; so p is rounded relative to the global maximum, whatever the
// number of entries or the order of blocks.
#include <algorithm>
#include <cmath>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

namespace {

// Replaces logits[0..count) by the factors of the numerator; returns Z. Z adds the p in list order, the sink last.
float soften(float* logits, int count, float sink, bool round) {
    const float top = *std::max_element(logits, logits + count);
    float total = 0;
    for (int e = 0; e < count; ++e) {
        const float p = std::exp(logits[e] - top);
        total += p;
        logits[e] = round ? tensor::round_bf16(p) : p;
    }
    return total + std::exp(sink - top);
}

}  // namespace

void attend(const Attend& work, Scratch& scratch) {
    const int dim = work.layout.head_dim, heads = work.head_end - work.head_begin;
    if (heads <= 0) return;
    const auto count = static_cast<std::size_t>(work.count);
    auto* logits =
        static_cast<float*>(scratch.reserve(sizeof(float) * (count * heads + heads + dim)));  // [heads, count]
    float* total = logits + count * heads;                                                    // [heads]
    float* entry = total + heads;                                                             // [head_dim]
    const float* q = work.q + static_cast<std::int64_t>(work.head_begin) * dim;
    float* out = work.out + static_cast<std::int64_t>(work.head_begin) * dim;

    for (std::size_t e = 0; e < count; ++e) {
        unpack_entry(work.entries[e], work.layout, entry);
        for (int h = 0; h < heads; ++h) {
            float dot = 0;
            for (int i = 0; i < dim; ++i) dot += q[h * dim + i] * entry[i];
            logits[h * count + e] = dot * work.scale;
        }
    }
    for (int h = 0; h < heads; ++h)
        total[h] = soften(logits + h * count, work.count, work.sink[work.head_begin + h], work.round);
    std::fill(out, out + heads * dim, 0.0f);
    for (std::size_t e = 0; e < count; ++e) {
        unpack_entry(work.entries[e], work.layout, entry);
        for (int h = 0; h < heads; ++h)
            for (int i = 0; i < dim; ++i) out[h * dim + i] += logits[h * count + e] * entry[i];
    }
    for (int h = 0; h < heads; ++h)
        for (int i = 0; i < dim; ++i) {
            const float value = out[h * dim + i] / total[h];
            out[h * dim + i] = work.round ? tensor::round_bf16(value) : value;
        }
}

}  // namespace baleen::kernels::scalar
