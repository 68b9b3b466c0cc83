// A weight matrix as it lies in memory: a view, never an owner. [rows = outputs, cols = inputs], row-major.
// Spec architecture 2.2.
#pragma once

#include <cstdint>

namespace baleen::tensor {

enum class WeightFormat : std::uint8_t {
    fp8,   // E4M3 bytes, one UE8M0 scale per tile of 128 x 128
    fp4,   // two E2M1 codes a byte along cols, low nibble = even column; one UE8M0 scale per row and 32 columns
    bf16,  // no scales
    f32,   // no scales
};

struct MatrixView {
    WeightFormat format = WeightFormat::bf16;
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    const void* data = nullptr;            // rows * row_bytes() bytes; at least 8-byte aligned in official files
    const std::uint8_t* scales = nullptr;  // fp8: [ceil(rows/128), ceil(cols/128)]; fp4: [rows, cols/32]
    std::int64_t scale_stride = 0;         // scale bytes from one row of scales to the next

    std::int64_t row_bytes() const {
        switch (format) {
            case WeightFormat::fp8: return cols;
            case WeightFormat::fp4: return cols / 2;
            case WeightFormat::bf16: return cols * 2;
            case WeightFormat::f32: return cols * 4;
        }
        return 0;
    }
    // Official bytes of the matrix with its scales (a UE8M0 scale counts one byte even where the file has F32).
    std::int64_t bytes() const {
        std::int64_t scale = 0;
        if (format == WeightFormat::fp8) scale = ((rows + 127) / 128) * ((cols + 127) / 128);
        if (format == WeightFormat::fp4) scale = rows * (cols / 32);
        return rows * row_bytes() + scale;
    }
    // The rows [first, first + count) as a matrix of their own. For fp8, `first` is a multiple of 128 or the result
    // would start inside a tile.
    MatrixView slice(std::int64_t first, std::int64_t count) const {
        MatrixView part = *this;
        part.rows = count;
        part.data = static_cast<const char*>(data) + first * row_bytes();
        if (format == WeightFormat::fp8) part.scales = scales + first / 128 * scale_stride;
        if (format == WeightFormat::fp4) part.scales = scales + first * scale_stride;
        return part;
    }
};

}  // namespace baleen::tensor
