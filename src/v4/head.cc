#include "v4/head.h"

#include <algorithm>

#include "v4/hyper_connection.h"
#include "v4/linear.h"

namespace baleen::v4 {

void head(Context& context, const float* streams, std::span<const int> rows, const model::HeadCollapse& collapse,
          const std::vector<float>& norm, float* out) {
    const std::int64_t d = context.config.hidden_size, width = context.config.hc_mult * d;
    const int count = static_cast<int>(rows.size());
    if (count == 0) return;
    Workspace& work = context.work;
    float* chosen = work.head_streams.need(count * width);
    for (int i = 0; i < count; ++i) std::copy_n(streams + rows[static_cast<std::size_t>(i)] * width, width, chosen + i * width);
    float* y = work.hidden.need(count * d);
    hc_collapse_head(context, chosen, count, collapse, y);
    for (int i = 0; i < count; ++i) {
        context.kernels.rms_norm(y + i * d, norm.data(), d, static_cast<float>(context.config.rms_norm_eps), y + i * d,
                                 context.official());
    }
    const kernels::Rows x = plain_rows(context, y, count, d, work.normed_bf16);
    multiply(context, product(context.weights.head, x, out, false));
    context.lap(Operation::head);
}

}  // namespace baleen::v4
