// Manifold-constrained hyper-connections (spec architecture 4.2): four residual streams, mixed before and after every
// sublayer by weights computed from the streams themselves. All in float32; streams are bf16 numbers between sublayers.
#pragma once

#include "model/weights.h"
#include "v4/context.h"

namespace baleen::v4 {

// Steps 1-4 for one row: mixes [(2 + hc) hc] = rho * (fn x) become pre [hc], post [hc] and comb [hc, hc], where comb[j][k]
// leads from source stream j to destination stream k.
void sinkhorn_mixes(const float* mixes, const std::vector<float>& scale, const std::vector<float>& base, int hc, int iterations,
                    float eps, float* pre, float* post, float* comb);

// Steps 1-5 for all rows of the batch: fills work.pre, post and comb, and work.hidden with the sublayer's input.
void hc_enter(Context& context, const Batch& batch, const model::HyperConnection& weights);

// Step 7: mixes work.output back into the streams.
void hc_leave(Context& context, Batch& batch);

// The collapse before a head (spec 4.6): streams [rows, hc, d] to out [rows, d], before the final norm.
void hc_collapse_head(Context& context, const float* streams, int rows, const model::HeadCollapse& weights, float* out);

}  // namespace baleen::v4
