#include "v4/mtp.h"

#include <algorithm>

#include "base/check.h"
#include "tensor/formats.h"
#include "v4/block.h"
#include "v4/head.h"
#include "v4/linear.h"

namespace baleen::v4 {

void forward_mtp(Context& context, Batch& batch) {
    CHECK(context.weights.mtp.has_value(), "this model has no MTP block");
    const model::Mtp& mtp = *context.weights.mtp;
    const std::int64_t d = context.config.hidden_size;
    const int rows = batch.rows(), hc = context.config.hc_mult;
    const auto eps = static_cast<float>(context.config.rms_norm_eps);
    const bool round = context.official();
    Workspace& work = context.work;
    const kernels::Kernels& k = context.kernels;

    // a = e_proj(norm(embedding of the next token)).
    float* embedded = work.hidden.need(rows * d);
    const auto* table = static_cast<const std::uint16_t*>(context.weights.embed.data);
    for (int row = 0; row < rows; ++row) {
        const std::uint16_t* token = table + index(batch.tokens[static_cast<std::size_t>(row)]) * d;
        for (std::int64_t i = 0; i < d; ++i) embedded[row * d + i] = tensor::bf16_to_f32(token[i]);
        k.rms_norm(embedded + row * d, mtp.enorm.data(), d, eps, embedded + row * d, round);
    }
    float* a = work.output.need(rows * d);
    multiply(context, product(mtp.e_proj, quantised_rows(context, embedded, rows, d, work.quantised, work.quantised_bf16), a, true));

    // b_j = h_proj(norm(stream j)), streams as rows; Y_j = a + b_j.
    float* streams = batch.streams.data();
    context.team.for_ranges(std::int64_t{rows} * hc, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i)
            k.rms_norm(streams + i * d, mtp.hnorm.data(), d, eps, streams + i * d, round);
    });
    float* b = work.head_streams.need(std::int64_t{rows} * hc * d);
    multiply(context, product(mtp.h_proj, quantised_rows(context, streams, rows * hc, d, work.quantised, work.quantised_bf16), b, true));
    context.team.for_ranges(std::int64_t{rows} * hc, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
            k.add(b + i * d, a + i / hc * d, d);
            if (round) k.round_bf16(b + i * d, d);
            std::copy_n(b + i * d, d, streams + i * d);
        }
    });
    forward_layer(context, batch, LayerIndex{context.config.num_hidden_layers}, mtp.block);
}

void mtp_logits(Context& context, const Batch& batch, std::span<const int> rows, float* out) {
    const model::Mtp& mtp = *context.weights.mtp;
    head(context, batch.streams.data(), rows, mtp.hc_head, mtp.norm, out);
}

}  // namespace baleen::v4
