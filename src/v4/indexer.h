// The lightning indexer of ratio-4 layers (spec architecture 4.4, steps 15-18): scores every visible entry by cheap FP4
// products and selects the best index_topk for attention. Ties go to the lower index, also at the edge.
#pragma once

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Fills work.selected [rows, index_topk] with the entries each row attends to in this layer, ascending, -1 behind the last.
// `query_rank` are the normalised rows of wq_a as inputs of FP8 products, `hidden` the layer's input rows.
void select_entries(Context& context, const Batch& batch, LayerIndex layer, const model::Indexer& weights,
                    const kernels::Rows& query_rank, const kernels::Rows& hidden);

}  // namespace baleen::v4
