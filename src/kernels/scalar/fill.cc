#include "kernels/scalar/scalar.h"

namespace baleen::kernels {

void fill_scalar(Kernels& kernels) {
    kernels.name = "scalar";
    kernels.matmul_fp8 = kernels.matmul_fp4 = kernels.matmul_bf16 = kernels.matmul_f32 = scalar::matmul;
    kernels.round_bf16 = scalar::round_bf16;
    kernels.narrow_bf16 = scalar::narrow_bf16;
    kernels.quantise_fp8 = scalar::quantise_fp8;
    kernels.pack_entry = scalar::pack_entry;
    kernels.unpack_entry = scalar::unpack_entry;
    kernels.pack_key = scalar::pack_key;
    kernels.unpack_key = scalar::unpack_key;
    kernels.rms_norm = scalar::rms_norm;
    kernels.head_norm = scalar::head_norm;
    kernels.rope = scalar::rope;
    kernels.hadamard = scalar::hadamard;
    kernels.sum_squares = scalar::sum_squares;
    kernels.swiglu = scalar::swiglu;
    kernels.hc_collapse = scalar::hc_collapse;
    kernels.hc_expand = scalar::hc_expand;
    kernels.add = scalar::add;
    kernels.pool = scalar::pool;
    kernels.attend = scalar::attend;
    kernels.index_scores = scalar::index_scores;
    kernels.find_not_below = scalar::find_not_below;
}

}  // namespace baleen::kernels
