// Attention of one layer (spec architecture 4.4): one shared KV vector per token, a window of raw entries, and beyond it
// compressed entries (all of them on ratio-128 layers, the indexer's choice on ratio-4 layers).
#pragma once

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Reads work.normed [rows, d], fills work.output [rows, d], and stores the rows' window entries, compressed entries and
// index keys in their sequences' caches.
void attention(Context& context, const Batch& batch, LayerIndex layer, int ratio, const model::Attention& weights);

}  // namespace baleen::v4
