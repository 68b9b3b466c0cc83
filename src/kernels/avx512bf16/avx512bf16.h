// Entries of the AVX-512 BF16 set (BF16 and VBMI over the VNNI set). Products and attention of bf16 numbers use vdpbf16ps; everything
// else stays as in avx512vnni. See avx512/avx512.h for what may be included.
#pragma once

#include "kernels/avx512/avx512.h"

namespace baleen::kernels::avx512bf16 {

void matmul_fp8(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch);
void matmul_fp4(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch);
void matmul_bf16(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                 std::int64_t y_stride, bool round, Scratch& scratch);
void attend(const Attend& work, Scratch& scratch);

}  // namespace baleen::kernels::avx512bf16
