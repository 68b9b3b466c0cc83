// The backbone, layer by layer (spec architecture 4.1). A step is embed(), then layers 0..L-1 in order, then head() (v4/head.h) for
// the rows that want logits; between any two calls it may pause.
#pragma once

#include "v4/context.h"

namespace baleen::v4 {

// Fills positions' rotations; tokens, positions and spans are set. Call first.
void prepare(Context& context, Batch& batch);

// streams[row, j] = embed[token] for all hc_mult streams j.
void embed(Context& context, Batch& batch);

// One block: attention, then experts, each inside its hyper-connection.
void forward_layer(Context& context, Batch& batch, LayerIndex layer, const model::Layer& weights);

}  // namespace baleen::v4
