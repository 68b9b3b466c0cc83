#include "v4/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "v4/compressor.h"
#include "v4/indexer.h"
#include "v4/linear.h"

namespace baleen::v4 {

namespace {

// Steps 1-8, products: query rank, KV, and on compressed layers the compressors' inputs, in one pass over the layer's input.
void project_input(Context& context, const Batch& batch, const model::Attention& weights, const kernels::Rows& plain,
                   const kernels::Rows& quantised) {
    const std::int64_t rows = batch.rows();
    Workspace& work = context.work;
    Product products[6];
    std::size_t count = 0;
    products[count++] = product(weights.wq_a, quantised, work.query_rank.need(rows * weights.wq_a.rows), true);
    products[count++] = product(weights.wkv, quantised, work.kv.need(rows * weights.wkv.rows), true);
    if (weights.compressor) {
        const model::Compressor& main = *weights.compressor;
        products[count++] = product(main.wkv, plain, work.values.need(rows * main.width), false);
        products[count++] = product(main.wgate, plain, work.gates.need(rows * main.width), false);
    }
    if (weights.indexer) {
        const model::Compressor& index = weights.indexer->compressor;
        products[count++] = product(index.wkv, plain, work.index_values.need(rows * index.width), false);
        products[count++] = product(index.wgate, plain, work.index_gates.need(rows * index.width), false);
    }
    multiply(context, std::span(products, count));
}

// Steps 5-8 after the product: norm, rotation, FP8; into work.window. The cache's ring is still that of the step before.
void window_entries(Context& context, const Batch& batch, const model::Attention& weights, const Rotation& rotation) {
    const model::Config& config = context.config;
    const int dim = config.head_dim, rope_dim = config.qk_rope_head_dim;
    const tensor::EntryLayout layout = config.entry_layout(context.official());
    Workspace& work = context.work;
    std::uint8_t* window = work.window.need(batch.rows() * layout.bytes());
    context.team.for_ranges(batch.rows(), 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row) {
            float* kv = work.kv.data() + row * dim;
            context.kernels.rms_norm(kv, weights.kv_norm.data(), dim, static_cast<float>(config.rms_norm_eps), kv,
                                     context.official());
            context.kernels.rope(kv + dim - rope_dim, rope_dim / 2, rotation.cos_row(row), rotation.sin_row(row), false,
                                 context.official());
            context.kernels.pack_entry(kv, layout, window + row * layout.bytes());
        }
    });
}

// Steps 1-4 after wq_a: norm, wq_b, per-head norm, rotation. Returns the normalised rank as product inputs, which the
// indexer shares.
kernels::Rows queries(Context& context, const Batch& batch, const model::Attention& weights, const Rotation& rotation) {
    const model::Config& config = context.config;
    const std::int64_t rows = batch.rows(), rank = weights.wq_a.rows;
    const int heads = config.num_attention_heads, dim = config.head_dim, rope_dim = config.qk_rope_head_dim;
    const auto eps = static_cast<float>(config.rms_norm_eps);
    const bool round = context.official();
    Workspace& work = context.work;
    float* query_rank = work.query_rank.data();
    context.team.for_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t row = begin; row < end; ++row)
            context.kernels.rms_norm(query_rank + row * rank, weights.q_norm.data(), rank, eps, query_rank + row * rank, round);
    });
    const kernels::Rows quantised =
        quantised_rows(context, query_rank, batch.rows(), rank, work.quantised_rank, work.quantised_rank_bf16);
    float* query = work.query.need(rows * heads * dim);
    multiply(context, product(weights.wq_b, quantised, query, true));
    context.team.for_ranges(rows * heads, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* head = query + i * dim;
            context.kernels.head_norm(head, dim, eps, head, round);
            context.kernels.rope(head + dim - rope_dim, rope_dim / 2, rotation.cos_row(i / heads), rotation.sin_row(i / heads),
                                 false, round);
        }
    });
    return quantised;
}

// The entries a row attends to, in canonical order: window by position, then compressed by number.
void list_entries(const Context& context, const Span& span, LayerIndex layer, int ratio, std::int64_t i,
                  std::vector<const std::uint8_t*>& list) {
    const std::int64_t position = span.first_position + i;
    const std::int64_t bytes = context.config.entry_layout(context.official()).bytes();
    list.clear();
    for (std::int64_t p = std::max<std::int64_t>(0, position - context.config.sliding_window + 1); p <= position; ++p) {
        list.push_back(p < span.first_position
                           ? span.cache->window_row(layer, p)
                           : context.work.window.data() + (span.first_row + p - span.first_position) * bytes);
    }
    if (ratio == 128) {
        for (std::int64_t c = 0; c < visible_entries(position, ratio); ++c) list.push_back(span.cache->entry(layer, c));
    } else if (ratio == 4) {
        const int topk = context.config.index_topk;
        const std::int32_t* selected = context.work.selected.data() + (span.first_row + i) * topk;
        for (int s = 0; s < topk && selected[s] >= 0; ++s) list.push_back(span.cache->entry(layer, selected[s]));
    }
}

// Steps 19-22: attends, then rotates the output back. A task is one row and a range of its heads.
void attend_rows(Context& context, const Batch& batch, LayerIndex layer, int ratio, const model::Attention& weights,
                 const Rotation& rotation) {
    const model::Config& config = context.config;
    const int heads = config.num_attention_heads, dim = config.head_dim, rope_dim = config.qk_rope_head_dim;
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(dim)));
    float* out = context.work.heads.need(std::int64_t{batch.rows()} * heads * dim);
    // Entries are unpacked once per task, so a task takes all heads of a row unless there are fewer rows than members.
    const int parts = std::clamp((context.team.size() + batch.rows() - 1) / batch.rows(), 1, heads);
    for (const Span& span : batch.spans) {
        context.team.for_each(std::int64_t{span.rows} * parts, [&](std::int64_t task, int member) {
            static thread_local std::vector<const std::uint8_t*> list;
            const std::int64_t i = task / parts, row = span.first_row + i;
            const int part = static_cast<int>(task % parts);
            list_entries(context, span, layer, ratio, i, list);
            kernels::Attend work;
            work.q = context.work.query.data() + row * heads * dim;
            work.entries = list.data();
            work.count = static_cast<int>(list.size());
            work.layout = config.entry_layout(context.official());
            work.sink = weights.attn_sink.data();
            work.scale = scale;
            work.head_begin = heads * part / parts;
            work.head_end = heads * (part + 1) / parts;
            work.out = out + row * heads * dim;
            work.round = context.official();
            context.kernels.attend(work, context.scratch[static_cast<std::size_t>(member)]);
            for (int head = work.head_begin; head < work.head_end; ++head) {
                context.kernels.rope(work.out + head * dim + dim - rope_dim, rope_dim / 2, rotation.cos_row(row),
                                     rotation.sin_row(row), true, context.official());
            }
        });
    }
}

// Keeps the last window rows of every span for the steps to come.
void keep_window(Context& context, const Batch& batch, LayerIndex layer) {
    const std::int64_t bytes = context.config.entry_layout(context.official()).bytes();
    for (const Span& span : batch.spans) {
        const std::int64_t kept = std::min<std::int64_t>(span.rows, context.config.sliding_window + kv::kDraftRows);
        for (std::int64_t i = span.rows - kept; i < span.rows; ++i) {
            std::memcpy(span.cache->window_row(layer, span.first_position + i),
                        context.work.window.data() + (span.first_row + i) * bytes, static_cast<std::size_t>(bytes));
        }
    }
}

// Steps 23-25: the grouped output projection, unquantised through wo_a, then wo_b.
void project_output(Context& context, const Batch& batch, const model::Attention& weights) {
    const model::Config& config = context.config;
    const std::int64_t rows = batch.rows(), width = std::int64_t{config.num_attention_heads} * config.head_dim;
    const std::int64_t group_width = width / config.o_groups, rank = config.o_lora_rank;
    Workspace& work = context.work;
    const kernels::Rows all = plain_rows(context, work.heads.data(), batch.rows(), width, work.heads_bf16);
    float* grouped = work.grouped.need(rows * weights.wo_a.rows);
    static thread_local std::vector<Product> products;
    products.clear();
    for (std::int64_t g = 0; g < config.o_groups; ++g) {
        kernels::Rows group = all;
        group.f32 += g * group_width;
        if (group.bf16 != nullptr) group.bf16 += g * group_width;
        group.width = group_width;
        products.push_back({&weights.wo_a, group, grouped, weights.wo_a.rows, true, g * rank, (g + 1) * rank});
    }
    multiply(context, products);
    const kernels::Rows quantised =
        quantised_rows(context, grouped, batch.rows(), weights.wo_a.rows, work.quantised, work.quantised_bf16);
    multiply(context, product(weights.wo_b, quantised, work.output.need(rows * config.hidden_size), true));
}

}  // namespace

void attention(Context& context, const Batch& batch, LayerIndex layer, int ratio, const model::Attention& weights) {
    const Rotation& rotation = ratio == 0 ? batch.window_rotation : batch.compressed_rotation;
    Workspace& work = context.work;
    const std::int64_t d = context.config.hidden_size;
    const kernels::Rows plain = plain_rows(context, work.normed.data(), batch.rows(), d, work.normed_bf16);
    const kernels::Rows quantised =
        quantised_rows(context, work.normed.data(), batch.rows(), d, work.quantised, work.quantised_bf16);
    context.lap(Operation::norms);

    project_input(context, batch, weights, plain, quantised);
    context.lap(Operation::input_products);
    window_entries(context, batch, weights, rotation);
    const kernels::Rows query_rank = queries(context, batch, weights, rotation);
    context.lap(Operation::queries);
    if (weights.compressor) {
        compress(context, batch, layer, *weights.compressor, kv::Stream::main, work.values.data(), work.gates.data());
        context.lap(Operation::compression);
    }
    if (weights.indexer) {
        compress(context, batch, layer, weights.indexer->compressor, kv::Stream::index, work.index_values.data(),
                 work.index_gates.data());
        context.lap(Operation::compression);
        select_entries(context, batch, layer, *weights.indexer, query_rank, plain);
        context.lap(Operation::selection);
    }
    attend_rows(context, batch, layer, ratio, weights, rotation);
    keep_window(context, batch, layer);
    context.lap(Operation::attention);
    project_output(context, batch, weights);
    context.lap(Operation::output_products);
}

}  // namespace baleen::v4
