// What products and attention with vdpbf16ps share: scales, and E4M3 codes as bf16 numbers. Included after
// wide/numbers.inl.

namespace {

inline __m512bh pairs(__m512i a) {
    return reinterpret_cast<__m512bh>(a);
}

constexpr std::uint8_t kLeastScale = 10, kMostScale = 246;

// Exponent of a scale byte as it is added to a bf16 number.
constexpr std::int16_t bf16_exponent(int code) {
    return static_cast<std::int16_t>((code - 127) * 128);
}

// Whether every one of `count` scales lies in [low, high].
inline bool scales_fit(const std::uint8_t* codes, std::int64_t count, std::uint8_t low, std::uint8_t high) {
    const __m512i bottom = _mm512_set1_epi8(static_cast<char>(low)), top = _mm512_set1_epi8(static_cast<char>(high));
    __mmask64 outside = 0;
    for (std::int64_t i = 0; i < count; i += 64) {
        const __mmask64 some = count - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (count - i)) - 1;
        const __m512i code = _mm512_maskz_loadu_epi8(some, codes + i);
        outside |= _mm512_mask_cmplt_epu8_mask(some, code, bottom) | _mm512_mask_cmpgt_epu8_mask(some, code, top);
    }
    return outside == 0;
}

// Whether an E4M3 code under this scale is a normal bf16 number, or zero or NaN: 2^-9 to 448 times the scale.
constexpr bool scale_fits(std::uint8_t code) {
    return code >= kLeastScale && code <= kMostScale;
}

// The values of the E4M3 codes 0 to 127 as bf16.
struct alignas(64) Magnitudes {
    std::uint16_t bits[128];
};
constexpr Magnitudes kE4M3Magnitudes = [] {
    Magnitudes m{};
    for (int code = 0; code < 128; ++code) {
        int exponent = code >> 3, mantissa = code & 7;
        if (exponent == 0 && mantissa != 0) {  // subnormal: move the leading one up, to bit 3
            for (exponent = 1; mantissa < 8; --exponent) mantissa *= 2;
            mantissa -= 8;
        }
        m.bits[code] = static_cast<std::uint16_t>((exponent + 120) << 7 | mantissa << 4);
    }
    m.bits[0] = 0;
    m.bits[127] = 0x7fc0;
    return m;
}();

// E4M3: the 128 magnitudes of a scale stand in four registers; the sign is put back from the code.
struct Fp8Table {
    __m512i part[4];

    // `base` holds the magnitudes for scale 1. Zero and NaN keep their bits.
    static Fp8Table scaled(const Fp8Table& base, std::uint8_t code) {
        const __m512i exponent = _mm512_set1_epi16(bf16_exponent(code));
        Fp8Table t;
        t.part[0] = _mm512_mask_add_epi16(base.part[0], ~__mmask32{1}, base.part[0], exponent);
        t.part[1] = _mm512_add_epi16(base.part[1], exponent);
        t.part[2] = _mm512_add_epi16(base.part[2], exponent);
        t.part[3] = _mm512_mask_add_epi16(base.part[3], ~(__mmask32{1} << 31), base.part[3], exponent);
        return t;
    }
    static Fp8Table base() {
        Fp8Table t;
        for (int i = 0; i < 4; ++i) t.part[i] = _mm512_load_si512(kE4M3Magnitudes.bits + 32 * i);
        return t;
    }
    __m512i decode(const std::uint8_t* p) const {
        const __m512i code = _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
        const __mmask32 high = _mm512_test_epi16_mask(code, _mm512_set1_epi16(0x40));
        const __m512i low = _mm512_permutex2var_epi16(part[0], code, part[1]);
        const __m512i all = _mm512_mask_blend_epi16(high, low, _mm512_permutex2var_epi16(part[2], code, part[3]));
        return _mm512_ternarylogic_epi32(all, code, _mm512_set1_epi16(INT16_MIN), 0xf8);  // all | (code & sign)
    }
};

}  // namespace
