// Aim: all work is done once; heavy work leaves a thread for the rest; what does not fit is refused and not done.
#include "serve/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>

namespace baleen::serve {
namespace {

TEST(Workers, DoEverythingOnceAlsoWhenTheyEnd) {
    std::atomic<int> done = 0;
    {
        Workers workers({.threads = 3});
        for (int i = 0; i < 500; ++i) ASSERT_TRUE(workers.post(i % 3 == 0 ? 1 << 20 : 10, [&] { ++done; }));
    }
    EXPECT_EQ(done, 500);
}

TEST(Workers, HeavyWorkNeverTakesTheLastThread) {
    std::latch release(1);
    std::atomic<int> heavy = 0;
    std::latch light(1);
    Workers workers({.threads = 3, .heavy_bytes = 100});
    for (int i = 0; i < 5; ++i)
        workers.post(100, [&] {
            ++heavy;
            release.wait();
        });
    workers.post(1, [&] { light.count_down(); });
    light.wait();  // though heavy work came first and waits
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_EQ(heavy, 2);
    release.count_down();
}

TEST(Workers, RefuseWhatDoesNotFit) {
    std::latch release(1), started(2);
    std::atomic<int> done = 0;
    {
        Workers workers({.threads = 2, .heavy_bytes = 1 << 20, .waiting_max = 3, .waiting_bytes_max = 100});
        for (int i = 0; i < 2; ++i)
            EXPECT_TRUE(workers.post(1, [&] {
                started.count_down();
                release.wait();
            }));
        started.wait();
        EXPECT_TRUE(workers.post(1000, [&] { ++done; }));   // alone it may be too large
        EXPECT_FALSE(workers.post(1, [&] { done = 100; }));
        EXPECT_EQ(workers.waiting(), 1u);
        release.count_down();
    }
    EXPECT_EQ(done, 1);
}

TEST(Workers, BoundTheNumberThatWaits) {
    std::latch release(1), started(2);
    Workers workers({.threads = 2, .waiting_max = 3});
    for (int i = 0; i < 2; ++i)
        workers.post(1, [&] {
            started.count_down();
            release.wait();
        });
    started.wait();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(workers.post(1, [] {}));
    EXPECT_FALSE(workers.post(1, [] {}));
    release.count_down();
}

}  // namespace
}  // namespace baleen::serve
