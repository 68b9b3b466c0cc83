// Attention with vdpbf16ps (spec 4.4, 19-21) for packed entries and bf16 queries; everything else is left to avx512.
//
// An entry's numbers are bf16 numbers, and so are q and, once rounded, p. Order: a logit is summed as an output of a
// product is (products.cc). A channel of the output takes its entries in list order in one accumulator: the instruction
// adds the product of the upper halves first, so entry e stands there and entry e + 1 in the lower halves. Z is summed
// as in avx512. Entries with scales outside the normal range of bf16 (no model writes them) send the call to avx512.
#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels::avx512bf16 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/soften.inl"

#include "kernels/avx512bf16/decode.inl"

namespace {

constexpr int kEntries = 64;  // of a block; even
constexpr int kHeads = 4, kEntriesOfTile = 4, kChannels = 4;

// The numbers of one entry as bf16. False where a scale does not fit.
bool decode_entry(const std::uint8_t* entry, int nope, int rope, const Fp8Table& base, std::uint16_t* out) {
    const std::uint8_t* scales = entry + nope + 2 * rope;
    for (int g = 0; g < nope / 64; ++g) {
        if (!scale_fits(scales[g])) return false;
        const Fp8Table table = Fp8Table::scaled(base, scales[g]);
        _mm512_storeu_si512(out + 64 * g, table.decode(entry + 64 * g));
        _mm512_storeu_si512(out + 64 * g + 32, table.decode(entry + 64 * g + 32));
    }
    __builtin_memcpy(out + nope, entry + nope, static_cast<std::size_t>(2 * rope));
    return true;
}

template <int H, int E>
void logits_tile(const std::uint16_t* q, const std::uint16_t* block, int dim, float scale, float* logits,
                 std::int64_t stride) {
    F acc[H][E];
    for (int h = 0; h < H; ++h)
        for (int e = 0; e < E; ++e) acc[h][e] = Vec::zero();
    for (int i = 0; i < dim; i += 32) {
        __m512i keys[E];
        for (int e = 0; e < E; ++e) keys[e] = _mm512_loadu_si512(block + e * dim + i);
        for (int h = 0; h < H; ++h) {
            const __m512i query = _mm512_loadu_si512(q + h * dim + i);
            for (int e = 0; e < E; ++e) acc[h][e] = _mm512_dpbf16_ps(acc[h][e], pairs(query), pairs(keys[e]));
        }
    }
    for (int h = 0; h < H; ++h) {
        if constexpr (E == 4)
            _mm_storeu_ps(logits + h * stride,
                          _mm_mul_ps(sums_of(acc[h][0], acc[h][1], acc[h][2], acc[h][3]), _mm_set1_ps(scale)));
        else
            for (int e = 0; e < E; ++e) logits[h * stride + e] = sum_of(acc[h][e]) * scale;
    }
}

template <int H>
void logits_of_heads(const std::uint16_t* q, const std::uint16_t* block, int entries, int dim, float scale,
                     float* logits, std::int64_t stride) {
    int e = 0;
    for (; e + kEntriesOfTile <= entries; e += kEntriesOfTile)
        logits_tile<H, kEntriesOfTile>(q, block + e * dim, dim, scale, logits + e, stride);
    for (; e < entries; ++e) logits_tile<H, 1>(q, block + e * dim, dim, scale, logits + e, stride);
}

// p of entries 2j and 2j + 1 as one dword, the first in the upper half; in place, since the dwords trail the numbers
// read.
void pair_factors(float* factors, std::int64_t stride) {
    auto* out = reinterpret_cast<std::uint32_t*>(factors);
    for (std::int64_t e = 0; e < stride; e += 16) {
        const __m256i words = _mm512_cvtepi32_epi16(Vec::right<16>(Vec::bits(Vec::load(factors + e))));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + e / 2), _mm256_rol_epi32(words, 16));
    }
}

// Rows 2j and 2j + 1 of the block woven channel by channel, the first in the upper halves: [entries / 2, dim] dwords.
void weave(const std::uint16_t* block, int entries, int dim, std::uint32_t* woven) {
    alignas(64) std::uint16_t low[32], high[32];
    for (int i = 0; i < 16; ++i) {
        low[2 * i] = static_cast<std::uint16_t>(32 + i), low[2 * i + 1] = static_cast<std::uint16_t>(i);
        high[2 * i] = static_cast<std::uint16_t>(48 + i), high[2 * i + 1] = static_cast<std::uint16_t>(16 + i);
    }
    const __m512i first = _mm512_load_si512(low), second = _mm512_load_si512(high);
    for (int e = 0; e < entries; e += 2)
        for (int i = 0; i < dim; i += 32) {
            const __m512i a = _mm512_loadu_si512(block + e * dim + i),
                          b = _mm512_loadu_si512(block + (e + 1) * dim + i);
            _mm512_storeu_si512(woven + e / 2 * dim + i, _mm512_permutex2var_epi16(a, first, b));
            _mm512_storeu_si512(woven + e / 2 * dim + i + 16, _mm512_permutex2var_epi16(a, second, b));
        }
}

template <int H, int C>
void add_tile(const std::uint32_t* factors, std::int64_t stride, const std::uint32_t* woven, int couples, int dim,
              float* out) {
    F acc[H][C];
    for (int h = 0; h < H; ++h)
        for (int c = 0; c < C; ++c) acc[h][c] = Vec::load(out + h * dim + c * kLanes);
    for (int e = 0; e < couples; ++e) {
        __m512i values[C];
        for (int c = 0; c < C; ++c) values[c] = _mm512_loadu_si512(woven + e * dim + c * kLanes);
        for (int h = 0; h < H; ++h) {
            const __m512i factor = _mm512_set1_epi32(static_cast<int>(factors[h * stride + e]));
            for (int c = 0; c < C; ++c) acc[h][c] = _mm512_dpbf16_ps(acc[h][c], pairs(factor), pairs(values[c]));
        }
    }
    for (int h = 0; h < H; ++h)
        for (int c = 0; c < C; ++c) Vec::store(out + h * dim + c * kLanes, acc[h][c]);
}

template <int H>
void add_entries(const std::uint32_t* factors, std::int64_t stride, const std::uint32_t* woven, int couples, int dim,
                 float* out) {
    int i = 0;
    for (; i + kChannels * kLanes <= dim; i += kChannels * kLanes)
        add_tile<H, kChannels>(factors, stride, woven + i, couples, dim, out + i);
    for (; i < dim; i += kLanes) add_tile<H, 1>(factors, stride, woven + i, couples, dim, out + i);
}

// One call, with the memory it works in.
struct Job {
    const Attend& work;
    int dim, heads;
    std::int64_t stride;  // numbers from one head's logits to the next, a multiple of 16
    const float* q;       // of the first head computed, as `out`
    float* out;
    float* logits;         // [heads, stride]; later pairs of factors
    float* total;          // [heads]
    std::uint16_t* query;  // [heads, dim]
    std::uint16_t* block;  // [kEntries, dim]
    std::uint32_t* woven;  // [kEntries / 2, dim]
    Fp8Table base = Fp8Table::base();

    // Entries [first, first + kEntries) or as many as there are, and a row of zeros after an odd last one.
    int decode(int first) const {
        const int entries = smaller(kEntries, work.count - first), rope = work.layout.rope_dim;
        for (int e = 0; e < entries; ++e)
            if (!decode_entry(work.entries[first + e], dim - rope, rope, base, block + e * dim)) return -1;
        if (entries % 2) __builtin_memset(block + entries * dim, 0, static_cast<std::size_t>(2 * dim));
        return entries;
    }

    bool find_logits() const {
        for (int i = 0; i < heads * dim; i += kLanes) Vec::store_high_words(query + i, Vec::load(q + i));
        for (int first = 0; first < work.count; first += kEntries) {
            const int entries = decode(first);
            if (entries < 0) return false;
            int h = 0;
            for (; h + kHeads <= heads; h += kHeads)
                logits_of_heads<kHeads>(query + h * dim, block, entries, dim, work.scale, logits + h * stride + first,
                                        stride);
            for (; h < heads; ++h)
                logits_of_heads<1>(query + h * dim, block, entries, dim, work.scale, logits + h * stride + first,
                                   stride);
        }
        return true;
    }

    void find_factors() const {
        for (int h = 0; h < heads; ++h) {
            total[h] = soften(logits + h * stride, work.count, work.sink[work.head_begin + h], true);
            pair_factors(logits + h * stride, stride);
        }
    }

    void add_values() const {
        for (int i = 0; i < heads * dim; i += kLanes) Vec::store(out + i, Vec::zero());
        for (int first = 0; first < work.count; first += kEntries) {
            const int couples = (decode(first) + 1) / 2;
            weave(block, 2 * couples, dim, woven);
            const auto* factors = reinterpret_cast<const std::uint32_t*>(logits) + first / 2;
            int h = 0;
            for (; h + kHeads <= heads; h += kHeads)
                add_entries<kHeads>(factors + h * stride, stride, woven, couples, dim, out + h * dim);
            for (; h < heads; ++h) add_entries<1>(factors + h * stride, stride, woven, couples, dim, out + h * dim);
        }
        for (int h = 0; h < heads; ++h)
            for (int i = 0; i < dim; i += kLanes)
                Vec::store(out + h * dim + i, to_bf16(Vec::div(Vec::load(out + h * dim + i), Vec::set(total[h]))));
    }
};

}  // namespace

void attend(const Attend& work, Scratch& scratch) {
    const int dim = work.layout.head_dim, heads = work.head_end - work.head_begin;
    if (heads <= 0) return;
    if (!work.layout.packed || !work.round || dim % 32 != 0) return avx512::attend(work, scratch);
    const std::int64_t stride = (work.count + 15) / 16 * 16;
    const std::int64_t block = std::int64_t{kEntries} * dim / 2;  // dwords, woven or not
    const std::int64_t dwords = heads * stride + 2 * block + std::int64_t{heads} * dim / 2 + heads;
    auto* memory = static_cast<float*>(reserve(scratch, static_cast<std::size_t>(dwords) * 4));
    float* after_logits = memory + heads * stride;
    const Job job{.work = work,
                  .dim = dim,
                  .heads = heads,
                  .stride = stride,
                  .q = work.q + static_cast<std::int64_t>(work.head_begin) * dim,
                  .out = work.out + static_cast<std::int64_t>(work.head_begin) * dim,
                  .logits = memory,
                  .total = memory + dwords - heads,
                  .query = reinterpret_cast<std::uint16_t*>(after_logits + 2 * block),
                  .block = reinterpret_cast<std::uint16_t*>(after_logits),
                  .woven = reinterpret_cast<std::uint32_t*>(after_logits + block)};
    if (!job.find_logits()) return avx512::attend(work, scratch);
    job.find_factors();
    job.add_values();
}

}  // namespace baleen::kernels::avx512bf16
