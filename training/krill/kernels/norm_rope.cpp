// RMS norm and rotary embedding, in one pass over the heads of every token.
#include "values.h"

namespace krill {

// y = rotate(weight * x / rms(x)) for every head of every token. x: token i starts at x + i * x_stride; y is dense
// [tokens, heads, width]. weight may be null. rotation [tokens, rope_width]: cosines, then sines, of the last
// rope_width components, taken in adjacent pairs; direction -1 turns back. inverse_rms [tokens * heads] is kept for the
// backward pass.
template <class Value>
void norm_rope_forward(const Value* x, Index x_stride, const float* weight, const float* rotation, Value* y,
                       float* inverse_rms, Index tokens, Index heads, Index width, Index rope_width, float eps,
                       bool normalize, float direction) {
#pragma omp parallel
    {
        std::vector<float> row_buffer(width);
        float* row = row_buffer.data();
#pragma omp for schedule(static)
        for (Index i = 0; i < tokens * heads; ++i) {
            const Value* from = x + i / heads * x_stride + i % heads * width;
            for (Index k = 0; k < width; ++k) row[k] = load(from[k]);
            float scale = 1;
            if (normalize) {
                float squares = 0;
                for (Index k = 0; k < width; ++k) squares += row[k] * row[k];
                inverse_rms[i] = scale = 1 / std::sqrt(squares / width + eps);
            }
            if (weight) {
                for (Index k = 0; k < width; ++k) row[k] *= weight[k] * scale;
            } else {
                for (Index k = 0; k < width; ++k) row[k] *= scale;
            }
            if (rope_width) {
                const float* cosine = rotation + i / heads * rope_width;
                const float* sine = cosine + rope_width / 2;
                float* pairs = row + width - rope_width;
                for (Index k = 0; k < rope_width / 2; ++k) {
                    float a = pairs[2 * k], b = pairs[2 * k + 1], c = cosine[k], s = direction * sine[k];
                    pairs[2 * k] = a * c - b * s;
                    pairs[2 * k + 1] = a * s + b * c;
                }
            }
            Value* to = y + i * width;
            for (Index k = 0; k < width; ++k) store(to[k], row[k]);
        }
    }
}

// dx (dense) and dweight (null without weight) from dy.
template <class Value>
void norm_rope_backward(const Value* dy, const Value* x, Index x_stride, const float* weight, const float* rotation,
                        const float* inverse_rms, Value* dx, float* dweight, Index tokens, Index heads, Index width,
                        Index rope_width, bool normalize, float direction) {
    const int threads = omp_get_max_threads();
    std::vector<float> weight_sums(weight ? threads * width : 0, 0.0f);
#pragma omp parallel
    {
        std::vector<float> buffers(2 * width);
        float *g = buffers.data(), *row = g + width;
        float* weight_sum = weight ? &weight_sums[omp_get_thread_num() * width] : nullptr;
#pragma omp for schedule(static)
        for (Index i = 0; i < tokens * heads; ++i) {
            const Value* from = dy + i * width;
            for (Index k = 0; k < width; ++k) g[k] = load(from[k]);
            if (rope_width) {
                const float* cosine = rotation + i / heads * rope_width;
                const float* sine = cosine + rope_width / 2;
                float* pairs = g + width - rope_width;
                for (Index k = 0; k < rope_width / 2; ++k) {
                    float a = pairs[2 * k], b = pairs[2 * k + 1], c = cosine[k], s = -direction * sine[k];
                    pairs[2 * k] = a * c - b * s;
                    pairs[2 * k + 1] = a * s + b * c;
                }
            }
            Value* to = dx + i * width;
            if (!normalize) {
                for (Index k = 0; k < width; ++k) store(to[k], g[k]);
                continue;
            }
            const Value* input = x + i / heads * x_stride + i % heads * width;
            for (Index k = 0; k < width; ++k) row[k] = load(input[k]);
            const float scale = inverse_rms[i];
            if (weight) {
                for (Index k = 0; k < width; ++k) {
                    weight_sum[k] += g[k] * row[k] * scale;
                    g[k] *= weight[k];
                }
            }
            float along = 0;
            for (Index k = 0; k < width; ++k) along += g[k] * row[k];
            along *= scale * scale / width;
            for (Index k = 0; k < width; ++k) store(to[k], scale * (g[k] - along * row[k]));
        }
    }
    if (weight) {
        std::fill(dweight, dweight + width, 0.0f);
        for (int t = 0; t < threads; ++t)
            for (Index k = 0; k < width; ++k) dweight[k] += weight_sums[t * width + k];
    }
}

}  // namespace krill

EXPORT(norm_rope_forward)
EXPORT(norm_rope_backward)

extern "C" void set_threads(int threads) {
    omp_set_num_threads(threads);
}
