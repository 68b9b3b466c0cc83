// Entries of the AVX2 set: AVX2, FMA, F16C. The text is kernels/wide/*.inl, shared by all widths; each .cc here
// includes one subject of it into this set's namespace. Only intrinsics, kernels.h and what they bring are included,
// and helpers have internal linkage, so that no wide instruction gets into a function another file may be linked to.
#pragma once

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/scalar/scalar.h"
#include "kernels/scratch.h"
#include "tensor/formats.h"

namespace baleen::kernels::avx2 {
#include "kernels/wide/declarations.inl"
}
