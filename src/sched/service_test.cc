// The service on the tiny model: every answer is the one its request has alone, whatever runs beside it, however prompts are cut,
// whatever is kept, and however often it is put aside for want of blocks. Requests are bounded, fair, cancellable at any moment,
// and every one ends exactly once. A lane that fails on purpose tests the errors a model does not give.
#include "sched/service.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include "sched/engine_lane.h"
#include "sched/run.h"
#include "sched/tiny_test_support.h"

namespace baleen::sched {
namespace {

using namespace std::chrono_literals;

// Writes down what it is told. Waiting is for the test's thread.
class Recorder : public EventSink {
  public:
    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override {
        const std::lock_guard lock(mutex_);
        EXPECT_FALSE(started_) << "started twice";
        EXPECT_TRUE(ids_.empty());
        started_ = true;
        prompt_ = prompt_tokens;
        cached_ = cached_tokens;
    }
    void token(TokenId token) override {
        std::function<void()> hook;
        {
            const std::lock_guard lock(mutex_);
            EXPECT_TRUE(started_);
            EXPECT_FALSE(outcome_) << "a token after the end";
            ids_.push_back(token);
            hook = on_token;
        }
        changed_.notify_all();
        if (hook) hook();
    }
    void finished(const Result<Outcome>& outcome) override {
        std::function<void()> hook;
        {
            const std::lock_guard lock(mutex_);
            EXPECT_FALSE(outcome_) << "finished twice";
            outcome_.emplace(outcome);
            hook = on_finished;
        }
        changed_.notify_all();
        if (hook) hook();
    }
    bool paused() override { return hold.load(); }

    Result<Outcome> wait() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, 600s, [&] { return outcome_.has_value(); })) {
            ADD_FAILURE() << "no end within ten minutes";
            std::abort();
        }
        return *outcome_;
    }
    void wait_for_tokens(std::size_t count) {
        std::unique_lock lock(mutex_);
        EXPECT_TRUE(changed_.wait_for(lock, 600s, [&] { return ids_.size() >= count || outcome_; }));
    }
    std::vector<TokenId> ids() {
        const std::lock_guard lock(mutex_);
        return ids_;
    }
    std::size_t count() { return ids().size(); }
    bool ended() {
        const std::lock_guard lock(mutex_);
        return outcome_.has_value();
    }
    bool has_started() {
        const std::lock_guard lock(mutex_);
        return started_;
    }
    std::int64_t cached() {
        const std::lock_guard lock(mutex_);
        return cached_;
    }

    std::atomic<bool> hold{false};
    std::function<void()> on_token, on_finished;  // set before the request is handed over

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool started_ = false;
    std::int64_t prompt_ = 0, cached_ = 0;
    std::vector<TokenId> ids_;
    std::optional<Result<Outcome>> outcome_;
};
using Sink = std::shared_ptr<Recorder>;

Job job_of(Tokens prompt, std::int64_t tokens_max, std::uint64_t seed = 1) {
    Job job;
    job.prompt = std::move(prompt);
    job.generation.tokens_max = tokens_max;
    job.generation.sampling.temperature = 1;
    job.generation.sampling.seed = seed;
    return job;
}

// The answer a request has alone.
Tokens alone(engine::Engine& engine, const Job& job) {
    Timeline timeline(engine, Timeline::Turns::one);
    EXPECT_TRUE(timeline.open(job.prompt).ok());
    EventSink nobody;
    GenerationRequest request = job.generation;
    request.prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
    Generation generation(request, nullptr, nobody);
    return run(timeline, generation, {}).value().ids;
}

struct Bench {
    explicit Bench(const TinyOptions& tiny, EngineLaneOptions lane_options = {}, ServiceOptions service_options = {})
        : engine(open_tiny(tiny)), lane(*engine, nullptr, lane_options), options(service_options) {}

    // Started last and stopped first: until then the engine is the test's.
    void open() { service.emplace(lane, options); }
    void close() { service.reset(); }
    Sink submit(Job job, JobId* id = nullptr) {
        auto sink = std::make_shared<Recorder>();
        const auto submitted = service->submit(std::move(job), sink);
        EXPECT_TRUE(submitted.ok()) << (submitted.ok() ? "" : submitted.error().message);
        if (submitted.ok() && id != nullptr) *id = *submitted;
        return sink;
    }

    std::unique_ptr<engine::Engine> engine;
    EngineLane lane;
    ServiceOptions options;
    std::optional<Service> service;
};

void expect_accounts(const ServiceStats& stats) {
    EXPECT_EQ(stats.submitted, stats.refused + stats.finished + stats.cancelled + stats.failed +
                                   static_cast<std::uint64_t>(stats.queued + stats.running + stats.parked));
}

// ---- the same answers

std::vector<Job> mixed_jobs() {
    std::vector<Job> jobs;
    for (std::uint32_t i = 0; i < 10; ++i) {
        Job job = job_of(some_tokens(i, 1 + static_cast<int>(i * 61 % 110)), 3 + i * 13 % 20, i);
        job.key = std::to_string(i % 3);
        job.space = std::to_string(i % 2);
        job.keep = i % 5 != 0;
        job.hints = {100, 200};
        if (i % 4 == 0) job.generation.sampling.temperature = 0;
        if (i % 4 == 1) job.generation.sampling.top_p = 0.9f;
        jobs.push_back(std::move(job));
    }
    // Some share a beginning.
    for (std::size_t i = 5; i < jobs.size(); ++i) jobs[i].prompt = joined(jobs[i - 5].prompt, jobs[i].prompt);
    return jobs;
}

// Under ThreadSanitizer a row takes fifteen times as long; one setting brings the threads together as well as five.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t kSettings = 1;
#else
constexpr std::size_t kSettings = 5;
#endif

struct Setting {
    const char* what;
    TinyOptions tiny;
    EngineLaneOptions lane;
};

TEST(Service, EveryAnswerIsTheOneItHasAlone) {
    const std::vector<Job> jobs = mixed_jobs();
    std::vector<Tokens> wanted;
    {
        const auto engine = open_tiny({});
        for (const Job& job : jobs) wanted.push_back(alone(*engine, job));
    }
    const std::array<Setting, 5> settings{{{"few blocks", {.blocks = 4, .rows = 32}, {}},
                                           {"wide", {.blocks = 100, .rows = 512}, {}},
                                           {"narrow", {.blocks = 100, .rows = 16}, {}},
                                           {"one at a time", {.blocks = 100}, {.streams_max = 1}},
                                           {"nothing kept", {.blocks = 100}, {.warm = {.bytes_max = 0}}}}};
    for (const Setting& setting : std::span(settings).first(kSettings)) {
        Bench bench(setting.tiny, setting.lane);
        bench.open();
        for (int round = 0; round < 2; ++round) {  // the second time much of it is kept
            std::vector<Sink> sinks;
            for (const Job& job : jobs) sinks.push_back(bench.submit(job));
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                const auto outcome = sinks[i]->wait();
                ASSERT_TRUE(outcome.ok()) << setting.what << ": " << outcome.error().message;
                EXPECT_EQ(outcome->ids, wanted[i]) << setting.what << ", round " << round << ", request " << i;
                EXPECT_EQ(sinks[i]->ids(), outcome->ids);
                EXPECT_EQ(outcome->finish, FinishReason::length);
                EXPECT_EQ(outcome->usage.prompt_tokens, static_cast<std::int64_t>(jobs[i].prompt.size()));
                EXPECT_EQ(outcome->usage.cached_tokens, sinks[i]->cached());
                EXPECT_LT(outcome->usage.cached_tokens, outcome->usage.prompt_tokens);
                if (!jobs[i].keep) {
                    EXPECT_EQ(outcome->usage.cached_tokens, 0);
                }
                EXPECT_GT(outcome->timing.first_token_seconds, 0);
                EXPECT_GE(outcome->timing.first_token_seconds, outcome->timing.prompt_seconds);
            }
        }
        const ServiceStats stats = bench.service->stats();
        expect_accounts(stats);
        EXPECT_EQ(stats.finished, 2 * jobs.size());
        if (setting.lane.warm.bytes_max > 0) {
            EXPECT_GT(stats.cached_tokens, 0u) << setting.what;
        }
        bench.close();
        EXPECT_EQ(bench.lane.room().running, 0);
    }
}

TEST(Service, StreamsThatOutgrowThePoolArePutAside) {
    // Four answers of two blocks each in a pool of four.
    Bench bench({.context = 512, .blocks = 4}, {.warm = {.bytes_max = 0}});
    std::vector<Job> jobs;
    std::vector<Tokens> wanted;
    for (std::uint32_t i = 0; i < 4; ++i) jobs.push_back(job_of(some_tokens(i, 60), 200, i));
    for (const Job& job : jobs) wanted.push_back(alone(*bench.engine, job));
    bench.open();
    std::vector<Sink> sinks;
    for (const Job& job : jobs) sinks.push_back(bench.submit(job));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const auto outcome = sinks[i]->wait();
        ASSERT_TRUE(outcome.ok()) << outcome.error().message;
        EXPECT_EQ(outcome->ids, wanted[i]) << i;
    }
    EXPECT_GT(bench.service->stats().parks, 0u);
    bench.close();
    EXPECT_EQ(bench.engine->pool().free_blocks(), 4);
}

TEST(Service, ARequestMayFillThePool) {
    Bench bench({.context = 2048, .blocks = 3}, {});
    const Job big = job_of(some_tokens(1, 300), 211, 5);
    const Tokens wanted = alone(*bench.engine, big);
    bench.open();
    EXPECT_EQ(bench.service->context(), 3 * 128 + 127);
    const Sink other = bench.submit(job_of(some_tokens(2, 200), 50));
    const Sink sink = bench.submit(big);
    EXPECT_EQ(sink->wait()->ids, wanted);
    EXPECT_EQ(other->wait()->finish, FinishReason::length);
    EXPECT_EQ(bench.service->submit(job_of(some_tokens(1, 300), 212), sink).error().code, ErrorCode::resource_exhausted);
}

// ---- what is kept

TEST(Service, AConversationGoesOnWhereItWas) {
    Bench bench({.blocks = 100});
    Job job = job_of(some_tokens(1, 200), 40);
    job.space = "a";
    Tokens prompt = job.prompt;
    std::vector<std::pair<Job, Sink>> turns;
    bench.open();
    for (std::uint32_t turn = 0; turn < 4; ++turn) {
        job.prompt = prompt;
        const Sink sink = bench.submit(job);
        const Outcome outcome = sink->wait().value();
        // All but the newest token of the answer before were computed.
        EXPECT_EQ(outcome.usage.cached_tokens, turn == 0 ? 0 : static_cast<std::int64_t>(prompt.size()) - 30 - 1) << turn;
        turns.emplace_back(job, sink);
        prompt = joined(joined(prompt, outcome.ids), some_tokens(50 + turn, 30));
    }
    job.prompt = turns[1].first.prompt;  // asked again: from before its last two tokens
    EXPECT_EQ(bench.submit(job)->wait()->usage.cached_tokens, static_cast<std::int64_t>(job.prompt.size()) - 2);
    job.space = "b";
    EXPECT_EQ(bench.submit(job)->wait()->usage.cached_tokens, 0);
    job.space = "a";
    job.keep = false;
    EXPECT_EQ(bench.submit(job)->wait()->usage.cached_tokens, 0);
    bench.close();
    for (const auto& [asked, sink] : turns) EXPECT_EQ(sink->ids(), alone(*bench.engine, asked));
}

TEST(Service, PromptsThatShareABeginning) {
    Bench bench({.blocks = 100});
    bench.open();
    const Tokens common = some_tokens(1, 300);
    const auto cached = [&](std::uint32_t seed, std::vector<std::int64_t> hints) {
        Job job = job_of(joined(common, some_tokens(seed, 40)), 3);
        job.hints = std::move(hints);
        return bench.submit(job)->wait()->usage.cached_tokens;
    };
    EXPECT_EQ(cached(2, {}), 0);    // the first computes it,
    EXPECT_EQ(cached(3, {}), 0);    // the second finds out,
    EXPECT_EQ(cached(4, {}), 256);  // the third goes on from it
    Job told = job_of(joined(some_tokens(9, 300), some_tokens(5, 40)), 3);
    told.hints = {300};             // told where, the second does
    EXPECT_EQ(bench.submit(told)->wait()->usage.cached_tokens, 0);
    told.prompt = joined(some_tokens(9, 300), some_tokens(6, 40));
    EXPECT_EQ(bench.submit(told)->wait()->usage.cached_tokens, 256);
}

// ---- cancellation

TEST(Service, CancelAtEveryStage) {
    Bench bench({.blocks = 40, .rows = 16}, {.streams_max = 2});
    bench.open();
    Sink held = std::make_shared<Recorder>();
    JobId holds = bench.service->submit(job_of(some_tokens(1, 20), 1000), held).value();
    held->wait_for_tokens(5);
    JobId reads{}, waits{};
    const Sink reading = bench.submit(job_of(some_tokens(2, 400), 5), &reads);
    const Sink waiting = bench.submit(job_of(some_tokens(3, 10), 5), &waits);
    while (!reading->has_started()) std::this_thread::sleep_for(1ms);
    EXPECT_FALSE(waiting->has_started());

    bench.service->cancel(waits);
    EXPECT_EQ(waiting->wait()->finish, FinishReason::cancelled);
    EXPECT_EQ(waiting->wait()->usage.prompt_tokens, 10);
    EXPECT_FALSE(waiting->has_started());
    EXPECT_EQ(reading->count(), 0u);
    bench.service->cancel(reads);
    EXPECT_EQ(reading->wait()->finish, FinishReason::cancelled);
    EXPECT_EQ(reading->count(), 0u);
    bench.service->cancel(holds);
    const Outcome outcome = held->wait().value();
    EXPECT_EQ(outcome.finish, FinishReason::cancelled);
    EXPECT_EQ(outcome.ids, held->ids());
    EXPECT_GE(outcome.ids.size(), 5u);
    bench.service->cancel(holds);  // no more than once, and nothing for strangers
    bench.service->cancel(JobId{999});

    // What a cancelled prompt had read is of use.
    const Outcome again = bench.submit(job_of(some_tokens(2, 400), 1))->wait().value();
    EXPECT_GT(again.usage.cached_tokens, 0);
    expect_accounts(bench.service->stats());
    EXPECT_EQ(bench.service->stats().cancelled, 3u);
    bench.close();
    const Tokens wanted = alone(*bench.engine, job_of(some_tokens(2, 400), 1));
    EXPECT_EQ(again.ids, wanted);
}

TEST(Service, CancelTakesEffectBetweenTwoSteps) {
    Bench bench({.blocks = 40});
    bench.open();
    auto sink = std::make_shared<Recorder>();
    std::atomic<std::uint64_t> job{0};
    std::size_t seen = 0;
    sink->on_token = [&] {  // on the service's thread, from inside a step
        if (++seen != 7) return;
        while (job.load() == 0) std::this_thread::yield();
        bench.service->cancel(JobId{job.load()});
    };
    job = std::to_underlying(bench.service->submit(job_of(some_tokens(1, 20), 500), sink).value());
    EXPECT_EQ(sink->wait()->finish, FinishReason::cancelled);
    EXPECT_EQ(sink->count(), 7u);
}

TEST(Service, SinksMayAskForMore) {
    Bench bench({.blocks = 40});
    bench.open();
    auto first = std::make_shared<Recorder>(), second = std::make_shared<Recorder>();
    first->on_finished = [&] { EXPECT_TRUE(bench.service->submit(job_of(some_tokens(2, 5), 3), second).ok()); };
    EXPECT_TRUE(bench.service->submit(job_of(some_tokens(1, 5), 3), first).ok());
    EXPECT_EQ(first->wait()->ids.size(), 3u);
    EXPECT_EQ(second->wait()->ids.size(), 3u);
}

// ---- bounds and shares

TEST(Service, AFullQueueRefuses) {
    Bench bench({.blocks = 40}, {.streams_max = 1}, {.queue_max = 8});
    bench.open();
    Sink held = std::make_shared<Recorder>();
    held->hold = true;  // its reader is behind: it keeps its place and does nothing
    JobId id = bench.service->submit(job_of(some_tokens(1, 5), 3), held).value();
    while (!held->has_started()) std::this_thread::sleep_for(1ms);
    std::vector<Sink> waiting;
    const auto submit = [&](const std::string& key) {
        Job job = job_of(some_tokens(2, 5), 3);
        job.key = key;
        auto sink = std::make_shared<Recorder>();
        auto submitted = bench.service->submit(job, sink);
        if (submitted.ok()) waiting.push_back(sink);
        else EXPECT_EQ(submitted.error().code, ErrorCode::resource_exhausted);
        return submitted.ok();
    };
    int taken = 0;
    while (submit("busy")) ++taken;
    EXPECT_EQ(taken, 4);  // half of it
    EXPECT_TRUE(submit("other"));
    EXPECT_EQ(bench.service->stats().queued, 5);
    EXPECT_EQ(bench.service->stats().refused, 1u);
    while (submit("other")) {}
    EXPECT_TRUE(submit("third"));
    EXPECT_LE(bench.service->stats().queued, 8);
    expect_accounts(bench.service->stats());

    bench.service->cancel(id);
    for (const Sink& sink : waiting) EXPECT_EQ(sink->wait()->ids.size(), 3u);
    EXPECT_TRUE(submit("busy"));  // there is room again
    EXPECT_TRUE(waiting.back()->wait().ok());
    EXPECT_EQ(bench.service->stats().queued, 0);
}

TEST(Service, ABusyKeyDoesNotShutOutAnother) {
    Bench bench({.blocks = 40}, {.streams_max = 2});
    bench.open();
    std::atomic<int> ended{0};
    std::vector<Sink> busy;
    for (std::uint32_t i = 0; i < 30; ++i) {
        Job job = job_of(some_tokens(i, 100), 10);
        job.key = "busy";
        auto sink = std::make_shared<Recorder>();
        sink->on_finished = [&] { ++ended; };
        ASSERT_TRUE(bench.service->submit(job, sink).ok());
        busy.push_back(sink);
    }
    Job job = job_of(some_tokens(100, 100), 10);
    job.key = "other";
    int before = -1;
    auto other = std::make_shared<Recorder>();
    const int already = ended;
    other->on_finished = [&] { before = ended; };
    ASSERT_TRUE(bench.service->submit(job, other).ok());
    EXPECT_TRUE(other->wait().ok());
    for (const Sink& sink : busy) EXPECT_TRUE(sink->wait().ok());
    EXPECT_LE(before - already, 6) << "of 30 requests that came first";
    bench.close();
}

TEST(Service, AStreamKeepsWritingWhileAPromptIsRead) {
    Bench bench({.blocks = 40, .rows = 64});
    bench.open();
    const Sink writer = bench.submit(job_of(some_tokens(1, 20), 2000));
    writer->wait_for_tokens(100);
    auto reader = std::make_shared<Recorder>();
    std::size_t at_start = writer->count(), at_end = 0;
    reader->on_token = [&] { at_end = writer->count(); };
    Job long_one = job_of(some_tokens(2, 400), 1);
    long_one.key = "other";
    ASSERT_TRUE(bench.service->submit(long_one, reader).ok());
    const Outcome outcome = reader->wait().value();
    // A step reads at most 63 rows of the prompt beside the stream, so that it wrote at least a token for each.
    EXPECT_GE(at_end - at_start, 400u / 63);
    EXPECT_EQ(outcome.ids.size(), 1u);
    EXPECT_FALSE(writer->ended());
    const ServiceStats stats = bench.service->stats();
    EXPECT_GT(stats.prompt_rows, 400u);
    EXPECT_GT(stats.step_seconds.total, 106u);
}

TEST(Service, ASlowReaderPausesOnlyItself) {
    Bench bench({.blocks = 40});
    bench.open();
    auto slow = std::make_shared<Recorder>();
    slow->on_token = [&] { slow->hold = slow->count() == 3; };
    ASSERT_TRUE(bench.service->submit(job_of(some_tokens(1, 20), 10), slow).ok());
    slow->wait_for_tokens(3);
    const Sink other = bench.submit(job_of(some_tokens(2, 20), 200));
    EXPECT_EQ(other->wait()->ids.size(), 200u);
    EXPECT_EQ(slow->count(), 3u);
    std::this_thread::sleep_for(30ms);  // alone now, and still paused
    EXPECT_EQ(slow->count(), 3u);
    slow->hold = false;
    EXPECT_EQ(slow->wait()->ids.size(), 10u);
    bench.close();
    EXPECT_EQ(slow->ids(), alone(*bench.engine, job_of(some_tokens(1, 20), 10)));
}

// ---- the end

TEST(Service, DrainFinishesAndRefuses) {
    Bench bench({.blocks = 40}, {.streams_max = 2});
    bench.open();
    std::vector<Sink> sinks;
    for (std::uint32_t i = 0; i < 6; ++i) sinks.push_back(bench.submit(job_of(some_tokens(i, 20), 20)));
    EXPECT_TRUE(bench.service->drain(600));
    for (const Sink& sink : sinks) {
        ASSERT_TRUE(sink->ended());
        EXPECT_EQ(sink->wait()->finish, FinishReason::length);
    }
    EXPECT_EQ(bench.service->submit(job_of(some_tokens(1, 5), 1), sinks[0]).error().code, ErrorCode::cancelled);
    EXPECT_TRUE(bench.service->stats().draining);
    EXPECT_TRUE(bench.service->drain(0));
}

TEST(Service, DrainHasADeadline) {
    Bench bench({.blocks = 40}, {.streams_max = 1});
    bench.open();
    auto held = std::make_shared<Recorder>();
    held->hold = true;
    ASSERT_TRUE(bench.service->submit(job_of(some_tokens(1, 5), 3), held).ok());
    const Sink waiting = bench.submit(job_of(some_tokens(2, 5), 3));
    EXPECT_FALSE(bench.service->drain(0.05));
    EXPECT_TRUE(held->ended() && waiting->ended());
    EXPECT_EQ(held->wait()->finish, FinishReason::cancelled);
    EXPECT_EQ(waiting->wait()->finish, FinishReason::cancelled);
    expect_accounts(bench.service->stats());
}

TEST(Service, IsGoneWithEverythingTold) {
    Bench bench({.blocks = 40}, {.streams_max = 2});
    bench.open();
    std::vector<Sink> sinks;
    for (std::uint32_t i = 0; i < 8; ++i) sinks.push_back(bench.submit(job_of(some_tokens(i, 200), 1000)));
    sinks[0]->wait_for_tokens(2);
    bench.close();
    for (const Sink& sink : sinks) {
        EXPECT_TRUE(sink->ended());
        EXPECT_EQ(sink.use_count(), 1) << "the service still holds a sink";
    }
}

TEST(Service, RequestsThatCannotBe) {
    Bench bench({.context = 128, .blocks = 40});
    bench.open();
    auto sink = std::make_shared<Recorder>();
    const auto code = [&](Job job) { return bench.service->submit(std::move(job), sink).error().code; };
    EXPECT_EQ(code(job_of({}, 5)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(job_of({TokenId{5}, TokenId{1024}}, 5)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(job_of({TokenId{-1}}, 5)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(job_of(some_tokens(1, 10), 0)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(job_of(some_tokens(1, 116), 13)), ErrorCode::resource_exhausted);
    EXPECT_EQ(code(job_of(some_tokens(1, 10), std::numeric_limits<std::int64_t>::max())), ErrorCode::resource_exhausted);
    Job hot = job_of(some_tokens(1, 10), 5);
    hot.generation.sampling.temperature = -1;
    EXPECT_EQ(code(hot), ErrorCode::invalid_argument);
    EXPECT_EQ(bench.service->stats().submitted, 0u);
    EXPECT_EQ(bench.submit(job_of(some_tokens(1, 116), 12))->wait()->ids.size(), 12u);  // exactly full
}

// ---- a lane that fails

class FailingLane : public Lane {
  public:
    const text::Tokenizer* tokenizer() const override { return nullptr; }
    std::int64_t vocab_size() const override { return 1024; }
    std::int64_t context() const override { return 1000; }
    Room room() const override {
        return {.streams = 3 - static_cast<int>(open_.size()), .running = static_cast<int>(open_.size()), .blocks_free = 99, .blocks_reclaimable = 0};
    }
    Demand demand(const StreamRequest&, bool) const override { return {}; }
    Result<std::int64_t> open(StreamId stream, StreamRequest request, double) override {
        if (index(request.tokens[0]) == 1) return io_error("cannot open");
        open_.push_back({stream, index(request.tokens[0]), static_cast<int>(request.tokens.size())});
        return 0;
    }
    void push(StreamId, TokenId) override {}
    void close(StreamId stream) override {
        std::erase_if(open_, [&](const Stream& s) { return s.id == stream; });
    }
    void pause(StreamId, bool) override {}
    // Prompts that begin with 2 fail at their third step, with 3 are put aside then once; others count up.
    const LaneStep& step(double) override {
        step_ = {};
        for (std::size_t i = 0; i < open_.size();) {
            Stream& stream = open_[i];
            ++stream.steps;
            if (stream.steps == 3 && stream.kind == 2) {
                step_.failed.emplace_back(stream.id, io_error("a page cannot be read"));
                open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
            } else if (stream.steps == 3 && stream.kind == 3 && stream.tokens == 1) {
                step_.aside.push_back(stream.id);
                open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
            } else {
                step_.rows.push_back({stream.id, {}, TokenId{stream.tokens + stream.steps}});
                ++i;
            }
        }
        return step_;
    }
    LaneStats stats() const override { return {}; }

  private:
    struct Stream {
        StreamId id{};
        int kind = 0, tokens = 0, steps = 0;
    };
    std::vector<Stream> open_;
    LaneStep step_;
};

TEST(Service, ErrorsReachTheirRequestAlone) {
    FailingLane lane;
    Service service(lane, {});
    const auto submit = [&](int kind) {
        auto sink = std::make_shared<Recorder>();
        EXPECT_TRUE(service.submit(job_of({TokenId{kind}}, 6), sink).ok());
        return sink;
    };
    const Sink cannot_open = submit(1), fails = submit(2), aside = submit(3), good = submit(4);
    EXPECT_EQ(cannot_open->wait().error().code, ErrorCode::io);
    EXPECT_FALSE(cannot_open->has_started());
    EXPECT_EQ(fails->wait().error().message, "a page cannot be read");
    EXPECT_EQ(fails->count(), 2u);  // what it had said stands
    EXPECT_EQ(good->wait()->ids.size(), 6u);
    const Tokens counted{TokenId{2}, TokenId{3}, TokenId{4}, TokenId{5}, TokenId{6}, TokenId{7}};
    EXPECT_EQ(aside->wait()->ids, counted);  // opened again with what it had said
    const ServiceStats stats = service.stats();
    expect_accounts(stats);
    EXPECT_EQ(stats.failed, 2u);
    EXPECT_EQ(stats.parks, 1u);
}

// ---- everything at once

TEST(Service, ManyThreads) {
    Bench bench({.blocks = 12, .rows = 24}, {.streams_max = 5, .warm = {.bytes_max = 2 << 20}}, {.queue_max = 20});
    std::vector<Job> jobs;
    std::vector<Tokens> wanted;
    for (std::uint32_t i = 0; i < 6; ++i) {
        jobs.push_back(job_of(some_tokens(i, 10 + static_cast<int>(i) * 60), 30, i));
        wanted.push_back(alone(*bench.engine, jobs.back()));
    }
    bench.open();
    std::atomic<int> finished{0}, cancelled{0}, refused{0};
    {
        std::vector<std::jthread> clients;
        for (std::uint32_t client = 0; client < 4; ++client) {
            clients.emplace_back([&, client] {
                std::mt19937 random(client);
                for (int i = 0; i < 12; ++i) {
                    const std::size_t which = random() % jobs.size();
                    Job job = jobs[which];
                    job.key = std::to_string(client);
                    job.space = std::to_string(client % 2);
                    auto sink = std::make_shared<Recorder>();
                    const auto id = bench.service->submit(job, sink);
                    if (!id.ok()) {
                        ++refused;
                        continue;
                    }
                    const bool gives_up = random() % 4 == 0;
                    if (gives_up) {
                        std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
                        bench.service->cancel(*id);
                    } else if (random() % 2 == 0) {
                        EXPECT_TRUE(sink->wait().ok());
                    }
                    const Outcome outcome = sink->wait().value();
                    if (outcome.finish == FinishReason::cancelled) {
                        EXPECT_TRUE(gives_up);
                        EXPECT_TRUE(std::equal(outcome.ids.begin(), outcome.ids.end(), wanted[which].begin()));
                        ++cancelled;
                    } else {
                        EXPECT_EQ(outcome.ids, wanted[which]);
                        ++finished;
                    }
                    expect_accounts(bench.service->stats());
                }
            });
        }
    }
    EXPECT_EQ(finished + cancelled + refused, 48);
    const ServiceStats stats = bench.service->stats();
    EXPECT_EQ(stats.finished, static_cast<std::uint64_t>(finished));
    EXPECT_EQ(stats.cancelled, static_cast<std::uint64_t>(cancelled));
    EXPECT_TRUE(bench.service->drain(600));
}

}  // namespace
}  // namespace baleen::sched
