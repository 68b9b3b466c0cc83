// Products of a weight matrix and rows of activations (spec 3.4). For one output: the columns are cut into blocks of
// 128; inside a block the products are added one after the other to p, then p is added to the running sum. The scale of
// a weight is a power of two and is applied to the weight, which is exact: with the scale taken out of the block, as
// the reference writes it, every partial sum would be the same times that power of two.
#include <algorithm>

#include "kernels/scalar/scalar.h"
#include "tensor/formats.h"

namespace baleen::kernels::scalar {

namespace {

constexpr std::int64_t kBlock = 128;

// out[0..count) = the weights w[row, first ...), first a multiple of 128.
void decode(const tensor::MatrixView& w, std::int64_t row, std::int64_t first, std::int64_t count, float* out) {
    using tensor::WeightFormat;
    const auto* bytes = static_cast<const std::uint8_t*>(w.data) + row * w.row_bytes();
    switch (w.format) {
        case WeightFormat::fp8: {
            const float scale = tensor::ue8m0_to_f32(w.scales[row / 128 * w.scale_stride + first / 128]);
            for (std::int64_t i = 0; i < count; ++i) out[i] = kE4M3[bytes[first + i]] * scale;
            return;
        }
        case WeightFormat::fp4:
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t k = first + i;
                const std::uint8_t code = k % 2 == 0 ? bytes[k / 2] & 15 : bytes[k / 2] >> 4;
                out[i] = tensor::e2m1_to_f32(code) * tensor::ue8m0_to_f32(w.scales[row * w.scale_stride + k / 32]);
            }
            return;
        case WeightFormat::bf16: {
            const auto* numbers = reinterpret_cast<const std::uint16_t*>(bytes);
            for (std::int64_t i = 0; i < count; ++i) out[i] = tensor::bf16_to_f32(numbers[first + i]);
            return;
        }
        case WeightFormat::f32: {
            const auto* numbers = reinterpret_cast<const float*>(bytes);
            std::copy(numbers + first, numbers + first + count, out);
            return;
        }
    }
}

}  // namespace

void matmul(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
            std::int64_t y_stride, bool round, Scratch&) {
    float weights[kBlock];
    for (std::int64_t row = row_begin; row < row_end; ++row) {
        for (int i = 0; i < x.count; ++i) y[i * y_stride + row] = 0;
        for (std::int64_t first = 0; first < w.cols; first += kBlock) {
            const std::int64_t count = std::min(kBlock, w.cols - first);
            decode(w, row, first, count, weights);
            for (int i = 0; i < x.count; ++i) {
                const float* numbers = x.f32 + i * x.stride + first;
                float p = 0;
                for (std::int64_t k = 0; k < count; ++k) p += numbers[k] * weights[k];
                y[i * y_stride + row] += p;
            }
        }
        if (!round) continue;
        for (int i = 0; i < x.count; ++i) y[i * y_stride + row] = tensor::round_bf16(y[i * y_stride + row]);
    }
}

}  // namespace baleen::kernels::scalar
