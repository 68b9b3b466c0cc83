#include "v4/indexer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "v4/compressor.h"
#include "v4/linear.h"

namespace baleen::v4 {

namespace {

// What one row's scoring needs.
struct Query {
    const Span* span;
    const std::uint8_t* packed;  // [heads] in key layout
    const float* weights;        // [heads]
    std::int64_t visible;
};

// Scores keys [begin, end) of the row's sequence into out[begin, end) and offers them to `best`.
void score_range(Context& context, LayerIndex layer, const Query& query, std::int64_t begin, std::int64_t end, int member,
                 float* out, TopSelection& best) {
    static thread_local std::vector<kv::Run> runs;  // declared where each thread passes: else it is neither made nor freed there
    query.span->cache->key_runs(layer, end, runs);
    const tensor::KeyLayout layout = context.config.key_layout(context.official());
    std::int64_t at = 0;
    for (const kv::Run& run : runs) {
        const std::int64_t from = std::max(begin, at), to = std::min(end, at + run.count);
        if (from < to) {
            context.kernels.index_scores({query.packed, query.weights, context.config.index_n_heads,
                                          run.data + (from - at) * layout.bytes(), to - from, layout, out + from},
                                         context.scratch[static_cast<std::size_t>(member)]);
        }
        at += run.count;
    }
    best.offer(context.kernels, {out + begin, static_cast<std::size_t>(end - begin)}, begin);
}

// Steps 15 and 16: queries rotated, transformed and packed; weights scaled.
void prepare_queries(Context& context, const Batch& batch, const model::Indexer& weights, const kernels::Rows& query_rank,
                     const kernels::Rows& hidden) {
    const model::Config& config = context.config;
    const int heads = config.index_n_heads, dim = config.index_head_dim, rope_dim = config.qk_rope_head_dim;
    const bool round = context.official();
    Workspace& work = context.work;
    float* query = work.index_query.need(std::int64_t{batch.rows()} * heads * dim);
    float* weight = work.index_weights.need(std::int64_t{batch.rows()} * heads);
    const tensor::KeyLayout layout = config.key_layout(round);
    std::uint8_t* packed = work.index_query_packed.need(batch.rows() * heads * layout.bytes());
    const Product products[] = {product(weights.wq_b, query_rank, query, true),
                                product(weights.weights_proj, hidden, weight, true)};
    multiply(context, products);
    // dim^-0.5 * heads^-0.5, in double and rounded once.
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(dim) * heads));
    context.team.for_ranges(std::int64_t{batch.rows()} * heads, 1, [&](std::int64_t begin, std::int64_t end, int) {
        for (std::int64_t i = begin; i < end; ++i) {
            float* head = query + i * dim;
            const std::int64_t row = i / heads;
            context.kernels.rope(head + dim - rope_dim, rope_dim / 2, batch.compressed_rotation.cos_row(row),
                                 batch.compressed_rotation.sin_row(row), false, round);
            if (round) context.kernels.hadamard(head, dim, true);
            context.kernels.pack_key(head, layout, packed + i * layout.bytes());
            weight[i] *= scale;
        }
        if (round) context.kernels.round_bf16(weight + begin, end - begin);
    });
}

}  // namespace

void select_entries(Context& context, const Batch& batch, LayerIndex layer, const model::Indexer& weights,
                    const kernels::Rows& query_rank, const kernels::Rows& hidden) {
    const int rows = batch.rows(), topk = context.config.index_topk;
    const int heads = context.config.index_n_heads;
    std::int32_t* selected = context.work.selected.need(std::int64_t{rows} * topk);
    std::int64_t most = 0;
    for (const Span& span : batch.spans)
        most = std::max(most, visible_entries(span.first_position + span.rows - 1, 4));
    const bool traced = batch.trace != nullptr;
    if (most > topk || traced) prepare_queries(context, batch, weights, query_rank, hidden);

    // One row of scores per member, with room for the next 16,384 entries too, or per row when someone wants to see them.
    float* scores = context.work.scores.need(traced ? rows * std::max<std::int64_t>(most, 1) : context.team.size() * (((most >> 14) + 1) << 14));
    const tensor::KeyLayout layout = context.config.key_layout(context.official());
    for (const Span& span : batch.spans) {
        if (context.profile != nullptr) {
            for (int i = 0; i < span.rows; ++i) {
                const std::int64_t visible = visible_entries(span.first_position + i, 4);
                if (visible > topk) context.profile->pending_bytes += visible * layout.bytes();
            }
        }
        const auto row_query = [&](std::int64_t i) {
            const std::int64_t row = span.first_row + i;
            return Query{&span, context.work.index_query_packed.data() + row * heads * layout.bytes(),
                         context.work.index_weights.data() + row * heads, visible_entries(span.first_position + i, 4)};
        };
        const auto choose = [&](std::int64_t i, TopSelection& best, std::int64_t visible) {
            std::int32_t* out = selected + (span.first_row + i) * topk;
            const std::int64_t count = std::min<std::int64_t>(topk, visible);
            if (visible <= topk)
                for (std::int64_t c = 0; c < visible; ++c) out[c] = static_cast<std::int32_t>(c);
            else best.write(out);
            std::fill(out + count, out + topk, -1);
        };
        if (span.rows == 1) {  // decode: the team shares one row's keys
            const Query query = row_query(0);
            float* row_scores = traced ? scores + span.first_row * most : scores;
            std::vector<TopSelection>& best = context.selections;
            for (TopSelection& part : best) part.start(topk);
            if (query.visible > topk || traced) {
                context.team.for_ranges(query.visible, 32, [&](std::int64_t begin, std::int64_t end, int member) {
                    score_range(context, layer, query, begin, end, member, row_scores, best[static_cast<std::size_t>(member)]);
                });
            }
            for (std::size_t i = 1; i < best.size(); ++i) best[0].take(best[i]);
            if (traced) std::fill(row_scores + query.visible, row_scores + most, -std::numeric_limits<float>::infinity());
            choose(0, best[0], query.visible);
            continue;
        }
        context.team.for_each(span.rows, [&](std::int64_t i, int member) {
            const Query query = row_query(i);
            float* row_scores = scores + (traced ? span.first_row + i : member) * most;
            TopSelection& best = context.selections[static_cast<std::size_t>(member)];
            best.start(topk);
            if (query.visible > topk || traced) score_range(context, layer, query, 0, query.visible, member, row_scores, best);
            if (traced) std::fill(row_scores + query.visible, row_scores + most, -std::numeric_limits<float>::infinity());
            choose(i, best, query.visible);
        });
    }
    if (traced) {
        batch.trace->floats(index(layer), "indexer.scores", scores, rows, most);
        batch.trace->ints(index(layer), "indexer.ids", selected, rows, topk);
    }
}

}  // namespace baleen::v4
