// Entries of the AVX-512 set: F, BW, DQ, VL, CD. The text is kernels/wide/*.inl, shared by all widths; each .cc here
// includes one subject of it into this set's namespace. Only intrinsics, kernels.h and what they bring are included,
// and helpers have internal linkage, so that no wide instruction gets into a function another file may be linked to.
#pragma once

// GCC 12 takes the deliberately undefined operands inside its own AVX-512 intrinsics for mistakes (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/scalar/scalar.h"
#include "kernels/scratch.h"
#include "tensor/formats.h"

namespace baleen::kernels::avx512 {
#include "kernels/wide/declarations.inl"
}
