#include "tensor/dtype.h"

#include <array>
#include <utility>

namespace baleen::tensor {

namespace {
constexpr std::array<std::pair<DType, std::string_view>, 12> kNames{{{DType::f32, "F32"},
                                                                     {DType::f16, "F16"},
                                                                     {DType::bf16, "BF16"},
                                                                     {DType::f8_e4m3, "F8_E4M3"},
                                                                     {DType::f8_e8m0, "F8_E8M0"},
                                                                     {DType::i8, "I8"},
                                                                     {DType::u8, "U8"},
                                                                     {DType::i32, "I32"},
                                                                     {DType::i64, "I64"},
                                                                     {DType::f64, "F64"},
                                                                     {DType::boolean, "BOOL"},
                                                                     {DType::i16, "I16"}}};
}  // namespace

std::string_view name(DType type) {
    for (const auto& [value, text] : kNames)
        if (value == type) return text;
    return "?";
}

std::optional<DType> parse_dtype(std::string_view text) {
    for (const auto& [value, known] : kNames)
        if (known == text) return value;
    return std::nullopt;
}

}  // namespace baleen::tensor
