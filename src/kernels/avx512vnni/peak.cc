// The int8 peak of AVX-512 VNNI.
#include "kernels/peak.h"

#include "kernels/avx512vnni/avx512vnni.h"

namespace baleen::kernels::avx512vnni {

int byte_rounds(std::int64_t rounds, double* operations) {
    __m512i sum[12];
    for (auto& s : sum) s = _mm512_setzero_si512();
    const __m512i x = _mm512_set1_epi32(0x01020304), y = _mm512_set1_epi32(0x04fe0201);
    for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
        for (std::size_t k = 0; k < 12; ++k) sum[k] = _mm512_dpbusd_epi32(sum[k], x, y);
    }
    for (std::size_t k = 1; k < 12; ++k) sum[0] = _mm512_add_epi32(sum[0], sum[k]);
    *operations = 2.0 * 64 * 12 * static_cast<double>(rounds);
    return _mm512_cvtsi512_si32(sum[0]);
}

}  // namespace baleen::kernels::avx512vnni
