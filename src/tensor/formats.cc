#include "tensor/formats.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace baleen::tensor {

namespace {

// Rounds |value| to a format with `mantissa_bits` bits after the leading one and smallest normal exponent `low`;
// the result is the value, not the code. Exact for float32 inputs within the formats used here.
float round_to_grid(float magnitude, int mantissa_bits, int low) {
    if (magnitude == 0) return 0;
    const int exponent = std::max(std::ilogb(magnitude), low);
    const float step = std::ldexp(1.0f, exponent - mantissa_bits);
    return std::nearbyint(magnitude / step) * step;  // default rounding mode: to nearest, ties to even
}

std::uint8_t scale_of(float amax, float inverse_top) {
    const auto bits = std::bit_cast<std::uint32_t>(amax * inverse_top);
    return static_cast<std::uint8_t>((bits >> 23) + ((bits & 0x7fffffu) != 0));
}

constexpr std::array<float, 8> kE2M1{0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};

}  // namespace

float f16_to_f32(std::uint16_t bits) {
    const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    float magnitude;
    if (exponent == 31) magnitude = mantissa ? std::bit_cast<float>(0x7fc00000u) : std::bit_cast<float>(0x7f800000u);
    else if (exponent == 0) magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    else magnitude = std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
    return std::copysign(magnitude, bits & 0x8000 ? -1.0f : 1.0f);
}

std::uint16_t f32_to_f16(float value) {
    const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) return sign | 0x7e00;
    const float magnitude = round_to_grid(std::min(std::fabs(value), 131072.0f), 10, -14);
    if (magnitude >= 65536.0f) return sign | 0x7c00;
    if (magnitude < 0x1p-14f) return sign | static_cast<std::uint16_t>(std::ldexp(magnitude, 24));
    const int exponent = std::ilogb(magnitude);
    return sign | static_cast<std::uint16_t>(((exponent + 15) << 10) + static_cast<int>(std::ldexp(magnitude, 10 - exponent)) - 1024);
}

float e4m3_to_f32(std::uint8_t code) {
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    float magnitude;
    if ((code & 0x7f) == 0x7f) magnitude = std::bit_cast<float>(0x7fc00000u);
    else if (exponent == 0) magnitude = std::ldexp(static_cast<float>(mantissa), -9);
    else magnitude = std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
    return std::copysign(magnitude, code & 0x80 ? -1.0f : 1.0f);
}

std::uint8_t f32_to_e4m3(float value) {
    const std::uint8_t sign = std::signbit(value) ? 0x80 : 0;
    if (std::isnan(value)) return sign | 0x7f;
    const float magnitude = std::min(round_to_grid(std::min(std::fabs(value), 448.0f), 3, -6), 448.0f);
    if (magnitude < 0x1p-6f) return sign | static_cast<std::uint8_t>(std::ldexp(magnitude, 9));
    const int exponent = std::ilogb(magnitude);
    return sign | static_cast<std::uint8_t>(((exponent + 7) << 3) + static_cast<int>(std::ldexp(magnitude, 3 - exponent)) - 8);
}

float e2m1_to_f32(std::uint8_t code) { return code & 8 ? -kE2M1[code & 7] : kE2M1[code & 7]; }

std::uint8_t f32_to_e2m1(float value) {
    const std::uint8_t sign = std::signbit(value) ? 8 : 0;
    const float magnitude = std::isnan(value) ? 6.0f : round_to_grid(std::min(std::fabs(value), 6.0f), 1, 0);
    const auto found = std::find(kE2M1.begin(), kE2M1.end(), magnitude);
    return sign | static_cast<std::uint8_t>(found - kE2M1.begin());
}

bool f32_to_ue8m0(float value, std::uint8_t* code) {
    if (value == 0x1p-127f) {
        *code = 0;
        return true;
    }
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x807fffffu) != 0 || bits == 0 || bits == 0x7f800000u) return false;
    *code = static_cast<std::uint8_t>(bits >> 23);
    return true;
}

std::uint8_t fp8_scale(float amax) { return scale_of(std::max(amax, 1e-4f), 1.0f / 448.0f); }

std::uint8_t fp4_scale(float amax) { return scale_of(std::max(amax, 6 * 0x1p-126f), 1.0f / 6.0f); }

}  // namespace baleen::tensor
