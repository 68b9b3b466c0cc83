// One persistent team of worker threads that runs data-parallel loops. The caller is member 0 and works too, so a
// team of one starts no thread. Work is cut by output index only: which member computes an output never changes
// what is computed, so results do not depend on the team's size. run() and for_ranges() may be called from one thread at
// a time (the engine's); they return when every member is done. Waiting members spin briefly, then park.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace baleen {

// Number of CPUs this process may use: affinity mask and cgroup quota respected, at least 1.
int usable_cpus();

class Team {
  public:
    // `cpus`, if there are any, has a CPU for each member: members 1 and up stay on theirs. Member 0 is the caller and may run
    // anywhere; where the others sit, the one CPU that is left is its own.
    explicit Team(int threads, std::vector<int> cpus = {});
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    int size() const { return size_; }

    // Calls body(member) once on every member, 0 <= member < size().
    template <class Body>
    void run(Body&& body) {
        if (size_ == 1) {
            body(0);
            return;
        }
        start([](void* context, int member) { (*static_cast<std::remove_reference_t<Body>*>(context))(member); },
              const_cast<void*>(static_cast<const void*>(&body)));
    }

    // Calls body(begin, end, member) over [0, count) cut into one contiguous range per member; borders are multiples
    // of `grain`. Members without work are not called.
    template <class Body>
    void for_ranges(std::int64_t count, std::int64_t grain, Body&& body) {
        const std::int64_t units = (count + grain - 1) / grain;
        if (units <= 1) {  // no one to share it with
            if (units == 1) body(std::int64_t{0}, count, 0);
            return;
        }
        run([&](int member) {
            const std::int64_t begin = units * member / size_ * grain;
            const std::int64_t end = std::min(count, units * (member + 1) / size_ * grain);
            if (begin < end) body(begin, end, member);
        });
    }

    // Calls body(item, member) for every item in [0, count), handed out one at a time; for items of uneven cost.
    template <class Body>
    void for_each(std::int64_t count, Body&& body) {
        if (count == 1) {
            body(std::int64_t{0}, 0);
            return;
        }
        std::atomic<std::int64_t> next{0};
        run([&](int member) {
            for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(i, member);
        });
    }

  private:
    using Entry = void (*)(void*, int);
    void start(Entry entry, void* context);
    void work(int member);

    const int size_;
    const int spins_;
    Entry entry_ = nullptr;
    void* context_ = nullptr;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<int> running_{0};
    std::atomic<bool> stop_{false};
    std::atomic<int> parked_{0};
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::thread> members_;
};

}  // namespace baleen
