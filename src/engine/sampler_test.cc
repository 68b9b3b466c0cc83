// Sampling: which tokens the cuts leave (against brute force in double), how often each is drawn (against exact
// probabilities), that a draw depends on seed, choice and position alone, log-probabilities against double arithmetic,
// damaged logits, and speed on a real vocabulary.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>

namespace baleen::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::mt19937& random, std::size_t count, float spread) {
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(count);
    for (float& x : logits) x = normal(random);
    return logits;
}

// Probabilities after temperature, top_k, top_p and min_p, in double, by sorting.
std::map<int, double> brute_force(const std::vector<float>& logits, const SamplingOptions& o) {
    std::vector<int> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
    });
    const double top = logits[static_cast<std::size_t>(order[0])];
    const auto weight = [&](int id) { return std::exp((logits[static_cast<std::size_t>(id)] - top) / o.temperature); };
    if (o.top_k > 0 && order.size() > static_cast<std::size_t>(o.top_k))
        order.resize(static_cast<std::size_t>(o.top_k));
    double total = 0, sum = 0;
    for (const int id : order) total += weight(id);
    std::size_t kept = 0;
    while (kept < order.size() && (o.top_p >= 1 || sum < static_cast<double>(o.top_p) * total))
        sum += weight(order[kept++]);
    order.resize(kept);
    std::map<int, double> probability;
    total = 0;
    for (const int id : order)
        if (weight(id) >= o.min_p) total += probability[id] = weight(id);
    for (auto& [id, p] : probability) p /= total;
    return probability;
}

TEST(Sampler, TemperatureZeroTakesTheLargestAndOfEqualOnesTheFirst) {
    Sampler sampler;
    const std::vector<float> logits = {1, 3, 2, 3, -1, 3};
    EXPECT_EQ(sampler.sample(logits, {.temperature = 0}, 5), TokenId{1});
    EXPECT_EQ(argmax(logits), TokenId{1});
    for (std::size_t count : {1u, 15u, 16u, 17u, 33u, 1000u}) {
        std::vector<float> many(count, -2.5f);
        EXPECT_EQ(argmax(many), TokenId{0}) << count;
        many.back() = -2.4f;
        EXPECT_EQ(argmax(many), TokenId(count - 1)) << count;
    }
}

// Draws many times and compares the set of tokens with the brute force, and each one's frequency with its probability:
// with n draws the count of a token of probability p is binomial, and 5.5 standard deviations are passed once in 26
// million.
void expect_distribution(const std::vector<float>& logits, SamplingOptions options, int draws,
                         const std::string& what) {
    Sampler sampler;
    const auto expected = brute_force(logits, options);
    std::map<int, int> counts;
    for (int i = 0; i < draws; ++i) ++counts[index(sampler.sample(logits, options, i))];
    for (const auto& [id, count] : counts)
        ASSERT_TRUE(expected.count(id)) << what << ": token " << id << " was cut off and drawn";
    for (const auto& [id, p] : expected) {
        const double mean = p * draws, deviation = std::sqrt(draws * p * (1 - p));
        EXPECT_NEAR(counts[id], mean, 5.5 * deviation + 1) << what << ": token " << id << " of probability " << p;
    }
}

TEST(Sampler, SetsAndFrequenciesAreThoseOfBruteForce) {
    std::mt19937 random(7);
    const float temperatures[] = {0.3f, 1.0f, 1.7f}, tops[] = {1.0f, 0.95f, 0.5f, 0.05f}, floors[] = {0, 0.02f, 0.3f};
    const int ks[] = {0, 1, 5, 1000};
    for (const float temperature : temperatures)
        for (const float top_p : tops)
            for (const float min_p : floors)
                for (const int top_k : ks) {
                    auto logits = random_logits(random, 40, 2);
                    logits[3] = logits[11] = logits[20];  // ties
                    expect_distribution(logits, {temperature, top_p, top_k, min_p, 99, 0}, 4000,
                                        "T " + std::to_string(temperature) + " top_p " + std::to_string(top_p) +
                                            " min_p " + std::to_string(min_p) + " top_k " + std::to_string(top_k));
                }
}

TEST(Sampler, TiesAtTheEdgesGoToTheLowerId) {
    const std::vector<float> equal(10, 0.25f);
    Sampler sampler;
    const auto drawn = [&](SamplingOptions options) {
        std::set<int> set;
        for (int i = 0; i < 500; ++i) set.insert(index(sampler.sample(equal, options, i)));
        return set;
    };
    EXPECT_EQ(drawn({.top_k = 3}), (std::set<int>{0, 1, 2}));
    EXPECT_EQ(drawn({.top_p = 0.5f}), (std::set<int>{0, 1, 2, 3, 4}));
    EXPECT_EQ(drawn({.top_p = 0.01f}), (std::set<int>{0}));
    EXPECT_EQ(drawn({.top_p = 0.5f, .top_k = 4}), (std::set<int>{0, 1}));
    EXPECT_EQ(drawn({.min_p = 0.99f}).size(), 10u);
}

// A larger vocabulary, where the nucleus is found by selection: the set itself, by drawing from a flat temperature.
TEST(Sampler, NucleusOfALargeVocabularyIsExact) {
    std::mt19937 random(21);
    for (int round = 0; round < 30; ++round) {
        const auto logits =
            random_logits(random, 2000 + static_cast<std::size_t>(round) * 37, 0.5f + static_cast<float>(round % 5));
        const SamplingOptions options{
            .top_p = round % 2 ? 0.9f : 0.3f, .top_k = round % 3 ? 0 : 50, .seed = static_cast<std::uint64_t>(round)};
        const auto expected = brute_force(logits, options);
        Sampler sampler;
        std::set<int> seen;
        for (int i = 0; i < 3000; ++i) {
            const int id = index(sampler.sample(logits, options, i));
            ASSERT_TRUE(expected.count(id)) << "round " << round << ": token " << id;
            seen.insert(id);
        }
        for (const auto& [id, p] : expected) {
            if (p > 0.01) {  // missing one has probability below 1e-13
                EXPECT_TRUE(seen.count(id)) << "round " << round << ": token " << id << " of probability " << p;
            }
        }
    }
}

TEST(Sampler, ADrawDependsOnSeedChoiceAndPositionAlone) {
    std::mt19937 random(3);
    const auto logits = random_logits(random, 500, 1);
    Sampler a, b;
    std::vector<TokenId> forward, backward(200);
    for (int i = 0; i < 200; ++i) forward.push_back(a.sample(logits, {.seed = 5, .choice = 1}, i));
    for (int i = 199; i >= 0; --i) {
        (void)b.sample(random_logits(random, 300, 1), {.top_p = 0.5f, .seed = 77}, i);  // other work in between
        backward[static_cast<std::size_t>(i)] = b.sample(logits, {.seed = 5, .choice = 1}, i);
    }
    EXPECT_EQ(forward, backward);
    int same_seed = 0, same_choice = 0;
    for (int i = 0; i < 200; ++i) {
        same_seed += a.sample(logits, {.seed = 6, .choice = 1}, i) == forward[static_cast<std::size_t>(i)];
        same_choice += a.sample(logits, {.seed = 5, .choice = 2}, i) == forward[static_cast<std::size_t>(i)];
    }
    EXPECT_LT(same_seed, 20);
    EXPECT_LT(same_choice, 20);
}

TEST(Sampler, UniformNumbersAreUniformAndUnrelated) {
    EXPECT_EQ(uniform(1, 2, 3), uniform(1, 2, 3));
    constexpr int kBins = 64, kDraws = 64000;
    for (int stream = 0; stream < 3; ++stream) {  // along positions, choices, seeds
        std::vector<int> bins(kBins);
        double product = 0, before = 0.5;
        for (int i = 0; i < kDraws; ++i) {
            const double u = stream == 0   ? uniform(9, 0, i)
                             : stream == 1 ? uniform(9, static_cast<std::uint32_t>(i), 4)
                                           : uniform(static_cast<std::uint64_t>(i), 0, 4);
            ASSERT_GE(u, 0);
            ASSERT_LT(u, 1);
            ++bins[static_cast<std::size_t>(u * kBins)];
            product += (u - 0.5) * (before - 0.5);
            before = u;
        }
        double chi = 0;
        for (const int count : bins) chi += (count - 1000.0) * (count - 1000.0) / 1000.0;
        EXPECT_LT(chi, 63 + 6 * std::sqrt(2 * 63.0)) << "stream " << stream;
        EXPECT_LT(std::abs(product / kDraws), 6.0 / 12 / std::sqrt(kDraws))
            << "stream " << stream << ": neighbours are related";
    }
}

TEST(Sampler, LogprobsAreThoseOfDoubleArithmetic) {
    std::mt19937 random(11);
    Sampler sampler;
    for (const float spread : {0.01f, 1.0f, 5.0f, 30.0f}) {
        const auto logits = random_logits(random, 1111, spread);
        double sum = 0;
        const double top = *std::max_element(logits.begin(), logits.end());
        for (const float x : logits) sum += std::exp(x - top);
        for (const int id : {0, 1, 500, 1110}) {
            const double exact = logits[static_cast<std::size_t>(id)] - top - std::log(sum);
            EXPECT_NEAR(sampler.logprob(logits, TokenId{id}), exact, 2e-7 * (1 + std::abs(exact)))
                << "spread " << spread << " token " << id;
        }
        std::vector<TokenLogprob> best;
        sampler.top_logprobs(logits, 20, best);
        ASSERT_EQ(best.size(), 20u);
        std::vector<float> sorted = logits;
        std::sort(sorted.begin(), sorted.end(), std::greater<>());
        for (std::size_t i = 0; i < 20; ++i) {
            EXPECT_EQ(logits[static_cast<std::size_t>(index(best[i].token))], sorted[i]) << i;
            EXPECT_EQ(best[i].logprob, sampler.logprob(logits, best[i].token)) << i;
        }
    }
    std::vector<TokenLogprob> tied;
    sampler.top_logprobs(std::vector<float>{1, 2, 2, 0, 2}, 3, tied);
    ASSERT_EQ(tied.size(), 3u);
    EXPECT_EQ(tied[0].token, TokenId{1});
    EXPECT_EQ(tied[1].token, TokenId{2});
    EXPECT_EQ(tied[2].token, TokenId{4});
    sampler.top_logprobs(std::vector<float>{1, 2}, 20, tied);
    EXPECT_EQ(tied.size(), 2u);
}

TEST(Sampler, ForbiddenAndDamagedLogits) {
    Sampler sampler;
    const SamplingOptions plain, narrow{.top_p = 0.9f, .top_k = 3, .min_p = 0.01f};
    for (int i = 0; i < 300; ++i) {
        for (const auto& options : {plain, narrow, SamplingOptions{.temperature = 0}}) {
            const int id =
                index(sampler.sample(std::vector<float>{-kInfinity, 0.5f, -kInfinity, kNan, 0.25f}, options, i));
            EXPECT_TRUE(id == 1 || id == 4) << id;
            const int infinite =
                index(sampler.sample(std::vector<float>{0, kInfinity, 3, kInfinity, kNan}, options, i));
            EXPECT_TRUE(infinite == 1 || infinite == 3) << infinite;
            EXPECT_EQ(sampler.sample(std::vector<float>{-kInfinity, kNan, -kInfinity}, options, i), TokenId{0});
            EXPECT_EQ(sampler.sample(std::vector<float>{3.0e38f, -3.0e38f, 3.0e38f * 0.5f}, options, i), TokenId{0});
        }
    }
    EXPECT_EQ(sampler.logprob(std::vector<float>{-kInfinity, 0}, TokenId{0}), -kInfinity);
    EXPECT_EQ(sampler.logprob(std::vector<float>{kNan, 0}, TokenId{0}), -kInfinity);
    EXPECT_EQ(sampler.logprob(std::vector<float>{kNan, 0}, TokenId{1}), 0);
    EXPECT_FLOAT_EQ(sampler.logprob(std::vector<float>{kInfinity, 0, kInfinity}, TokenId{2}), std::log(0.5f));
    std::vector<TokenLogprob> best;
    sampler.top_logprobs(std::vector<float>{kNan, -kInfinity, 1}, 3, best);
    ASSERT_EQ(best.size(), 1u);
    EXPECT_EQ(best[0].token, TokenId{2});
}

TEST(Sampler, OptionsAreChecked) {
    EXPECT_TRUE(check_sampling({}).ok());
    EXPECT_TRUE(check_sampling({.temperature = 2, .top_p = 1e-6f, .top_k = 1, .min_p = 0.999f}).ok());
    const std::pair<SamplingOptions, const char*> bad[] = {{{.temperature = -0.1f}, "temperature"},
                                                           {{.temperature = 2.1f}, "temperature"},
                                                           {{.temperature = kNan}, "temperature"},
                                                           {{.top_p = 0}, "top_p"},
                                                           {{.top_p = 1.5f}, "top_p"},
                                                           {{.top_p = kNan}, "top_p"},
                                                           {{.top_k = -1}, "top_k"},
                                                           {{.min_p = 1}, "min_p"},
                                                           {{.min_p = -1}, "min_p"}};
    for (const auto& [options, name] : bad) {
        const auto result = check_sampling(options);
        ASSERT_FALSE(result.ok()) << name;
        EXPECT_NE(result.error().message.find(name), std::string::npos) << result.error().message;
    }
}

// The best of many runs, so that other load on the machine does not count. Bounds are several times what an idle core
// takes.
TEST(Sampler, IsFastOnARealVocabulary) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
    GTEST_SKIP() << "speed is measured in release builds without sanitizers";
#endif
    std::mt19937 random(1);
    Sampler sampler;
    const struct {
        const char* name;
        float spread;
        SamplingOptions options;
        double limit_ms;
    } cases[] = {{"plain", 2, {}, 1},
                 {"top_p", 2, {.top_p = 0.95f}, 3},
                 {"top_p, flat", 0.1f, {.top_p = 0.95f}, 6},
                 {"top_p, all equal", 0, {.top_p = 0.95f}, 6},
                 {"top_k", 2, {.top_k = 40}, 3},
                 {"greedy", 2, {.temperature = 0}, 1}};
    for (const auto& c : cases) {
        const auto logits = random_logits(random, 129280, c.spread);
        double best = 1e9;
        for (int i = 0; i < 40; ++i) {
            const auto start = std::chrono::steady_clock::now();
            (void)sampler.sample(logits, c.options, i);
            best = std::min(
                best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
        }
        std::printf("          %-18s %.3f ms\n", c.name, best);
        EXPECT_LT(best, c.limit_ms) << c.name;
    }
}

}  // namespace
}  // namespace baleen::engine
