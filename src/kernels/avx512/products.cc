#include "kernels/avx512/avx512.h"

namespace baleen::kernels::avx512 {

#include "kernels/wide/vec16.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/product_io.inl"

#include "kernels/wide/products.inl"

}  // namespace baleen::kernels::avx512
