// The indexer's choice: scores of all visible entries, and the best of them.
#include "values.h"

namespace krill {

// The `count` best of n > count scores into ids, in ascending order; ties go to the lower index. keys has room for n.
//
// Scores become integers of the same order; the largest integer that at least `count` of them reach is found by
// halving, a pass of comparisons each time, which is faster than any selection that moves elements.
inline void top_k(const float* scores, Index n, Index count, std::int32_t* ids, std::int32_t* keys) {
    std::int32_t low = INT32_MAX, high = INT32_MIN;
    for (Index i = 0; i < n; ++i) {
        std::int32_t bits;
        std::memcpy(&bits, scores + i, sizeof bits);
        keys[i] = bits ^ ((bits >> 31) & INT32_MAX);
        low = std::min(low, keys[i]);
        high = std::max(high, keys[i]);
    }
    std::int32_t reached = 0;  // by how many, when `low` is the threshold
    while (low < high) {
        const std::int32_t middle = static_cast<std::int32_t>((static_cast<Index>(low) + high + 1) >> 1);
        std::int32_t at_least = 0;
        for (Index i = 0; i < n; ++i) at_least += keys[i] >= middle;
        if (at_least >= count) {
            low = middle;
            reached = at_least;
            if (reached == count) break;
        } else {
            high = middle - 1;
        }
    }
    // More reach it than are wanted: those equal to it, from the lowest index on, as far as they fit.
    Index equal = n;
    if (reached != count) {
        Index above = 0;
        for (Index i = 0; i < n; ++i) above += keys[i] > low;
        equal = count - above;
    }
    Index kept = 0;
    for (Index i = 0; i < n; i += kLanes) {
        const Index end = std::min(n, i + kLanes);
        bool some = false;
        for (Index k = i; k < end; ++k) some |= keys[k] >= low;
        if (!some) continue;
        for (Index k = i; k < end; ++k) {
            if (keys[k] < low || (keys[k] == low && equal-- <= 0)) continue;
            ids[kept++] = static_cast<std::int32_t>(k);
        }
    }
}

// selected [batch, length, columns]: for every query of the chunk the ids of the min(columns, visible) entries with the
// largest score sum_h relu(dots[query, h, entry]) * weights[query, h], ascending, then -1. dots has entry_count
// columns. dots may be null when no query of the chunk sees more than `columns` entries.
template <class Value>
void select_entries(const Value* dots, const float* weights, std::int32_t* selected, Index batch, Index length,
                    Index first, Index chunk, Index heads, Index entry_count, Index ratio, Index columns) {
#pragma omp parallel
    {
        std::vector<float> scores(entry_count);
        std::vector<std::int32_t> keys(entry_count);
#pragma omp for schedule(dynamic, 32)
        for (Index row = 0; row < batch * chunk; ++row) {
            const Index b = row / chunk, t = first + row % chunk, visible = (t + 1) / ratio;
            std::int32_t* ids = selected + (b * length + t) * columns;
            const Index count = std::min(columns, visible);
            std::fill(ids + count, ids + columns, -1);
            if (visible <= columns) {
                for (Index j = 0; j < count; ++j) ids[j] = static_cast<std::int32_t>(j);
                continue;
            }
            std::fill(scores.begin(), scores.begin() + visible, 0.0f);
            for (Index h = 0; h < heads; ++h) {
                const Value* d = dots + (row * heads + h) * entry_count;
                const float w = weights[(b * length + t) * heads + h];
                for (Index j = 0; j < visible; ++j) scores[j] += std::max(load(d[j]), 0.0f) * w;
            }
            top_k(scores.data(), visible, columns, ids, keys.data());
        }
    }
}

}  // namespace krill

EXPORT(select_entries)
