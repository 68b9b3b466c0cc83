// What the training kernels share: their number types, vectors of sixteen floats, an exponential that becomes vector
// code.
//
// The kernels take what torch would spread over many passes, forward and backward; ops.py calls them, plain.py is their
// twin. Matrix products stay with torch. Tensors between them are of type Value, float or BFloat16; parameters,
// residual streams and sums are float. Every array is dense unless a stride is given. Built with -ffast-math: no
// infinities; "nothing" is -1e30.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace krill {

using Index = std::int64_t;

inline constexpr float kNothing = -1e30f;

struct BFloat16 {
    std::uint16_t bits;
};

inline float load(float x) {
    return x;
}
inline float load(BFloat16 x) {
    std::uint32_t bits = static_cast<std::uint32_t>(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}
inline void store(float& to, float x) {
    to = x;
}
inline void store(BFloat16& to, float x) {  // round to nearest even
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    to.bits = static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// e^x for x <= 88, to about 2 units in the last place, written so that loops over it become vector code: e^x = 2^n e^r
// with |r| <= ln 2 / 2, e^r by its Taylor polynomial. Far below the smallest normal number the result is about 1e-38,
// not 0.
inline float exponential(float x) {
    x = std::max(x, -87.0f);
    float n = __builtin_nearbyintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    std::int32_t bits = (static_cast<std::int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return p * power;
}
inline float sigmoid(float x) {
    return 1.0f / (1.0f + exponential(std::min(-x, 87.0f)));
}

// Sixteen floats; two registers where a register holds eight.
typedef float Vector __attribute__((vector_size(64)));
typedef std::int32_t IntVector __attribute__((vector_size(64)));
typedef std::uint32_t Bits32 __attribute__((vector_size(64)));
typedef std::uint16_t Bits16 __attribute__((vector_size(32)));
constexpr Index kLanes = 16;

inline Vector load_vector(const float* p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
inline Vector load_vector(const BFloat16* p) {
    Bits16 bits;
    std::memcpy(&bits, p, sizeof bits);
    return reinterpret_cast<Vector>(__builtin_convertvector(bits, Bits32) << 16);
}
inline void store_vector(float* p, Vector v) {
    std::memcpy(p, &v, sizeof v);
}
inline void store_vector(BFloat16* p, Vector v) {
    Bits32 bits = reinterpret_cast<Bits32>(v);
    Bits16 rounded = __builtin_convertvector((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16, Bits16);
    std::memcpy(p, &rounded, sizeof rounded);
}

// The sums of sixteen vectors, as one vector. Each round adds neighbours of two vectors: after the first the left half
// holds what is left of one and the right half what is left of the other, and so on.
inline Vector sums_of(Vector* v) {
    constexpr IntVector even = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
    constexpr IntVector odd = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
    for (int n = 8; n; n /= 2)
        for (int i = 0; i < n; ++i)
            v[i] = __builtin_shuffle(v[2 * i], v[2 * i + 1], even) + __builtin_shuffle(v[2 * i], v[2 * i + 1], odd);
    return v[0];
}

// Products of BF16 pairs, where the CPU has them: lane i of dot_pairs(sum, a, b) is sum[i] + a[2i] b[2i] + a[2i+1]
// b[2i+1].
#ifdef __AVX512BF16__
template <class Value>
constexpr bool kPairs = std::is_same_v<Value, BFloat16>;

inline Bits32 load_pairs(const void* p) {
    Bits32 pairs;
    std::memcpy(&pairs, p, sizeof pairs);
    return pairs;
}
inline Vector dot_pairs(Vector sum, Bits32 a, Bits32 b) {
    return reinterpret_cast<Vector>(
        _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b)));
}
// Sixteen pairs (low[i], high[i]) of two arrays.
inline Bits32 interleave(const BFloat16* low, const BFloat16* high) {
    Bits16 l, h;
    std::memcpy(&l, low, sizeof l);
    std::memcpy(&h, high, sizeof h);
    return __builtin_convertvector(l, Bits32) | __builtin_convertvector(h, Bits32) << 16;
}
inline std::uint32_t pair(BFloat16 low, BFloat16 high) {
    return low.bits | static_cast<std::uint32_t>(high.bits) << 16;
}
#else
template <class Value>
constexpr bool kPairs = false;
#endif

}  // namespace krill

// Makes a kernel known to ops.py: its address, once for float and once for BFloat16.
#define EXPORT(name)                                   \
    extern "C" {                                       \
    auto* name##_f32 = &krill::name<float>;            \
    auto* name##_bf16 = &krill::name<krill::BFloat16>; \
    }
