// Aim: a key gets exactly the requests its limits allow, measured on a clock the test turns, and a slot always comes back.
#include "serve/store/rate_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

namespace baleen::serve {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;

TEST(Rates, AreReadAndWritten) {
    EXPECT_EQ(parse_rate("60/m").value(), (Rate{60, 60'000}));
    for (const char* text : {"1/s", "60/m", "1000/h", "100000/d"}) EXPECT_EQ(format_rate(parse_rate(text).value()), text);
    for (const char* text : {"", "60", "0/s", "60/", "/m", "60/w", "60 /m", "-1/s", "100001/d", "60/min", "1000000000000000000000/s"})
        EXPECT_FALSE(parse_rate(text).ok()) << text;
}

TEST(TokenBucket, AllowsABurstThenThePace) {
    TokenBucket bucket({3, 1000}, 0);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(0), std::nullopt) << i;
    EXPECT_EQ(bucket.take(0), (kSecond + 2) / 3);
    EXPECT_EQ(bucket.take(kSecond / 3), 1) << "one nanosecond short";
    EXPECT_EQ(bucket.take(kSecond / 3 + 1), std::nullopt);
    EXPECT_NE(bucket.take(kSecond / 3 + 1), std::nullopt);
    EXPECT_NE(bucket.take(0), std::nullopt) << "a clock set back brings nothing";
    for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(100 * kSecond), std::nullopt) << "full after a pause, and no fuller";
    EXPECT_NE(bucket.take(100 * kSecond), std::nullopt);
}

// Against the definition: in every stretch of time no more than count + count x stretch / period pass, and whoever asks all the
// time gets all of it.
TEST(TokenBucket, KeepsTheDefinition) {
    for (const Rate rate : {Rate{1, 1000}, Rate{7, 1000}, Rate{100'000, 86'400'000}, Rate{59, 60'000}}) {
        std::mt19937_64 random(42);
        TokenBucket bucket(rate, 0);
        std::int64_t now = 0, taken = 0;
        const std::int64_t step = 2 * rate.period_ms * kMs / rate.count / 5 + 1;
        for (int i = 0; i < 20000; ++i) {
            now += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(step));
            if (!bucket.take(now)) ++taken;
            const __int128 most = rate.count + static_cast<__int128>(now) * rate.count / (rate.period_ms * kMs);
            ASSERT_LE(taken, most) << format_rate(rate) << " at " << now;
            // A bucket for one loses what comes while it is full and nobody asks.
            if (rate.count > 1) {
                ASSERT_GE(taken, std::min<__int128>(i + 1, most - rate.count - 1)) << format_rate(rate) << " at " << now;
            }
        }
    }
}

TEST(TokenBucket, WaitsAsLongAsItSays) {
    TokenBucket bucket({7, 60'000}, 0);
    std::int64_t now = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto wait = bucket.take(now);
        if (!wait) continue;
        TokenBucket early = bucket;
        EXPECT_NE(early.take(now + *wait - 1), std::nullopt);
        now += *wait;
        ASSERT_EQ(bucket.take(now), std::nullopt);
    }
}

TEST(TokenBucket, ChangesItsRate) {
    TokenBucket bucket({10, 1000}, 0);
    for (int i = 0; i < 5; ++i) bucket.take(0);
    bucket.change({100'000, 86'400'000}, 0);
    int taken = 0;
    while (!bucket.take(0)) ++taken;
    EXPECT_EQ(taken, 50'000) << "half was left";
    bucket.change({2, 1000}, 0);
    EXPECT_NE(bucket.take(0), std::nullopt) << "an empty one stays empty";
}

TEST(KeyGate, BoundsRequestsInProgress) {
    KeyGate gate;
    const KeyLimits two{2, std::nullopt};
    auto first = gate.enter(1, two, 0), second = gate.enter(1, two, 0);
    EXPECT_TRUE(first.slot.held() && second.slot.held());
    auto third = gate.enter(1, two, 0);
    EXPECT_FALSE(third.slot.held());
    ASSERT_TRUE(third.refusal.has_value());
    EXPECT_NE(third.refusal->message.find("2 in progress"), std::string::npos);
    EXPECT_TRUE(gate.enter(2, two, 0).slot.held()) << "another key";
    EXPECT_EQ(gate.in_progress(2), 0) << "given back with the answer";
    first.slot.release();
    first.slot.release();
    EXPECT_EQ(gate.in_progress(1), 1);
    EXPECT_TRUE(gate.enter(1, two, 0).slot.held());
    KeyGate::Slot moved = std::move(second.slot);
    EXPECT_EQ(gate.in_progress(1), 1);
    moved = KeyGate::Slot();
    EXPECT_EQ(gate.in_progress(1), 0);
    EXPECT_FALSE(gate.enter(1, {0, std::nullopt}, 0).slot.held()) << "zero closes a key";
}

TEST(KeyGate, RefusedForConcurrencyCostsNoRate) {
    KeyGate gate;
    const KeyLimits limits{1, Rate{2, 60'000}};
    {
        auto held = gate.enter(1, limits, 0);
        for (int i = 0; i < 10; ++i) EXPECT_FALSE(gate.enter(1, limits, 0).slot.held());
    }
    EXPECT_TRUE(gate.enter(1, limits, 0).slot.held());
    const auto refused = gate.enter(1, limits, 0);
    ASSERT_TRUE(refused.refusal.has_value());
    EXPECT_EQ(refused.refusal->retry_after_ms, 30'000);
    EXPECT_TRUE(gate.enter(1, limits, 30 * kSecond).slot.held());
    EXPECT_TRUE(gate.enter(1, {1, std::nullopt}, 30 * kSecond).slot.held()) << "the limit was lifted";
}

TEST(KeyGate, SlotsMayOutliveIt) {
    auto gate = std::make_unique<KeyGate>();
    auto answer = gate->enter(1, {}, 0);
    gate.reset();
    EXPECT_TRUE(answer.slot.held());
}

TEST(KeyGate, ForgetsIdleKeysOnly) {
    KeyGate gate;
    const KeyLimits limits{5, Rate{1, 1000}};
    auto held = gate.enter(0, limits, 0);
    for (int key = 1; key < 10'000; ++key) gate.enter(key, limits, 0);
    EXPECT_FALSE(gate.enter(9'999, limits, 0).slot.held()) << "its bucket is empty";
    EXPECT_EQ(gate.in_progress(0), 1);
    EXPECT_TRUE(gate.enter(9'999, limits, 2 * kSecond).slot.held());
    EXPECT_EQ(gate.in_progress(0), 1);
}

TEST(KeyGate, CountsAcrossThreads) {
    KeyGate gate;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&gate] {
            for (int i = 0; i < 2000; ++i) {
                auto answer = gate.enter(i % 3, {2, std::nullopt}, i);
                EXPECT_LE(gate.in_progress(i % 3), 2);
            }
        });
    threads.clear();
    for (int key = 0; key < 3; ++key) EXPECT_EQ(gate.in_progress(key), 0);
}

}  // namespace
}  // namespace baleen::serve
