#include "kernels/avx512/avx512.h"

namespace baleen::kernels {

void fill_avx512(Kernels& kernels) {
    kernels.name = "avx512";
    kernels.matmul_fp8 = avx512::matmul_fp8;
    kernels.matmul_fp4 = avx512::matmul_fp4;
    kernels.matmul_bf16 = avx512::matmul_bf16;
    kernels.matmul_f32 = avx512::matmul_f32;
    kernels.round_bf16 = avx512::round_bf16;
    kernels.narrow_bf16 = avx512::narrow_bf16;
    kernels.quantise_fp8 = avx512::quantise_fp8;
    kernels.pack_entry = avx512::pack_entry;
    kernels.unpack_entry = avx512::unpack_entry;
    kernels.pack_key = avx512::pack_key;
    kernels.unpack_key = avx512::unpack_key;
    kernels.rms_norm = avx512::rms_norm;
    kernels.head_norm = avx512::head_norm;
    kernels.rope = avx512::rope;
    kernels.hadamard = avx512::hadamard;
    kernels.sum_squares = avx512::sum_squares;
    kernels.swiglu = avx512::swiglu;
    kernels.hc_collapse = avx512::hc_collapse;
    kernels.hc_expand = avx512::hc_expand;
    kernels.add = avx512::add;
    kernels.pool = avx512::pool;
    kernels.attend = avx512::attend;
    kernels.index_scores = avx512::index_scores;
    kernels.find_not_below = avx512::find_not_below;
}

}  // namespace baleen::kernels
