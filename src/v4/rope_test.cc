// RoPE frequencies against the tables of spec architecture 3.6, to the bit, and angles at a million tokens, where one ulp of a
// frequency is 0.06 rad.
#include "v4/rope.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>

namespace baleen::v4 {
namespace {

model::Config flash_rope() {
    model::Config config;
    config.qk_rope_head_dim = 64;
    return config;  // thetas and YaRN are the published defaults
}

constexpr std::array<std::uint32_t, 32> kBase10000{
    0x3f800000, 0x3f3ff911, 0x3f0ff59a, 0x3ed7e89b, 0x3ea1e89b, 0x3e72d423, 0x3e361887, 0x3e088d77, 0x3dcccccd,
    0x3d99940d, 0x3d6655c2, 0x3d2cba15, 0x3d0186e3, 0x3cc2434f, 0x3c91ad39, 0x3c5a7bf2, 0x3c23d70a, 0x3bf5b9b0,
    0x3bb8449c, 0x3b8a2e77, 0x3b4f3e38, 0x3b1b690d, 0x3ae91528, 0x3aaec98e, 0x3a83126f, 0x3a44948c, 0x3a136a16,
    0x39dd1725, 0x39a5cb60, 0x3978a815, 0x393a7753, 0x390bd472};
constexpr std::array<std::uint32_t, 32> kBase160000Yarn{
    0x3f800000, 0x3f300a3a, 0x3ef21c1f, 0x3ea67d01, 0x3e64f92e, 0x3e1d7475, 0x3dd88cb4, 0x3d94e963, 0x3d4ccccd,
    0x3d0cd4fb, 0x3cc1b019, 0x3c8530ce, 0x3c372dbf, 0x3bfbed88, 0x3bad3d5e, 0x3b6e4237, 0x3b147ae1, 0x3ab714e0,
    0x3a5ebdb6, 0x3a0530ce, 0x399bb3af, 0x39305978, 0x38be904d, 0x383e9b5f, 0x37a3d70c, 0x36b443d0, 0x3677eba6,
    0x362a7be8, 0x35ea77ff, 0x35a13bdc, 0x355dbf30, 0x35187c4d};

void expect_table(const RopeTable& table, const std::array<std::uint32_t, 32>& bits) {
    ASSERT_EQ(table.pairs(), 32);
    for (std::size_t i = 0; i < bits.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(table.frequencies()[i]), bits[i]) << "pair " << i;
    }
}

TEST(Rope, FrequenciesOfWindowLayers) { expect_table(RopeTable(flash_rope(), false), kBase10000); }
TEST(Rope, FrequenciesOfCompressedLayers) { expect_table(RopeTable(flash_rope(), true), kBase160000Yarn); }

TEST(Rope, SpotValues) {
    std::array<float, 32> cos, sin;
    RopeTable(flash_rope(), true).angles(1048575, cos.data(), sin.data());
    EXPECT_NEAR(cos[1], 0.8300226f, 1e-7f);
    EXPECT_NEAR(sin[1], 0.5577297f, 1e-7f);
    RopeTable(flash_rope(), true).angles(1000000, cos.data(), sin.data());
    EXPECT_NEAR(cos[20], -0.0971241f, 1e-7f);
    EXPECT_NEAR(sin[20], 0.9952723f, 1e-7f);
    RopeTable(flash_rope(), false).angles(65536, cos.data(), sin.data());
    EXPECT_NEAR(cos[1], -0.4243738f, 1e-7f);
    EXPECT_NEAR(sin[1], -0.9054871f, 1e-7f);
}

}  // namespace
}  // namespace baleen::v4
