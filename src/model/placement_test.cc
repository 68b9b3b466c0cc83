#include "model/placement.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace baleen::model {
namespace {

constexpr std::uint64_t kUnit = 100;

TEST(Placement, PartsOfATensorGoToTheirMembers) {
    const Stretch tensor{200, 800};
    const int nodes[] = {0, 0, 1, 1};
    EXPECT_EQ(unit_nodes({&tensor, 1}, 1000, kUnit, nodes), (std::vector<int>{0, 0, 0, 0, 0, 0, 1, 1, 1, 1}));
}

TEST(Placement, AUnitGoesWhereMostOfItIsRead) {
    // 250 bytes from 30 on: members read 30-155 and 155-280.
    const Stretch tensor{30, 250};
    const int nodes[] = {3, 5};
    EXPECT_EQ(unit_nodes({&tensor, 1}, 400, kUnit, nodes), (std::vector<int>{3, 3, 5, 3}));  // nobody reads the last
}

TEST(Placement, ManySmallTensorsCountTogether) {
    std::vector<Stretch> tensors;
    for (std::uint64_t i = 0; i < 10; ++i) tensors.push_back({i * 10, 10});
    const int uneven[] = {0, 1, 1};
    EXPECT_EQ(unit_nodes(tensors, 100, kUnit, uneven), (std::vector<int>{1}));
}

TEST(Placement, OneNodeIsEverywhere) {
    const Stretch tensor{0, 1'000'000'007};
    const int nodes[] = {2, 2, 2};
    for (const int node : unit_nodes({&tensor, 1}, 1'000'000'007, 1 << 20, nodes)) EXPECT_EQ(node, 2);
}

TEST(Placement, MembersPartsMeetAtAnySize) {
    for (const std::uint64_t bytes : {1ull, 7ull, 99ull, 1'000'003ull}) {
        const Stretch tensor{0, bytes};
        const int nodes[] = {0, 1, 2, 3, 4, 5, 6};
        const std::vector<int> units = unit_nodes({&tensor, 1}, bytes, 1, nodes);
        for (std::uint64_t at = 0; at < bytes; ++at) {
            const auto member = static_cast<std::uint64_t>(units[at]);
            EXPECT_TRUE(bytes * member / 7 <= at && at < bytes * (member + 1) / 7) << at;
        }
        EXPECT_TRUE(std::is_sorted(units.begin(), units.end()));
        EXPECT_EQ(units.back(), 6);
    }
}

}  // namespace
}  // namespace baleen::model
