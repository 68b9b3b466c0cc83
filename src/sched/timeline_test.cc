// A timeline must reuse what it can and never change an answer: whatever turns came before, the logits of a prompt are those of
// a fresh sequence, to the bit. The turns cross block borders and windows; prompts go on from the answer, drop it, shrink,
// repeat, and are stopped half-way.
#include "sched/timeline.h"

#include <gtest/gtest.h>

#include <random>

namespace baleen::sched {
namespace {

using Tokens = std::vector<TokenId>;

std::unique_ptr<engine::Engine> open_tiny() {
    engine::EngineOptions options;
    options.context = 1024;
    options.rows_per_step = 48;
    options.threads = 1;  // the machine may be busy, and threads do not change the results
    auto engine = engine::Engine::open(std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint", options);
    EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
    return std::move(engine).value();
}

Tokens random_tokens(std::uint32_t seed, int count, std::int64_t vocab) {
    std::mt19937 random(seed);
    Tokens tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(TokenId(random() % static_cast<std::uint32_t>(vocab)));
    return tokens;
}

Tokens joined(Tokens a, const Tokens& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

std::vector<float> fresh_logits(engine::Engine& engine, const Tokens& prompt) {
    auto sequence = engine.start({.prompt = prompt}).value();
    EXPECT_TRUE(engine.prefill(*sequence, {}).ok());
    return {engine.last_logits().begin(), engine.last_logits().end()};
}

void expect_logits(const std::vector<float>& wanted, std::span<const float> got, const char* what) {
    ASSERT_EQ(wanted.size(), got.size()) << what;
    for (std::size_t i = 0; i < wanted.size(); ++i) ASSERT_EQ(wanted[i], got[i]) << what << ": logit " << i;
}

struct TimelineTest : testing::Test {
    std::unique_ptr<engine::Engine> engine = open_tiny();
    Timeline timeline{*engine, Timeline::Turns::many};

    // Opens, computes and compares with a fresh sequence; `reused` is what must have been kept.
    void turn(const Tokens& prompt, std::int64_t reused, const char* what) {
        const std::vector<float> wanted = fresh_logits(*engine, prompt);
        const Result<void> opened = timeline.open(prompt);
        ASSERT_TRUE(opened.ok()) << what << ": " << opened.error().message;
        EXPECT_EQ(timeline.reused(), reused) << what;
        const auto logits = timeline.prefill({});
        ASSERT_TRUE(logits.ok()) << what << ": " << logits.error().message;
        expect_logits(wanted, *logits, what);
    }
    void answer(const Tokens& tokens) {
        for (const TokenId token : tokens) ASSERT_TRUE(timeline.advance(token).ok());
    }
    Tokens some(std::uint32_t seed, int count) { return random_tokens(seed, count, engine->config().vocab_size); }
};

TEST_F(TimelineTest, GoesOnFromTheAnswer) {
    const Tokens first = some(1, 100), reply = some(2, 40);
    turn(first, 0, "first turn");
    answer(reply);
    turn(joined(joined(first, reply), some(3, 50)), 140, "second turn");
}

TEST_F(TimelineTest, GoesBackToThePromptWhenReasoningIsDropped) {
    for (const int length : {5, 128, 129, 200}) {  // below, at and behind block borders
        timeline.clear();
        const Tokens first = some(4, length), reasoning = some(5, 30), reply = some(6, 10);
        turn(first, 0, "first turn");
        answer(joined(reasoning, reply));
        Tokens next(first.begin(), first.end() - 1);  // another header, no reasoning
        next = joined(joined(next, reply), some(7, 20));
        turn(next, length - 1, "second turn");
        answer(joined(reasoning, reply));
        turn(joined(Tokens(next.begin(), next.end() - 1), some(8, 150)), static_cast<std::int64_t>(next.size()) - 1, "third turn");
    }
}

TEST_F(TimelineTest, AsksAgainAndStartsAnew) {
    const Tokens first = some(9, 90);
    turn(first, 0, "first");
    answer(some(10, 3));
    turn(first, 89, "the same again");
    turn(Tokens(first.begin(), first.begin() + 40), 0, "shorter");
    turn(some(11, 60), 0, "another conversation");
}

TEST_F(TimelineTest, StoppedPrefillIsOfUse) {
    const Tokens prompt = some(12, 200);
    ASSERT_TRUE(timeline.open(prompt).ok());
    int calls = 0;
    const auto stopped = timeline.prefill([&](std::int64_t, std::int64_t total) {
        EXPECT_EQ(total, 200);
        return ++calls < 2;
    });
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    turn(prompt, 96, "the rest");
}

TEST_F(TimelineTest, ErrorsLeaveItAsItWas) {
    const Tokens prompt = some(13, 70);
    turn(prompt, 0, "first");
    EXPECT_EQ(timeline.open({}).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(timeline.open(some(14, 1025)).error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(timeline.open({TokenId{1 << 30}}).error().code, ErrorCode::invalid_argument);
    turn(joined(prompt, some(15, 5)), 70, "after the errors");
}

TEST_F(TimelineTest, GivesItsBlocksBack) {
    turn(some(16, 400), 0, "first");
    answer(some(17, 200));
    timeline.clear();
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity());
}

}  // namespace
}  // namespace baleen::sched
