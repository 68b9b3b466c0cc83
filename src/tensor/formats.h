// The small number formats of V4 (spec architecture 2.2, 3.2, 3.3), one value at a time. These functions are the
// definition; kernels decode whole rows faster and are tested against them over every code.
//
//   BF16   s eeeeeeee mmmmmmm    upper half of a float32
//   FP16   s eeeee mmmmmmmmmm    IEEE half
//   E4M3   s eeee mmm            bias 7, max 448, no infinities, 0x7f and 0xff are NaN ("fn")
//   E2M1   s ee m                0 0.5 1 1.5 2 3 4 6 and their negatives
//   UE8M0  eeeeeeee              2^(byte-127); 255 is NaN, 0 is 2^-127
//
// All encoders round to nearest, ties to even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace baleen::tensor {

// ---- BF16

inline float bf16_to_f32(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

// NaN stays NaN (quiet, payload cut); overflow rounds to infinity.
inline std::uint16_t f32_to_bf16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
    return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float round_bf16(float value) { return bf16_to_f32(f32_to_bf16(value)); }

// ---- FP16

float f16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_f16(float value);  // overflow to infinity, NaN stays NaN

// ---- E4M3

float e4m3_to_f32(std::uint8_t code);
std::uint8_t f32_to_e4m3(float value);  // saturates at +-448; NaN gives 0x7f with the sign

// ---- E2M1 (FP4); codes are 0..15 in the low nibble

float e2m1_to_f32(std::uint8_t code);
std::uint8_t f32_to_e2m1(float value);  // saturates at +-6; NaN gives +-6

// ---- UE8M0 scales

inline float ue8m0_to_f32(std::uint8_t code) {
    if (code == 0) return 0x1p-127f;
    if (code == 255) return std::bit_cast<float>(0x7fc00000u);
    return std::bit_cast<float>(static_cast<std::uint32_t>(code) << 23);
}

// Whether `value` is exactly a UE8M0 scale; the code in *code.
bool f32_to_ue8m0(float value, std::uint8_t* code);

// ---- Scales of the activation quantisers: 2^ceil(log2(fp32(amax * fp32(1/top)))), as the byte.

// Spec 3.2: amax is floored at 1e-4, top 448.
std::uint8_t fp8_scale(float amax);
// Spec 3.3: amax is floored at 6 * 2^-126, top 6.
std::uint8_t fp4_scale(float amax);

}  // namespace baleen::tensor
