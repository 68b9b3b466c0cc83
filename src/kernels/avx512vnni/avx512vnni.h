// Entries of the AVX-512 VNNI set: index scores use vpdpbusd, everything else stays as in avx512. See avx512/avx512.h for what may be
// included.
#pragma once

#include "kernels/avx512/avx512.h"

namespace baleen::kernels::avx512vnni {

void index_scores(const IndexScore& work, Scratch& scratch);

}  // namespace baleen::kernels::avx512vnni
