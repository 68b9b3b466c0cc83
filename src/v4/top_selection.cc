#include "v4/top_selection.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>

namespace baleen::v4 {

namespace {

constexpr std::size_t kBlock = 512;         // scores looked through at once
constexpr std::size_t kLeastRoom = 1024;    // candidates before a thinning; more of them cost less each
constexpr std::size_t kRoomFactor = 4;      // of k

// Order of floats as unsigned integers: larger number, larger key; -0 and +0 alike.
std::uint32_t ordered(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value == 0 ? 0.0f : value);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

float number_of(std::uint32_t key) { return std::bit_cast<float>(key & 0x80000000u ? key & 0x7fffffffu : ~key); }

}  // namespace

void TopSelection::start(std::int64_t k) {
    k_ = static_cast<std::size_t>(k);
    least_ = 0;
    least_score_ = -std::numeric_limits<float>::infinity();
    candidates_.clear();
    candidates_.reserve(std::max(kLeastRoom, kRoomFactor * k_));
}

void TopSelection::offer(const kernels::Kernels& kernels, std::span<const float> scores, std::int64_t first) {
    std::int32_t found[kBlock];
    for (std::size_t at = 0; at < scores.size(); at += kBlock) {
        const std::size_t count = std::min(kBlock, scores.size() - at);
        const std::int64_t hits = kernels.find_not_below(scores.data() + at, static_cast<std::int64_t>(count), least_score_,
                                                         static_cast<std::int32_t>(at), found);
        for (std::int64_t i = 0; i < hits; ++i) {
            const auto offset = static_cast<std::uint32_t>(found[i]);
            const std::uint32_t index = static_cast<std::uint32_t>(first) + offset;
            add(std::uint64_t{ordered(scores[offset])} << 32 | ~index);
        }
    }
}

void TopSelection::take(const TopSelection& other) {
    for (const std::uint64_t candidate : other.candidates_) add(candidate);
}

void TopSelection::add(std::uint64_t candidate) {
    if (candidate <= least_) return;
    if (candidates_.size() == candidates_.capacity()) thin();
    if (candidate > least_) candidates_.push_back(candidate);
}

// Keeps the k best; the worst of them is what a candidate has to beat from now on.
void TopSelection::thin() {
    if (candidates_.size() <= k_) return;
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(k_ - 1);
    std::nth_element(candidates_.begin(), last, candidates_.end(), std::greater<>());
    least_ = *last;
    least_score_ = number_of(static_cast<std::uint32_t>(least_ >> 32));
    candidates_.resize(k_);
}

void TopSelection::write(std::int32_t* out) {
    thin();
    for (std::size_t i = 0; i < candidates_.size(); ++i) out[i] = static_cast<std::int32_t>(~static_cast<std::uint32_t>(candidates_[i]));
    std::sort(out, out + candidates_.size());
}

}  // namespace baleen::v4
