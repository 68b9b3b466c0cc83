// The eight-lane vector of the AVX2 set (AVX2, FMA, F16C); the twin of vec16.inl, which explains the names.

namespace {

struct Vec {
    static constexpr int kLanes = 8;
    static constexpr int kTileRows = 4, kTileInputs = 3;  // accumulators of a product tile: 12 of 16 registers
    static constexpr int kDirectInputs = 1;
    static constexpr bool kDealsFp4 = false;
    static constexpr std::int64_t kPanelBytes = 192 << 10;
    using F = __m256;
    using I = __m256i;
    using Mask = __m256;

    static F load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
    static I first(int n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    }
    static F load_first(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }  // n < 8, rest 0
    static void store_first(float* p, int n, F v) { _mm256_maskstore_ps(p, first(n), v); }
    static F load_twice(const float* p) {
        const __m128 four = _mm_loadu_ps(p);
        return _mm256_set_m128(_mm_unpackhi_ps(four, four), _mm_unpacklo_ps(four, four));
    }
    static F zero() { return _mm256_setzero_ps(); }
    static F set(float x) { return _mm256_set1_ps(x); }

    static F add(F a, F b) { return _mm256_add_ps(a, b); }
    static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
    static F div(F a, F b) { return _mm256_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
    static F min(F a, F b) { return _mm256_min_ps(a, b); }  // b where either is NaN
    static F max(F a, F b) { return _mm256_max_ps(a, b); }  // b where either is NaN
    static F nearest(F a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

    static I set_int(int x) { return _mm256_set1_epi32(x); }
    static I bits(F a) { return _mm256_castps_si256(a); }
    static F number(I a) { return _mm256_castsi256_ps(a); }
    static I land(I a, I b) { return _mm256_and_si256(a, b); }
    static I lor(I a, I b) { return _mm256_or_si256(a, b); }
    static I lxor(I a, I b) { return _mm256_xor_si256(a, b); }
    static I addi(I a, I b) { return _mm256_add_epi32(a, b); }
    static I subi(I a, I b) { return _mm256_sub_epi32(a, b); }
    static I maxi(I a, I b) { return _mm256_max_epi32(a, b); }
    template <int n>
    static I left(I a) {
        return _mm256_slli_epi32(a, n);
    }
    template <int n>
    static I right(I a) {
        return _mm256_srli_epi32(a, n);
    }
    static I to_int(F a) { return _mm256_cvtps_epi32(a); }
    static F to_float(I a) { return _mm256_cvtepi32_ps(a); }

    static Mask mask_first(int n) { return number(first(n)); }
    static Mask less(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
    static unsigned lanes(Mask m) { return static_cast<unsigned>(_mm256_movemask_ps(m)); }
    static Mask is_nan(F a) { return _mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
    static Mask equal(I a, I b) { return number(_mm256_cmpeq_epi32(a, b)); }
    static F select(Mask m, F yes, F no) { return _mm256_blendv_ps(no, yes, m); }
    static I select(Mask m, I yes, I no) { return bits(_mm256_blendv_ps(number(no), number(yes), m)); }

    // x * 2^n for integral n in [-252, 254], in two halves, since 2^n alone may leave the range.
    static F scale(F x, F n) {
        const I whole = to_int(n), half = _mm256_srai_epi32(whole, 1);
        const F a = number(left<23>(addi(half, set_int(127)))),
                b = number(left<23>(addi(subi(whole, half), set_int(127))));
        return mul(mul(x, a), b);
    }

    static F swap(F a, int distance) {
        switch (distance) {
            case 1:
                return _mm256_permute_ps(a, 0xb1);
            case 2:
                return _mm256_permute_ps(a, 0x4e);
            default:
                return _mm256_permute2f128_ps(a, a, 1);
        }
    }
    static I upper_signs(int distance) {
        const I bit = set_int(distance);
        const I chosen = _mm256_cmpeq_epi32(land(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), bit), bit);
        return land(chosen, set_int(INT32_MIN));
    }

    static __m128 fold(F a) { return _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1)); }
    static float max_of(F a) {
        const __m128 four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
    }

    // ---- int8 products and the layout of index keys
    static I add_words(I a, I b) { return _mm256_add_epi16(a, b); }
    static I dot_pairs(I a, I b) { return _mm256_maddubs_epi16(a, b); }
    static I add_halves(I a) { return _mm256_madd_epi16(a, _mm256_set1_epi16(1)); }
    static I load_quarters(const std::uint8_t* p, std::int64_t stride) {  // here halves: two times 16 bytes
        return _mm256_set_m128i(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride)),
                                _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static I load_apart(const std::uint8_t* p, std::int64_t stride) {
        const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        return _mm256_i32gather_epi32(reinterpret_cast<const int*>(p), _mm256_mullo_epi32(lane, set_int(static_cast<int>(stride))), 1);
    }
    static bool bytes_within(I a, std::uint8_t least, std::uint8_t most) {  // all of them, unsigned
        const __m256i low = _mm256_set1_epi8(static_cast<char>(least)), high = _mm256_set1_epi8(static_cast<char>(most));
        return _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_max_epu8(_mm256_min_epu8(a, high), low), a)) == -1;
    }
    static I interleave_low(I a, I b) { return _mm256_unpacklo_epi32(a, b); }
    static I interleave_high(I a, I b) { return _mm256_unpackhi_epi32(a, b); }
    static I interleave_low_pairs(I a, I b) { return _mm256_unpacklo_epi64(a, b); }
    static I interleave_high_pairs(I a, I b) { return _mm256_unpackhi_epi64(a, b); }
    static I raised_e2m1(I codes) {
        const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), codes);
    }

    // ---- narrow numbers in memory
    static I load_bytes(const std::uint8_t* p) {  // 8 bytes, zero-extended
        return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    }
    static void store_bytes(std::uint8_t* p, I a) {
        const I low = _mm256_shuffle_epi8(a, _mm256_set1_epi32(0x0c080400));  // per half: its four low bytes, repeated
        const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), both);
    }
    static F load_bf16(const std::uint16_t* p) {
        const __m128i words = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
        return number(left<16>(_mm256_cvtepu16_epi32(words)));
    }
    static void store_high_words(std::uint16_t* p, F a) {
        const I high = right<16>(bits(a));
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words);
    }
    // A code in the high byte of a word, shifted right once with its sign kept, is the FP16 number of 2^-8 its value.
    static void load_e4m3_32(const std::uint8_t* p, F* out) {
        const I codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), zero = _mm256_setzero_si256();
        const I keep = _mm256_set1_epi16(static_cast<short>(0xbfff)), magnitude = _mm256_set1_epi8(0x7f);
        I low = _mm256_and_si256(_mm256_srai_epi16(_mm256_unpacklo_epi8(zero, codes), 1), keep);
        I high = _mm256_and_si256(_mm256_srai_epi16(_mm256_unpackhi_epi8(zero, codes), 1), keep);
        const I nan = _mm256_cmpeq_epi8(_mm256_and_si256(codes, magnitude), magnitude);
        if (__builtin_expect(_mm256_testz_si256(nan, nan) == 0, 0)) {
            const I quiet = _mm256_set1_epi16(0x7e00);
            low = _mm256_or_si256(low, _mm256_and_si256(_mm256_unpacklo_epi8(zero, nan), quiet));
            high = _mm256_or_si256(high, _mm256_and_si256(_mm256_unpackhi_epi8(zero, nan), quiet));
        }
        out[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(low));
        out[1] = _mm256_cvtph_ps(_mm256_castsi256_si128(high));
        out[2] = _mm256_cvtph_ps(_mm256_extracti128_si256(low, 1));
        out[3] = _mm256_cvtph_ps(_mm256_extracti128_si256(high, 1));
    }
    // Where NaN codes cost nothing, nobody has to look for them (vec16.inl).
    static void load_finite_e4m3_32(const std::uint8_t* p, F* out) { load_e4m3_32(p, out); }
    static I most_e4m3(I most, const std::uint8_t*, std::int64_t) { return most; }
    static bool has_nan_e4m3(I) { return false; }
    // 32 columns of E2M1 codes in 16 bytes. Eight codes at a time are shifted to the low ends of eight words, whose three lowest bits
    // look up magnitude times scale. The word's bit 3 is the sign; moved to its place it brings the three bits along, and the table
    // holds what undoes them.
    static void load_e2m1_32(const std::uint8_t* p, F scale, F* out) {
        const I lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), places = left<2>(lane);
        const F magnitudes = _mm256_setr_ps(0, 0.5f, 1, 1.5f, 2, 3, 4, 6);
        const F table = number(lxor(bits(mul(magnitudes, scale)), left<28>(lane)));
        for (int v = 0; v < 4; ++v) {
            int eight;
            __builtin_memcpy(&eight, p + 4 * v, sizeof eight);
            const I codes = _mm256_srlv_epi32(set_int(eight), places);
            out[v] = number(lxor(bits(_mm256_permutevar8x32_ps(table, codes)), left<28>(codes)));
        }
    }
    // The order in which columns come is their own.
    static void load_dealt_e2m1_32(const std::uint8_t* p, F scale, F* out) { load_e2m1_32(p, scale, out); }
    static void load_dealt_32(const float* in, F* out) {
        for (int v = 0; v < 4; ++v) out[v] = load(in + 8 * v);
    }
};

}  // namespace
