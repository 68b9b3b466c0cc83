// Attention to selected entries: each query has a list of its own, whose rows are gathered.
#include "values.h"

namespace krill {

// Selected entries: ids [batch, length, columns] into entries [batch, entry_count, width]; the first negative id ends a
// list. Queries, outputs and their gradients lie at ((b * length + t) * heads) * width, probabilities and logits of a
// chunk at
// ((b * chunk + t - first) * heads) * columns. width is a multiple of 16.
struct Selection {
    const std::int32_t* ids;
    Index batch, length, first, chunk, heads, width, entry_count, columns;

    Index rows() const { return batch * chunk; }
    Index token(Index row) const { return row / chunk * length + first + row % chunk; }
    const std::int32_t* list(Index row) const { return ids + token(row) * columns; }
    Index entry(Index row, std::int32_t id) const { return (row / chunk * entry_count + id) * width; }
    Index query(Index row) const { return token(row) * heads * width; }
    Index count(Index row) const {
        const std::int32_t* of_row = list(row);
        Index n = 0;
        while (n < columns && of_row[n] >= 0) ++n;
        return n;
    }
};

// The dot products of four vectors with four others, a[i] . b[j] at 4 * i + j.
template <class Value>
inline Vector dots_4x4(const Value* const* a, const Value* const* b, Index width) {
    Vector sums[16] = {};
    Index i = 0;
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {
        for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
            Bits32 x[4];
            for (int j = 0; j < 4; ++j) x[j] = load_pairs(b[j] + i);
            for (int h = 0; h < 4; ++h) {
                const Bits32 y = load_pairs(a[h] + i);
                for (int j = 0; j < 4; ++j) sums[4 * h + j] = dot_pairs(sums[4 * h + j], y, x[j]);
            }
        }
    }
#endif
    for (; i < width; i += kLanes) {
        Vector x[4];
        for (int j = 0; j < 4; ++j) x[j] = load_vector(b[j] + i);
        for (int h = 0; h < 4; ++h) {
            const Vector y = load_vector(a[h] + i);
            for (int j = 0; j < 4; ++j) sums[4 * h + j] += y * x[j];
        }
    }
    return sums_of(sums);
}

// logits[query, head, column] = query . entry of the column, 0 in columns without entry.
template <class Value>
void selected_logits(const Value* queries, const Value* entries, const std::int32_t* selected, Value* logits,
                     Index batch, Index length, Index first, Index chunk, Index heads, Index width, Index entry_count,
                     Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
#pragma omp parallel for schedule(dynamic, 32)
    for (Index row = 0; row < selection.rows(); ++row) {
        const std::int32_t* ids = selection.list(row);
        const Index n = selection.count(row);
        for (Index h = 0; h < heads; ++h)
            for (Index j = n; j < columns; ++j) store(logits[(row * heads + h) * columns + j], 0);
        for (Index j = 0; j < n; j += 4) {
            const Value* entry[4];
            for (Index a = 0; a < 4; ++a) entry[a] = entries + selection.entry(row, ids[std::min(j + a, n - 1)]);
            for (Index h = 0; h < heads; h += 4) {
                const Value* query[4];
                for (Index a = 0; a < 4; ++a)
                    query[a] = queries + selection.query(row) + std::min(h + a, heads - 1) * width;
                float dots[16];
                store_vector(dots, dots_4x4(query, entry, width));
                for (Index a = 0; a < std::min<Index>(4, heads - h); ++a)
                    for (Index c = 0; c < std::min<Index>(4, n - j); ++c)
                        store(logits[(row * heads + h + a) * columns + j + c], dots[4 * a + c]);
            }
        }
    }
}

// out[h] += sum over entries of p[h, entry] * entry, for one query; p has `columns` columns.
template <class Value>
inline void add_values(const Value* p, const Value* const* entries, Value* out, Index heads, Index width, Index columns,
                       Index count, std::vector<float>& room) {
    room.resize((heads + 3) * (columns + 1));
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {  // two entries at a time
        const Index pairs = (count + 1) / 2;
        auto* weights =
            reinterpret_cast<std::uint32_t*>(room.data());  // [heads + 3, pairs]; heads beyond the end weigh nothing
        for (Index h = 0; h < heads; ++h)
            for (Index j = 0; j < pairs; ++j)
                weights[h * pairs + j] =
                    pair(p[h * columns + 2 * j], 2 * j + 1 < count ? p[h * columns + 2 * j + 1] : BFloat16{0});
        std::fill(weights + heads * pairs, weights + (heads + 3) * pairs, 0);
        for (Index h = 0; h < heads; h += 4)
            for (Index i = 0; i < width; i += kLanes) {
                Vector sums[4] = {};
                for (Index j = 0; j < pairs; ++j) {
                    const Bits32 values = interleave(entries[2 * j] + i, entries[std::min(2 * j + 1, count - 1)] + i);
                    for (int a = 0; a < 4; ++a)
                        sums[a] = dot_pairs(sums[a], values, weights[(h + a) * pairs + j] + Bits32{});
                }
                for (Index a = 0; a < std::min<Index>(4, heads - h); ++a) {
                    Value* to = out + (h + a) * width + i;
                    store_vector(to, load_vector(to) + sums[a]);
                }
            }
        return;
    }
#endif
    float* weights = room.data();
    for (Index k = 0; k < heads * columns; ++k) weights[k] = load(p[k]);
    std::fill(weights + heads * columns, weights + (heads + 3) * columns, 0.0f);
    for (Index h = 0; h < heads; h += 4)
        for (Index i = 0; i < width; i += kLanes) {
            Vector sums[4] = {};
            for (Index j = 0; j < count; ++j) {
                const Vector value = load_vector(entries[j] + i);
                for (int a = 0; a < 4; ++a) sums[a] += weights[(h + a) * columns + j] * value;
            }
            for (Index a = 0; a < std::min<Index>(4, heads - h); ++a) {
                Value* to = out + (h + a) * width + i;
                store_vector(to, load_vector(to) + sums[a]);
            }
        }
}

// out[query, head] += sum over columns of p[query, head, column] * entry.
template <class Value>
void selected_values(const Value* p, const Value* entries, const std::int32_t* selected, Value* out, Index batch,
                     Index length, Index first, Index chunk, Index heads, Index width, Index entry_count,
                     Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
#pragma omp parallel
    {
        std::vector<float> room;
        std::vector<const Value*> chosen(columns);
#pragma omp for schedule(dynamic, 32)
        for (Index row = 0; row < selection.rows(); ++row) {
            const Index n = selection.count(row);
            if (!n) continue;
            for (Index j = 0; j < n; ++j) chosen[j] = entries + selection.entry(row, selection.list(row)[j]);
            add_values(p + row * heads * columns, chosen.data(), out + selection.query(row), heads, width, columns, n,
                       room);
        }
    }
}

// gradients[entry] += sum over heads of dlogits[h, entry] * query[h] + p[h, entry] * dout[h], for one query.
template <class Value>
inline void add_entry_gradients(const Value* dlogits, const Value* p, const Value* query, const Value* dout,
                                float* const* gradients, Index heads, Index width, Index columns, Index count,
                                std::vector<float>& room) {
    room.resize(heads * std::max(width, 2 * columns));
#ifdef __AVX512BF16__
    if constexpr (kPairs<Value>) {                                    // a query with its gradient
        auto* pairs = reinterpret_cast<std::uint32_t*>(room.data());  // [heads, width]
        for (Index i = 0; i < heads * width; i += kLanes) {
            const Bits32 both = interleave(query + i, dout + i);
            std::memcpy(pairs + i, &both, sizeof both);
        }
        for (Index j = 0; j < count; ++j)
            for (Index i = 0; i < width; i += kLanes) {
                Vector total = load_vector(gradients[j] + i);
                for (Index h = 0; h < heads; ++h)
                    total = dot_pairs(total, load_pairs(pairs + h * width + i),
                                      pair(dlogits[h * columns + j], p[h * columns + j]) + Bits32{});
                store_vector(gradients[j] + i, total);
            }
        return;
    }
#endif
    float *dl = room.data(), *pl = dl + heads * columns;
    for (Index k = 0; k < heads * columns; ++k) {
        dl[k] = load(dlogits[k]);
        pl[k] = load(p[k]);
    }
    for (Index j = 0; j < count; ++j)
        for (Index i = 0; i < width; i += kLanes) {
            Vector total = load_vector(gradients[j] + i);
            for (Index h = 0; h < heads; ++h)
                total += dl[h * columns + j] * load_vector(query + h * width + i) +
                         pl[h * columns + j] * load_vector(dout + h * width + i);
            store_vector(gradients[j] + i, total);
        }
}

// dentries [batch, entry_count, width] float += sum over queries and heads of dlogits * query + p * dout. Threads but
// the first add to arrays of their own.
template <class Value>
void selected_entry_gradients(const Value* dlogits, const Value* p, const Value* queries, const Value* dout,
                              const std::int32_t* selected, float* dentries, Index batch, Index length, Index first,
                              Index chunk, Index heads, Index width, Index entry_count, Index columns) {
    const Selection selection{selected, batch, length, first, chunk, heads, width, entry_count, columns};
    const int threads = omp_get_max_threads();
    const Index size = batch * entry_count * width;
    std::vector<float> others((threads - 1) * size, 0.0f);
#pragma omp parallel
    {
        const int thread = omp_get_thread_num();
        float* sums = thread ? &others[(thread - 1) * size] : dentries;
        std::vector<float> room;
        std::vector<float*> chosen(columns);
#pragma omp for schedule(static)
        for (Index row = 0; row < selection.rows(); ++row) {
            const Index n = selection.count(row), at = row * heads * columns;
            if (!n) continue;
            for (Index j = 0; j < n; ++j) chosen[j] = sums + selection.entry(row, selection.list(row)[j]);
            add_entry_gradients(dlogits + at, p + at, queries + selection.query(row), dout + selection.query(row),
                                chosen.data(), heads, width, columns, n, room);
        }
    }
    for (int t = 1; t < threads; ++t) {
        const float* from = &others[(t - 1) * size];
#pragma omp parallel for schedule(static)
        for (Index i = 0; i < size; ++i) dentries[i] += from[i];
    }
}

}  // namespace krill

EXPORT(selected_logits)
EXPORT(selected_values)
EXPORT(selected_entry_gradients)
