#include "eval/extrapolate.h"

#include <gtest/gtest.h>

#include "model/synth.h"

namespace baleen::eval {
namespace {

model::Config preset(std::string_view name) {
    for (const model::Preset& p : model::presets())
        if (p.name == name) return p.config;
    ADD_FAILURE() << name;
    return {};
}

// A report whose decode steps take one millisecond an operation, and as many as are given in selection.
BenchReport report(std::initializer_list<std::pair<std::int64_t, double>> depths) {
    BenchReport made;
    for (const auto& [depth, selection] : depths) {
        BenchResult& result = made.results.emplace_back();
        result.test = "decode:" + std::to_string(depth);
        result.depth = depth;
        for (int i = 0; i < v4::kOperations; ++i) {
            const double ms = i == static_cast<int>(v4::Operation::selection) ? selection : 1;
            result.operations.push_back({std::string(v4::kOperationNames[i]), ms, 0, 0});
            result.ms += ms;
        }
    }
    return made;
}

double ratio(const Extrapolation& made, v4::Operation operation) { return made.operations[static_cast<std::size_t>(operation)].ratio; }

TEST(Extrapolate, AModelOntoItselfChangesNothing) {
    const BenchReport measured = report({{0, 1}, {131072, 3}});
    const auto made = extrapolate(measured, preset("flash-6l"), preset("flash-6l"), "itself");
    ASSERT_EQ(made.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(made[i].ms, measured.results[i].ms, 1e-9);
    EXPECT_NEAR(made[1].of_first, measured.results[1].ms / measured.results[0].ms, 1e-9);
}

TEST(Extrapolate, RatiosFollowTheConfigs) {
    const auto made = extrapolate(report({{0, 1}, {1 << 20, 11}}), preset("flash-6l"), model::published_flash(), "flash");
    ASSERT_EQ(made.size(), 2u);
    EXPECT_NEAR(ratio(made[0], v4::Operation::head), 1, 1e-9);
    EXPECT_NEAR(ratio(made[0], v4::Operation::routed_experts), 43.0 / 6, 1e-9);  // six experts a layer in both
    EXPECT_NEAR(ratio(made[0], v4::Operation::gate), 43.0 / 6 * 4, 0.2);         // 256 rows and not 64
    EXPECT_NEAR(ratio(made[0], v4::Operation::combine), 43.0 / 6, 1e-9);
    EXPECT_NEAR(ratio(made[0], v4::Operation::attention), 43.0 / 6, 1e-9);
    // 21 layers choose entries and not two; the 1 ms of 11 that was there at depth 0 goes by weights, which have the same ratio.
    EXPECT_NEAR(ratio(made[1], v4::Operation::selection), 10.5, 1e-6);
    // The window everywhere, 512 chosen ones in 21 (2) layers, 8,192 entries in 20 (2).
    const double full = 43 * 128 + 21 * 512 + 20 * 8192.0, reduced = 6 * 128 + 2 * 512 + 2 * 8192.0;
    EXPECT_NEAR(ratio(made[1], v4::Operation::attention), full / reduced, 1e-3);
    EXPECT_GT(made[1].of_first, 1);
}

TEST(Extrapolate, TestsWithoutOperationsAreLeftOut) {
    BenchReport measured = report({{0, 1}});
    measured.results[0].operations.clear();
    measured.results.emplace_back().test = "prefill:512";
    EXPECT_TRUE(extrapolate(measured, preset("flash-6l"), model::published_pro(), "pro").empty());
}

}  // namespace
}  // namespace baleen::eval
