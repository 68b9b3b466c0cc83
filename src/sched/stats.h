// What the scheduler has counted: plain values, copied out as a snapshot.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "sched/lane.h"

namespace baleen::sched {

// Seconds, counted in buckets whose bounds are 100 µs times powers of the square root of 10, the last one open.
struct Histogram {
    static constexpr std::array<double, 13> kBounds = {0.0001, 0.000316, 0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6, 100};

    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // not cumulative
    std::uint64_t total = 0;
    double sum = 0, most = 0;

    void add(double seconds) {
        ++counts[static_cast<std::size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), seconds) - kBounds.begin())];
        ++total;
        sum += seconds;
        most = std::max(most, seconds);
    }
};

struct ServiceStats {
    // Now.
    int queued = 0, running = 0, parked = 0;
    bool draining = false;
    LaneStats lane;
    // Since the start.
    std::uint64_t submitted = 0, refused = 0;                    // asked for; not taken because the queue was full
    std::uint64_t finished = 0, cancelled = 0, failed = 0;       // ends; submitted = refused + these + queued, running, parked
    std::uint64_t parks = 0;                                     // streams put aside for want of KV blocks
    std::uint64_t prompt_tokens = 0, cached_tokens = 0;          // of requests that started
    std::uint64_t answer_tokens = 0, reasoning_tokens = 0;       // of requests that ended
    std::uint64_t steps = 0, stream_rows = 0, prompt_rows = 0;   // computed
    Histogram queue_seconds, first_token_seconds, token_seconds, step_seconds;
};

}  // namespace baleen::sched
