// The scheduler: takes requests from any thread, and one thread of its own runs them all on a lane, a step at a time. Waiting
// requests start by the rules of admission.h; a step computes what the lane plans; every token is drawn and told to the
// request's sink before the next step. A cancellation takes effect between two steps. A request put aside for want of KV
// blocks goes on before new ones start, and its answer is the one it would have had.
//
//   Service service(lane, {});                     // the lane is the service's until it is destroyed
//   auto job = service.submit({.prompt = ids, .generation = ..., .key = "k1", .space = "..."}, sink);
//   ...
//   service.drain(seconds);
//
// Sinks are called on the service's thread and must not block. For every accepted request finished() is called exactly once, and
// nothing after it; the service then lets go of the sink. submit, cancel, stats and drain: any thread; cost is a lock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "sched/admission.h"
#include "sched/events.h"
#include "sched/generation.h"
#include "sched/lane.h"
#include "sched/stats.h"

namespace baleen::sched {

enum class JobId : std::uint64_t {};

struct Job {
    std::vector<TokenId> prompt;
    GenerationRequest generation;     // its prompt_tokens is set from the prompt
    std::string key;                  // whose request it is: fairness
    std::string space;                // isolation of reuse, from key and user_id (spec prefix 9)
    std::vector<std::int64_t> hints;  // token positions where messages end; may be empty
    bool keep = true;                 // may go on from, and be kept for, other requests of its space
};

struct ServiceOptions {
    int queue_max = 1024;         // requests that wait; see may_wait()
    double patience_seconds = 5;  // see choose_key()
};

class Service {
  public:
    Service(Lane& lane, ServiceOptions options);
    // Cancels what is left and waits for the step at hand.
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // invalid_argument: no prompt, ids outside the vocabulary, no room for an answer token; resource_exhausted: the queue is full
    // (429), or prompt and answer do not fit into the context ("maximum context length"); cancelled: draining (503).
    Result<JobId> submit(Job job, std::shared_ptr<EventSink> sink);
    // No effect on a request that has ended. The sink's last words come from the service's thread.
    void cancel(JobId job);

    ServiceStats stats() const;
    std::int64_t context() const { return context_; }  // tokens of prompt and answer

    // Takes no more requests and waits for those it has; after `seconds` the rest are cancelled. Whether all came to their end.
    bool drain(double seconds);

  private:
    struct Work;
    using WorkPtr = std::unique_ptr<Work>;
    struct Key {
        std::deque<WorkPtr> queue;
        int started = 0;  // left the queue and have not ended
    };

    void run();
    bool take_orders();
    void cancel_work(JobId job);
    void enqueue(WorkPtr work);
    WorkPtr dequeue(Key& key, std::size_t place);
    void admit();
    bool start_parked();
    bool start_next();
    void start(WorkPtr work);
    void step();
    void tell(const LaneStep& step);
    void park(StreamId stream);
    void end(WorkPtr work, Result<Outcome> outcome);
    void publish(bool lane_too);
    double now() const;

    Lane& lane_;
    const ServiceOptions options_;
    const std::int64_t context_, vocab_size_;
    const text::Tokenizer* const tokenizer_;
    const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();

    // ---- shared, under the mutex
    mutable std::mutex mutex_;
    std::condition_variable wake_;  // the service's thread: orders came
    std::condition_variable idle_;  // drain(): nothing is left
    std::vector<WorkPtr> arrived_;
    std::vector<JobId> cancelled_;
    std::map<std::string, int> waiting_of_key_;  // arrived or queued
    int waiting_ = 0, left_ = 0, untold_ = 0;    // waiting; not ended; ended, and the sink is being told
    std::uint64_t next_job_ = 1, submitted_ = 0, refused_ = 0;
    bool draining_ = false, cancel_all_ = false, stop_ = false;
    ServiceStats published_;

    // ---- the thread's own
    std::map<std::string, Key> keys_;  // with work
    KeyCounters counters_;
    std::deque<WorkPtr> parked_;       // oldest first
    std::unordered_map<StreamId, WorkPtr> running_;
    ServiceStats stats_;
    double lane_published_ = -1;
    std::optional<double> due_;  // the lane has nothing to compute before
    std::thread thread_;
};

}  // namespace baleen::sched
