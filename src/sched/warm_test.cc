// Kept sequences on the tiny model: what continues a kept prefix is not computed again and gives the logits of a fresh sequence
// to the bit; nothing crosses a space; what leaves, and in which order; blocks come back.
#include "sched/warm.h"

#include <gtest/gtest.h>

#include "sched/tiny_test_support.h"

namespace baleen::sched {
namespace {

using Captures = std::vector<std::int64_t>;

TEST(ChooseCaptures, Tables) {
    const auto choose = [](std::int64_t prompt, std::int64_t restart, std::int64_t match, Captures hints) {
        return choose_captures(prompt, restart, match, hints, 128);
    };
    EXPECT_EQ(choose(100, 0, 0, {}), (Captures{98}));
    EXPECT_EQ(choose(2, 0, 0, {}), (Captures{}));
    EXPECT_EQ(choose(1, 0, 0, {}), (Captures{}));
    EXPECT_EQ(choose(100, 98, 0, {}), (Captures{}));                       // it went on from there
    EXPECT_EQ(choose(1000, 0, 0, {300}), (Captures{256, 998}));            // down to the border
    EXPECT_EQ(choose(1000, 256, 0, {300, 600}), (Captures{512, 998}));     // the first is known
    EXPECT_EQ(choose(1000, 0, 0, {127}), (Captures{998}));                 // no border before it
    EXPECT_EQ(choose(1000, 0, 0, {-5, 0, 1000, 5000}), (Captures{998}));   // hints are from outside
    EXPECT_EQ(choose(2000, 0, 0, {1800, 150, 300, 500, 650, 1500, 700}), (Captures{128, 640, 1408, 1792, 1998}));
    EXPECT_EQ(choose(1000, 0, 640, {}), (Captures{640, 998}));             // where it parts from known prompts
    EXPECT_EQ(choose(1000, 600, 640, {}), (Captures{998}));                // too near
}

TEST(ChooseVictim, SupersededThenLeastRecentlyUsed) {
    const std::vector<PointView> points{{.last_use = 5, .superseded = false, .frees = true},
                                        {.last_use = 2, .superseded = false, .frees = false},
                                        {.last_use = 9, .superseded = true, .frees = true},
                                        {.last_use = 8, .superseded = true, .frees = false},
                                        {.last_use = 4, .superseded = false, .frees = true}};
    EXPECT_EQ(choose_victim(points, false), 3u);
    EXPECT_EQ(choose_victim(points, true), 2u);  // those in use of others free nothing
    EXPECT_EQ(choose_victim(std::vector{points[0], points[1], points[4]}, true), 2u);
    EXPECT_EQ(choose_victim(std::vector{points[1]}, true), std::nullopt);
    EXPECT_EQ(choose_victim({}, false), std::nullopt);
}

struct WarmTest : testing::Test {
    std::unique_ptr<engine::Engine> engine = open_tiny({.context = 2048, .blocks = 16});
    WarmSequences warm{*engine, {}};
    std::uint64_t maker = 1;

    std::vector<bool> none() const { return std::vector<bool>(static_cast<std::size_t>(engine->pool().capacity()), false); }
    // Computes tokens, from what is kept if there is something; compares with a fresh sequence; keeps the end.
    std::int64_t go(const Tokens& tokens, std::string_view space = "a", bool shared = false) {
        const std::vector<float> wanted = fresh_logits(*engine, tokens);
        const auto found = warm.find(space, tokens);
        auto sequence = warm.start(space, tokens, found).value();
        EXPECT_EQ(sequence->computed(), found.restart);
        EXPECT_TRUE(engine->prefill(*sequence, {}).ok());
        expect_logits(wanted, engine->last_logits(), "after " + std::to_string(found.restart));
        warm.store(space, *sequence, {.maker = maker++, .before = found.maker, .shared = shared});
        return found.restart;
    }
};

TEST_F(WarmTest, AConversationGoesOn) {
    for (const int length : {1, 5, 127, 128, 129, 300}) {
        warm.clear();
        Tokens tokens = some_tokens(1, length);
        EXPECT_EQ(go(tokens), 0);
        for (int turn = 0; turn < 3; ++turn) {
            const auto before = static_cast<std::int64_t>(tokens.size());
            tokens = joined(tokens, some_tokens(2 + turn, 70));
            EXPECT_EQ(go(tokens), before);
        }
    }
}

TEST_F(WarmTest, TheLongestThatLeavesOneToken) {
    const Tokens tokens = some_tokens(3, 300);
    go(Tokens(tokens.begin(), tokens.begin() + 100));
    go(Tokens(tokens.begin(), tokens.begin() + 200));
    go(tokens);
    EXPECT_EQ(warm.find("a", tokens).restart, 200);  // the logits of the last token are wanted
    EXPECT_EQ(warm.find("a", joined(tokens, some_tokens(4, 1))).restart, 300);
    EXPECT_EQ(warm.find("a", Tokens(tokens.begin(), tokens.begin() + 150)).restart, 100);
    Tokens other = tokens;
    other[150] = TokenId(index(other[150]) ^ 1);
    EXPECT_EQ(warm.find("a", other).restart, 100);
    other[50] = TokenId(index(other[50]) ^ 1);
    EXPECT_EQ(warm.find("a", other).restart, 0);
}

TEST_F(WarmTest, MatchIsWhatIsKnownAtABorder) {
    const Tokens tokens = some_tokens(5, 600);
    go(tokens);
    Tokens other = tokens;
    other[300] = TokenId(index(other[300]) ^ 1);
    const auto found = warm.find("a", other);
    EXPECT_EQ(found.restart, 0);
    EXPECT_EQ(found.match, 256);
    EXPECT_EQ(warm.find("b", other).match, 0);
    warm.clear();
    EXPECT_EQ(warm.find("a", other).match, 0);
}

TEST_F(WarmTest, SpacesShareNothing) {
    const Tokens tokens = some_tokens(6, 140), longer = joined(tokens, some_tokens(7, 10));
    go(tokens, "key1/user1");
    for (const std::string_view space : {"", "key1", "key1/user", "key1/user2", "key1/user11", "KEY1/user1"}) {
        const auto found = warm.find(space, longer);
        EXPECT_EQ(found.restart + found.match + static_cast<std::int64_t>(found.point), 0) << space;
        EXPECT_EQ(go(longer, space), 0) << space;
    }
    EXPECT_EQ(go(longer, "key1/user1"), 140);
}

TEST_F(WarmTest, TheSameAgainIsKeptOnce) {
    const Tokens tokens = some_tokens(8, 200);
    go(tokens);
    const std::int64_t bytes = warm.counters().bytes;
    go(tokens);
    EXPECT_EQ(warm.counters().points, 1);
    EXPECT_EQ(warm.counters().bytes, bytes);
}

TEST_F(WarmTest, BlocksComeBackForThoseWhoNeedThem) {
    const Tokens first = some_tokens(9, 300), second = some_tokens(10, 300), third = some_tokens(11, 300);
    go(first), go(second), go(third);  // two blocks each
    EXPECT_EQ(warm.reclaimable(none()), 6);
    go(joined(first, some_tokens(12, 20)));  // supersedes the first and shares its blocks
    EXPECT_EQ(warm.reclaimable(none()), 6);
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity() - 6);

    EXPECT_TRUE(warm.evict_for_blocks(none()));  // the superseded one: its blocks are still another's
    EXPECT_EQ(warm.reclaimable(none()), 6);
    EXPECT_TRUE(warm.evict_for_blocks(none()));  // then the least recently used
    EXPECT_EQ(warm.find("a", joined(second, first)).restart, 0);
    EXPECT_EQ(warm.reclaimable(none()), 4);
    EXPECT_EQ(warm.find("a", joined(third, first)).restart, 300);

    // Blocks in use are neither reclaimable nor a reason to go.
    const auto found = warm.find("a", joined(third, first));
    std::vector<bool> used = none();
    auto sequence = warm.start("a", joined(third, first), found).value();
    for (const BlockId block : sequence->cache().blocks()) used[static_cast<std::size_t>(index(block))] = true;
    EXPECT_EQ(warm.reclaimable(used), 2);
    EXPECT_EQ(warm.reclaimable_of(found.point, used), 0);
    EXPECT_EQ(warm.reclaimable_of(found.point, none()), 2);
    EXPECT_TRUE(warm.evict_for_blocks(used));
    EXPECT_FALSE(warm.evict_for_blocks(used));
    EXPECT_EQ(warm.find("a", joined(third, first)).restart, 300);
    warm.clear();
    sequence.reset();
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity());
}

TEST_F(WarmTest, BytesAreBounded) {
    WarmSequences small(*engine, {.bytes_max = 3 << 20});
    for (std::uint32_t i = 0; i < 60; ++i) {
        const Tokens tokens = some_tokens(100 + i, 60);
        auto sequence = small.start("a", tokens, {}).value();
        ASSERT_TRUE(engine->prefill(*sequence, {}).ok());
        small.store("a", *sequence, {.maker = i + 1});
        ASSERT_LE(small.counters().bytes, 3 << 20);
        ASSERT_EQ(small.find("a", joined(tokens, tokens)).restart, 60) << "the newest is there";
    }
    EXPECT_GT(small.counters().evicted, 0u);
    EXPECT_EQ(small.counters().points + static_cast<std::int64_t>(small.counters().evicted), 60);
    WarmSequences nothing(*engine, {.bytes_max = 0});
    auto sequence = nothing.start("a", some_tokens(1, 20), {}).value();
    ASSERT_TRUE(engine->prefill(*sequence, {}).ok());
    nothing.store("a", *sequence, {.maker = 1});
    EXPECT_EQ(nothing.counters().points, 0);
}

TEST_F(WarmTest, SharedPlacesAreNotSuperseded) {
    const Tokens common = some_tokens(20, 256);
    go(common, "a", true);
    for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(go(joined(common, some_tokens(21 + i, 30))), 256);
    // Eviction takes the sessions first: they were used before the common prefix was, or as late.
    EXPECT_TRUE(warm.evict_for_blocks(none()));
    EXPECT_EQ(warm.find("a", joined(common, some_tokens(30, 5))).restart, 256);
}

TEST_F(WarmTest, ARandomLifeIsExact) {
    std::mt19937 random(7);
    std::vector<Tokens> conversations{some_tokens(40, 20)};
    std::int64_t reused = 0;
    for (int i = 0; i < 60; ++i) {
        Tokens tokens = conversations[random() % conversations.size()];
        if (random() % 3 == 0) tokens.resize(1 + random() % tokens.size());
        tokens = joined(tokens, some_tokens(random(), 1 + static_cast<int>(random() % 60)));
        if (tokens.size() > 700) tokens.resize(700);
        reused += go(tokens, random() % 8 == 0 ? "b" : "a", random() % 4 == 0);
        conversations.push_back(tokens);
        while (engine->pool().free_blocks() < 8) ASSERT_TRUE(warm.evict_for_blocks(none()));
    }
    EXPECT_GT(reused, 500);
    warm.clear();
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity());
}

}  // namespace
}  // namespace baleen::sched
