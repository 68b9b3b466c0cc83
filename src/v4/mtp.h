// The multi-token-prediction block of preview and Base checkpoints (spec architecture 4.8): from the backbone's streams at
// position t and the token at t + 1 to logits for the token at t + 2. It has a window ring of its own in the sequence's
// cache, as layer num_hidden_layers, and must see every position in order.
#pragma once

#include <span>

#include "v4/context.h"

namespace baleen::v4 {

// Runs the block over the rows of `batch`, whose streams hold the backbone's last streams at positions t (input, then
// output: the block's own streams) and whose tokens are those at t + 1. The rotation is at t.
void forward_mtp(Context& context, Batch& batch);

// Logits [rows.size(), vocab] of rows of a batch that forward_mtp() has run over.
void mtp_logits(Context& context, const Batch& batch, std::span<const int> rows, float* out);

}  // namespace baleen::v4
