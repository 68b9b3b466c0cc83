// Scores of one query against index keys (spec 4.4, step 17). E2M1 doubled is an integer of at most 12, so the dot of a
// group of 32 is an exact integer, four times the true one; scaling it by a power of two is exact as well. What is left
// is a fixed order of four additions and the roundings of the reference, the same in every set.
#include <algorithm>
#include <cstring>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

namespace {

constexpr int kDoubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};  // of every E2M1 code

// Sum over 16 bytes = 32 columns of (2a)(2b).
int dot_group(const std::uint8_t* a, const std::uint8_t* b) {
    int sum = 0;
    for (int i = 0; i < 16; ++i)
        sum += kDoubled[a[i] & 15] * kDoubled[b[i] & 15] + kDoubled[a[i] >> 4] * kDoubled[b[i] >> 4];
    return sum;
}

float dot_packed(const std::uint8_t* q, const std::uint8_t* key, const tensor::KeyLayout& layout) {
    float sum = 0;
    for (int g = 0; g < layout.head_dim / 32; ++g) {
        const float scale = 0.25f * tensor::ue8m0_to_f32(q[layout.scale_offset() + g]) *
                            tensor::ue8m0_to_f32(key[layout.scale_offset() + g]);
        const float part = static_cast<float>(dot_group(q + 16 * g, key + 16 * g)) * scale;
        sum = g == 0 ? part : sum + part;
    }
    return tensor::round_bf16(sum);
}

float dot_plain(const std::uint8_t* q, const std::uint8_t* key, int dim) {
    float sum = 0;
    for (int i = 0; i < dim; ++i) {
        float a, b;  // keys need not be aligned
        std::memcpy(&a, q + 4 * i, 4);
        std::memcpy(&b, key + 4 * i, 4);
        sum += a * b;
    }
    return sum;
}

}  // namespace

void index_scores(const IndexScore& work, Scratch&) {
    const auto bytes = work.layout.bytes();
    const auto* queries = static_cast<const std::uint8_t*>(work.q);
    for (std::int64_t c = 0; c < work.count; ++c) {
        const std::uint8_t* key = work.keys + c * bytes;
        float sum = 0;
        for (int h = 0; h < work.heads; ++h) {
            const std::uint8_t* q = queries + h * bytes;
            if (work.layout.packed) {
                const float dot = std::max(0.0f, dot_packed(q, key, work.layout));  // relu; a NaN counts as 0
                sum += tensor::round_bf16(dot * work.weights[h]);
            } else {
                sum += std::max(0.0f, dot_plain(q, key, work.layout.head_dim)) * work.weights[h];
            }
        }
        work.out[c] = work.layout.packed ? tensor::round_bf16(sum) : sum;
    }
}

std::int64_t find_not_below(const float* x, std::int64_t n, float least, std::int32_t first, std::int32_t* out) {
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < n; ++i)
        if (!(x[i] < least)) out[found++] = first + static_cast<std::int32_t>(i);
    return found;
}

}  // namespace baleen::kernels::scalar
