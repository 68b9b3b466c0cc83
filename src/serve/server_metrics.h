// What /metrics tells: requests and tokens as the server counts them, and the state of scheduler, caches and network as they are
// asked for. Names and units follow Prometheus' habits (_total, _seconds, _bytes). No key, user or text becomes a label. Counting:
// any thread; text(): any thread, about a millisecond.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "serve/delivery.h"
#include "serve/lanes.h"
#include "serve/metrics.h"
#include "serve/net/server.h"
#include "serve/routes.h"

namespace baleen::serve {

class ServerMetrics {
  public:
    ServerMetrics();

    // An answer of any endpoint left; "other" for paths that are none.
    void answered(std::string_view endpoint, int status, double seconds);
    // A model answered; `model` is the id it was served as.
    void generated(std::string_view model, const AnswerRecord& record);
    void in_progress(int change) { in_progress_.add(change); }

    // With the scheduler of each lane, the network, and this process.
    std::string text(const Lanes& lanes, const net::ServerStats& network, std::size_t workers_waiting) const;

  private:
    Metrics metrics_;
    Family<Counter>& requests_;
    Family<Histogram>& seconds_;
    Family<Counter>& answers_;
    Family<Counter>& prompt_tokens_;
    Family<Counter>& hit_tokens_;
    Family<Counter>& completion_tokens_;
    Family<Counter>& reasoning_tokens_;
    Gauge& in_progress_;
    const std::int64_t started_ms_;
};

}  // namespace baleen::serve
