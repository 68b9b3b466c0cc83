// Mixture of experts of one layer (spec architecture 4.5), in separate calls so that experts may be computed in any order
// and as they become ready: route all rows, compute one group of experts, compute the shared expert, reduce. The
// reduction runs over ascending expert ids whatever the order of computing.
#pragma once

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Scores and chooses experts for rows of `hidden`: work.route_ids and work.route_weights [rows, k], by descending score on
// scored layers (ties: lower id) and as tabled on hash layers.
void route(Context& context, const Batch& batch, LayerIndex layer, const model::Gate& gate, const kernels::Rows& hidden);

// Reads work.normed [rows, d], fills work.output [rows, d].
void moe(Context& context, const Batch& batch, LayerIndex layer, const model::Gate& gate, const model::ExpertView& shared);

}  // namespace baleen::v4
