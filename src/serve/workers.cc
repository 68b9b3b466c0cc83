#include "serve/workers.h"

#include <algorithm>
#include <utility>

namespace baleen::serve {

namespace {

WorkerLimits at_least_two_threads(WorkerLimits limits) {
    limits.threads = std::max(2, limits.threads);
    return limits;
}

}  // namespace

Workers::Workers(WorkerLimits limits) : limits_(at_least_two_threads(limits)) {
    for (int i = 0; i < limits_.threads; ++i) threads_.emplace_back([this] { run(); });
}

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

bool Workers::post(std::size_t bytes, std::function<void()> work) {
    {
        const std::lock_guard lock(mutex_);
        // One that is larger than all bounds may still come alone: the network has let it in.
        const bool full = light_.size() + heavy_.size() >= limits_.waiting_max ||
                          (waiting_bytes_ > 0 && bytes > limits_.waiting_bytes_max - std::min(waiting_bytes_, limits_.waiting_bytes_max));
        if (stop_ || full) return false;
        waiting_bytes_ += bytes;
        (bytes >= limits_.heavy_bytes ? heavy_ : light_).push_back({bytes, std::move(work)});
    }
    wake_.notify_one();
    return true;
}

std::size_t Workers::waiting() const {
    const std::lock_guard lock(mutex_);
    return light_.size() + heavy_.size();
}

bool Workers::take(Work& work) {
    // Heavy work first where it may run: light work has a thread of its own.
    const bool heavy = !heavy_.empty() && heavy_running_ < limits_.threads - 1;
    std::deque<Work>& queue = heavy ? heavy_ : light_;
    if (queue.empty()) return false;
    work = std::move(queue.front());
    queue.pop_front();
    waiting_bytes_ -= work.bytes;
    heavy_running_ += heavy;
    return true;
}

void Workers::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        Work work;
        if (!take(work)) {
            if (stop_ && light_.empty() && heavy_.empty()) return;
            wake_.wait(lock);
            continue;
        }
        const bool heavy = work.bytes >= limits_.heavy_bytes;
        lock.unlock();
        work.run();
        work = {};
        lock.lock();
        if (!heavy) continue;
        --heavy_running_;
        wake_.notify_one();  // someone may have found only heavy work, and too much of it running
    }
}

}  // namespace baleen::serve
