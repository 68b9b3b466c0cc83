// The compressor: per-channel softmax pooling. values and gates: token t of batch b at (b * length + t) * stride;
// halves * width wide. ape [ratio, halves * width] is added to the gates. With two halves an entry pools the low half
// of the block before (none for the first) and the high half of its own.
#include "values.h"

namespace krill {

template <class Visit>
inline void for_pooled(Index b, Index c, Index length, Index ratio, Index width, Index halves, Visit visit) {
    for (Index half = halves == 2 && c > 0 ? 0 : 1; half < 2; ++half)
        for (Index k = 0; k < ratio; ++k)
            visit(b * length + (c - 1 + half) * ratio + k, k, halves == 2 ? half * width : 0);
}

template <class Value>
void pool_forward(const Value* values, const Value* gates, Index stride, const float* ape, Value* entries, Index batch,
                  Index length, Index ratio, Index width, Index halves) {
    const Index entry_count = length / ratio;
#pragma omp parallel
    {
        std::vector<float> buffers(3 * width);
        float *largest = buffers.data(), *total = largest + width, *pooled = total + width;
#pragma omp for schedule(static)
        for (Index i = 0; i < batch * entry_count; ++i) {
            const Index b = i / entry_count, c = i % entry_count;
            std::fill(largest, largest + width, kNothing);
            std::fill(total, total + 2 * width, 0.0f);
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value* g = gates + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) largest[j] = std::max(largest[j], load(g[j]) + a[j]);
            });
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value *g = gates + t * stride + column, *v = values + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    const float e = exponential(load(g[j]) + a[j] - largest[j]);
                    total[j] += e;
                    pooled[j] += e * load(v[j]);
                }
            });
            for (Index j = 0; j < width; ++j) store(entries[i * width + j], pooled[j] / total[j]);
        }
    }
}

// dvalues, dgates: dense [batch * length, halves * width], zero on entry (a part of the tokens may be in no entry).
// dape must be summed by the caller from dgates.
template <class Value>
void pool_backward(const Value* dentries, const Value* values, const Value* gates, Index stride, const float* ape,
                   Value* dvalues, Value* dgates, Index batch, Index length, Index ratio, Index width, Index halves) {
    const Index entry_count = length / ratio, items = halves * ratio;
#pragma omp parallel
    {
        std::vector<float> buffers((3 + items) * width);
        float *largest = buffers.data(), *total = largest + width, *pooled = total + width,
              *exponentials = pooled + width;
#pragma omp for schedule(static)
        for (Index i = 0; i < batch * entry_count; ++i) {
            const Index b = i / entry_count, c = i % entry_count;
            std::fill(largest, largest + width, kNothing);
            std::fill(total, total + 2 * width, 0.0f);
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value* g = gates + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) largest[j] = std::max(largest[j], load(g[j]) + a[j]);
            });
            float* e = exponentials;
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index k, Index column) {
                const Value *g = gates + t * stride + column, *v = values + t * stride + column;
                const float* a = ape + k * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    e[j] = exponential(load(g[j]) + a[j] - largest[j]);
                    total[j] += e[j];
                    pooled[j] += e[j] * load(v[j]);
                }
                e += width;
            });
            for (Index j = 0; j < width; ++j) {
                total[j] = 1 / total[j];
                pooled[j] *= total[j];
            }
            const Value* out = dentries + i * width;
            e = exponentials;
            for_pooled(b, c, length, ratio, width, halves, [&](Index t, Index, Index column) {
                const Value* v = values + t * stride + column;
                Value *dv = dvalues + t * halves * width + column, *dg = dgates + t * halves * width + column;
                for (Index j = 0; j < width; ++j) {
                    const float share = e[j] * total[j] * load(out[j]);
                    store(dv[j], share);
                    store(dg[j], share * (load(v[j]) - pooled[j]));
                }
                e += width;
            });
        }
    }
}

}  // namespace krill

EXPORT(pool_forward)
EXPORT(pool_backward)
