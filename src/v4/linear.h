// Matrix products of the forward pass (spec architecture 3.4), spread over the team by output rows. How the work is cut
// never changes a result: every output is summed by one thread in the kernel set's order.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/kernels.h"
#include "v4/context.h"

namespace baleen::v4 {

// One product y = x w^T restricted to output rows [row_begin, row_end).
struct Product {
    const tensor::MatrixView* w = nullptr;
    kernels::Rows x;
    float* y = nullptr;
    std::int64_t y_stride = 0;
    bool round = false;
    std::int64_t row_begin = 0;
    std::int64_t row_end = 0;
};

inline Product product(const tensor::MatrixView& w, const kernels::Rows& x, float* y, bool round) {
    return {&w, x, y, w.rows, round, 0, w.rows};
}

// All products at once, one barrier at the end.
void multiply(Context& context, std::span<const Product> products);
void multiply(Context& context, const Product& product);

// Rows of `width` ready as inputs of unquantised products: the numbers themselves and, under official numerics, their
// bf16 form in `bf16`.
kernels::Rows plain_rows(Context& context, const float* x, int count, std::int64_t width, Buffer<std::uint16_t>& bf16);

// Rows ready as inputs of FP8 and FP4 products: under official numerics quantised to E4M3 by groups of 128 (spec 3.2) into
// `quantised` and `bf16`; under weights-only numerics the numbers as they are. x may be quantised's own data.
kernels::Rows quantised_rows(Context& context, const float* x, int count, std::int64_t width, Buffer<float>& quantised,
                             Buffer<std::uint16_t>& bf16);

}  // namespace baleen::v4
