#include "v4/block.h"

#include <algorithm>

#include "tensor/formats.h"
#include "v4/attention.h"
#include "v4/hyper_connection.h"
#include "v4/linear.h"
#include "v4/moe.h"

namespace baleen::v4 {

namespace {

void fill_rotation(Context& context, const Batch& batch, const RopeTable& table, Rotation& rotation) {
    rotation.pairs = table.pairs();
    const auto size = static_cast<std::size_t>(batch.rows()) * static_cast<std::size_t>(table.pairs());
    if (rotation.cos.size() < size) {
        rotation.cos.resize(size);
        rotation.sin.resize(size);
    }
    context.team.for_ranges(batch.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            table.angles(batch.positions[static_cast<std::size_t>(row)], rotation.cos.data() + row * rotation.pairs,
                         rotation.sin.data() + row * rotation.pairs);
        }
    });
}

// Step 6: the norm in front of a sublayer, work.hidden to work.normed.
void enter_norm(Context& context, int rows, const std::vector<float>& weight) {
    const std::int64_t d = context.config.hidden_size;
    const float* hidden = context.work.hidden.data();
    float* normed = context.work.normed.need(rows * d);
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            context.kernels.rms_norm(hidden + row * d, weight.data(), d, static_cast<float>(context.config.rms_norm_eps),
                                     normed + row * d, context.official());
        }
    });
}

void trace_hc(const Context& context, const Batch& batch, int layer, const char* pre, const char* post, const char* comb) {
    if (batch.trace == nullptr) return;
    const int rows = batch.rows(), hc = context.config.hc_mult;
    batch.trace->floats(layer, pre, context.work.pre.data(), rows, hc);
    batch.trace->floats(layer, post, context.work.post.data(), rows, hc);
    batch.trace->floats(layer, comb, context.work.comb.data(), rows, hc * hc);
}

void trace_rows(const Context& context, const Batch& batch, int layer, const char* name, const Buffer<float>& rows) {
    if (batch.trace != nullptr) batch.trace->floats(layer, name, rows.data(), batch.rows(), context.config.hidden_size);
}

}  // namespace

void prepare(Context& context, Batch& batch) {
    fill_rotation(context, batch, context.window_rope, batch.window_rotation);
    fill_rotation(context, batch, context.compressed_rope, batch.compressed_rotation);
    context.experts.begin_step(batch.tokens);
    context.lap(Operation::prepare);
}

void embed(Context& context, Batch& batch) {
    const std::int64_t d = context.config.hidden_size;
    const int hc = context.config.hc_mult;
    float* streams = batch.streams.need(batch.rows() * hc * d);
    const auto* table = static_cast<const std::uint16_t*>(context.weights.embed.data);
    context.team.for_ranges(batch.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            const std::uint16_t* token = table + index(batch.tokens[static_cast<std::size_t>(row)]) * d;
            float* stream = streams + row * hc * d;
            for (std::int64_t i = 0; i < d; ++i) stream[i] = tensor::bf16_to_f32(token[i]);
            for (int j = 1; j < hc; ++j) std::copy_n(stream, d, stream + j * d);
        }
    });
    context.lap(Operation::prepare);
}

void forward_layer(Context& context, Batch& batch, LayerIndex layer, const model::Layer& weights) {
    const int rows = batch.rows(), l = index(layer);

    context.lap(Operation::other);
    hc_enter(context, batch, weights.hc_attn);
    context.lap(Operation::hyper_connections);
    trace_hc(context, batch, l, "hc_attn.pre", "hc_attn.post", "hc_attn.comb");
    enter_norm(context, rows, weights.attn_norm);
    trace_rows(context, batch, l, "attn.in", context.work.normed);
    attention(context, batch, layer, weights.ratio, weights.attn);
    trace_rows(context, batch, l, "attn.out", context.work.output);
    hc_leave(context, batch);
    context.lap(Operation::hyper_connections);

    hc_enter(context, batch, weights.hc_ffn);
    context.lap(Operation::hyper_connections);
    trace_hc(context, batch, l, "hc_ffn.pre", "hc_ffn.post", "hc_ffn.comb");
    enter_norm(context, rows, weights.ffn_norm);
    trace_rows(context, batch, l, "ffn.in", context.work.normed);
    moe(context, batch, layer, weights.gate, weights.shared);
    trace_rows(context, batch, l, "ffn.out", context.work.output);
    hc_leave(context, batch);
    context.lap(Operation::hyper_connections);

    if (batch.trace != nullptr) {
        batch.trace->floats(l, "streams", batch.streams.data(), rows, context.config.hc_mult * context.config.hidden_size);
    }
}

}  // namespace baleen::v4
