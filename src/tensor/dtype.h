// Element types of stored tensors, with the names safetensors gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace baleen::tensor {

enum class DType : std::uint8_t { f32, f16, bf16, f8_e4m3, f8_e8m0, i8, u8, i32, i64, f64, boolean, i16 };

// Bytes of one stored element. FP4 weights are stored as i8, two codes per element.
constexpr int element_bytes(DType type) {
    switch (type) {
        case DType::f64:
        case DType::i64: return 8;
        case DType::f32:
        case DType::i32: return 4;
        case DType::f16:
        case DType::bf16:
        case DType::i16: return 2;
        case DType::f8_e4m3:
        case DType::f8_e8m0:
        case DType::i8:
        case DType::u8:
        case DType::boolean: return 1;
    }
    return 0;
}

// "F8_E4M3" and so on, as in a safetensors header.
std::string_view name(DType type);
std::optional<DType> parse_dtype(std::string_view name);

}  // namespace baleen::tensor
