// How often and how many at once a key may ask. The bucket is arithmetic on integers and a clock handed in; KeyGate keeps one per
// key, behind a lock, for the network's threads. Full means told so at once, with the time after which it is worth trying again.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace baleen::serve {

// `count` requests per period; as many may come at once after a pause.
struct Rate {
    std::int64_t count = 0;
    std::int64_t period_ms = 0;
    bool operator==(const Rate&) const = default;
};
Result<Rate> parse_rate(std::string_view text);  // "60/m", "5/s", "1000/h", "20000/d"
std::string format_rate(const Rate& rate);

// Fills by count tokens a period, holds at most count, starts full. Credits are counted in token-nanoseconds (one request costs
// the period in nanoseconds, a nanosecond brings `count`), so nothing is rounded and nothing drifts.
class TokenBucket {
  public:
    TokenBucket(Rate rate, std::int64_t now_ns);

    // Takes one, or says after how many nanoseconds there will be one. Time that goes backwards counts as no time.
    std::optional<std::int64_t> take(std::int64_t now_ns);  // nullopt: taken
    // Another rate from now on; the share that was full stays.
    void change(Rate rate, std::int64_t now_ns);
    const Rate& rate() const { return rate_; }
    bool full(std::int64_t now_ns) const;

  private:
    void fill(std::int64_t now_ns);
    std::int64_t cost_ns() const { return rate_.period_ms * 1'000'000; }
    Rate rate_;
    std::int64_t last_ns_;
    std::int64_t missing_;  // credits short of full, of count * cost_ns at most
};

struct KeyLimits {
    std::optional<std::int64_t> concurrency;  // requests in progress
    std::optional<Rate> rate;
};

// Requests in progress and buckets by key. Any thread; a lock and a look-up per request.
class KeyGate {
  public:
    KeyGate();

    // The right to one request in progress; given back when destroyed, from any thread. May outlive the gate.
    class Slot {
      public:
        Slot() = default;
        Slot(Slot&& other) noexcept = default;
        Slot& operator=(Slot&& other) noexcept;
        ~Slot() { release(); }
        bool held() const { return state_ != nullptr; }
        void release();

      private:
        friend class KeyGate;
        struct State;
        Slot(std::shared_ptr<State> state, std::int64_t key) : state_(std::move(state)), key_(key) {}
        std::shared_ptr<State> state_;
        std::int64_t key_ = 0;
    };

    struct Refusal {
        std::string message;              // for the client
        std::int64_t retry_after_ms = 0;  // 0: unknown, when a request ends
    };
    struct Answer {
        Slot slot;  // held if it may go on
        std::optional<Refusal> refusal;
    };
    // Concurrency is looked at first: a request that is refused for it costs none of the rate.
    Answer enter(std::int64_t key, const KeyLimits& limits, std::int64_t now_ns);

    std::int64_t in_progress(std::int64_t key) const;

  private:
    std::shared_ptr<Slot::State> state_;
};

}  // namespace baleen::serve
