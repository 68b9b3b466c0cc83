// Threads for work that is too long for the network's thread: reading bodies, rendering and tokenising prompts (0.1 to 0.2 s a
// megabyte). Work is handed over with its weight in bytes; heavy work never takes the last thread, so that short requests do not
// wait behind a document of 48 MiB. Bounded: what does not fit is refused at once. Any thread may hand work over.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace baleen::serve {

struct WorkerLimits {
    int threads = 2;                              // at least 2
    std::size_t heavy_bytes = 256 << 10;          // work from here on is heavy: some 50 ms
    std::size_t waiting_max = 4096;               // pieces of work
    std::size_t waiting_bytes_max = 1ull << 30;   // as net::Limits::bodies_bytes_max, of which these are the continuation
};

class Workers {
  public:
    explicit Workers(WorkerLimits limits);
    // Runs what waits, then ends.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // False: full; the work will not be done.
    bool post(std::size_t bytes, std::function<void()> work);

    std::size_t waiting() const;

  private:
    struct Work {
        std::size_t bytes = 0;
        std::function<void()> run;
    };
    void run();
    bool take(Work& work);  // under the lock

    const WorkerLimits limits_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Work> light_, heavy_;
    std::size_t waiting_bytes_ = 0;
    int heavy_running_ = 0;
    bool stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace baleen::serve
