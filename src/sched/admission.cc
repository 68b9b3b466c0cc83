#include "sched/admission.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace baleen::sched {

bool fits(const Demand& demand, const Room& room) {
    if (room.streams <= 0) return false;
    const std::int64_t margin = room.running > 0 ? room.running + 1 : 0;
    return demand.blocks_new + margin <= room.blocks_free + room.blocks_reclaimable - demand.blocks_held;
}

bool may_wait(int waiting, int waiting_of_key, int queue_max) {
    return waiting < queue_max && (waiting_of_key == 0 || waiting_of_key < queue_max - waiting);
}

Choice choose_key(std::span<const KeyView> keys, double patience, const std::function<bool(int)>& fits) {
    std::vector<int> order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return keys[static_cast<std::size_t>(a)].served < keys[static_cast<std::size_t>(b)].served;
    });
    if (order.size() > kKeysTried) order.resize(kKeysTried);
    Choice choice;
    for (const int key : order) {
        if (fits(key)) {
            choice.key = key;
            return choice;
        }
        choice.passed.push_back(key);
        if (keys[static_cast<std::size_t>(key)].passed_seconds > patience) return choice;
    }
    return choice;
}

void KeyCounters::enter(const std::string& key) {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [name, counter] : counters_)
        if (counter.active) least = std::min(least, counter.served);
    if (least < std::numeric_limits<double>::infinity()) level_ = std::max(level_, least);
    Counter& counter = counters_[key];
    counter.served = std::max(counter.served, level_);
    counter.active = true;
}

void KeyCounters::leave(const std::string& key) {
    const auto it = counters_.find(key);
    if (it == counters_.end()) return;
    it->second.active = false;
    if (counters_.size() <= kKept) return;
    std::erase_if(counters_, [](const auto& entry) { return !entry.second.active; });
}

double KeyCounters::served(const std::string& key) const {
    const auto it = counters_.find(key);
    return it == counters_.end() ? 0 : it->second.served;
}

}  // namespace baleen::sched
