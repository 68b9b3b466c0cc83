#include "kernels/avx2/avx2.h"

namespace baleen::kernels {

void fill_avx2(Kernels& kernels) {
    kernels.name = "avx2";
    kernels.matmul_fp8 = avx2::matmul_fp8;
    kernels.matmul_fp4 = avx2::matmul_fp4;
    kernels.matmul_bf16 = avx2::matmul_bf16;
    kernels.matmul_f32 = avx2::matmul_f32;
    kernels.round_bf16 = avx2::round_bf16;
    kernels.narrow_bf16 = avx2::narrow_bf16;
    kernels.quantise_fp8 = avx2::quantise_fp8;
    kernels.pack_entry = avx2::pack_entry;
    kernels.unpack_entry = avx2::unpack_entry;
    kernels.pack_key = avx2::pack_key;
    kernels.unpack_key = avx2::unpack_key;
    kernels.rms_norm = avx2::rms_norm;
    kernels.head_norm = avx2::head_norm;
    kernels.rope = avx2::rope;
    kernels.hadamard = avx2::hadamard;
    kernels.sum_squares = avx2::sum_squares;
    kernels.swiglu = avx2::swiglu;
    kernels.hc_collapse = avx2::hc_collapse;
    kernels.hc_expand = avx2::hc_expand;
    kernels.add = avx2::add;
    kernels.pool = avx2::pool;
    kernels.attend = avx2::attend;
    kernels.index_scores = avx2::index_scores;
    kernels.find_not_below = avx2::find_not_below;
}

}  // namespace baleen::kernels
