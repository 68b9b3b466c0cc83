// Attention of one query over its entries (spec 4.4, 19-21) in float32.
//
// Entries are unpacked in blocks of 64, which stay in L2 (128 KiB) while all heads use them, once for the logits and once
// for the weighted sum; unpacking twice costs less than keeping a million numbers. Order: a logit is summed as an
// output of a product is (lane j takes channels j, j + lanes, ..., FMA). Z: lane j takes entries j, j + lanes, ...,
// then the lanes, the sink last. A channel of the output adds its entries in list order in one accumulator, FMA.

namespace {

constexpr int kEntries = 64;  // of a block
constexpr int kHeads = 4;     // of a tile
constexpr int kEntriesOfTile = kLanes == 16 ? 4 : 2;
constexpr int kChannels = kLanes == 16 ? 4 : 2;  // vectors of a tile of the weighted sum

// logits[h * stride + e] of heads [0, H) and entries [0, E).
template <int H, int E>
void logits_tile(const float* q, const float* block, int dim, float scale, float* logits, std::int64_t stride) {
    F acc[H][E];
    for (int h = 0; h < H; ++h)
        for (int e = 0; e < E; ++e) acc[h][e] = Vec::zero();
    for (int i = 0; i < dim; i += kLanes) {
        F keys[E];
        for (int e = 0; e < E; ++e) keys[e] = Vec::load(block + e * dim + i);
        for (int h = 0; h < H; ++h) {
            const F query = Vec::load(q + h * dim + i);
            for (int e = 0; e < E; ++e) acc[h][e] = Vec::fma(query, keys[e], acc[h][e]);
        }
    }
    for (int h = 0; h < H; ++h)
        for (int e = 0; e < E; ++e) logits[h * stride + e] = sum_of(acc[h][e]) * scale;
}

template <int H>
void logits_of_heads(const float* q, const float* block, int entries, int dim, float scale, float* logits,
                     std::int64_t stride) {
    int e = 0;
    for (; e + kEntriesOfTile <= entries; e += kEntriesOfTile)
        logits_tile<H, kEntriesOfTile>(q, block + e * dim, dim, scale, logits + e, stride);
    for (; e < entries; ++e) logits_tile<H, 1>(q, block + e * dim, dim, scale, logits + e, stride);
}

// out[h * dim ...] of H heads and C vectors of channels adds `entries` entries.
template <int H, int C>
void add_tile(const float* factors, std::int64_t stride, const float* block, int entries, int dim, float* out) {
    F acc[H][C];
    for (int h = 0; h < H; ++h)
        for (int c = 0; c < C; ++c) acc[h][c] = Vec::load(out + h * dim + c * kLanes);
    for (int e = 0; e < entries; ++e) {
        F values[C];
        for (int c = 0; c < C; ++c) values[c] = Vec::load(block + e * dim + c * kLanes);
        for (int h = 0; h < H; ++h) {
            const F factor = Vec::set(factors[h * stride + e]);
            for (int c = 0; c < C; ++c) acc[h][c] = Vec::fma(factor, values[c], acc[h][c]);
        }
    }
    for (int h = 0; h < H; ++h)
        for (int c = 0; c < C; ++c) Vec::store(out + h * dim + c * kLanes, acc[h][c]);
}

template <int H>
void add_entries(const float* factors, std::int64_t stride, const float* block, int entries, int dim, float* out) {
    int i = 0;
    for (; i + kChannels * kLanes <= dim; i += kChannels * kLanes)
        add_tile<H, kChannels>(factors, stride, block + i, entries, dim, out + i);
    for (; i < dim; i += kLanes) add_tile<H, 1>(factors, stride, block + i, entries, dim, out + i);
}

}  // namespace

void attend(const Attend& work, Scratch& scratch) {
    const int dim = work.layout.head_dim, heads = work.head_end - work.head_begin;
    if (heads <= 0) return;
    if (dim % kLanes != 0) return scalar::attend(work, scratch);  // no model has such heads
    const std::int64_t stride = (work.count + kLanes - 1) / kLanes * kLanes;
    const std::int64_t floats = heads * stride + heads + std::int64_t{kEntries} * dim;
    auto* logits =
        static_cast<float*>(reserve(scratch, static_cast<std::size_t>(floats) * sizeof(float)));  // [heads, stride]
    float* block = logits + heads * stride;                                                       // [kEntries, dim]
    float* total = block + kEntries * dim;                                                        // [heads]
    const float* q = work.q + static_cast<std::int64_t>(work.head_begin) * dim;
    float* out = work.out + static_cast<std::int64_t>(work.head_begin) * dim;
    const auto unpack = [&](int first) {
        const int entries = smaller(kEntries, work.count - first);
        for (int e = 0; e < entries; ++e) unpack_entry(work.entries[first + e], work.layout, block + e * dim);
        return entries;
    };

    for (int first = 0; first < work.count; first += kEntries) {
        const int entries = unpack(first);
        int h = 0;
        for (; h + kHeads <= heads; h += kHeads)
            logits_of_heads<kHeads>(q + h * dim, block, entries, dim, work.scale, logits + h * stride + first, stride);
        for (; h < heads; ++h)
            logits_of_heads<1>(q + h * dim, block, entries, dim, work.scale, logits + h * stride + first, stride);
    }
    for (int h = 0; h < heads; ++h) {
        total[h] = soften(logits + h * stride, work.count, work.sink[work.head_begin + h], work.round);
        for (int i = 0; i < dim; i += kLanes) Vec::store(out + h * dim + i, Vec::zero());
    }
    for (int first = 0; first < work.count; first += kEntries) {
        const int entries = unpack(first);
        int h = 0;
        for (; h + kHeads <= heads; h += kHeads)
            add_entries<kHeads>(logits + h * stride + first, stride, block, entries, dim, out + h * dim);
        for (; h < heads; ++h) add_entries<1>(logits + h * stride + first, stride, block, entries, dim, out + h * dim);
    }
    for (int h = 0; h < heads; ++h)
        for (int i = 0; i < dim; i += kLanes) {
            float* p = out + h * dim + i;
            Vec::store(p, rounded(Vec::div(Vec::load(p), Vec::set(total[h])), work.round));
        }
}
