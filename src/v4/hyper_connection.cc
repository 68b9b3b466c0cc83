#include "v4/hyper_connection.h"

#include <algorithm>
#include <cmath>

#include "v4/linear.h"

namespace baleen::v4 {

namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// mixes[row] = rho * (fn x) with x the row's streams, flattened, and rho = 1 / rms(x).
void mix_products(Context& context, const float* streams, int rows, const tensor::MatrixView& fn, float* mixes) {
    const std::int64_t width = fn.cols;
    multiply(context, product(fn, {streams, width, nullptr, 0, rows, width}, mixes, false));
    const auto eps = static_cast<float>(context.config.rms_norm_eps);
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            const float squares = context.kernels.sum_squares(streams + row * width, width);
            const float rho = 1 / std::sqrt(squares / static_cast<float>(width) + eps);
            for (std::int64_t i = 0; i < fn.rows; ++i) mixes[row * fn.rows + i] *= rho;
        }
    });
}

}  // namespace

void sinkhorn_mixes(const float* mixes, const std::vector<float>& scale, const std::vector<float>& base, int hc, int iterations,
                    float eps, float* pre, float* post, float* comb) {
    for (int j = 0; j < hc; ++j) {
        pre[j] = sigmoid(mixes[j] * scale[0] + base[static_cast<std::size_t>(j)]) + eps;
        post[j] = 2 * sigmoid(mixes[hc + j] * scale[1] + base[static_cast<std::size_t>(hc + j)]);
    }
    for (int i = 0; i < hc * hc; ++i) comb[i] = mixes[2 * hc + i] * scale[2] + base[static_cast<std::size_t>(2 * hc + i)];

    const auto normalise_rows = [&] {
        for (int j = 0; j < hc; ++j) {
            float sum = 0;
            for (int k = 0; k < hc; ++k) sum += comb[j * hc + k];
            for (int k = 0; k < hc; ++k) comb[j * hc + k] /= sum + eps;
        }
    };
    const auto normalise_columns = [&] {
        for (int k = 0; k < hc; ++k) {
            float sum = 0;
            for (int j = 0; j < hc; ++j) sum += comb[j * hc + k];
            for (int j = 0; j < hc; ++j) comb[j * hc + k] /= sum + eps;
        }
    };
    for (int j = 0; j < hc; ++j) {  // row softmax, then eps on every element
        float* row = comb + j * hc;
        const float top = *std::max_element(row, row + hc);
        float sum = 0;
        for (int k = 0; k < hc; ++k) sum += row[k] = std::exp(row[k] - top);
        for (int k = 0; k < hc; ++k) row[k] = row[k] / sum + eps;
    }
    normalise_columns();
    for (int i = 1; i < iterations; ++i) {
        normalise_rows();
        normalise_columns();
    }
}

void hc_enter(Context& context, const Batch& batch, const model::HyperConnection& weights) {
    const int rows = batch.rows(), hc = context.config.hc_mult;
    const std::int64_t d = context.config.hidden_size;
    Workspace& work = context.work;
    const float* streams = batch.streams.data();
    float* mixes = work.mixes.need(rows * weights.fn.rows);
    mix_products(context, streams, rows, weights.fn, mixes);
    float* pre = work.pre.need(rows * hc);
    float* post = work.post.need(rows * hc);
    float* comb = work.comb.need(rows * hc * hc);
    float* hidden = work.hidden.need(rows * d);
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            sinkhorn_mixes(mixes + row * weights.fn.rows, weights.scale, weights.base, hc, context.config.hc_sinkhorn_iters,
                           static_cast<float>(context.config.hc_eps), pre + row * hc, post + row * hc, comb + row * hc * hc);
            context.kernels.hc_collapse(streams + row * hc * d, pre + row * hc, hc, d, hidden + row * d, context.official());
        }
    });
}

void hc_leave(Context& context, Batch& batch) {
    const int hc = context.config.hc_mult;
    const std::int64_t d = context.config.hidden_size;
    const Workspace& work = context.work;
    context.team.for_ranges(batch.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            context.kernels.hc_expand(batch.streams.data() + row * hc * d, work.output.data() + row * d,
                                      work.post.data() + row * hc, work.comb.data() + row * hc * hc, hc, d, context.official());
        }
    });
}

void hc_collapse_head(Context& context, const float* streams, int rows, const model::HeadCollapse& weights, float* out) {
    const int hc = context.config.hc_mult;
    const std::int64_t d = context.config.hidden_size;
    float* mixes = context.work.mixes.need(rows * hc);
    mix_products(context, streams, rows, weights.fn, mixes);
    for (int row = 0; row < rows; ++row) {
        float* pre = mixes + row * hc;
        for (int j = 0; j < hc; ++j) {
            pre[j] = sigmoid(pre[j] * weights.scale + weights.base[static_cast<std::size_t>(j)]) +
                     static_cast<float>(context.config.hc_eps);
        }
        context.kernels.hc_collapse(streams + std::int64_t{row} * hc * d, pre, hc, d, out + row * d, context.official());
    }
}

}  // namespace baleen::v4
