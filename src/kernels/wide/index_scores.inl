// Scores of one query against index keys (spec 4.4, 17), bit for bit those of scalar/index_scores.cc. Included after a
// struct Dots, which multiplies int8.
//
// Lanes are keys. A tile of keys is transposed once and used by all heads: dword d of the codes of every key becomes
// one vector, of which the low nibbles and the high nibbles give two vectors of four int8 (E2M1 doubled, plus 12 to be
// unsigned). The query's nibbles are laid out the same way, so every key lane multiplies the columns it should; the dot
// of a group is an exact integer and its order does not matter. The 12 is taken back by a constant per head and group.
// What follows is float arithmetic in the order of the specification.

namespace {

constexpr int kHeadsOfTile = 4;
constexpr int kTilesAhead = 3;  // that keys are fetched before they are needed
constexpr int kQuads = 8;  // vectors of a group of 32 columns

// The query once per call: [heads, dim / 4] packed int8, [heads, groups] corrections and quarter scales.
struct Query {
    std::int32_t* quads;
    std::int32_t* corrections;
    float* scales;
};

constexpr std::int8_t kDoubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void prepare_head(const std::uint8_t* codes, int groups, const Query& query, int h) {
    for (int g = 0; g < groups; ++g) {
        int sum = 0;
        for (int d = 0; d < 4; ++d) {
            std::int8_t low[4], high[4];
            for (int i = 0; i < 4; ++i) {
                const std::uint8_t byte = codes[16 * g + 4 * d + i];
                low[i] = kDoubled[byte & 15];
                high[i] = kDoubled[byte >> 4];
                sum += low[i] + high[i];
            }
            std::int32_t* out = query.quads + (h * groups + g) * kQuads + 2 * d;
            __builtin_memcpy(out, low, 4);
            __builtin_memcpy(out + 1, high, 4);
        }
        query.corrections[h * groups + g] = -12 * sum;
        query.scales[h * groups + g] = 0.25f * ue8m0(codes[16 * groups + g]);
    }
}

// ue8m0 of the low byte of every lane, the other bytes being zero.
F scales_of(I codes) {
    const I normal = Vec::left<23>(codes);
    const I low = Vec::select(Vec::equal(codes, Vec::set_int(0)), Vec::set_int(0x00400000), normal);
    return Vec::number(Vec::select(Vec::equal(codes, Vec::set_int(255)), Vec::set_int(kQuietNaN), low));
}

// Dword d of 16 bytes of kLanes keys, `bytes` apart, as the vectors 2 d (low nibbles) and 2 d + 1 (high).
inline __attribute__((always_inline)) void transpose_group(const std::uint8_t* p, std::int64_t bytes, I* quads) {
    const I low_mask = Vec::set_int(0x0f0f0f0f);
    const I a = Vec::load_quarters(p, 4 * bytes), b = Vec::load_quarters(p + bytes, 4 * bytes);
    const I c = Vec::load_quarters(p + 2 * bytes, 4 * bytes), d = Vec::load_quarters(p + 3 * bytes, 4 * bytes);
    const I ab0 = Vec::interleave_low(a, b), ab1 = Vec::interleave_high(a, b);
    const I cd0 = Vec::interleave_low(c, d), cd1 = Vec::interleave_high(c, d);
    const I dwords[4] = {Vec::interleave_low_pairs(ab0, cd0), Vec::interleave_high_pairs(ab0, cd0),
                         Vec::interleave_low_pairs(ab1, cd1), Vec::interleave_high_pairs(ab1, cd1)};
    for (int i = 0; i < 4; ++i) {
        quads[2 * i] = Vec::raised_e2m1(Vec::land(dwords[i], low_mask));
        quads[2 * i + 1] = Vec::raised_e2m1(Vec::land(Vec::right<4>(dwords[i]), low_mask));
    }
}

// The scales of a tile of keys: [groups] vectors.
void key_scales(const std::uint8_t* keys, std::int64_t bytes, int groups, float* scales) {
    if (groups == 4) {  // a dword of scales a key
        const I codes = Vec::load_apart(keys + 64, bytes), byte = Vec::set_int(255);
        Vec::store(scales, scales_of(Vec::land(codes, byte)));
        Vec::store(scales + kLanes, scales_of(Vec::land(Vec::right<8>(codes), byte)));
        Vec::store(scales + 2 * kLanes, scales_of(Vec::land(Vec::right<16>(codes), byte)));
        Vec::store(scales + 3 * kLanes, scales_of(Vec::right<24>(codes)));
        return;
    }
    for (int g = 0; g < groups; ++g)
        for (int i = 0; i < kLanes; ++i) scales[g * kLanes + i] = ue8m0(keys[i * bytes + 16 * groups + g]);
}

// Adds the dots of group g of heads [h, h + H) to `dots`.
template <int H>
inline __attribute__((always_inline)) void add_group(const Query& query, int h, int g, int groups, const I* quads, const float* scales, F* dots) {
    I acc[H];
    for (int i = 0; i < H; ++i) acc[i] = Dots::start(query.corrections[(h + i) * groups + g]);
    for (int k = 0; k < kQuads; ++k)
        for (int i = 0; i < H; ++i)
            acc[i] = Dots::add(acc[i], quads[k], Vec::set_int(query.quads[((h + i) * groups + g) * kQuads + k]));
    const F of_keys = Vec::load(scales + g * kLanes);
    for (int i = 0; i < H; ++i) {
        const I whole = Dots::total(acc[i], query.corrections[(h + i) * groups + g]);
        const F part = Vec::mul(Vec::to_float(whole), Vec::mul(Vec::set(query.scales[(h + i) * groups + g]), of_keys));
        dots[i] = g == 0 ? part : Vec::add(dots[i], part);
    }
}

// Adds the terms of heads [h, h + H) to `sum`, in order.
template <int H>
F add_terms(const F* dots, const float* weights, int h, F sum) {
    for (int i = 0; i < H; ++i) {
        const F positive = Vec::max(to_bf16(dots[i]), Vec::zero());  // 0 for NaN
        sum = Vec::add(sum, to_bf16(Vec::mul(positive, Vec::set(weights[h + i]))));
    }
    return sum;
}

// As many heads as a transposed tile, kept in memory, is worth.
template <int H>
F add_heads(const Query& query, int h, int groups, const I* quads, const float* scales, const float* weights, F sum) {
    F dots[H] = {};
    for (int g = 0; g < groups; ++g) add_group<H>(query, h, g, groups, quads + g * kQuads, scales, dots);
    return add_terms<H>(dots, weights, h, sum);
}

// All H heads of a model of few: a group is transposed and used up before the next, and never leaves the registers.
template <int H>
F score_few(const Query& query, const std::uint8_t* keys, std::int64_t bytes, int groups, const float* scales, const float* weights) {
    F dots[H] = {};
    for (int g = 0; g < groups; ++g) {
        I quads[kQuads];
        transpose_group(keys + 16 * g, bytes, quads);
        add_group<H>(query, 0, g, groups, quads, scales, dots);
    }
    return add_terms<H>(dots, weights, 0, Vec::zero());
}

F score_tile(const IndexScore& work, const Query& query, const std::uint8_t* keys, std::int64_t bytes, int groups, I* quads, float* scales) {
    key_scales(keys, bytes, groups, scales);
    switch (work.heads) {
        case 1: return score_few<1>(query, keys, bytes, groups, scales, work.weights);
        case 2: return score_few<2>(query, keys, bytes, groups, scales, work.weights);
        case 3: return score_few<3>(query, keys, bytes, groups, scales, work.weights);
        case 4: return score_few<4>(query, keys, bytes, groups, scales, work.weights);
    }
    for (int g = 0; g < groups; ++g) transpose_group(keys + 16 * g, bytes, quads + g * kQuads);
    F sum = Vec::zero();
    int h = 0;
    for (; h + kHeadsOfTile <= work.heads; h += kHeadsOfTile)
        sum = add_heads<kHeadsOfTile>(query, h, groups, quads, scales, work.weights, sum);
    for (; h < work.heads; ++h) sum = add_heads<1>(query, h, groups, quads, scales, work.weights, sum);
    return sum;
}

void score_packed(const IndexScore& work, Scratch& scratch) {
    const int groups = work.layout.head_dim / 32;
    const std::int64_t bytes = 17 * groups, quads_of_query = std::int64_t{work.heads} * groups * kQuads;
    const std::int64_t tile = std::int64_t{groups} * (kQuads + 1) * kLanes;  // in dwords: quads, then scales
    const std::int64_t tail = (kLanes * bytes + 3) / 4;
    const std::int64_t dwords = tile + quads_of_query + 2 * std::int64_t{work.heads} * groups + tail;
    auto* memory = static_cast<std::int32_t*>(reserve(scratch, static_cast<std::size_t>(dwords) * 4));
    auto* quads = reinterpret_cast<I*>(memory);
    auto* scales = reinterpret_cast<float*>(memory + std::int64_t{groups} * kQuads * kLanes);
    const Query query{memory + tile, memory + tile + quads_of_query,
                      reinterpret_cast<float*>(memory + tile + quads_of_query + std::int64_t{work.heads} * groups)};
    auto* last_keys = reinterpret_cast<std::uint8_t*>(memory + dwords - tail);
    for (int h = 0; h < work.heads; ++h)
        prepare_head(static_cast<const std::uint8_t*>(work.q) + h * bytes, groups, query, h);

    for (std::int64_t c = 0; c < work.count; c += kLanes) {
        const std::uint8_t* keys = work.keys + c * bytes;
        for (std::int64_t line = 0; line < kLanes * bytes; line += 64)
            __builtin_prefetch(keys + kTilesAhead * kLanes * bytes + line);
        if (work.count - c < kLanes) {  // never read past the keys
            __builtin_memset(last_keys, 0, static_cast<std::size_t>(kLanes * bytes));
            __builtin_memcpy(last_keys, keys, static_cast<std::size_t>((work.count - c) * bytes));
            keys = last_keys;
        }
        put(work.out + c, work.count - c, to_bf16(score_tile(work, query, keys, bytes, groups, quads, scales)));
    }
}

// Plain keys: float32, nothing rounded; the dot as an output of a product, lane j taking channels j, j + lanes, ...
template <int C>
__m128 score_plain(const IndexScore& work, const std::uint8_t* keys) {
    const int dim = work.layout.head_dim;
    __m128 sum = _mm_setzero_ps();
    for (int h = 0; h < work.heads; ++h) {
        const float* q = static_cast<const float*>(work.q) + static_cast<std::int64_t>(h) * dim;
        F acc[4] = {Vec::zero(), Vec::zero(), Vec::zero(), Vec::zero()};
        for (int i = 0; i < dim; i += kLanes) {
            const F query = get(q + i, dim - i);
            for (int c = 0; c < C; ++c)
                acc[c] = Vec::fma(query, get(reinterpret_cast<const float*>(keys) + c * dim + i, dim - i), acc[c]);
        }
        const __m128 dots = _mm_max_ps(sums_of(acc[0], acc[1], acc[2], acc[3]), _mm_setzero_ps());
        sum = _mm_add_ps(sum, _mm_mul_ps(dots, _mm_set1_ps(work.weights[h])));
    }
    return sum;
}

}  // namespace

void index_scores(const IndexScore& work, Scratch& scratch) {
    if (work.layout.packed) return score_packed(work, scratch);
    const std::int64_t bytes = 4 * std::int64_t{work.layout.head_dim};
    std::int64_t c = 0;
    for (; c + 4 <= work.count; c += 4) _mm_storeu_ps(work.out + c, score_plain<4>(work, work.keys + c * bytes));
    for (; c < work.count; ++c) work.out[c] = _mm_cvtss_f32(score_plain<1>(work, work.keys + c * bytes));
}
