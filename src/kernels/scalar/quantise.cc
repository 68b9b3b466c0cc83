// Roundings in place: bf16 and the FP8 activation quantiser (spec 3.2).
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

void round_bf16(float* x, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) x[i] = tensor::round_bf16(x[i]);
}

void narrow_bf16(const float* x, std::int64_t n, std::uint16_t* out) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x[i]) >> 16);
}

void quantise_fp8(const float* x, std::int64_t n, int group, float* out) {
    for (std::int64_t first = 0; first < n; first += group) {
        float amax = 0;
        for (int i = 0; i < group; ++i) amax = std::max(amax, std::fabs(x[first + i]));  // a NaN does not raise it
        const float scale = tensor::ue8m0_to_f32(tensor::fp8_scale(amax));
        for (int i = 0; i < group; ++i) {
            const std::uint8_t code = tensor::f32_to_e4m3(x[first + i] / scale);
            out[first + i] = tensor::round_bf16(tensor::e4m3_to_f32(code) * scale);
        }
    }
}

}  // namespace baleen::kernels::scalar
