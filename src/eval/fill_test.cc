// Aim: a filled sequence is a valid one of the depth asked for: it steps like any other, gives back its blocks, says when the pool is too
// small, and the benchmark takes turns between depths.
#include "eval/fill.h"

#include <gtest/gtest.h>

#include <cmath>

#include "eval/bench.h"

namespace baleen::eval {
namespace {

std::unique_ptr<engine::Engine> open_tiny(std::int64_t blocks) {
    const std::filesystem::path tiny = std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint";
    const auto checkpoint = model::Checkpoint::open(tiny);
    EXPECT_TRUE(checkpoint.ok());
    engine::EngineOptions options;
    options.threads = 1;
    options.kv_budget_bytes = kv::make_shape((*checkpoint)->config(), true, 0).block_bytes() * blocks;
    auto engine = engine::Engine::open(tiny, options);
    EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
    return std::move(engine).value();
}

TEST(Fill, StepsAtDepthAndGivesBack) {
    const auto engine = open_tiny(40);
    std::mt19937_64 random(1);
    for (const std::int64_t depth : {0, 100, 128, 512, 640, 3000}) {
        auto sequence = filled_sequence(*engine, depth, random);
        ASSERT_TRUE(sequence.ok()) << sequence.error().message;
        EXPECT_EQ((*sequence)->computed(), depth / 128 * 128) << depth;
        EXPECT_EQ((*sequence)->pending(), 1) << depth;
        for (int step = 0; step < 200; ++step) {  // over the next border of a block
            engine::StepBatch batch;
            batch.spans.push_back({sequence->get(), 1, engine::RowKind::decode, {-1}, {}, {}});
            const auto report = engine->step(batch);
            ASSERT_TRUE(report.ok()) << report.error().message;
            for (const float logit : report->rows[0].logits) ASSERT_TRUE(std::isfinite(logit)) << depth;
            ASSERT_TRUE((*sequence)->append(TokenId(step)).ok());
        }
        sequence->reset();
        EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity()) << depth;
    }
}

TEST(Fill, SaysThatThePoolIsFull) {
    const auto engine = open_tiny(16);
    std::mt19937_64 random(1);
    const auto sequence = filled_sequence(*engine, 4096, random);
    ASSERT_FALSE(sequence.ok());
    EXPECT_EQ(sequence.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity());
}

TEST(Bench, DepthsTakeTurns) {
    const auto engine = open_tiny(64);
    BenchOptions options;
    options.fill_random = true;
    options.repetitions = 3;
    const auto report = run_bench(*engine, *parse_tests("decode:0,1024,2048"), options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    ASSERT_EQ(report->results.size(), 3u);
    for (const BenchResult& result : report->results) {
        EXPECT_EQ(result.repetitions, 3) << result.test;
        EXPECT_GT(result.ms, 0) << result.test;
        EXPECT_GT(result.of_first, 0) << result.test;
    }
    EXPECT_EQ(report->results[0].of_first, 1);
}

TEST(Bench, SlicesStayAtTheirDepths) {
    const auto engine = open_tiny(64);
    const std::int64_t free = engine->pool().free_blocks();
    BenchOptions options;
    options.fill_random = true;
    options.repetitions = 2;
    options.operations = true;
    const auto report = run_bench(*engine, *parse_tests("slice:0,300,2048"), options);
    ASSERT_TRUE(report.ok()) << report.error().message;
    ASSERT_EQ(report->results.size(), 3u);
    const std::int64_t depths[] = {0, 300, 2048};
    for (std::size_t i = 0; i < 3; ++i) {
        const BenchResult& result = report->results[i];
        EXPECT_EQ(result.depth, depths[i]);
        EXPECT_EQ(result.tokens, engine->options().rows_per_step);
        EXPECT_EQ(result.repetitions, 2);
        EXPECT_GT(result.of_first, 0);
        EXPECT_FALSE(result.operations.empty());
    }
    EXPECT_EQ(engine->pool().free_blocks(), free);
    EXPECT_FALSE(parse_tests("slices:0").ok());
    EXPECT_FALSE(parse_tests("slice:-1").ok());
}

}  // namespace
}  // namespace baleen::eval
