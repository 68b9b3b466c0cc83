#include "sched/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"

namespace baleen::sched {

namespace {

constexpr double kLaneStatsSeconds = 0.1;  // between looks at the lane's gauges, which cost a walk over its blocks
constexpr auto kLookAgain = std::chrono::milliseconds(20);  // where work waits and nothing runs

StreamId stream_of(JobId job) { return StreamId{std::to_underlying(job)}; }

}  // namespace

struct Service::Work {
    JobId id{};
    StreamRequest request;
    GenerationRequest wanted;  // until it starts
    std::shared_ptr<EventSink> sink;
    std::optional<Generation> generation;
    double submitted = 0, started = 0, read = 0, first_token = 0, last_token = 0;  // times; 0: not yet
    double passed = 0;  // first found not to fit
    bool paused = false;
};

Service::Service(Lane& lane, ServiceOptions options)
    : lane_(lane), options_(options), context_(lane.context()), vocab_size_(lane.vocab_size()), tokenizer_(lane.tokenizer()) {
    published_.lane = stats_.lane = lane.stats();
    thread_ = std::thread([this] { run(); });
}

Service::~Service() {
    {
        const std::lock_guard lock(mutex_);
        draining_ = cancel_all_ = stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

double Service::now() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

// ---- any thread

Result<JobId> Service::submit(Job job, std::shared_ptr<EventSink> sink) {
    CHECK(sink != nullptr);
    if (job.prompt.empty()) return invalid_argument("the prompt is empty");
    for (std::size_t i = 0; i < job.prompt.size(); ++i) {
        const int id = index(job.prompt[i]);
        if (id < 0 || id >= vocab_size_)
            return invalid_argument(fmt::format("token {} of the prompt: id {} is outside the vocabulary of {}", i, id, vocab_size_));
    }
    const auto prompt_tokens = static_cast<std::int64_t>(job.prompt.size());
    if (job.generation.tokens_max < 1) return invalid_argument("no room for an answer token");
    TRY(engine::check_sampling(job.generation.sampling));
    if (job.generation.tokens_max > context_ - prompt_tokens) {
        return resource_exhausted(fmt::format("This model's maximum context length is {} tokens. However, {} tokens of the prompt and {} of "
                                              "the answer were asked for. Please reduce the length of either.",
                                              context_, prompt_tokens, job.generation.tokens_max));
    }
    auto work = std::make_unique<Work>();
    work->wanted = std::move(job.generation);
    work->wanted.prompt_tokens = prompt_tokens;
    work->request = {.tokens = std::move(job.prompt),
                     .prompt_tokens = prompt_tokens,
                     .key = std::move(job.key),
                     .space = std::move(job.space),
                     .hints = std::move(job.hints),
                     .keep = job.keep};
    work->sink = std::move(sink);
    work->submitted = now();
    JobId id{};
    {
        const std::lock_guard lock(mutex_);
        if (draining_) return cancelled("the server is shutting down");
        ++submitted_;
        const auto of_key = waiting_of_key_.find(work->request.key);
        if (!may_wait(waiting_, of_key == waiting_of_key_.end() ? 0 : of_key->second, options_.queue_max)) {
            ++refused_;
            return resource_exhausted(fmt::format("too many requests are waiting ({} of at most {})", waiting_, options_.queue_max));
        }
        ++waiting_;
        ++waiting_of_key_[work->request.key];
        ++left_;
        id = work->id = JobId{next_job_++};
        arrived_.push_back(std::move(work));
    }
    wake_.notify_one();
    return id;
}

void Service::cancel(JobId job) {
    {
        const std::lock_guard lock(mutex_);
        cancelled_.push_back(job);
    }
    wake_.notify_one();
}

ServiceStats Service::stats() const {
    const std::lock_guard lock(mutex_);
    ServiceStats stats = published_;
    stats.queued = waiting_;
    stats.running = left_ - waiting_ - stats.parked;
    stats.submitted = submitted_;
    stats.refused = refused_;
    stats.draining = draining_;
    return stats;
}

bool Service::drain(double seconds) {
    std::unique_lock lock(mutex_);
    const auto nothing_left = [&] { return left_ + untold_ == 0; };
    draining_ = true;
    if (idle_.wait_for(lock, std::chrono::duration<double>(seconds), nothing_left)) return true;
    cancel_all_ = true;
    wake_.notify_one();
    idle_.wait(lock, nothing_left);
    return false;
}

// ---- the service's thread

void Service::run() {
    while (take_orders()) {
        admit();
        if (!running_.empty()) step();
        publish(running_.empty());
    }
}

// Takes what was asked for since; waits while there is nothing to do. False: the end.
bool Service::take_orders() {
    std::vector<WorkPtr> arrived;
    std::vector<JobId> cancelled;
    bool all = false, stop = false;
    {
        std::unique_lock lock(mutex_);
        const auto orders = [&] { return !arrived_.empty() || !cancelled_.empty() || cancel_all_ || stop_; };
        if (running_.empty() && keys_.empty()) {
            wake_.wait(lock, orders);
        } else if (running_.empty()) {
            wake_.wait_for(lock, kLookAgain, orders);
        } else if (due_) {
            const std::chrono::duration<double> due(*due_);
            wake_.wait_until(lock, began_ + std::chrono::ceil<std::chrono::steady_clock::duration>(due), orders);
        }
        arrived.swap(arrived_);
        cancelled.swap(cancelled_);
        all = std::exchange(cancel_all_, false);
        stop = stop_;
    }
    for (WorkPtr& work : arrived) enqueue(std::move(work));
    for (const JobId job : cancelled) cancel_work(job);
    if (all) {
        std::vector<JobId> jobs;
        for (const auto& [name, key] : keys_)
            for (const WorkPtr& work : key.queue) jobs.push_back(work->id);
        for (const WorkPtr& work : parked_) jobs.push_back(work->id);
        for (const auto& [stream, work] : running_) jobs.push_back(work->id);
        for (const JobId job : jobs) cancel_work(job);
        publish(true);
    }
    return !stop;
}

void Service::enqueue(WorkPtr work) {
    const auto [key, fresh] = keys_.try_emplace(work->request.key);
    if (fresh) counters_.enter(work->request.key);
    key->second.queue.push_back(std::move(work));
}

Service::WorkPtr Service::dequeue(Key& key, std::size_t place) {
    WorkPtr work = std::move(key.queue[place]);
    key.queue.erase(key.queue.begin() + static_cast<std::ptrdiff_t>(place));
    ++key.started;
    const std::lock_guard lock(mutex_);
    --waiting_;
    const auto waiting = waiting_of_key_.find(work->request.key);
    if (--waiting->second == 0) waiting_of_key_.erase(waiting);
    return work;
}

void Service::cancel_work(JobId job) {
    const auto is_it = [&](const WorkPtr& work) { return work->id == job; };
    WorkPtr work;
    if (const auto running = running_.find(stream_of(job)); running != running_.end()) {
        work = std::move(running->second);
        running_.erase(running);
        lane_.close(stream_of(job));
    } else if (const auto parked = std::find_if(parked_.begin(), parked_.end(), is_it); parked != parked_.end()) {
        work = std::move(*parked);
        parked_.erase(parked);
    } else {
        for (auto& [name, key] : keys_) {
            const auto queued = std::find_if(key.queue.begin(), key.queue.end(), is_it);
            if (queued == key.queue.end()) continue;
            work = dequeue(key, static_cast<std::size_t>(queued - key.queue.begin()));
            break;
        }
    }
    if (!work) return;  // it has ended
    if (work->generation) {
        work->generation->cancel();
        Outcome outcome = std::move(work->generation->outcome());
        end(std::move(work), std::move(outcome));
    } else {
        Outcome outcome;
        outcome.finish = FinishReason::cancelled;
        outcome.usage.prompt_tokens = work->request.prompt_tokens;
        end(std::move(work), std::move(outcome));
    }
}

void Service::admit() {
    for (;;) {
        const bool queued = std::any_of(keys_.begin(), keys_.end(), [](const auto& key) { return !key.second.queue.empty(); });
        if (parked_.empty() && !queued) return;
        if (!(parked_.empty() ? start_next() : start_parked())) return;
    }
}

// Those put aside go on before anyone new starts, in their old order.
bool Service::start_parked() {
    if (!fits(lane_.demand(parked_.front()->request, true), lane_.room())) return false;
    WorkPtr work = std::move(parked_.front());
    parked_.pop_front();
    start(std::move(work));
    return true;
}

bool Service::start_next() {
    const Room room = lane_.room();
    if (room.streams <= 0) return false;
    std::vector<Key*> keys;
    std::vector<KeyView> views;
    const double time = now();
    for (auto& [name, key] : keys_) {
        if (key.queue.empty()) continue;
        const double passed = key.queue.front()->passed;
        keys.push_back(&key);
        views.push_back({counters_.served(name), passed > 0 ? time - passed : 0});
    }
    const auto request = [&](int key) -> const StreamRequest& { return keys[static_cast<std::size_t>(key)]->queue.front()->request; };
    const Choice choice = choose_key(views, options_.patience_seconds, [&](int key) {
        return fits(lane_.demand(request(key), false), room) || fits(lane_.demand(request(key), true), room);
    });
    for (const int key : choice.passed) {
        Work& work = *keys[static_cast<std::size_t>(key)]->queue.front();
        if (work.passed == 0) work.passed = time;
    }
    if (!choice.key) return false;
    start(dequeue(*keys[static_cast<std::size_t>(*choice.key)], 0));
    return true;
}

void Service::start(WorkPtr work) {
    const StreamId stream = stream_of(work->id);
    const bool first = !work->generation;
    const auto cached = lane_.open(stream, work->request, now());
    if (!cached.ok()) {
        if (work->generation) work->generation->cancel();
        end(std::move(work), cached.error());
        return;
    }
    due_.reset();
    if (first) {
        work->started = now();
        work->generation.emplace(std::move(work->wanted), tokenizer_, *work->sink);
        Outcome& outcome = work->generation->outcome();
        outcome.usage.cached_tokens = *cached;
        outcome.timing.queue_seconds = work->started - work->submitted;
        stats_.queue_seconds.add(outcome.timing.queue_seconds);
        stats_.prompt_tokens += static_cast<std::uint64_t>(work->request.prompt_tokens);
        stats_.cached_tokens += static_cast<std::uint64_t>(*cached);
        counters_.add_prompt(work->request.key, work->request.prompt_tokens - *cached);
        work->sink->started(work->request.prompt_tokens, *cached);
    }
    running_.emplace(stream, std::move(work));
}

void Service::step() {
    for (auto& [stream, work] : running_) {
        const bool paused = work->sink->paused();
        if (paused == work->paused) continue;
        work->paused = paused;
        lane_.pause(stream, paused);
    }
    const LaneStep& step = lane_.step(now());
    due_ = step.due;
    if (step.stream_rows + step.prompt_rows > 0) {
        ++stats_.steps;
        stats_.stream_rows += static_cast<std::uint64_t>(step.stream_rows);
        stats_.prompt_rows += static_cast<std::uint64_t>(step.prompt_rows);
        if (step.seconds > 0) stats_.step_seconds.add(step.seconds);  // a script computes nothing
    }
    tell(step);
}

void Service::tell(const LaneStep& step) {
    for (const StreamId stream : step.aside) park(stream);
    for (const auto& [stream, error] : step.failed) {
        auto node = running_.extract(stream);
        node.mapped()->generation->cancel();
        end(std::move(node.mapped()), error);
    }
    for (const LaneStep::Row& row : step.rows) {
        Work& work = *running_.at(row.stream);
        Generation& generation = *work.generation;
        if (work.read == 0) work.read = now();
        const auto before = generation.outcome().usage.completion_tokens;
        const std::optional<TokenId> token = row.logits.empty() ? generation.next_token(row.token) : generation.next(row.logits);
        const auto drawn = generation.outcome().usage.completion_tokens - before;
        if (drawn > 0) {
            const double time = now();
            if (work.first_token == 0) {
                work.first_token = time;
                stats_.first_token_seconds.add(time - work.submitted);
            } else {
                stats_.token_seconds.add(time - work.last_token);
            }
            work.last_token = time;
            counters_.add_answer(work.request.key, drawn);
        }
        if (token) {
            lane_.push(row.stream, *token);
            continue;
        }
        auto node = running_.extract(row.stream);
        Outcome outcome = std::move(generation.outcome());
        end(std::move(node.mapped()), std::move(outcome));
        lane_.close(row.stream);
    }
}

void Service::park(StreamId stream) {
    auto node = running_.extract(stream);
    WorkPtr work = std::move(node.mapped());
    std::vector<TokenId>& tokens = work->request.tokens;
    const std::vector<TokenId>& drawn = work->generation->outcome().ids;
    tokens.resize(static_cast<std::size_t>(work->request.prompt_tokens));
    tokens.insert(tokens.end(), drawn.begin(), drawn.end());
    work->paused = false;
    ++stats_.parks;
    const auto later = std::find_if(parked_.begin(), parked_.end(), [&](const WorkPtr& other) { return other->started > work->started; });
    parked_.insert(later, std::move(work));
}

// The last words of a request, which is in no list any more.
void Service::end(WorkPtr work, Result<Outcome> outcome) {
    if (outcome.ok()) {
        Timing& timing = outcome->timing;
        if (work->started == 0) timing.queue_seconds = now() - work->submitted;
        if (work->read > 0) timing.prompt_seconds = work->read - work->started;
        if (work->first_token > 0) timing.first_token_seconds = work->first_token - work->started;
        timing.answer_seconds = work->last_token - work->first_token;
        stats_.answer_tokens += static_cast<std::uint64_t>(outcome->usage.completion_tokens);
        stats_.reasoning_tokens += static_cast<std::uint64_t>(outcome->usage.reasoning_tokens);
    }
    ++(!outcome.ok() ? stats_.failed : outcome->finish == FinishReason::cancelled ? stats_.cancelled : stats_.finished);
    const auto key = keys_.find(work->request.key);
    --key->second.started;
    if (key->second.queue.empty() && key->second.started == 0) {
        keys_.erase(key);
        counters_.leave(work->request.key);
    }
    // Counted before it is told: whoever saw the end finds it in the statistics.
    stats_.parked = static_cast<int>(parked_.size());
    {
        const std::lock_guard lock(mutex_);
        published_ = stats_;
        --left_;
        ++untold_;
    }
    work->sink->finished(outcome);
    work.reset();
    const std::lock_guard lock(mutex_);
    --untold_;
    if (left_ == 0) idle_.notify_all();
}

void Service::publish(bool lane_too) {
    const double time = now();
    if (lane_too || time - lane_published_ >= kLaneStatsSeconds) {
        stats_.lane = lane_.stats();
        lane_published_ = time;
    }
    stats_.parked = static_cast<int>(parked_.size());
    const std::lock_guard lock(mutex_);
    published_ = stats_;
}

}  // namespace baleen::sched
