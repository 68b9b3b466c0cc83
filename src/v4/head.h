// From residual streams to logits (spec architecture 4.6).
#pragma once

#include <span>
#include <vector>

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Logits [rows.size(), vocab], float32, of rows of `streams` [*, hc_mult, d]: collapsed, normalised by `norm` (which is applied
// after the collapse), and multiplied by the head the backbone and the MTP block share.
void head(Context& context, const float* streams, std::span<const int> rows, const model::HeadCollapse& collapse,
          const std::vector<float>& norm, float* out);

}  // namespace baleen::v4
