// Who may wait and who starts, by tables and in a simulated clock: a busy key cannot shut out another, shares come out equal,
// nobody saves up by being idle, and a large request is passed for a while but not for ever.
#include "sched/admission.h"

#include <gtest/gtest.h>

#include <deque>
#include <numeric>

namespace baleen::sched {
namespace {

TEST(Fits, Tables) {
    Room room{.streams = 1, .running = 0, .blocks_free = 10, .blocks_reclaimable = 5};
    EXPECT_TRUE(fits({.blocks_new = 15, .blocks_held = 0}, room));  // alone it may take everything
    EXPECT_FALSE(fits({.blocks_new = 16, .blocks_held = 0}, room));
    EXPECT_TRUE(fits({.blocks_new = 11, .blocks_held = 4}, room));  // what it goes on from cannot be reclaimed for it
    EXPECT_FALSE(fits({.blocks_new = 12, .blocks_held = 4}, room));
    room.running = 3;
    EXPECT_TRUE(fits({.blocks_new = 11, .blocks_held = 0}, room));  // a block for each of four
    EXPECT_FALSE(fits({.blocks_new = 12, .blocks_held = 0}, room));
    room.streams = 0;
    EXPECT_FALSE(fits({}, room));
    EXPECT_FALSE(fits({}, {.streams = 1, .running = 1, .blocks_free = -4, .blocks_reclaimable = 5}));  // promised already
}

TEST(MayWait, OneKeyFillsHalf) {
    int waiting = 0;
    while (may_wait(waiting, waiting, 100)) ++waiting;
    EXPECT_EQ(waiting, 50);
    EXPECT_TRUE(may_wait(50, 0, 100));  // a newcomer finds places
    int second = 0;
    while (may_wait(50 + second, second, 100)) ++second;
    EXPECT_EQ(second, 25);
    EXPECT_TRUE(may_wait(99, 0, 100));
    EXPECT_FALSE(may_wait(100, 0, 100));
    EXPECT_TRUE(may_wait(0, 0, 1));
    EXPECT_FALSE(may_wait(0, 0, 0));
}

TEST(ChooseKey, LeastServedThatFits) {
    const auto choose = [](std::vector<KeyView> keys, std::vector<bool> fit) {
        return choose_key(keys, 5, [&](int key) { return fit[static_cast<std::size_t>(key)]; });
    };
    EXPECT_EQ(choose({{30, 0}, {10, 0}, {20, 0}}, {true, true, true}).key, 1);
    EXPECT_EQ(choose({{10, 0}, {10, 0}}, {true, true}).key, 0);
    Choice choice = choose({{30, 0}, {10, 0}, {20, 0}}, {true, false, false});  // the next in line passes
    EXPECT_EQ(choice.key, 0);
    EXPECT_EQ(choice.passed, (std::vector{1, 2}));
    choice = choose({{30, 0}, {10, 5.1}, {20, 0}}, {true, false, true});  // patience is over
    EXPECT_EQ(choice.key, std::nullopt);
    EXPECT_EQ(choice.passed, (std::vector{1}));
    EXPECT_EQ(choose({{30, 0}, {10, 0}}, {false, false}).key, std::nullopt);
    EXPECT_EQ(choose({}, {}).key, std::nullopt);
    int asked = 0;
    choice = choose_key(std::vector<KeyView>(100), 5, [&](int) { return ++asked < 0; });
    EXPECT_EQ(asked, 16);  // a full pool and many keys do not hold up the step
}

// One place to run; each request takes its tokens in seconds. What every key was served in `seconds`.
struct Client {
    double tokens;   // of a request
    double arrives;  // first request; a new one as soon as the last has started
    double stops = 1e9;
};
std::vector<double> simulate(const std::vector<Client>& clients, double seconds) {
    KeyCounters counters;
    std::vector<double> served(clients.size(), 0);
    std::vector<bool> active(clients.size(), false);
    double time = 0;
    while (time < seconds) {
        std::vector<KeyView> views;
        std::vector<std::size_t> who;
        for (std::size_t i = 0; i < clients.size(); ++i) {
            const bool wants = time >= clients[i].arrives && time < clients[i].stops;
            const std::string name = std::to_string(i);
            if (wants && !active[i]) counters.enter(name);
            if (!wants && active[i]) counters.leave(name);
            active[i] = wants;
            if (!wants) continue;
            views.push_back({counters.served(name), 0});
            who.push_back(i);
        }
        const Choice choice = choose_key(views, 5, [](int) { return true; });
        if (!choice.key) {
            time += 1;
            continue;
        }
        const std::size_t i = who[static_cast<std::size_t>(*choice.key)];
        counters.add_prompt(std::to_string(i), static_cast<std::int64_t>(clients[i].tokens));
        served[i] += clients[i].tokens;
        time += clients[i].tokens;
    }
    return served;
}

TEST(KeyCounters, SharesAreEqualWhateverTheSizes) {
    const std::vector<double> served = simulate({{1000, 0}, {10, 0}, {100, 0}}, 90000);
    for (const double tokens : served) EXPECT_NEAR(tokens, 30000, 1100);
}

TEST(KeyCounters, NobodySavesUpByBeingIdle) {
    // The second comes when the first has been served for a long time: level from then on, not the first place for as long.
    const std::vector<double> served = simulate({{100, 0}, {100, 50000}}, 60000);
    EXPECT_NEAR(served[0], 55000, 300);
    EXPECT_NEAR(served[1], 5000, 300);
    // Nor is what was taken while nobody else was there held against anyone.
    const std::vector<double> back = simulate({{100, 0, 20000}, {100, 20000}}, 30000);
    EXPECT_NEAR(back[1], 10000, 300);
}

TEST(KeyCounters, AnswersCountDouble) {
    KeyCounters counters;
    counters.enter("a");
    counters.add_prompt("a", 100);
    counters.add_answer("a", 10);
    EXPECT_EQ(counters.served("a"), 120);
    counters.enter("b");
    EXPECT_EQ(counters.served("b"), 120);
    EXPECT_EQ(counters.served("nobody"), 0);
}

TEST(KeyCounters, IdleKeysAreForgotten) {
    KeyCounters counters;
    counters.enter("stays");
    counters.add_prompt("stays", 50);
    for (std::size_t i = 0; i < 2 * KeyCounters::kKept; ++i) {
        const std::string name = std::to_string(i);
        counters.enter(name);
        counters.leave(name);
    }
    EXPECT_EQ(counters.served("0"), 0);
    EXPECT_EQ(counters.served("stays"), 50);
}

// ---- a large request among small ones

TEST(Patience, ALargeRequestIsPassedForAWhile) {
    // 10 blocks; small requests of one block take 1 s each and are always there. The large one wants 8.
    constexpr double kPatience = 5;
    std::deque<double> ends{0.3, 0.6, 0.9};  // of running small ones
    double time = 0, passed_since = -1, large_started = -1, last_small = 0;
    while (time < 60 && large_started < 0) {
        while (!ends.empty() && ends.front() <= time) ends.pop_front();
        for (;;) {
            const Room room{.streams = 100, .running = static_cast<int>(ends.size()),
                            .blocks_free = 10 - static_cast<std::int64_t>(ends.size()), .blocks_reclaimable = 0};
            const std::vector<KeyView> keys{{0, passed_since < 0 ? 0 : time - passed_since}, {1000, 0}};
            const Choice choice = choose_key(keys, kPatience, [&](int key) { return fits({key == 0 ? 8 : 1, 0}, room); });
            if (!choice.passed.empty() && passed_since < 0) passed_since = time;
            if (choice.key == 0) large_started = time;
            if (choice.key != 1) break;
            ends.push_back(time + 1);
            last_small = time;
        }
        time += 0.1;
    }
    EXPECT_GT(last_small, 4);         // small ones went on meanwhile
    EXPECT_LE(large_started, 6.5);    // patience, and the ends of those that ran
    EXPECT_GT(large_started, 0);
}

}  // namespace
}  // namespace baleen::sched
