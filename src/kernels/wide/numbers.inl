// Roundings, exponential and horizontal sums in terms of Vec. Included after vec8.inl or vec16.inl.

namespace {

using F = Vec::F;
using I = Vec::I;
constexpr int kLanes = Vec::kLanes;

constexpr std::uint32_t kQuietNaN = 0x7fc00000u;

inline float number_of(std::uint32_t bits) {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(bits))));
}
inline std::uint32_t bits_of(float x) {
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(_mm_castps_si128(_mm_set_ss(x))));
}

// tensor::ue8m0_to_f32, here because inline functions of headers must not be compiled with wide instructions.
inline float ue8m0(std::uint8_t code) {
    return number_of(code == 0 ? 0x00400000u : code == 255 ? kQuietNaN : static_cast<std::uint32_t>(code) << 23);
}
inline float inverse(float x) {
    return _mm_cvtss_f32(_mm_div_ss(_mm_set_ss(1.0f), _mm_set_ss(x)));
}
inline float square_root(float x) {
    return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}

// tensor::round_bf16, bit for bit.
inline F to_bf16(F x) {
    const I raw = Vec::bits(x);
    const I odd = Vec::land(Vec::right<16>(raw), Vec::set_int(1));
    const I even = Vec::addi(Vec::addi(raw, Vec::set_int(0x7fff)), odd);
    const I kept = Vec::select(Vec::is_nan(x), Vec::lor(raw, Vec::set_int(0x00400000)), even);
    return Vec::number(Vec::land(kept, Vec::set_int(static_cast<int>(0xffff0000u))));
}
inline F rounded(F x, bool round) {
    return round ? to_bf16(x) : x;
}
inline float to_bf16_one(float x) {
    const std::uint32_t raw = bits_of(x);
    if ((raw & 0x7fffffffu) > 0x7f800000u) return number_of((raw | 0x00400000u) & 0xffff0000u);
    return number_of((raw + 0x7fffu + ((raw >> 16) & 1u)) & 0xffff0000u);
}

inline F magnitude(F x) {
    return Vec::number(Vec::land(Vec::bits(x), Vec::set_int(0x7fffffff)));
}
inline I sign(F x) {
    return Vec::land(Vec::bits(x), Vec::set_int(INT32_MIN));
}

// |x| rounded to `mantissa` bits after the leading one, exponents below `low` sharing its step. Adding and taking away
// 2^(e + 23 - mantissa) rounds to that step, to nearest even; NaN passes. x < 2^64.
template <int mantissa, int low>
inline F to_grid(F positive) {
    const I exponent = Vec::land(Vec::bits(positive), Vec::set_int(0x7f800000));
    const I shifted = Vec::addi(exponent, Vec::set_int((23 - mantissa) << 23));
    const F anchor = Vec::number(Vec::maxi(shifted, Vec::set_int((127 + low + 23 - mantissa) << 23)));
    return Vec::sub(Vec::add(positive, anchor), anchor);
}

// exp(x), at most 0.94 ulp off (tried for a third of all floats): x = n ln 2 + r with |r| <= ln 2 / 2, Taylor to r^7,
// whose remainder is 0.1 ulp, times 2^n. 0 below -104, infinity above 89; NaN passes.
inline F exponential(F x) {
    const F bounded = Vec::max(Vec::set(-104.0f), Vec::min(Vec::set(89.0f), x));
    const F n = Vec::nearest(Vec::mul(bounded, Vec::set(0x1.715476p+0f)));  // log2(e)
    F r = Vec::fma(n, Vec::set(-0x1.62e400p-1f), bounded);                  // ln 2 = 0x1.62e4p-1 + 0x1.7f7d1cp-20
    r = Vec::fma(n, Vec::set(-0x1.7f7d1cp-20f), r);
    F p = Vec::set(1.0f / 5040);
    p = Vec::fma(p, r, Vec::set(1.0f / 720));
    p = Vec::fma(p, r, Vec::set(1.0f / 120));
    p = Vec::fma(p, r, Vec::set(1.0f / 24));
    p = Vec::fma(p, r, Vec::set(1.0f / 6));
    p = Vec::fma(p, r, Vec::set(0.5f));
    p = Vec::fma(p, r, Vec::set(1.0f));
    p = Vec::fma(p, r, Vec::set(1.0f));
    return Vec::scale(p, n);
}

// ---- the sum over lanes: halves are added until four lanes are left, then (0 + 2) + (1 + 3)

inline float sum_of(F a) {
    const __m128 four = Vec::fold(a), two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// The sums of four vectors, each in the order of sum_of.
inline __m128 sums_of(F a, F b, F c, F d) {
    const __m128 p = Vec::fold(a), q = Vec::fold(b), r = Vec::fold(c), s = Vec::fold(d);
    const __m128 pq = _mm_add_ps(_mm_unpacklo_ps(p, q), _mm_unpackhi_ps(p, q));  // p0+p2 q0+q2 p1+p3 q1+q3
    const __m128 rs = _mm_add_ps(_mm_unpacklo_ps(r, s), _mm_unpackhi_ps(r, s));
    return _mm_add_ps(_mm_movelh_ps(pq, rs), _mm_movehl_ps(rs, pq));
}

// tensor::round_bf16 on four numbers.
inline __m128 to_bf16_four(__m128 x) {
    const __m128i raw = _mm_castps_si128(x), odd = _mm_and_si128(_mm_srli_epi32(raw, 16), _mm_set1_epi32(1));
    const __m128i even = _mm_add_epi32(_mm_add_epi32(raw, _mm_set1_epi32(0x7fff)), odd);
    const __m128 quiet = _mm_castsi128_ps(_mm_or_si128(raw, _mm_set1_epi32(0x00400000)));
    const __m128 kept = _mm_blendv_ps(_mm_castsi128_ps(even), quiet, _mm_cmpunord_ps(x, x));
    return _mm_and_ps(kept, _mm_castsi128_ps(_mm_set1_epi32(static_cast<int>(0xffff0000u))));
}

template <class T>
constexpr T smaller(T a, T b) {
    return b < a ? b : a;
}

// ---- rows whose length is no multiple of the width: `left` numbers from p on, the missing lanes 0

inline F get(const float* p, std::int64_t left) {
    return left >= kLanes ? Vec::load(p) : Vec::load_first(p, static_cast<int>(left));
}
inline void put(float* p, std::int64_t left, F x) {
    if (left >= kLanes)
        Vec::store(p, x);
    else
        Vec::store_first(p, static_cast<int>(left), x);
}

}  // namespace
