// The dot-product peak of AVX-512 BF16.
#include "kernels/peak.h"

#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels::avx512bf16 {

float dot_rounds(std::int64_t rounds, double* operations) {
    __m512 sum[12];
    for (auto& s : sum) s = _mm512_setzero_ps();
    const auto x = (__m512bh)_mm512_set1_epi32(0x3f803f80), y = (__m512bh)_mm512_set1_epi32(0x3a003a00);
    for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
        for (std::size_t k = 0; k < 12; ++k) sum[k] = _mm512_dpbf16_ps(sum[k], x, y);
    }
    for (std::size_t k = 1; k < 12; ++k) sum[0] = _mm512_add_ps(sum[0], sum[k]);
    *operations = 2.0 * 32 * 12 * static_cast<double>(rounds);
    return _mm512_cvtss_f32(sum[0]);
}

}  // namespace baleen::kernels::avx512bf16
