// The joint softmax of window and compressed entries.
//
// Rows are [batch, length] tokens; queries come in chunks of consecutive tokens from `first` on. The window is computed
// in blocks of `block` queries: those of block b have logits [batch, length, heads, window + block] for the keys from
// token b * block - window on, of which each query sees `window`. Logits of compressed entries are apart,
// [batch, chunk, heads, columns]: all entries from 0 on, or the selected ones. Query t sees
// min(columns, (t + 1) / ratio) of them, from column 0 on.
#include "values.h"

namespace krill {

struct WindowColumns {
    Index low, high;  // what query t sees
    WindowColumns(Index t, Index window, Index block)
        : low(std::max(t % block + 1, window - t + t % block)), high(t % block + window + 1) {}
};

// Joint softmax with sink, in place.
template <class Value>
void softmax_forward(Value* window_logits, Value* entry_logits, const float* sink, Index batch, Index length,
                     Index first, Index chunk, Index heads, Index window, Index block, Index columns, Index ratio,
                     float scale) {
    const Index keys = window + block;
#pragma omp parallel
    {
        std::vector<float> buffers(keys + columns);
        float *w = buffers.data(), *e = w + keys;
#pragma omp for schedule(static)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index t = first + row % chunk, visible = ratio ? std::min(columns, (t + 1) / ratio) : 0;
            const auto [low, high] = WindowColumns(t, window, block);
            for (Index h = 0; h < heads; ++h) {
                Value* pw = window_logits + ((row / chunk * length + t) * heads + h) * keys;
                Value* pe = columns ? entry_logits + (row * heads + h) * columns : nullptr;
                float largest = kNothing;
                for (Index k = low; k < high; ++k) {
                    w[k] = load(pw[k]) * scale;
                    largest = std::max(largest, w[k]);
                }
                for (Index k = 0; k < visible; ++k) {
                    e[k] = load(pe[k]) * scale;
                    largest = std::max(largest, e[k]);
                }
                largest = std::max(largest, sink[h]);
                float total = exponential(sink[h] - largest);
                for (Index k = low; k < high; ++k) {
                    w[k] = exponential(w[k] - largest);
                    total += w[k];
                }
                for (Index k = 0; k < visible; ++k) {
                    e[k] = exponential(e[k] - largest);
                    total += e[k];
                }
                const float inverse = 1 / total;
                for (Index k = 0; k < low; ++k) store(pw[k], 0);
                for (Index k = low; k < high; ++k) store(pw[k], w[k] * inverse);
                for (Index k = high; k < keys; ++k) store(pw[k], 0);
                for (Index k = 0; k < visible; ++k) store(pe[k], e[k] * inverse);
                for (Index k = visible; k < columns; ++k) store(pe[k], 0);
            }
        }
    }
}

// Gradients of the probabilities become gradients of the unscaled logits, in place; dsink [heads] is added to.
template <class Value>
void softmax_backward(const Value* window_p, const Value* entry_p, Value* window_g, Value* entry_g, float* dsink,
                      Index batch, Index length, Index first, Index chunk, Index heads, Index window, Index block,
                      Index columns, Index ratio, float scale) {
    const Index keys = window + block;
    const int threads = omp_get_max_threads();
    std::vector<double> sink_sums(threads * heads, 0.0);
#pragma omp parallel
    {
        double* sink_sum = &sink_sums[omp_get_thread_num() * heads];
#pragma omp for schedule(static)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index t = first + row % chunk, visible = ratio ? std::min(columns, (t + 1) / ratio) : 0;
            const auto [low, high] = WindowColumns(t, window, block);
            for (Index h = 0; h < heads; ++h) {
                const Index window_at = ((row / chunk * length + t) * heads + h) * keys;
                const Index entry_at = (row * heads + h) * columns;
                const Value *pw = window_p + window_at, *pe = columns ? entry_p + entry_at : nullptr;
                Value *gw = window_g + window_at, *ge = columns ? entry_g + entry_at : nullptr;
                float along = 0, mass = 0;
                for (Index k = low; k < high; ++k) {
                    along += load(pw[k]) * load(gw[k]);
                    mass += load(pw[k]);
                }
                for (Index k = 0; k < visible; ++k) {
                    along += load(pe[k]) * load(ge[k]);
                    mass += load(pe[k]);
                }
                for (Index k = 0; k < low; ++k) store(gw[k], 0);
                for (Index k = low; k < high; ++k) store(gw[k], load(pw[k]) * (load(gw[k]) - along) * scale);
                for (Index k = high; k < keys; ++k) store(gw[k], 0);
                for (Index k = 0; k < visible; ++k) store(ge[k], load(pe[k]) * (load(ge[k]) - along) * scale);
                for (Index k = visible; k < columns; ++k) store(ge[k], 0);
                sink_sum[h] -= (1 - mass) * along;
            }
        }
    }
    for (Index h = 0; h < heads; ++h)
        for (int i = 0; i < threads; ++i) dsink[h] += static_cast<float>(sink_sums[i * heads + h]);
}

}  // namespace krill

EXPORT(softmax_forward)
EXPORT(softmax_backward)
