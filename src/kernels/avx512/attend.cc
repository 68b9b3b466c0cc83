#include "kernels/avx512/avx512.h"

namespace baleen::kernels::avx512 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/soften.inl"

#include "kernels/wide/attend.inl"

}  // namespace baleen::kernels::avx512
