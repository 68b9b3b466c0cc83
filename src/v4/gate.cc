// Routing: which experts, with which weights (spec architecture 4.5, steps 1-3).
#include <algorithm>
#include <cmath>
#include <limits>

#include "v4/linear.h"
#include "v4/moe.h"

namespace baleen::v4 {

namespace {

// sqrt(softplus(z)); softplus is z itself above 20, as in the reference.
float affinity(float z) { return std::sqrt(z > 20 ? z : std::log1p(std::exp(z))); }

// The k largest of score + bias, best first, ties to the lower id.
void choose(const float* score, const float* bias, int experts, int k, std::int32_t* ids) {
    for (int slot = 0; slot < k; ++slot) {
        int best = -1;
        for (int e = 0; e < experts; ++e) {
            if (std::find(ids, ids + slot, e) != ids + slot) continue;
            if (best < 0 || score[e] + bias[e] > score[best] + bias[best]) best = e;
        }
        ids[slot] = best;
    }
}

// Gap between the last chosen and the best rejected score, for traces.
float margin(const float* score, const float* bias, int experts, int k, const std::int32_t* ids) {
    float rejected = -std::numeric_limits<float>::infinity();
    for (int e = 0; e < experts; ++e)
        if (std::find(ids, ids + k, e) == ids + k) rejected = std::max(rejected, score[e] + bias[e]);
    return score[ids[k - 1]] + bias[ids[k - 1]] - rejected;
}

}  // namespace

void route(Context& context, const Batch& batch, LayerIndex layer, const model::Gate& gate, const kernels::Rows& hidden) {
    const int rows = batch.rows(), experts = context.config.n_routed_experts, k = context.config.num_experts_per_tok;
    float* scores = context.work.gate_scores.need(std::int64_t{rows} * experts);
    std::int32_t* ids = context.work.route_ids.need(std::int64_t{rows} * k);
    float* weights = context.work.route_weights.need(std::int64_t{rows} * k);
    multiply(context, product(gate.weight, hidden, scores, false));
    const auto scale = static_cast<float>(context.config.routed_scaling_factor);
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            float* score = scores + row * experts;
            std::int32_t* id = ids + row * k;
            for (int e = 0; e < experts; ++e) score[e] = affinity(score[e]);
            if (!gate.tid2eid.empty()) {
                const auto token = static_cast<std::size_t>(index(batch.tokens[static_cast<std::size_t>(row)]));
                std::copy_n(gate.tid2eid.begin() + static_cast<std::ptrdiff_t>(token * static_cast<std::size_t>(k)), k, id);
            } else {
                choose(score, gate.bias.data(), experts, k, id);
            }
            float sum = 0;
            for (int slot = 0; slot < k; ++slot) sum += score[id[slot]];
            for (int slot = 0; slot < k; ++slot) weights[row * k + slot] = score[id[slot]] / sum * scale;
        }
    });
    if (batch.trace != nullptr) {
        const int l = index(layer);
        batch.trace->ints(l, "gate.ids", ids, rows, k);
        batch.trace->floats(l, "gate.weights", weights, rows, k);
        if (gate.tid2eid.empty() && k < experts) {
            std::vector<float> margins;
            for (int row = 0; row < rows; ++row)
                margins.push_back(margin(scores + std::int64_t{row} * experts, gate.bias.data(), experts, k, ids + row * k));
            batch.trace->floats(l, "gate.margin", margins.data(), rows, 1);
        }
    }
}

}  // namespace baleen::v4
