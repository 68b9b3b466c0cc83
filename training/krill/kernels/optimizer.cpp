// The passes of the optimiser around its matrix products.
#include "values.h"

namespace krill {

// One pass of Muon's momentum: g is the sum of `workers` gradients `stride` apart; momentum moves to it by `share`, and
// the update is g moved to the momentum by 1 - share (Nesterov's). used becomes 1 where an update is not 0.
template <class Value>
void muon_momentum(const float* gradients, Index stride, Index workers, float* momentum, Value* update, Index n,
                   float share, std::int32_t* used) {
    std::int32_t some = 0;
#pragma omp parallel for schedule(static) reduction(| : some)
    for (Index first = 0; first < n; first += 1024) {
        const Index end = std::min(n, first + 1024);
        for (Index i = first; i < end; ++i) {
            float g = gradients[i];
            for (Index w = 1; w < workers; ++w) g += gradients[w * stride + i];
            momentum[i] += share * (g - momentum[i]);
            const float u = g + (1 - share) * (momentum[i] - g);
            some |= u != 0;
            store(update[i], u);
        }
    }
    *used = some;
}

// to += factor * x.
template <class Value>
void add_scaled(float* to, const Value* x, Index n, float factor) {
#pragma omp parallel for schedule(static)
    for (Index first = 0; first < n; first += 1024) {
        const Index end = std::min(n, first + 1024);
        for (Index i = first; i < end; ++i) to[i] += factor * load(x[i]);
    }
}

}  // namespace krill

EXPORT(muon_momentum)
EXPORT(add_scaled)
