// Experts: SwiGLU, and the sum of what a token's experts return.
#include "values.h"

namespace krill {

// out = silu(min(gate, limit)) * clamp(up, -limit, limit) * weight; gate and up are the halves of a row. weights may be
// null.
template <class Value>
void swiglu_forward(const Value* gate_up, const float* weights, Value* out, Index rows, Index width, float limit) {
#pragma omp parallel for schedule(static)
    for (Index i = 0; i < rows; ++i) {
        const Value *gate = gate_up + i * 2 * width, *up = gate + width;
        Value* to = out + i * width;
        const float weight = weights ? weights[i] : 1.0f;
        for (Index k = 0; k < width; ++k) {
            const float g = std::min(load(gate[k]), limit), u = std::max(-limit, std::min(load(up[k]), limit));
            store(to[k], g * sigmoid(g) * u * weight);
        }
    }
}

template <class Value>
void swiglu_backward(const Value* gate_up, const float* weights, const Value* dout, Value* dgate_up, float* dweights,
                     Index rows, Index width, float limit) {
#pragma omp parallel for schedule(static)
    for (Index i = 0; i < rows; ++i) {
        const Value *gate = gate_up + i * 2 * width, *up = gate + width, *from = dout + i * width;
        Value *dgate = dgate_up + i * 2 * width, *dup = dgate + width;
        const float weight = weights ? weights[i] : 1.0f;
        float weight_gradient = 0;
        for (Index k = 0; k < width; ++k) {
            const float raw_g = load(gate[k]), raw_u = load(up[k]), d = load(from[k]);
            const float g = std::min(raw_g, limit), u = std::max(-limit, std::min(raw_u, limit));
            const float s = sigmoid(g), silu = g * s;
            weight_gradient += d * silu * u;
            store(dup[k], raw_u > -limit && raw_u < limit ? d * weight * silu : 0.0f);
            store(dgate[k], raw_g < limit ? d * weight * u * (s + silu * (1 - s)) : 0.0f);
        }
        if (dweights) dweights[i] = weight_gradient;
    }
}

// out[token] = shared[token] + sum over its k experts of rows[slots[token][i]].
template <class Value>
void combine(const Value* rows, const std::int64_t* slots, const Value* shared, Value* out, Index tokens, Index k,
             Index width) {
#pragma omp parallel
    {
        std::vector<float> sum_buffer(width);
        float* total = sum_buffer.data();
#pragma omp for schedule(static)
        for (Index t = 0; t < tokens; ++t) {
            for (Index i = 0; i < width; ++i) total[i] = load(shared[t * width + i]);
            for (Index j = 0; j < k; ++j) {
                const Value* row = rows + slots[t * k + j] * width;
                for (Index i = 0; i < width; ++i) total[i] += load(row[i]);
            }
            for (Index i = 0; i < width; ++i) store(out[t * width + i], total[i]);
        }
    }
}

}  // namespace krill

EXPORT(swiglu_forward)
EXPORT(swiglu_backward)
EXPORT(combine)
