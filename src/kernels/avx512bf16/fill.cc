#include "kernels/avx512bf16/avx512bf16.h"

namespace baleen::kernels {

void fill_avx512bf16(Kernels& kernels) {
    kernels.name = "avx512bf16";
    kernels.matmul_fp8 = avx512bf16::matmul_fp8;
    kernels.matmul_fp4 = avx512bf16::matmul_fp4;
    kernels.matmul_bf16 = avx512bf16::matmul_bf16;
    kernels.attend = avx512bf16::attend;
}

}  // namespace baleen::kernels
