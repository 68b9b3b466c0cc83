// Scores of one query against index keys (spec 4.4, 17), bit for bit those of scalar/index_scores.cc. Included after a
// struct Dots, which multiplies int8.
//
// Lanes are keys. A tile of keys is transposed once and used by all heads: dword d of the codes of every key becomes
// one vector, of which the low nibbles and the high nibbles give two vectors of four int8 (E2M1 doubled, plus 12 to be
// unsigned). The query's nibbles are laid out the same way, so every key lane multiplies the columns it should; the dot
// of a group is an exact integer and its order does not matter. The 12 is taken back by a constant per head and group.
// What follows is float arithmetic in the order of the specification.
//
// That arithmetic is as long as the products unless little is left of it. A head is *level* if the scales of its groups lie so near
// together that its codes can be told in units of the smallest one and still are int8, and if neither they nor its weight are extreme;
// a tile of keys is level if its scales are not extreme. Between the two a dot times a scale is exact, so that it may be fused with
// the addition; the query's scale, a power of two, waits until the weight is applied; nothing is NaN, infinite or subnormal. Same bits.

namespace {

constexpr int kTilesAhead = 3;  // that keys are fetched before they are needed
constexpr int kQuads = 8;       // vectors of a group of 32 columns
constexpr int kFewHeads = 4;
// Products of this many heads and tiles stand in registers at once: a load of a query's codes serves the tiles, one of keys the heads.
// AVX2 has half the registers.
constexpr int kTilesTogether = kLanes == 16 ? 2 : 1;
constexpr int kHeadsOfTile = kLanes == 16 ? 4 : 8;
constexpr std::uint8_t kLeastLevel = 80, kMostLevel = 174;  // scale codes
constexpr float kLeastLevelWeight = 0x1p-20f, kMostLevelWeight = 0x1p14f;

constexpr std::int8_t kDoubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// A query: [heads, groups, kQuads] packed int8 and [heads, groups] corrections. `factors`: of a level query, [heads], weights times
// scales; of a general one [heads, groups], quarter scales.
struct Query {
    std::int32_t* quads;
    std::int32_t* corrections;
    float* factors;
};

// Group g of head h, its codes times 2^shift.
void prepare_group(const std::uint8_t* codes, int shift, const Query& query, std::int64_t group) {
    int sum = 0;
    for (int d = 0; d < 4; ++d) {
        std::int8_t low[4], high[4];
        for (int i = 0; i < 4; ++i) {
            const std::uint8_t byte = codes[4 * d + i];
            low[i] = static_cast<std::int8_t>(kDoubled[byte & 15] * (1 << shift));
            high[i] = static_cast<std::int8_t>(kDoubled[byte >> 4] * (1 << shift));
            sum += low[i] + high[i];
        }
        std::int32_t* out = query.quads + group * kQuads + 2 * d;
        __builtin_memcpy(out, low, 4);
        __builtin_memcpy(out + 1, high, 4);
    }
    query.corrections[group] = -12 * sum;
}

// Prepares a head as a level one; false if it is none.
bool prepare_level(const std::uint8_t* codes, int groups, float weight, const Query& query, std::int64_t h) {
    const std::uint8_t* scales = codes + 16 * groups;
    std::uint8_t least = 255, most = 0;
    for (int g = 0; g < groups; ++g) {
        least = smaller(least, scales[g]);
        most = scales[g] < most ? most : scales[g];
    }
    const float size = weight < 0 ? -weight : weight;
    if (least < kLeastLevel || most > kMostLevel || most - least > Dots::kMostShift) return false;
    if (!(size == 0 || (size >= kLeastLevelWeight && size <= kMostLevelWeight))) return false;
    for (int g = 0; g < groups; ++g) prepare_group(codes + 16 * g, scales[g] - least, query, h * groups + g);
    query.factors[h] = 0.25f * ue8m0(least) * weight;
    return true;
}

void prepare_general(const std::uint8_t* codes, int groups, const Query& query, std::int64_t h) {
    for (int g = 0; g < groups; ++g) {
        prepare_group(codes + 16 * g, 0, query, h * groups + g);
        query.factors[h * groups + g] = 0.25f * ue8m0(codes[16 * groups + g]);
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

// The scales of a tile of keys: [groups] vectors. Whether it is level.
bool key_scales(const std::uint8_t* keys, std::int64_t bytes, int groups, float* scales) {
    if (groups == 4) {  // a dword of scales a key
        const I codes = Vec::load_apart(keys + 64, bytes), byte = Vec::set_int(255);
        Vec::store(scales, scales_of(Vec::land(codes, byte)));
        Vec::store(scales + kLanes, scales_of(Vec::land(Vec::right<8>(codes), byte)));
        Vec::store(scales + 2 * kLanes, scales_of(Vec::land(Vec::right<16>(codes), byte)));
        Vec::store(scales + 3 * kLanes, scales_of(Vec::right<24>(codes)));
        return Vec::bytes_within(codes, kLeastLevel, kMostLevel);
    }
    bool level = true;
    for (int g = 0; g < groups; ++g)
        for (int i = 0; i < kLanes; ++i) {
            const std::uint8_t code = keys[i * bytes + 16 * groups + g];
            scales[g * kLanes + i] = ue8m0(code);
            level = level && code >= kLeastLevel && code <= kMostLevel;
        }
    return level;
}

// to_bf16 of numbers that are normal or zero and far from infinity: added to 1.5 times 2^16 times their power of two, they lose what bf16 does
// not keep, to nearest even.
inline F level_bf16(F x) {
    const I power = Vec::land(Vec::bits(x), Vec::set_int(0x7f800000));
    const F anchor = Vec::number(Vec::addi(power, Vec::set_int((16 << 23) + (1 << 22))));
    return Vec::sub(Vec::add(x, anchor), anchor);
}

// Adds the dots of group g of heads [h, h + H) with T tiles of keys to `dots`; quads and scales of a tile follow those of the one before.
template <int H, int T, bool level>
inline __attribute__((always_inline)) void add_group(const Query& query, int h, int g, int groups, const I* quads, const float* scales, F (&dots)[H][T]) {
    I acc[H][T];
    for (int i = 0; i < H; ++i)
        for (int t = 0; t < T; ++t) acc[i][t] = Dots::start(query.corrections[(h + i) * groups + g]);
    for (int k = 0; k < kQuads; ++k)
        for (int i = 0; i < H; ++i) {
            const I of_query = Vec::set_int(query.quads[((h + i) * groups + g) * kQuads + k]);
            for (int t = 0; t < T; ++t) acc[i][t] = Dots::add(acc[i][t], quads[(t * groups + g) * kQuads + k], of_query);
        }
    for (int i = 0; i < H; ++i)
        for (int t = 0; t < T; ++t) {
            const F number = Vec::to_float(Dots::total(acc[i][t], query.corrections[(h + i) * groups + g]));
            const F of_keys = Vec::load(scales + (t * groups + g) * kLanes);
            F& dot = dots[i][t];
            if constexpr (level) {
                dot = g == 0 ? Vec::mul(number, of_keys) : Vec::fma(number, of_keys, dot);
            } else {
                const F part = Vec::mul(number, Vec::mul(Vec::set(query.factors[(h + i) * groups + g]), of_keys));
                dot = g == 0 ? part : Vec::add(dot, part);
            }
        }
}

// Adds the terms of heads [h, h + H) to the sums of T tiles, in order.
template <int H, int T, bool level>
inline __attribute__((always_inline)) void add_terms(const Query& query, const F (&dots)[H][T], const float* weights, int h, F* sums) {
    for (int i = 0; i < H; ++i)
        for (int t = 0; t < T; ++t) {
            if constexpr (level) {
                const F positive = Vec::max(level_bf16(dots[i][t]), Vec::zero());
                sums[t] = Vec::add(sums[t], level_bf16(Vec::mul(positive, Vec::set(query.factors[h + i]))));
            } else {
                const F positive = Vec::max(to_bf16(dots[i][t]), Vec::zero());  // 0 for NaN
                sums[t] = Vec::add(sums[t], to_bf16(Vec::mul(positive, Vec::set(weights[h + i]))));
            }
        }
}

template <int H, int T, bool level>
void add_heads(const Query& query, int h, int groups, const I* quads, const float* scales, const float* weights, F* sums) {
    F dots[H][T] = {};
    for (int g = 0; g < groups; ++g) add_group<H, T, level>(query, h, g, groups, quads, scales, dots);
    add_terms<H, T, level>(query, dots, weights, h, sums);
}

// All H heads of a model of few: a group is transposed and used up before the next, and never leaves the registers.
template <int H, bool level>
F score_few(const Query& query, const std::uint8_t* keys, std::int64_t bytes, int groups, const float* scales, const float* weights) {
    F dots[H][1] = {}, sum = Vec::zero();
    for (int g = 0; g < groups; ++g) {
        I quads[kQuads];
        transpose_group(keys + 16 * g, bytes, quads);
        add_group<H, 1, level>(query, 0, g, groups, quads - g * kQuads, scales, dots);
    }
    add_terms<H, 1, level>(query, dots, weights, 0, &sum);
    return sum;
}

template <bool level>
F score_few_heads(int heads, const Query& query, const std::uint8_t* keys, std::int64_t bytes, int groups, const float* scales, const float* weights) {
    switch (heads) {
        case 1: return score_few<1, level>(query, keys, bytes, groups, scales, weights);
        case 2: return score_few<2, level>(query, keys, bytes, groups, scales, weights);
        case 3: return score_few<3, level>(query, keys, bytes, groups, scales, weights);
        default: return score_few<4, level>(query, keys, bytes, groups, scales, weights);
    }
}

// One call: its query in both forms, the general one when something asks for it, and room for tiles of keys.
class Scoring {
  public:
    Scoring(const IndexScore& work, Scratch& scratch)
        : work_(work), groups_(work.layout.head_dim / 32), bytes_(17 * groups_), of_groups_(std::int64_t{work.heads} * groups_) {
        const std::int64_t tiles = kTilesTogether * std::int64_t{groups_} * kLanes, query = of_groups_ * (kQuads + 2);
        const std::int64_t tail = kLanes * bytes_ / 4, levels = (std::int64_t{work.heads} + 3) / 4;
        const std::int64_t dwords = tiles * (kQuads + 1) + 2 * query + tail + levels;
        auto* memory = static_cast<std::int32_t*>(reserve(scratch, static_cast<std::size_t>(dwords) * 4));
        quads_ = reinterpret_cast<I*>(memory);
        scales_ = reinterpret_cast<float*>(memory + tiles * kQuads);
        memory += tiles * (kQuads + 1);
        for (Query* form : {&level_, &general_}) {
            *form = {memory, memory + of_groups_ * kQuads, reinterpret_cast<float*>(memory + of_groups_ * (kQuads + 1))};
            memory += query;
        }
        last_keys_ = reinterpret_cast<std::uint8_t*>(memory);
        heads_level_ = reinterpret_cast<bool*>(memory + tail);
        bool all = true;
        for (int h = 0; h < work.heads; ++h) {
            heads_level_[h] = prepare_level(head(h), groups_, work.weights[h], level_, h);
            all = all && heads_level_[h];
        }
        if (work.heads <= kFewHeads) heads_level_[0] = all;  // they are taken together
    }

    void run() {
        const int together = work_.heads <= kFewHeads ? 1 : kTilesTogether;  // few heads keep nothing that tiles could share
        for (std::int64_t c = 0, tiles; c < work_.count; c += tiles * kLanes) {
            const std::uint8_t* keys = work_.keys + c * bytes_;
            tiles = work_.count - c >= together * kLanes ? together : 1;
            for (std::int64_t line = 0; line < tiles * kLanes * bytes_; line += 64)
                __builtin_prefetch(keys + kTilesAhead * kLanes * bytes_ + line);
            if (work_.count - c < kLanes) {  // never read past the keys
                __builtin_memset(last_keys_, 0, static_cast<std::size_t>(kLanes * bytes_));
                __builtin_memcpy(last_keys_, keys, static_cast<std::size_t>((work_.count - c) * bytes_));
                keys = last_keys_;
            }
            F sums[kTilesTogether];
            if (tiles == kTilesTogether)
                score_tiles<kTilesTogether>(keys, sums);
            else
                score_tiles<1>(keys, sums);
            for (std::int64_t t = 0; t < tiles; ++t) put(work_.out + c + t * kLanes, work_.count - c - t * kLanes, to_bf16(sums[t]));
        }
    }

  private:
    const std::uint8_t* head(std::int64_t h) const { return static_cast<const std::uint8_t*>(work_.q) + h * bytes_; }

    const Query& general() {
        for (; prepared_ < work_.heads; ++prepared_) prepare_general(head(prepared_), groups_, general_, prepared_);
        return general_;
    }

    template <int T>
    void score_tiles(const std::uint8_t* keys, F* sums) {
        bool level = true;
        for (int t = 0; t < T; ++t) {
            level = key_scales(keys + t * kLanes * bytes_, bytes_, groups_, scales_ + t * groups_ * kLanes) && level;
            sums[t] = Vec::zero();
        }
        if (work_.heads <= kFewHeads) {
            for (int t = 0; t < T; ++t) {
                const std::uint8_t* tile = keys + t * kLanes * bytes_;
                const float* scales = scales_ + t * groups_ * kLanes;
                sums[t] = level && heads_level_[0] ? score_few_heads<true>(work_.heads, level_, tile, bytes_, groups_, scales, work_.weights)
                                                   : score_few_heads<false>(work_.heads, general(), tile, bytes_, groups_, scales, work_.weights);
            }
            return;
        }
        for (int t = 0; t < T; ++t)
            for (int g = 0; g < groups_; ++g) transpose_group(keys + t * kLanes * bytes_ + 16 * g, bytes_, quads_ + (t * groups_ + g) * kQuads);
        int h = 0;
        for (; h + kHeadsOfTile <= work_.heads; h += kHeadsOfTile) score_heads<kHeadsOfTile, T>(h, level, sums);
        for (; h < work_.heads; ++h) score_heads<1, T>(h, level, sums);
    }

    template <int H, int T>
    void score_heads(int h, bool level, F* sums) {
        for (int i = 0; i < H; ++i) level = level && heads_level_[h + i];
        if (level)
            add_heads<H, T, true>(level_, h, groups_, quads_, scales_, work_.weights, sums);
        else
            add_heads<H, T, false>(general(), h, groups_, quads_, scales_, work_.weights, sums);
    }

    const IndexScore& work_;
    const int groups_;
    const std::int64_t bytes_, of_groups_;  // of a key; heads times groups
    Query level_, general_;
    bool* heads_level_;
    int prepared_ = 0;  // heads of the general form
    I* quads_;
    float* scales_;
    std::uint8_t* last_keys_;
};

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
    if (work.layout.packed) return Scoring(work, scratch).run();
    const std::int64_t bytes = 4 * std::int64_t{work.layout.head_dim};
    std::int64_t c = 0;
    for (; c + 4 <= work.count; c += 4) _mm_storeu_ps(work.out + c, score_plain<4>(work, work.keys + c * bytes));
    for (; c < work.count; ++c) work.out[c] = _mm_cvtss_f32(score_plain<1>(work, work.keys + c * bytes));
}
