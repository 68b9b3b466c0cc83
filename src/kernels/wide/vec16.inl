// The sixteen-lane vector of the AVX-512 sets (F, BW, DQ, VL). Included inside the namespace of a set, before the other
// .inl files, which are written in terms of `Vec`. vec8.inl has the same names for AVX2.
//
// Everything here has internal linkage: code compiled with wide instructions must not appear under a name that another
// file could be linked to.

namespace {

struct Vec {
    static constexpr int kLanes = 16;
    static constexpr int kTileRows = 6, kTileInputs = 4;  // accumulators of a product tile: 24 of 32 registers
    static constexpr std::int64_t kPanelBytes = 768 << 10;  // of decoded rows, in L2, which has a megabyte or more where AVX-512 is
    static constexpr int kDirectInputs = 16;  // up to so many inputs, weights are decoded in registers and used at once, four inputs at a time
    static constexpr bool kDealsFp4 = true;  // products take the columns of fp4 in the order of load_dealt_e2m1_32
    using F = __m512;
    using I = __m512i;
    using Mask = __mmask16;

    static F load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
    static Mask first(int n) { return static_cast<Mask>((1u << n) - 1); }
    static F load_first(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }  // n < 16, rest 0
    static void store_first(float* p, int n, F v) { _mm512_mask_storeu_ps(p, first(n), v); }
    static F load_twice(const float* p) {  // 8 numbers, each in two neighbouring lanes
        const __m512i index = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
        return _mm512_permutexvar_ps(index, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
    }
    static F zero() { return _mm512_setzero_ps(); }
    static F set(float x) { return _mm512_set1_ps(x); }

    static F add(F a, F b) { return _mm512_add_ps(a, b); }
    static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
    static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
    static F div(F a, F b) { return _mm512_div_ps(a, b); }
    static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
    static F min(F a, F b) { return _mm512_min_ps(a, b); }  // b where either is NaN
    static F max(F a, F b) { return _mm512_max_ps(a, b); }  // b where either is NaN
    static F nearest(F a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

    static I set_int(int x) { return _mm512_set1_epi32(x); }
    static I bits(F a) { return _mm512_castps_si512(a); }
    static F number(I a) { return _mm512_castsi512_ps(a); }
    static I land(I a, I b) { return _mm512_and_si512(a, b); }
    static I lor(I a, I b) { return _mm512_or_si512(a, b); }
    static I lxor(I a, I b) { return _mm512_xor_si512(a, b); }
    static I addi(I a, I b) { return _mm512_add_epi32(a, b); }
    static I subi(I a, I b) { return _mm512_sub_epi32(a, b); }
    static I maxi(I a, I b) { return _mm512_max_epi32(a, b); }
    template <int n>
    static I left(I a) {
        return _mm512_slli_epi32(a, n);
    }
    template <int n>
    static I right(I a) {  // zeros come in
        return _mm512_srli_epi32(a, n);
    }
    static I to_int(F a) { return _mm512_cvtps_epi32(a); }
    static F to_float(I a) { return _mm512_cvtepi32_ps(a); }

    static Mask mask_first(int n) { return first(n); }
    static Mask less(F a, F b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static unsigned lanes(Mask m) { return m; }  // bit i: lane i
    static Mask is_nan(F a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
    static Mask equal(I a, I b) { return _mm512_cmpeq_epi32_mask(a, b); }
    static F select(Mask m, F yes, F no) { return _mm512_mask_blend_ps(m, no, yes); }
    static I select(Mask m, I yes, I no) { return _mm512_mask_blend_epi32(m, no, yes); }

    // x * 2^n for integral n; results below the normal range are rounded once.
    static F scale(F x, F n) { return _mm512_scalef_ps(x, n); }

    // Element i becomes element i ^ distance, distance in {1, 2, 4, 8}.
    static F swap(F a, int distance) {
        switch (distance) {
            case 1:
                return _mm512_permute_ps(a, 0xb1);
            case 2:
                return _mm512_permute_ps(a, 0x4e);
            case 4:
                return _mm512_shuffle_f32x4(a, a, 0xb1);
            default:
                return _mm512_shuffle_f32x4(a, a, 0x4e);
        }
    }

    // The lanes whose index has the bit `distance`: all ones in the sign bit, else zero.
    static I upper_signs(int distance) {
        const I lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        return _mm512_maskz_set1_epi32(_mm512_test_epi32_mask(lane, _mm512_set1_epi32(distance)), INT32_MIN);
    }

    // Lane i plus lane i + 8, so that one order of the final sum serves all widths; see quarter_sums.
    static __m128 fold(F a) {
        const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
        return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    }
    static float max_of(F a) {
        const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
        const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
        const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
    }

    // ---- int8 products and the layout of index keys
    static I add_words(I a, I b) { return _mm512_add_epi16(a, b); }
    static I dot_pairs(I a, I b) { return _mm512_maddubs_epi16(a, b); }  // unsigned a, signed b, in 16 bits
    static I add_halves(I a) { return _mm512_madd_epi16(a, _mm512_set1_epi16(1)); }
    // Four times 16 bytes, `stride` apart.
    static I load_quarters(const std::uint8_t* p, std::int64_t stride) {
        const auto quarter = [&](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * stride)); };
        const __m512i half = _mm512_inserti32x4(_mm512_castsi128_si512(quarter(0)), quarter(1), 1);
        return _mm512_inserti32x4(_mm512_inserti32x4(half, quarter(2), 2), quarter(3), 3);
    }
    static I load_apart(const std::uint8_t* p, std::int64_t stride) {  // a dword each, `stride` bytes apart
        const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        return _mm512_i32gather_epi32(_mm512_mullo_epi32(lane, set_int(static_cast<int>(stride))), p, 1);
    }
    static bool bytes_within(I a, std::uint8_t least, std::uint8_t most) {  // all of them, unsigned
        const __m512i low = _mm512_set1_epi8(static_cast<char>(least)), high = _mm512_set1_epi8(static_cast<char>(most));
        return (_mm512_cmplt_epu8_mask(a, low) | _mm512_cmpgt_epu8_mask(a, high)) == 0;
    }
    static I interleave_low(I a, I b) { return _mm512_unpacklo_epi32(a, b); }
    static I interleave_high(I a, I b) { return _mm512_unpackhi_epi32(a, b); }
    static I interleave_low_pairs(I a, I b) { return _mm512_unpacklo_epi64(a, b); }
    static I interleave_high_pairs(I a, I b) { return _mm512_unpackhi_epi64(a, b); }
    // Bytes holding E2M1 codes become 2 * value + 12, in 0..24.
    static I raised_e2m1(I codes) {
        const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
        return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), codes);
    }

    // ---- narrow numbers in memory
    static I load_bytes(const std::uint8_t* p) {  // 16 bytes, zero-extended
        return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    }
    static void store_bytes(std::uint8_t* p, I a) {  // the low byte of every lane
        _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a));
    }
    static F load_bf16(const std::uint16_t* p) {
        const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
        return number(left<16>(_mm512_cvtepu16_epi32(words)));
    }
    static void store_high_words(std::uint16_t* p, F a) {  // the upper half of every lane, as bf16 bits
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(right<16>(bits(a))));
    }
    // E4M3 codes as their values / 256, exactly: an E4M3 code shifted into an FP16 has the same form with another bias,
    // subnormals included. NaN codes come out as 1.875.
    static void load_finite_e4m3_32(const std::uint8_t* p, F* out) { halves_to_floats(e4m3_halves(p), out); }
    // The same with NaN codes as NaN: they are lifted out of the finite range of FP16.
    static void load_e4m3_32(const std::uint8_t* p, F* out) {
        const I half = e4m3_halves(p);
        const __mmask32 nan = _mm512_cmpeq_epi16_mask(land(half, _mm512_set1_epi16(0x7fff)), _mm512_set1_epi16(0x3f80));
        halves_to_floats(_mm512_mask_mov_epi16(half, nan, lor(half, _mm512_set1_epi16(0x7e00))), out);
    }
    static I e4m3_halves(const std::uint8_t* p) {
        const I code = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
        return land(_mm512_slli_epi16(code, 7), _mm512_set1_epi16(static_cast<short>(0xbf80)));
    }
    static void halves_to_floats(I half, F* out) {
        out[0] = _mm512_cvtph_ps(_mm512_castsi512_si256(half));
        out[1] = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(half, 1));
    }
    // Of up to 64 codes of E4M3 at p, the magnitudes twice over, the larger of them and `most`, byte by byte; see has_nan_e4m3.
    static I most_e4m3(I most, const std::uint8_t* p, std::int64_t count) {
        const I codes = count >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8((__mmask64{1} << count) - 1, p);
        return _mm512_max_epu8(most, _mm512_add_epi8(codes, codes));
    }
    static bool has_nan_e4m3(I most) { return _mm512_cmpeq_epi8_mask(most, _mm512_set1_epi8(static_cast<char>(0xfe))) != 0; }
    // 16 E2M1 codes of 8 bytes, low nibble first, as values of the table (from e2m1_table).
    static F e2m1_table(F scale) {
        return mul(_mm512_setr_ps(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f, -1.0f, -1.5f, -2.0f,
                                  -3.0f, -4.0f, -6.0f),
                   scale);
    }
    static F load_e2m1(const std::uint8_t* p, F table) {
        const __m512i pair = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
        return _mm512_permutexvar_ps(_mm512_or_si512(pair, _mm512_slli_epi64(pair, 28)), table);  // low 4 bits count
    }
    // 32 columns at once; here as two loads.
    static void load_e2m1_32(const std::uint8_t* p, F scale, F* out) {
        const F table = e2m1_table(scale);
        out[0] = load_e2m1(p, table);
        out[1] = load_e2m1(p + 8, table);
    }
    // The same in the order that needs least: lane 4q + d of out[0] gets column 8d + q, of out[1] column 8d + 4 + q. A dword holds eight
    // columns and stands in every fourth lane; shifted by 4q, its lowest four bits are what the lane looks up.
    static void load_dealt_e2m1_32(const std::uint8_t* p, F scale, F* out) {
        const F table = e2m1_table(scale);
        const I codes = _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
        const I places = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
        out[0] = _mm512_permutexvar_ps(_mm512_srlv_epi32(codes, places), table);
        out[1] = _mm512_permutexvar_ps(_mm512_srlv_epi32(codes, addi(places, set_int(16))), table);
    }
    // 32 numbers in that order.
    static void load_dealt_32(const float* in, F* out) {
        const I first = _mm512_setr_epi32(0, 8, 16, 24, 1, 9, 17, 25, 2, 10, 18, 26, 3, 11, 19, 27);
        const F low = load(in), high = load(in + 16);
        out[0] = _mm512_permutex2var_ps(low, first, high);
        out[1] = _mm512_permutex2var_ps(low, addi(first, set_int(4)), high);
    }
};

}  // namespace
