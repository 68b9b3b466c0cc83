// Mixes to pre, post and comb: the worked example of spec architecture 4.2, and the invariants of a Sinkhorn matrix.
#include "v4/hyper_connection.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace baleen::v4 {
namespace {

TEST(HyperConnection, WorkedExample) {
    std::array<float, 24> mixes;
    std::vector<float> base;
    for (int i = 0; i < 24; ++i) {
        mixes[static_cast<std::size_t>(i)] = (i % 2 ? -0.1f : 0.1f) * static_cast<float>(i);
        base.push_back(0.01f * static_cast<float>(i));
    }
    std::array<float, 4> pre, post;
    std::array<float, 16> comb;
    sinkhorn_mixes(mixes.data(), {1, 0.5f, 2}, base, 4, 20, 1e-6f, pre.data(), post.data(), comb.data());
    constexpr std::array kPre{0.50000100f, 0.47751618f, 0.55478024f, 0.43290810f};
    constexpr std::array kPost{1.11942730f, 0.90033201f, 1.17808087f, 0.86090755f};
    constexpr std::array kComb{.04167738f, .45840137f, .04167738f, .45824292f, .15522896f, .34480659f, .15522896f, .34473450f,
                               .34501054f, .15495282f, .34501054f, .15502508f, .45808212f, .04183822f, .45808212f, .04199649f};
    for (std::size_t j = 0; j < 4; ++j) {
        EXPECT_NEAR(pre[j], kPre[j], 2e-7f);
        EXPECT_NEAR(post[j], kPost[j], 4e-7f);
    }
    for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(comb[i], kComb[i], 4e-7f) << i;
}

TEST(HyperConnection, ColumnsSumToOneLessEps) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 3);
    for (int trial = 0; trial < 200; ++trial) {
        std::array<float, 24> mixes;
        for (float& mix : mixes) mix = normal(random);
        std::array<float, 4> pre, post;
        std::array<float, 16> comb;
        sinkhorn_mixes(mixes.data(), {1, 1, 1}, std::vector<float>(24, 0.0f), 4, 20, 1e-6f, pre.data(), post.data(), comb.data());
        for (std::size_t k = 0; k < 4; ++k) {
            const float sum = comb[k] + comb[4 + k] + comb[8 + k] + comb[12 + k];
            EXPECT_NEAR(sum, 1 - 1e-6f, 5e-7f) << "trial " << trial;
        }
    }
}

}  // namespace
}  // namespace baleen::v4
