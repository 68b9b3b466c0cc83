// The number formats over every code, and their encoders against a search for the nearest value.
#include "tensor/formats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "tensor/entry_layout.h"
#include "tensor/matrix.h"

namespace baleen::tensor {
namespace {

std::uint32_t bits(float x) {
    return std::bit_cast<std::uint32_t>(x);
}

// Floats of every size, most of them near the edges of small formats.
std::vector<float> samples() {
    std::mt19937 random(1);
    std::vector<float> out;
    for (int i = 0; i < 200000; ++i) {
        const float mantissa = 1 + static_cast<float>(random() >> 9) * 0x1p-23f;
        const float x = std::ldexp(mantissa, static_cast<int>(random() % 60) - 35);
        out.push_back(random() % 2 ? x : -x);
    }
    for (int i = 0; i < 100000; ++i) out.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    return out;
}

TEST(Bf16, RoundTripsEveryCode) {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
        const float x = bf16_to_f32(static_cast<std::uint16_t>(code));
        EXPECT_EQ(bits(x), code << 16);
        const std::uint16_t again = f32_to_bf16(x);
        if (std::isnan(x))
            EXPECT_EQ(again, code | 0x40u);
        else
            EXPECT_EQ(again, code);
    }
}

TEST(Bf16, RoundsToNearestTiesToEven) {
    EXPECT_EQ(f32_to_bf16(1.0f + 0x1p-8f), 0x3f80);      // tie, down to even
    EXPECT_EQ(f32_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);  // tie, up to even
    EXPECT_EQ(f32_to_bf16(1.0f + 0x1.02p-8f), 0x3f81);   // above the tie
    EXPECT_EQ(f32_to_bf16(0x1.fffffep127f), 0x7f80);     // overflow
    EXPECT_EQ(f32_to_bf16(-0x1.fffffep127f), 0xff80);
    EXPECT_TRUE(std::isnan(round_bf16(std::bit_cast<float>(0x7f800001u))));  // its only payload bit is cut
    for (const float x : samples()) {
        if (std::isnan(x) || std::fabs(x) > 3e38f) continue;
        const std::uint16_t code = f32_to_bf16(x);
        const double off = std::fabs(double{bf16_to_f32(code)} - x);
        for (const int step : {-1, 1}) {
            const double other = std::fabs(double{bf16_to_f32(static_cast<std::uint16_t>(code + step))} - x);
            if ((code & 0x7fff) == 0 && step < 0) continue;
            ASSERT_TRUE(off < other || (off == other && code % 2 == 0)) << std::hexfloat << x;
        }
    }
}

TEST(Fp16, RoundTripsEveryCode) {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
        const float x = f16_to_f32(static_cast<std::uint16_t>(code));
        const int exponent = code >> 10 & 31, mantissa = code & 1023;
        if (exponent == 31)
            EXPECT_EQ(std::isnan(x), mantissa != 0);
        else {
            const double want =
                exponent ? std::ldexp(1024.0 + mantissa, exponent - 25) : std::ldexp(double(mantissa), -24);
            EXPECT_EQ(std::fabs(x), want);
        }
        EXPECT_EQ(std::signbit(x), code >> 15 == 1);
        EXPECT_EQ(f32_to_f16(x), std::isnan(x) ? (code & 0x8000u) | 0x7e00u : code);
    }
}

// A sign-and-magnitude format: `largest` is the code of the largest finite magnitude, which stands for all beyond it
// where the format saturates.
void check_nearest(const std::function<float(int)>& decode, const std::function<int(float)>& encode, int sign,
                   int largest, bool saturates) {
    for (const float x : samples()) {
        if (std::isnan(x)) continue;
        const int code = encode(x), magnitude = code & ~sign;
        ASSERT_EQ((code & sign) != 0, std::signbit(x)) << std::hexfloat << x;
        if (std::fabs(x) >= decode(largest)) {
            if (saturates) {
                ASSERT_EQ(magnitude, largest) << std::hexfloat << x;
            }
            continue;
        }
        const double off = std::fabs(double{decode(magnitude)} - std::fabs(x));
        for (const int other : {magnitude - 1, magnitude + 1}) {
            if (other < 0 || other > largest) continue;
            const double away = std::fabs(double{decode(other)} - std::fabs(x));
            ASSERT_TRUE(off < away || (off == away && magnitude % 2 == 0)) << std::hexfloat << x << " code " << code;
        }
    }
}

TEST(Fp16, RoundsToNearestTiesToEven) {
    check_nearest([](int c) { return f16_to_f32(static_cast<std::uint16_t>(c)); },
                  [](float x) { return f32_to_f16(x); }, 0x8000, 0x7bff, false);
    EXPECT_EQ(f32_to_f16(65519.99f), 0x7bff);
    EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
    EXPECT_EQ(f32_to_f16(-1e30f), 0xfc00);
    EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
    EXPECT_EQ(f32_to_f16(0x1.8p-25f), 1);
}

TEST(E4m3, RoundTripsEveryCode) {
    for (int code = 0; code < 256; ++code) {
        const float x = e4m3_to_f32(static_cast<std::uint8_t>(code));
        const int exponent = code >> 3 & 15, mantissa = code & 7;
        if ((code & 0x7f) == 0x7f)
            EXPECT_TRUE(std::isnan(x));
        else {
            const double want = exponent ? std::ldexp(8.0 + mantissa, exponent - 10) : std::ldexp(double(mantissa), -9);
            EXPECT_EQ(std::fabs(x), want);
        }
        EXPECT_EQ(std::signbit(x), code >> 7 == 1);
        EXPECT_EQ(f32_to_e4m3(x), code);
    }
    EXPECT_EQ(e4m3_to_f32(0x7e), 448);
    EXPECT_EQ(e4m3_to_f32(0x01), 0x1p-9f);
}

TEST(E4m3, RoundsToNearestTiesToEvenAndSaturates) {
    check_nearest([](int c) { return e4m3_to_f32(static_cast<std::uint8_t>(c)); },
                  [](float x) { return f32_to_e4m3(x); }, 0x80, 0x7e, true);
    EXPECT_EQ(f32_to_e4m3(INFINITY), 0x7e);
    EXPECT_EQ(f32_to_e4m3(-1e9f), 0xfe);
    EXPECT_EQ(f32_to_e4m3(NAN) & 0x7f, 0x7f);
    EXPECT_EQ(f32_to_e4m3(0x1p-10f), 0);   // half of the smallest, tie to 0
    EXPECT_EQ(f32_to_e4m3(0x1.8p-9f), 2);  // tie between 1 and 2 steps
}

TEST(E2m1, RoundTripsEveryCodeAndRoundsTiesToEven) {
    const float values[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (int code = 0; code < 16; ++code) {
        const float x = e2m1_to_f32(static_cast<std::uint8_t>(code));
        EXPECT_EQ(std::fabs(x), values[code & 7]);
        EXPECT_EQ(std::signbit(x), code > 7);
        EXPECT_EQ(f32_to_e2m1(x), code);
    }
    check_nearest([](int c) { return e2m1_to_f32(static_cast<std::uint8_t>(c)); },
                  [](float x) { return f32_to_e2m1(x); }, 8, 7, true);
    const float ties[][2] = {{0.25f, 0}, {0.75f, 1}, {1.25f, 1}, {1.75f, 2}, {2.5f, 2}, {3.5f, 4}, {5, 4}};  // spec 3.3
    for (const auto& [x, want] : ties) EXPECT_EQ(e2m1_to_f32(f32_to_e2m1(x)), want) << x;
    EXPECT_EQ(f32_to_e2m1(NAN) & 7, 7);
    EXPECT_EQ(f32_to_e2m1(-INFINITY), 15);
}

TEST(Ue8m0, RoundTripsEveryCode) {
    for (int code = 0; code < 255; ++code) {
        const float x = ue8m0_to_f32(static_cast<std::uint8_t>(code));
        EXPECT_EQ(x, std::ldexp(1.0, code - 127));
        std::uint8_t again = 1;
        EXPECT_TRUE(f32_to_ue8m0(x, &again));
        EXPECT_EQ(again, code);
    }
    EXPECT_TRUE(std::isnan(ue8m0_to_f32(255)));
    std::uint8_t code;
    for (const float x : {0.0f, -0.0f, -1.0f, 3.0f, 0x1p-128f, 0x1.000002p0f, INFINITY, NAN, 0x1p-149f})
        EXPECT_FALSE(f32_to_ue8m0(x, &code)) << x;
}

// Every bf16 amax, which is all the reference sees: the byte is the exact ceiling of a logarithm (spec 3.2, 3.3, 13).
TEST(Scales, AreTheExactCeilingForEveryBf16) {
    for (std::uint32_t high = 0; high < 0x7f80; ++high) {
        const float amax = bf16_to_f32(static_cast<std::uint16_t>(high));
        const double eight = std::ldexp(1.0, fp8_scale(amax) - 127), bounded8 = std::max<double>(amax, 1e-4f);
        ASSERT_TRUE(eight * 448 >= bounded8 && eight / 2 * 448 < bounded8) << amax;
        const double four = std::ldexp(1.0, fp4_scale(amax) - 127), bounded4 = std::max(double{amax}, 6 * 0x1p-126);
        ASSERT_TRUE(four * 6 >= bounded4 && four / 2 * 6 < bounded4) << amax;
    }
    const double eights[][2] = {{1e-5, -22}, {1, -8}, {3.5, -7}, {7, -6}, {448, 0}, {449, 1}};
    for (const auto& [amax, exponent] : eights) EXPECT_EQ(fp8_scale(static_cast<float>(amax)) - 127, exponent) << amax;
    const double fours[][2] = {{1.5, -2}, {3, -1}, {6, 0}, {6.03, 1}};
    for (const auto& [amax, exponent] : fours) EXPECT_EQ(fp4_scale(static_cast<float>(amax)) - 127, exponent) << amax;
    EXPECT_EQ(fp4_scale(0), 1);  // 2^-126
}

TEST(Layouts, HaveTheSizesOfTheSpecification) {
    const EntryLayout flash{512, 64, true};
    EXPECT_EQ(flash.nope_dim(), 448);
    EXPECT_EQ(flash.scale_offset(), 576);
    EXPECT_EQ(flash.bytes(), 584);
    EXPECT_EQ((EntryLayout{512, 64, false}.bytes()), 2048);
    EXPECT_EQ((KeyLayout{128, true}.bytes()), 68);
    EXPECT_EQ((KeyLayout{128, false}.bytes()), 512);
    MatrixView w{WeightFormat::fp4, 2048, 4096};
    EXPECT_EQ(w.row_bytes(), 2048);
    EXPECT_EQ(w.bytes(), 2048 * 2048 + 2048 * 128);
    w = {WeightFormat::fp8, 200, 300};
    EXPECT_EQ(w.bytes(), 200 * 300 + 2 * 3);
}

}  // namespace
}  // namespace baleen::tensor
