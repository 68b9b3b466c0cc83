#include "kernels/avx2/avx2.h"

namespace baleen::kernels::avx2 {

#include "kernels/wide/vec8.inl"

#include "kernels/wide/numbers.inl"

#include "kernels/wide/product_io.inl"

#include "kernels/wide/products.inl"

}  // namespace baleen::kernels::avx2
