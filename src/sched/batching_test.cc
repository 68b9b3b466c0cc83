// What a step computes, by tables and on simulated machines whose rows cost what we say: streams come first, prompts get the
// time they are given and no more whatever the machine, keys share equally, short prompts pass long ones, and blocks that are
// not there park the youngest.
#include "sched/batching.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace baleen::sched {
namespace {

StreamView writes(int key = 0) { return {.key = key, .pending = 1, .cut = 0, .writing = true, .paused = false}; }
StreamView reads(std::int64_t pending, int key = 0, std::int64_t cut = 0) {
    return {.key = key, .pending = pending, .cut = cut, .writing = false, .paused = false};
}
using Rows = std::vector<int>;

TEST(PlanStep, StreamsFirstThenPrompts) {
    StreamView paused = writes();
    paused.paused = true;
    StreamView drawn = writes();
    drawn.pending = 0;  // its token is not drawn yet
    EXPECT_EQ(plan_step(std::vector{writes(), reads(100), writes(), paused, drawn}, 10, 0), (Rows{1, 10, 1, 0, 0}));
    EXPECT_EQ(plan_step(std::vector{writes(), reads(100)}, 0, 0), (Rows{1, 0}));
    EXPECT_EQ(plan_step(std::vector{reads(3)}, 10, 0), (Rows{3}));
    StreamView held = reads(5);
    held.paused = true;
    EXPECT_EQ(plan_step(std::vector{held, reads(5, 1)}, 8, 0), (Rows{0, 5}));
    EXPECT_TRUE(plan_step({}, 8, 0).empty());
}

TEST(PlanStep, EndsAtACut) {
    EXPECT_EQ(plan_step(std::vector{reads(100, 0, 7)}, 50, 0), (Rows{7}));
    EXPECT_EQ(plan_step(std::vector{reads(100, 0, 7), reads(100, 1)}, 50, 0), (Rows{7, 43}));  // the other has the rest
    EXPECT_EQ(plan_step(std::vector{reads(100, 0, 200)}, 50, 0), (Rows{50}));
}

TEST(PlanStep, KeysShareEqually) {
    EXPECT_EQ(plan_step(std::vector{reads(1000, 1), reads(1000, 2)}, 60, 0), (Rows{30, 30}));
    // Three requests of one key have no more than the one of the other.
    const Rows rows = plan_step(std::vector{reads(1000, 1), reads(1000, 1), reads(1000, 1), reads(1000, 2)}, 60, 0);
    EXPECT_EQ(rows[0] + rows[1] + rows[2], 30);
    EXPECT_EQ(rows[3], 30);
    EXPECT_EQ(plan_step(std::vector{reads(4, 1), reads(1000, 2), reads(1000, 3)}, 60, 0), (Rows{4, 28, 28}));
}

TEST(PlanStep, FewRowsGoAround) {
    std::vector<StreamView> streams{reads(1000, 1), reads(1000, 2), reads(1000, 3)};
    Rows sum(3, 0);
    for (std::uint64_t turn = 0; turn < 30; ++turn) {
        const Rows rows = plan_step(streams, 1, turn);
        ASSERT_EQ(std::accumulate(rows.begin(), rows.end(), 0), 1);
        for (std::size_t i = 0; i < 3; ++i) sum[i] += rows[i];
    }
    EXPECT_EQ(sum, (Rows{10, 10, 10}));
}

TEST(PlanStep, WithinAKeyTheFirstAndTheShortest) {
    EXPECT_EQ(plan_step(std::vector{reads(1000), reads(500), reads(8)}, 60, 0), (Rows{30, 22, 8}));
    EXPECT_EQ(plan_step(std::vector{reads(8), reads(500)}, 60, 0), (Rows{8, 52}));
    for (const int keys : {1, 2, 3}) {  // one row a step: both halves have their turn, whatever the number of keys
        std::vector<StreamView> streams;
        for (int key = 0; key < keys; ++key) {
            streams.push_back(reads(1000, key));
            streams.push_back(reads(900, key));
        }
        Rows sum(streams.size(), 0);
        for (std::uint64_t turn = 0; turn < 60; ++turn) {
            const Rows rows = plan_step(streams, 1, turn);
            for (std::size_t i = 0; i < rows.size(); ++i) sum[i] += rows[i];
        }
        for (const int rows : sum) EXPECT_EQ(rows, 60 / static_cast<int>(streams.size())) << keys << " keys";
    }
}

TEST(PlanStep, RandomStreams) {
    std::mt19937 random(3);
    for (int round = 0; round < 3000; ++round) {
        std::vector<StreamView> streams(random() % 12);
        for (StreamView& stream : streams) {
            stream.key = static_cast<int>(random() % 4);
            stream.writing = random() % 2 == 0;
            stream.paused = random() % 5 == 0;
            stream.pending = stream.writing ? random() % 2 : random() % 50;
            stream.cut = random() % 3 == 0 ? random() % 60 : 0;
        }
        const int budget = static_cast<int>(random() % 80);
        const Rows rows = plan_step(streams, budget, random());
        ASSERT_EQ(rows.size(), streams.size());
        std::int64_t prompts = 0, wanted = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const StreamView& stream = streams[i];
            ASSERT_GE(rows[i], 0);
            ASSERT_LE(rows[i], stream.paused ? 0 : stream.most());
            if (stream.writing) {
                ASSERT_EQ(rows[i], stream.paused ? 0 : stream.pending);
            } else if (!stream.paused) {
                prompts += rows[i];
                wanted += stream.most();
            }
        }
        ASSERT_EQ(prompts, std::min<std::int64_t>(budget, wanted)) << "nothing is left over, and nothing too much";
    }
}

// ---- speed and budget

// A machine with linear costs. Runs steps of `streams` streams with a prompt that never ends.
struct Machine {
    double fixed, stream_row, prompt_row;
    double seconds(int streams, int prompts) const { return fixed + stream_row * streams + prompt_row * prompts; }
};

struct Steps {
    double slowest = 0, mean = 0;  // of steps, once the speed is learned
    double rows_a_second = 0;
};
Steps run(const Machine& machine, const BatchLimits& limits, int streams, StepSpeed& speed) {
    Steps out;
    double time = 0;
    std::int64_t rows = 0;
    constexpr int kSteps = 400, kLearning = 80;
    for (int i = 0; i < kSteps; ++i) {
        const int prompts = prompt_rows(limits, speed, streams);
        EXPECT_LE(prompts + streams, limits.rows_max);
        const double seconds = machine.seconds(streams, prompts);
        speed.observe(streams, prompts, seconds);
        if (i < kLearning) continue;
        out.slowest = std::max(out.slowest, seconds);
        time += seconds;
        rows += prompts;
    }
    out.mean = time / (kSteps - kLearning);
    out.rows_a_second = static_cast<double>(rows) / time;
    return out;
}

const Machine kKrill{0.0004, 0.00002, 0.00002};  // a small model in cache
const Machine kFlashTwoCores{0.05, 0.05, 0.09};  // weights from memory, experts a row
const Machine kServer{0.01, 0.0004, 0.0004};

TEST(Budget, StreamsKeepTheirPaceOnEveryMachine) {
    for (const Machine& machine : {kKrill, kFlashTwoCores, kServer}) {
        for (const int streams : {1, 7, 40, 200}) {
            StepSpeed speed;
            const BatchLimits limits;
            const Steps out = run(machine, limits, streams, speed);
            const double alone = machine.seconds(streams, 0);
            // A step takes at most what the limits say, give or take a row, and reading goes on.
            const double most = alone + std::clamp(alone, limits.share_least, limits.share_most) * 1.1 + machine.prompt_row;
            EXPECT_LE(out.slowest, most) << "fixed " << machine.fixed << ", " << streams << " streams";
            EXPECT_GT(out.rows_a_second, 0);
            // And half of the time there is for prompts is spent on them.
            const double share = std::clamp(alone, limits.share_least, limits.share_most);
            EXPECT_GT(out.rows_a_second * machine.prompt_row, 0.5 * share / (alone + share)) << "fixed " << machine.fixed << ", " << streams << " streams";
        }
    }
}

TEST(Budget, PromptsAloneFillTheirTime) {
    for (const Machine& machine : {kKrill, kFlashTwoCores, kServer}) {
        StepSpeed speed;
        const BatchLimits limits{.rows_max = 4096};
        const Steps out = run(machine, limits, 0, speed);
        EXPECT_LE(out.slowest, std::max(limits.alone_seconds * 1.1, machine.seconds(0, 1)));
        EXPECT_GE(out.mean, 0.99 * std::min(limits.alone_seconds * 0.5, machine.seconds(0, 4096)));
    }
}

TEST(Budget, AnUnknownMachineIsApproachedFromBelow) {
    StepSpeed speed;
    const BatchLimits limits;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(prompt_rows(limits, speed, 3), 0);  // first the streams alone
        speed.observe(3, 0, 0.2);
    }
    EXPECT_EQ(prompt_rows(limits, speed, 3), 1);
    speed.observe(3, 1, 0.201);
    EXPECT_EQ(prompt_rows(limits, speed, 3), 2);  // at most twice the last
    StepSpeed fresh;
    EXPECT_EQ(prompt_rows(limits, fresh, 0), 8);
    fresh.observe(0, 8, 3.0);
    EXPECT_EQ(prompt_rows(limits, fresh, 0), 1);  // always one: reading goes on
}

TEST(Budget, FollowsAContextThatGrows) {
    StepSpeed speed;
    const BatchLimits limits;
    Machine machine = kServer;
    run(machine, limits, 8, speed);
    machine.prompt_row *= 10;
    machine.stream_row *= 10;
    const Steps slower = run(machine, limits, 8, speed);
    EXPECT_LE(slower.slowest, 2.2 * machine.seconds(8, 0) + machine.prompt_row);
}

// A row that costs three times a step of streams: its time is saved up, so that most steps are as fast as alone.
TEST(Budget, ExpensiveRowsAreSavedUpFor) {
    for (const double times : {2.0, 3.0, 5.0, 100.0}) {
        StepSpeed speed;
        const BatchLimits limits;
        Machine machine = kServer;
        machine.prompt_row = times * machine.seconds(1, 0);
        const Steps out = run(machine, limits, 1, speed);
        EXPECT_GT(out.rows_a_second, 0) << times;
        EXPECT_LE(out.mean, std::max(2.1, 1 + times / 7) * machine.seconds(1, 0)) << times;
        EXPECT_LE(out.slowest, 1.01 * machine.seconds(1, 1)) << times;
    }
}

TEST(Budget, OneHiccupIsNoReason) {
    StepSpeed speed;
    const BatchLimits limits;
    run(kServer, limits, 8, speed);
    const int before = prompt_rows(limits, speed, 8);
    speed.observe(8, before, 30);
    EXPECT_GT(prompt_rows(limits, speed, 8), before / 3);
}

TEST(Budget, ABusyMachineDoesNotSlowTheStreamsDown) {
    // Every tenth step is held up for 40 ms by others; the budget stays that of the machine.
    StepSpeed speed;
    const BatchLimits limits;
    int most = 0;
    for (int i = 0; i < 2000; ++i) {
        const int rows = prompt_rows(limits, speed, 1);
        if (i > 500) most = std::max(most, rows);
        speed.observe(1, rows, kKrill.seconds(1, rows) + (i % 10 == 0 ? 0.04 : 0));
    }
    EXPECT_LE(kKrill.seconds(1, most), 3 * kKrill.seconds(1, 0) + limits.share_least);
}

TEST(Speed, UnseenNumbersOfStreamsAreGuessedLow) {
    StepSpeed speed;
    speed.observe(8, 0, 0.08);
    EXPECT_EQ(speed.stream_seconds(0), 0);
    EXPECT_DOUBLE_EQ(speed.stream_seconds(9), 0.08);   // the same power of two
    EXPECT_DOUBLE_EQ(speed.stream_seconds(100), 0.08);  // a lower bound
    EXPECT_DOUBLE_EQ(speed.stream_seconds(2), 0.02);
    EXPECT_TRUE(speed.stale(8));
    for (int i = 0; i < 2; ++i) speed.observe(8, 0, 0.09);
    EXPECT_DOUBLE_EQ(speed.stream_seconds(8), 0.08);  // the fastest of the first
    EXPECT_FALSE(speed.stale(8));
    EXPECT_TRUE(speed.stale(16));
    for (int i = 0; i < 64; ++i) speed.observe(8, 4, 0.1);
    EXPECT_TRUE(speed.stale(8));
    speed.observe(8, 0, 0.08);
    EXPECT_FALSE(speed.stale(8));
}

// ---- blocks, of four tokens

TEST(FitBlocks, Tables) {
    const auto fit = [](std::vector<BlockView> streams, std::int64_t available) { return fit_blocks(streams, available, 4); };
    EXPECT_EQ(fit({{3, 1, true}, {0, 10, false}}, 3).rows, (Rows{1, 10}));
    EXPECT_EQ(fit({{3, 1, true}, {0, 10, false}}, 3).blocks, 3);
    // A prompt gives way: to where its last block would be complete.
    EXPECT_EQ(fit({{3, 1, true}, {0, 10, false}}, 2).rows, (Rows{1, 7}));
    EXPECT_EQ(fit({{3, 1, true}, {0, 10, false}}, 1).rows, (Rows{1, 3}));
    // Before a stream does, even if the prompt is older.
    EXPECT_EQ(fit({{0, 10, false}, {3, 1, true}}, 1).rows, (Rows{3, 1}));
    EXPECT_FALSE(fit({{0, 10, false}, {3, 1, true}}, 1).park);
    // Streams that need a block which is not there.
    EXPECT_TRUE(fit({{3, 1, true}, {7, 1, true}}, 1).park);
    EXPECT_FALSE(fit({{2, 1, true}, {7, 1, true}}, 1).park);
    // Two prompts half-read, none can go on.
    EXPECT_TRUE(fit({{3, 5, false}, {7, 5, false}}, 0).park);
    EXPECT_FALSE(fit({{3, 5, false}, {6, 5, false}}, 0).park);
    EXPECT_EQ(fit({{3, 5, false}, {6, 5, false}}, 0).rows, (Rows{0, 1}));
    // The last one cannot be parked for itself.
    EXPECT_FALSE(fit({{3, 1, true}}, 0).park);
    EXPECT_EQ(fit({{3, 1, true}}, 0).rows, (Rows{0}));
    EXPECT_FALSE(fit({{3, 0, true}, {3, 0, true}}, 0).park);  // nobody wants anything
}

TEST(FitBlocks, RandomStreams) {
    std::mt19937 random(4);
    for (int round = 0; round < 3000; ++round) {
        std::vector<BlockView> streams(random() % 8);
        for (BlockView& stream : streams) {
            stream.computed = random() % 20;
            stream.writing = random() % 2 == 0;
            stream.rows = static_cast<int>(stream.writing ? random() % 2 : random() % 20);
        }
        const auto available = static_cast<std::int64_t>(random() % 10);
        const BlockPlan plan = fit_blocks(streams, available, 4);
        ASSERT_LE(plan.blocks, available);
        if (plan.park) {
            ASSERT_GT(streams.size(), 1u);
            continue;
        }
        std::int64_t blocks = 0;
        bool some = false, wanted = false;
        for (std::size_t i = 0; i < streams.size(); ++i) {
            ASSERT_GE(plan.rows[i], 0);
            ASSERT_LE(plan.rows[i], streams[i].rows);
            blocks += (streams[i].computed + plan.rows[i]) / 4 - streams[i].computed / 4;
            some = some || plan.rows[i] > 0;
            wanted = wanted || streams[i].rows > 0;
        }
        ASSERT_EQ(blocks, plan.blocks);
        ASSERT_TRUE(some || !wanted || streams.size() == 1) << "a step without work";
    }
}

}  // namespace
}  // namespace baleen::sched
