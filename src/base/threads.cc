#include "base/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/check.h"

namespace baleen {

namespace {

// CPUs granted by the cgroup's quota (v2 cpu.max, then v1), rounded up; a large number when there is no quota.
int cgroup_cpus() {
    constexpr int kUnlimited = 1 << 20;
    long quota = -1, period = -1;
    if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
        const int read = std::fscanf(file, "%ld %ld", &quota, &period);
        std::fclose(file);
        if (read != 2) quota = -1;
    } else {
        const auto number = [](const char* path) {
            long value = -1;
            if (std::FILE* f = std::fopen(path, "r")) {
                if (std::fscanf(f, "%ld", &value) != 1) value = -1;
                std::fclose(f);
            }
            return value;
        };
        quota = number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
        period = number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    }
    if (quota <= 0 || period <= 0) return kUnlimited;
    return static_cast<int>(std::min<long>((quota + period - 1) / period, kUnlimited));
}

void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

// Spinning this long covers the gap between two loops of one step; longer waits give the core back. A team larger than the
// CPUs it may use waits for members that cannot run while others spin, so it gives the core back at once.
constexpr int kSpins = 20000;
constexpr int kSpinsCrowded = 20;

void stay_on(std::thread& thread, int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);  // a wish: without it the kernel chooses
}

}  // namespace

int usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                            : static_cast<int>(std::thread::hardware_concurrency());
    return std::max(1, std::min(count, cgroup_cpus()));
}

Team::Team(int threads, std::vector<int> cpus) : size_(threads), spins_(threads > usable_cpus() ? kSpinsCrowded : kSpins) {
    CHECK(threads >= 1, "threads={}", threads);
    CHECK(cpus.empty() || cpus.size() == static_cast<std::size_t>(threads), "{} CPUs for {} threads", cpus.size(), threads);
    members_.reserve(static_cast<std::size_t>(threads - 1));
    for (int member = 1; member < threads; ++member) {
        members_.emplace_back([this, member] { work(member); });
        if (!cpus.empty()) stay_on(members_.back(), cpus[static_cast<std::size_t>(member)]);
    }
}

Team::~Team() {
    stop_.store(true);
    {
        std::lock_guard lock(mutex_);
        generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (std::thread& member : members_) member.join();
}

void Team::start(Entry entry, void* context) {
    entry_ = entry;
    context_ = context;
    running_.store(size_ - 1, std::memory_order_relaxed);
    generation_.fetch_add(1, std::memory_order_seq_cst);
    if (parked_.load(std::memory_order_seq_cst) > 0) {
        { std::lock_guard lock(mutex_); }  // a member between its check and its wait holds this
        wake_.notify_all();
    }
    entry(context, 0);
    for (int spins = 0; running_.load(std::memory_order_acquire) > 0; ++spins) {
        if (spins < spins_) relax();
        else std::this_thread::yield();
    }
}

void Team::work(int member) {
    std::uint64_t seen = 0;
    for (;;) {
        for (int spins = 0; generation_.load(std::memory_order_acquire) == seen && spins < spins_; ++spins) relax();
        if (generation_.load(std::memory_order_acquire) == seen) {
            std::unique_lock lock(mutex_);
            parked_.fetch_add(1, std::memory_order_seq_cst);
            wake_.wait(lock, [&] { return generation_.load(std::memory_order_seq_cst) != seen; });
            parked_.fetch_sub(1, std::memory_order_relaxed);
        }
        ++seen;
        if (stop_.load()) return;
        entry_(context_, member);
        running_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace baleen
