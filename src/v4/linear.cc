#include "v4/linear.h"

#include <algorithm>

#include "base/check.h"

namespace baleen::v4 {

namespace {

// Borders between members fall on multiples of this many output rows, the height of a kernel's tile.
constexpr std::int64_t kGrain = 4;

// What one output row costs relative to others: its bytes once, its arithmetic per input row.
std::int64_t row_cost(const Product& p) {
    const std::int64_t bytes = p.w->row_bytes();
    return bytes + p.w->cols * p.x.count / 4;
}

}  // namespace

void multiply(Context& context, std::span<const Product> products) {
    std::int64_t total = 0;
    for (const Product& p : products) {
        if (context.profile != nullptr && p.x.count > 0) context.profile->pending_bytes += p.w->bytes() * (p.row_end - p.row_begin) / p.w->rows;
        DCHECK(p.x.width == p.w->cols, "{} inputs for {} columns", p.x.width, p.w->cols);
        total += (p.row_end - p.row_begin) * row_cost(p);
    }
    context.team.run([&](int member) {
        const std::int64_t from = total * member / context.team.size();
        const std::int64_t to = total * (member + 1) / context.team.size();
        std::int64_t at = 0;
        for (const Product& p : products) {
            const std::int64_t cost = row_cost(p), rows = p.row_end - p.row_begin;
            // Rows of this product inside [from, to), borders rounded alike for neighbours.
            const auto border = [&](std::int64_t place) {
                const std::int64_t row = std::clamp<std::int64_t>((place - at) / cost, 0, rows);
                return place - at >= rows * cost ? rows : row / kGrain * kGrain;
            };
            const std::int64_t begin = border(from), end = border(to);
            if (begin < end && p.x.count > 0) {
                kernels::matmul_for(context.kernels, p.w->format)(*p.w, p.x, p.row_begin + begin, p.row_begin + end, p.y,
                                                                  p.y_stride, p.round && context.official(),
                                                                  context.scratch[static_cast<std::size_t>(member)]);
            }
            at += rows * cost;
        }
    });
}

void multiply(Context& context, const Product& product) { multiply(context, std::span(&product, 1)); }

kernels::Rows plain_rows(Context& context, const float* x, int count, std::int64_t width, Buffer<std::uint16_t>& bf16) {
    kernels::Rows rows{x, width, nullptr, width, count, width};
    if (context.official()) {
        std::uint16_t* narrow = bf16.need(count * width);
        context.team.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
            context.kernels.narrow_bf16(x + begin * width, (end - begin) * width, narrow + begin * width);
        });
        rows.bf16 = narrow;
    }
    return rows;
}

kernels::Rows quantised_rows(Context& context, const float* x, int count, std::int64_t width, Buffer<float>& quantised,
                             Buffer<std::uint16_t>& bf16) {
    if (!context.official()) return {x, width, nullptr, width, count, width};
    float* wide = quantised.need(count * width);
    std::uint16_t* narrow = bf16.need(count * width);
    context.team.for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end, int) {
        const std::int64_t at = begin * width, n = (end - begin) * width;
        context.kernels.quantise_fp8(x + at, n, 128, wide + at);
        context.kernels.narrow_bf16(wide + at, n, narrow + at);
    });
    return {wide, width, narrow, width, count, width};
}

}  // namespace baleen::v4
