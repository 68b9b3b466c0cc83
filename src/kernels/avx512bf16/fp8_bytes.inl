// E4M3 weights as bf16 numbers, 64 at a time: a bf16 number is two bytes, each looked up by the code's seven low bits in 128 bytes.
// Eight instructions with the products that use them, where words (Fp8Table) take fourteen. Included after decode.inl.

namespace {

// Low and high bytes of the magnitudes under every scale that Fp8Table takes; 64 KiB, of which a matrix uses a few lines.
struct alignas(64) ScaledBytes {
    std::uint8_t low[256][128], high[256][128];
};
constexpr ScaledBytes make_scaled_bytes() {
    ScaledBytes bytes{};
    for (int scale = kLeastScale; scale <= kMostScale; ++scale)
        for (int code = 0; code < 128; ++code) {
            const bool keeps = code == 0 || code == 127;  // zero and NaN
            const auto word = static_cast<std::uint16_t>(kE4M3Magnitudes.bits[code] + (keeps ? 0 : bf16_exponent(scale)));
            bytes.low[scale][code] = static_cast<std::uint8_t>(word);
            bytes.high[scale][code] = static_cast<std::uint8_t>(word >> 8);
        }
    return bytes;
}
constexpr ScaledBytes kScaledBytes = make_scaled_bytes();

struct Fp8Bytes {
    __m512i low[2], high[2];

    static Fp8Bytes scaled(std::uint8_t scale) {
        Fp8Bytes t;
        for (int i = 0; i < 2; ++i) {
            t.low[i] = _mm512_load_si512(kScaledBytes.low[scale] + 64 * i);
            t.high[i] = _mm512_load_si512(kScaledBytes.high[scale] + 64 * i);
        }
        return t;
    }
    // Columns [0, 32) and [32, 64) of the codes at p. Bytes meet within lanes of 16, so the codes are first put where their words
    // come out in order.
    void decode(const std::uint8_t* p, __m512i& first, __m512i& second) const {
        const __m512i code = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), _mm512_loadu_si512(p));
        const __m512i below = _mm512_permutex2var_epi8(low[0], code, low[1]);
        const __m512i above = _mm512_ternarylogic_epi32(_mm512_permutex2var_epi8(high[0], code, high[1]), code,
                                                        _mm512_set1_epi8(INT8_MIN), 0xf8);  // magnitude | (code & sign)
        first = _mm512_unpacklo_epi8(below, above);
        second = _mm512_unpackhi_epi8(below, above);
    }
};

}  // namespace
