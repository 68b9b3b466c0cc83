#include "serve/store/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/json.h"

namespace baleen::serve {

namespace {

struct Unit {
    char letter;
    std::int64_t ms;
};
constexpr Unit kUnits[] = {{'s', 1'000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}};
// count * period in nanoseconds must fit: 10^5 a day is 8.64 x 10^18.
constexpr std::int64_t kCountMax = 100'000;
static_assert(static_cast<__int128>(kCountMax) * 86'400'000 * 1'000'000 <= INT64_MAX);

// Buckets that are full again and have nothing in progress are dropped when there are more than this many.
constexpr std::size_t kKeysKept = 4096;

}  // namespace

Result<Rate> parse_rate(std::string_view text) {
    const std::size_t slash = text.find('/');
    std::int64_t count = 0;
    bool good = slash != std::string_view::npos && slash > 0 && slash <= 6 && text.size() == slash + 2;
    for (std::size_t i = 0; good && i < slash; ++i) {
        good = text[i] >= '0' && text[i] <= '9';
        count = 10 * count + (text[i] - '0');
    }
    if (good && count >= 1 && count <= kCountMax)
        for (const Unit& unit : kUnits)
            if (text.back() == unit.letter) return Rate{count, unit.ms};
    return invalid_argument(fmt::format("'{}' is no rate; write 60/m: 1 to {} requests per s, m, h or d", printable(text, 40), kCountMax));
}

std::string format_rate(const Rate& rate) {
    for (const Unit& unit : kUnits)
        if (rate.period_ms == unit.ms) return fmt::format("{}/{}", rate.count, unit.letter);
    return fmt::format("{}/{}ms", rate.count, rate.period_ms);
}

TokenBucket::TokenBucket(Rate rate, std::int64_t now_ns) : rate_(rate), last_ns_(now_ns), missing_(0) {
    CHECK(rate.count >= 1 && rate.count <= kCountMax && rate.period_ms >= 1 && rate.period_ms <= kUnits[3].ms, "{} per {} ms",
          rate.count, rate.period_ms);
}

void TokenBucket::fill(std::int64_t now_ns) {
    if (now_ns <= last_ns_) return;
    const __int128 gained = static_cast<__int128>(now_ns - last_ns_) * rate_.count;
    missing_ = gained >= missing_ ? 0 : missing_ - static_cast<std::int64_t>(gained);
    last_ns_ = now_ns;
}

std::optional<std::int64_t> TokenBucket::take(std::int64_t now_ns) {
    fill(now_ns);
    const std::int64_t most = rate_.count * cost_ns();
    if (missing_ + cost_ns() <= most) {
        missing_ += cost_ns();
        return std::nullopt;
    }
    const std::int64_t short_of = missing_ + cost_ns() - most;
    return (short_of + rate_.count - 1) / rate_.count;
}

void TokenBucket::change(Rate rate, std::int64_t now_ns) {
    fill(now_ns);
    const __int128 missing = static_cast<__int128>(missing_), old = static_cast<__int128>(rate_.count) * cost_ns();
    *this = TokenBucket(rate, last_ns_);
    // Both factors are below 2^63, so the product fits.
    missing_ = static_cast<std::int64_t>(missing * (static_cast<__int128>(rate.count) * cost_ns()) / old);
}

bool TokenBucket::full(std::int64_t now_ns) const {
    TokenBucket then = *this;
    then.fill(now_ns);
    return then.missing_ == 0;
}

struct KeyGate::Slot::State {
    struct Key {
        std::int64_t in_progress = 0;
        std::optional<TokenBucket> bucket;
    };
    mutable std::mutex mutex;
    std::unordered_map<std::int64_t, Key> keys;

    void leave(std::int64_t key) {
        const std::lock_guard lock(mutex);
        const auto at = keys.find(key);
        CHECK(at != keys.end() && at->second.in_progress > 0, "key {}", key);
        --at->second.in_progress;
    }
    void forget_idle(std::int64_t now_ns) {
        std::erase_if(keys, [&](const auto& entry) {
            return entry.second.in_progress == 0 && (!entry.second.bucket || entry.second.bucket->full(now_ns));
        });
    }
};

KeyGate::KeyGate() : state_(std::make_shared<Slot::State>()) {}

KeyGate::Slot& KeyGate::Slot::operator=(Slot&& other) noexcept {
    if (this != &other) {
        release();
        state_ = std::move(other.state_);
        key_ = other.key_;
    }
    return *this;
}

void KeyGate::Slot::release() {
    if (const std::shared_ptr<State> state = std::exchange(state_, nullptr)) state->leave(key_);
}

KeyGate::Answer KeyGate::enter(std::int64_t key, const KeyLimits& limits, std::int64_t now_ns) {
    const std::lock_guard lock(state_->mutex);
    if (state_->keys.size() > kKeysKept) state_->forget_idle(now_ns);
    Slot::State::Key& entry = state_->keys[key];

    Answer answer;
    if (limits.concurrency.has_value() && entry.in_progress >= *limits.concurrency) {
        answer.refusal = Refusal{fmt::format("Too many requests at once: this key may have {} in progress. Please retry after one has "
                                             "ended.", *limits.concurrency), 0};
        return answer;
    }
    if (limits.rate.has_value()) {
        if (!entry.bucket) entry.bucket.emplace(*limits.rate, now_ns);
        else if (entry.bucket->rate() != *limits.rate) entry.bucket->change(*limits.rate, now_ns);
        if (const auto wait_ns = entry.bucket->take(now_ns)) {
            answer.refusal = Refusal{fmt::format("Too many requests: this key may send {}. Please slow down.", format_rate(*limits.rate)),
                                     (*wait_ns + 999'999) / 1'000'000};
            return answer;
        }
    } else {
        entry.bucket.reset();
    }
    ++entry.in_progress;
    answer.slot = Slot(state_, key);
    return answer;
}

std::int64_t KeyGate::in_progress(std::int64_t key) const {
    const std::lock_guard lock(state_->mutex);
    const auto at = state_->keys.find(key);
    return at == state_->keys.end() ? 0 : at->second.in_progress;
}

}  // namespace baleen::serve
