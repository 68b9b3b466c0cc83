// Peaks of AVX2 with FMA.
#include <immintrin.h>

#include "kernels/peak.h"

namespace baleen::kernels::avx2 {

// Four streams and a look ahead, as in avx512/peak.cc.
std::uint64_t read_pass(const void* data, std::size_t bytes) {
    const auto* first = static_cast<const char*>(data);
    const std::size_t part = bytes / 4;
    __m256i sum[8];
    for (auto& s : sum) s = _mm256_setzero_si256();
    for (std::size_t i = 0; i + 64 <= part; i += 64) {
#pragma GCC unroll 4
        for (std::size_t k = 0; k < 4; ++k) {
            const auto* line = reinterpret_cast<const __m256i*>(first + k * part + i);
            __builtin_prefetch(first + k * part + i + (32 << 10), 0, 2);
            sum[2 * k] = _mm256_add_epi64(sum[2 * k], _mm256_loadu_si256(line));
            sum[2 * k + 1] = _mm256_add_epi64(sum[2 * k + 1], _mm256_loadu_si256(line + 1));
        }
    }
    for (std::size_t k = 1; k < 8; ++k) sum[0] = _mm256_xor_si256(sum[0], sum[k]);
    return static_cast<std::uint64_t>(_mm256_extract_epi64(sum[0], 0));
}

float dot_rounds(std::int64_t rounds, double* operations) {
    __m256 sum[12];
    for (auto& s : sum) s = _mm256_setzero_ps();
    const __m256 x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.001f);
    for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
        for (std::size_t k = 0; k < 12; ++k) sum[k] = _mm256_fmadd_ps(sum[k], x, y);
    }
    for (std::size_t k = 1; k < 12; ++k) sum[0] = _mm256_add_ps(sum[0], sum[k]);
    *operations = 2.0 * 8 * 12 * static_cast<double>(rounds);
    return _mm256_cvtss_f32(sum[0]);
}

// Pairs into words: a product and an addition each.
int byte_rounds(std::int64_t rounds, double* operations) {
    __m256i sum[12];
    for (auto& s : sum) s = _mm256_setzero_si256();
    __m256i x = _mm256_set1_epi32(0x01020304);
    const __m256i y = _mm256_set1_epi32(0x04fe0201);
    for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
        for (std::size_t k = 0; k < 12; ++k) {
            __asm__ volatile("" : "+x"(x));  // each product is to be computed
            __m256i product = _mm256_maddubs_epi16(x, y);
            __asm__ volatile("" : "+x"(product));
            sum[k] = _mm256_add_epi16(sum[k], product);
        }
    }
    for (std::size_t k = 1; k < 12; ++k) sum[0] = _mm256_add_epi16(sum[0], sum[k]);
    *operations = 2.0 * 32 * 12 * static_cast<double>(rounds);
    return _mm_cvtsi128_si32(_mm256_castsi256_si128(sum[0]));
}

}  // namespace baleen::kernels::avx2
