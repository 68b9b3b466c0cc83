// Selection against a plain sort, ties and special values included.
#include "v4/top_selection.h"

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

TEST(TopSelection, EqualsSorting) {
    std::mt19937 random(7);
    const auto sets = kernels::available();
    for (int trial = 0; trial < 500; ++trial) {
        const std::size_t count = 1 + random() % (trial % 10 ? 300 : 9000);
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
        const kernels::Kernels& set = *sets[static_cast<std::size_t>(trial) % sets.size()];
        // One after the other in a few parts, which several selections share, taken together in another order.
        std::vector<TopSelection> parts(1 + random() % 3);
        for (TopSelection& part : parts) part.start(k);
        for (std::size_t at = 0; at < count;) {
            const std::size_t size = std::min(count - at, 1 + random() % count);
            parts[random() % parts.size()].offer(set, {scores.data() + at, size}, static_cast<std::int64_t>(at));
            at += size;
        }
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) parts.back().take(parts[i]);
        parts.back().write(out.data());
        EXPECT_EQ(out, by_sorting(scores, k)) << "trial " << trial << ", " << count << " scores, k = " << k;
    }
}

// Ascending scores make every one a candidate; what is kept stays bounded and right.
TEST(TopSelection, OfAscendingScores) {
    std::vector<float> scores(100'000);
    std::iota(scores.begin(), scores.end(), 0.0f);
    for (const bool all_alike : {false, true}) {
        if (all_alike) std::fill(scores.begin(), scores.end(), 1.0f);
        TopSelection best;
        best.start(512);
        best.offer(*kernels::available().back(), scores, 1000);
        std::vector<std::int32_t> out(512), want(512);
        best.write(out.data());
        std::iota(want.begin(), want.end(), all_alike ? 1000 : 1000 + 100'000 - 512);
        EXPECT_EQ(out, want);
    }
}

}  // namespace
}  // namespace baleen::v4
