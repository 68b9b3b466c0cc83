// Selection against a plain sort, ties and special values included.
#include "v4/indexer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "tensor/formats.h"

namespace baleen::v4 {
namespace {

std::vector<std::int32_t> by_sorting(const std::vector<float>& scores, std::int64_t k) {
    std::vector<std::int32_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(k));
    std::sort(order.begin(), order.end());
    return order;
}

TEST(SelectTop, EqualsSorting) {
    std::mt19937 random(7);
    for (int trial = 0; trial < 500; ++trial) {
        const std::size_t count = 1 + random() % 300;
        const auto k = static_cast<std::int64_t>(1 + random() % count);
        std::normal_distribution<float> normal(0, 1);
        std::vector<float> scores(count);
        const int kind = trial % 4;  // many ties, zeros of both signs, bf16 values, anything
        for (float& score : scores) {
            score = kind == 0 ? static_cast<float>(static_cast<int>(random() % 5) - 2) : normal(random);
            if (kind == 1) score = score > 0 ? 0.0f : -0.0f;
            if (kind == 2) score = tensor::round_bf16(score);
        }
        if (trial % 7 == 0) scores[random() % count] = std::numeric_limits<float>::infinity();
        if (trial % 11 == 0) scores[random() % count] = -std::numeric_limits<float>::infinity();
        std::vector<std::int32_t> out(static_cast<std::size_t>(k), -7);
        select_top(scores, k, out.data());
        EXPECT_EQ(out, by_sorting(scores, k)) << "trial " << trial << ", " << count << " scores, k = " << k;
    }
}

}  // namespace
}  // namespace baleen::v4
