#include "engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace baleen::engine {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr std::size_t kBlock = 256;  // weights summed together before the search for the drawn one
constexpr std::size_t kLanes =
    16;  // independent accumulators, so that loops become vector instructions in a fixed order

// e^x for x <= 0 within 2 units in the last place; 0 below -87 and for NaN. Taylor to x^7 on |r| <= ln(2)/2 leaves
// 6e-9.
inline float exp_negative(float x) {
    constexpr float kLog2e = 1.44269504f;
    constexpr float kLn2High = 0.693145751953125f, kLn2Low = 1.42860682e-6f;  // n * high is exact for |n| < 512
    constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    // Comparisons of bits, so that loops stay free of branches: |x| < 87 fails for -inf and NaN too.
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t inside = (bits & 0x7fffffffu) < std::bit_cast<std::uint32_t>(87.0f) ? 0xffffffffu : 0;
    const float bounded = std::bit_cast<float>(bits & inside);
    const float n = (bounded * kLog2e + kMagic) - kMagic;
    const float r = (bounded - n * kLn2High) - n * kLn2Low;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    const float power = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(p * power) & inside);
}

// The largest logit; -inf if there is none.
float largest(std::span<const float> logits) {
    float lane[kLanes];
    std::fill(lane, lane + kLanes, -kInfinity);
    std::size_t i = 0;
    for (; i + kLanes <= logits.size(); i += kLanes)
        for (std::size_t j = 0; j < kLanes; ++j) lane[j] = logits[i + j] > lane[j] ? logits[i + j] : lane[j];
    float top = -kInfinity;
    for (; i < logits.size(); ++i) top = logits[i] > top ? logits[i] : top;
    for (const float value : lane) top = value > top ? value : top;
    return top;
}

double sum(const float* values, std::size_t n) {
    double lane[4] = {};
    std::size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (std::size_t j = 0; j < 4; ++j) lane[j] += static_cast<double>(values[i + j]);
    for (; i < n; ++i) lane[0] += static_cast<double>(values[i]);
    return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

// The finaliser of SplitMix64: every bit of the result depends on every bit of x.
std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

}  // namespace

Result<void> check_sampling(const SamplingOptions& options) {
    // Written so that NaN fails.
    if (!(options.temperature >= 0 && options.temperature <= 2))
        return invalid_argument("temperature must be in [0, 2]");
    if (!(options.top_p > 0 && options.top_p <= 1)) return invalid_argument("top_p must be in (0, 1]");
    if (options.top_k < 0) return invalid_argument("top_k must not be negative");
    if (!(options.min_p >= 0 && options.min_p < 1)) return invalid_argument("min_p must be in [0, 1)");
    return {};
}

double uniform(std::uint64_t seed, std::uint32_t choice, std::int64_t position) {
    constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;  // 2^64 over the golden ratio, odd
    std::uint64_t state = mix(seed + kStep);
    state = mix((state ^ choice) + kStep);
    state = mix((state ^ static_cast<std::uint64_t>(position)) + kStep);
    return static_cast<double>(state >> 11) * 0x1p-53;
}

TokenId argmax(std::span<const float> logits) {
    const float top = largest(logits);
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (logits[i] == top && top > -kInfinity) return TokenId(i);
    return TokenId{0};
}

// weights_[i] = e^((logit - top) / temperature). With infinite logits, those alone.
void Sampler::weigh(std::span<const float> logits, float top, float temperature) {
    weights_.resize(logits.size());
    float* out = weights_.data();
    const float* in = logits.data();
    const std::size_t n = logits.size();
    if (top == kInfinity) {
        for (std::size_t i = 0; i < n; ++i) out[i] = in[i] == kInfinity ? 1.0f : 0.0f;
    } else if (temperature == 1) {
        for (std::size_t i = 0; i < n; ++i) out[i] = exp_negative(in[i] - top);
    } else {
        for (std::size_t i = 0; i < n; ++i) out[i] = exp_negative((in[i] - top) / temperature);
    }
}

double Sampler::sum_blocks() {
    sums_.clear();
    double total = 0;
    for (std::size_t i = 0; i < weights_.size(); i += kBlock) {
        sums_.push_back(sum(weights_.data() + i, std::min(kBlock, weights_.size() - i)));
        total += sums_.back();
    }
    return total;
}

// The token at `place` of the weights laid end to end in order of ids.
TokenId Sampler::draw(double place) const {
    std::size_t block = 0;
    while (block + 1 < sums_.size() && place >= sums_[block]) place -= sums_[block++];
    // Rounding may carry the place beyond the last weight: then the last token that has one.
    for (;; ++block) {
        const std::size_t end = std::min(weights_.size(), (block + 1) * kBlock);
        for (std::size_t i = block * kBlock; i < end; ++i) {
            const auto weight = static_cast<double>(weights_[i]);
            if (weight > 0 && place < weight) return TokenId(i);
            place -= weight;
        }
        if (end == weights_.size()) break;
    }
    for (std::size_t i = weights_.size(); i > 0; --i)
        if (weights_[i - 1] > 0) return TokenId(i - 1);
    return TokenId{0};
}

// candidates_ = all tokens that weigh more than `floor`, without a branch.
void Sampler::gather(std::span<const float> logits, float floor) {
    candidates_.resize(logits.size());
    std::size_t count = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
        candidates_[count] = {logits[i], weights_[i]};
        count += weights_[i] > floor;
    }
    candidates_.resize(count);
}

Sampler::Cut Sampler::cut_top_k(std::span<const float> logits, int k) {
    gather(logits, 0);
    if (candidates_.size() <= static_cast<std::size_t>(k)) return {-kInfinity, 0};
    const auto last = candidates_.begin() + (k - 1);
    const auto more = [](const auto& a, const auto& b) { return a.first > b.first; };
    std::nth_element(candidates_.begin(), last, candidates_.end(), more);
    const float threshold = last->first;
    const auto above = std::count_if(candidates_.begin(), last, [&](const auto& c) { return c.first > threshold; });
    return {threshold, k - above};
}

// Selection by mass: like quickselect, but the side to go on with is the one in which the mass passes p * total.
Sampler::Cut Sampler::cut_top_p(std::span<const float> logits, float p, double total) {
    const double wanted = static_cast<double>(p) * total;
    // What weighs less than an equal share of the rest cannot be needed: all such tokens together weigh less than the
    // rest.
    const double negligible = (1 - static_cast<double>(p)) * total / static_cast<double>(logits.size());
    gather(logits, static_cast<float>(negligible) * 0.999f);
    auto begin = candidates_.begin(), end = candidates_.end();
    double before = 0;  // mass of everything surely kept
    while (begin != end) {
        const auto n = end - begin;
        const float a = begin->first, b = (begin + n / 2)->first, c = (end - 1)->first;
        const float pivot = std::max(std::min(a, b), std::min(std::max(a, b), c));
        const auto equal = std::partition(begin, end, [&](const auto& x) { return x.first > pivot; });
        const auto less = std::partition(equal, end, [&](const auto& x) { return x.first == pivot; });
        double above = before;
        for (auto it = begin; it != equal; ++it) above += static_cast<double>(it->second);
        if (above >= wanted) {
            end = equal;
            continue;
        }
        const auto weight = static_cast<double>(equal->second);
        const auto ties = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil((wanted - above) / weight)));
        if (ties <= less - equal) return {pivot, ties};
        before = above + weight * static_cast<double>(less - equal);
        begin = less;
    }
    return {-kInfinity, 0};  // rounding: everything is needed
}

void Sampler::keep(std::span<const float> logits, Cut cut) {
    if (cut.threshold == -kInfinity) return;
    const float* in = logits.data();
    float* out = weights_.data();
    for (std::size_t i = 0; i < logits.size(); ++i) out[i] = in[i] >= cut.threshold ? out[i] : 0.0f;
    std::int64_t ties = 0;
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (in[i] == cut.threshold && out[i] > 0 && ++ties > cut.ties) out[i] = 0;
}

TokenId Sampler::sample(std::span<const float> logits, const SamplingOptions& options, std::int64_t position) {
    CHECK(!logits.empty());
    const float top = largest(logits);
    if (options.temperature == 0 || top == -kInfinity) return argmax(logits);
    weigh(logits, top, options.temperature);
    if (options.top_k > 0) keep(logits, cut_top_k(logits, options.top_k));
    double total = sum_blocks();
    if (options.top_p < 1) {
        keep(logits, cut_top_p(logits, options.top_p, total));
        total = sum_blocks();
    }
    if (options.min_p > 0) {  // the largest weight is 1
        for (float& weight : weights_) weight = weight >= options.min_p ? weight : 0.0f;
        total = sum_blocks();
    }
    return draw(uniform(options.seed, options.choice, position) * total);
}

float Sampler::logprob(std::span<const float> logits, TokenId token) {
    const auto at = static_cast<std::size_t>(index(token));
    CHECK(index(token) >= 0 && at < logits.size(), "token {} of {}", index(token), logits.size());
    const float top = largest(logits);
    if (top == -kInfinity || !(logits[at] > -kInfinity)) return -kInfinity;
    weigh(logits, top, 1);
    const double rest = std::log(sum_blocks());
    if (top == kInfinity) return logits[at] == kInfinity ? static_cast<float>(-rest) : -kInfinity;
    return static_cast<float>(static_cast<double>(logits[at]) - static_cast<double>(top) - rest);
}

void Sampler::top_logprobs(std::span<const float> logits, int count, std::vector<TokenLogprob>& out) {
    out.clear();
    const float top = largest(logits);
    if (top == -kInfinity || count <= 0) return;
    weigh(logits, top, 1);
    const double rest = std::log(sum_blocks());
    const auto most = static_cast<std::size_t>(count);
    float border = -kInfinity;  // what the next one must exceed
    for (std::size_t i = 0; i < logits.size(); ++i) {
        if (!(logits[i] > border)) continue;
        if (out.size() == most) out.pop_back();
        const TokenLogprob entry{TokenId(i), logits[i]};
        const auto place = std::upper_bound(out.begin(), out.end(), entry,
                                            [](const auto& a, const auto& b) { return a.logprob > b.logprob; });
        out.insert(place, entry);
        if (out.size() == most) border = out.back().logprob;
    }
    for (TokenLogprob& entry : out) {
        if (top == kInfinity)
            entry.logprob = entry.logprob == kInfinity ? static_cast<float>(-rest) : -kInfinity;
        else
            entry.logprob = static_cast<float>(static_cast<double>(entry.logprob) - static_cast<double>(top) - rest);
    }
}

}  // namespace baleen::engine
