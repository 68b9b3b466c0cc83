// The two KV compressors (spec architecture 4.4, steps 9-14): every 4 (with overlap) or 128 tokens become one entry by a
// per-channel softmax over their projections. Entry c of ratio r is complete with token r*c + r - 1 and visible to
// it. Inputs of the last tokens live in the sequence's cache, addressed by absolute position, so any cut of a prompt into
// spans pools the same rows in the same order.
#pragma once

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Entries visible to the token at `position`: those whose last token it or an earlier one is.
constexpr std::int64_t visible_entries(std::int64_t position, int ratio) { return (position + 1) / ratio; }

// Pools, normalises and rotates all entries that the rows of the batch complete in this layer, and stores them in the
// sequences' caches: KV entries for Stream::main, index keys (after Hadamard) for Stream::index. `values` and `gates` are
// the products of the batch's rows [rows, width]; position terms (ape) are added to the gates here, and the rows the next
// step needs are kept in the caches.
void compress(Context& context, const Batch& batch, LayerIndex layer, const model::Compressor& weights, kv::Stream stream,
              float* values, float* gates);

}  // namespace baleen::v4
