#include "v4/compressor.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace baleen::v4 {

namespace {

// Compressor inputs of one span in one layer: rows of this step, or of the cache for positions before it.
struct Inputs {
    const Span& span;
    LayerIndex layer;
    kv::Stream stream;
    int width;
    const float* values;  // [rows of the batch, width]
    const float* gates;

    const float* value(std::int64_t position) const {
        if (position < span.first_position) return span.cache->compressor_row(layer, stream, position);
        return values + (span.first_row + position - span.first_position) * width;
    }
    const float* gate(std::int64_t position) const {
        if (position < span.first_position) return span.cache->compressor_row(layer, stream, position) + width;
        return gates + (span.first_row + position - span.first_position) * width;
    }
};

// Entry c before normalisation. Ratio 4 pools the lo halves of the group before and the hi halves of its own; the first
// entry has no group before it.
void pool_entry(const Context& context, const Inputs& in, int ratio, std::int64_t c, int dim, float* out) {
    std::array<const float*, 128> value, gate;
    int count = 0;
    const auto add = [&](std::int64_t position, int column) {
        value[static_cast<std::size_t>(count)] = in.value(position) + column;
        gate[static_cast<std::size_t>(count++)] = in.gate(position) + column;
    };
    if (ratio == 4 && c > 0)
        for (int i = 0; i < 4; ++i) add(4 * c - 4 + i, 0);
    for (int i = 0; i < ratio; ++i) add(ratio * c + i, ratio == 4 ? dim : 0);
    context.kernels.pool(value.data(), gate.data(), count, dim, out);
}

// Keeps the last rows of the span for the steps to come.
void keep_rows(const Inputs& in) {
    const std::int64_t kept = std::min<std::int64_t>(in.span.rows, in.span.cache->compressor_rows(in.layer));
    const std::int64_t end = in.span.first_position + in.span.rows;
    const auto bytes = static_cast<std::size_t>(in.width) * sizeof(float);
    for (std::int64_t position = end - kept; position < end; ++position) {
        float* row = in.span.cache->compressor_row(in.layer, in.stream, position);
        std::memcpy(row, in.value(position), bytes);
        std::memcpy(row + in.width, in.gate(position), bytes);
    }
}

}  // namespace

void compress(Context& context, const Batch& batch, LayerIndex layer, const model::Compressor& weights, kv::Stream stream,
              float* values, float* gates) {
    const int width = weights.width, ratio = weights.ratio, dim = static_cast<int>(weights.norm.size());
    const kernels::Kernels& k = context.kernels;
    const int rope_dim = context.config.qk_rope_head_dim, pairs = rope_dim / 2;
    const auto eps = static_cast<float>(context.config.rms_norm_eps);
    const bool round = context.official();

    context.team.for_ranges(batch.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            const std::int64_t phase = batch.positions[static_cast<std::size_t>(row)] % ratio;
            k.add(gates + row * width, weights.ape.data() + phase * width, width);
        }
    });
    for (const Span& span : batch.spans) {
        const Inputs in{span, layer, stream, width, values, gates};
        const std::int64_t first = span.first_position / ratio;
        const std::int64_t last = (span.first_position + span.rows) / ratio;  // one past the last completed entry
        context.team.for_ranges(last - first, 1, [&](std::int64_t begin, std::int64_t end, int member) {
            auto* entry = static_cast<float*>(
                context.scratch[static_cast<std::size_t>(member)].reserve(static_cast<std::size_t>(dim + 2 * pairs) * sizeof(float)));
            float *cos = entry + dim, *sin = cos + pairs;
            for (std::int64_t c = first + begin; c < first + end; ++c) {
                if (span.cache->entry_exists(ratio, c)) continue;  // replay: use, do not write
                pool_entry(context, in, ratio, c, dim, entry);
                if (round) k.round_bf16(entry, dim);
                k.rms_norm(entry, weights.norm.data(), dim, eps, entry, round);
                context.compressed_rope.angles(ratio * c, cos, sin);
                k.rope(entry + dim - rope_dim, pairs, cos, sin, false, round);
                if (stream == kv::Stream::main) {
                    k.pack_entry(entry, context.config.entry_layout(round), span.cache->writable_entry(layer, c));
                } else {
                    if (round) k.hadamard(entry, dim, true);
                    k.pack_key(entry, context.config.key_layout(round), span.cache->writable_key(layer, c));
                }
            }
        });
        keep_rows(in);
    }
}

}  // namespace baleen::v4
