// From logits to a token (spec api 4, encoding 7). Pure functions of their arguments: the random number of a draw depends on
// (seed, choice, position) alone, so the same request gives the same text whatever ran beside it, and drafted positions can be
// drawn in any order. Any thread, each with its own Sampler (it owns scratch memory and allocates only on first use).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace baleen::engine {

struct SamplingOptions {
    float temperature = 1;  // 0: the largest logit, ties to the lower id
    float top_p = 1;        // (0, 1]: smallest set of most likely tokens whose probability reaches this
    int top_k = 0;          // 0: no limit
    float min_p = 0;        // [0, 1): at least this share of the most likely token's probability
    std::uint64_t seed = 0;
    std::uint32_t choice = 0;
};

// Range errors name the option.
Result<void> check_sampling(const SamplingOptions& options);

struct TokenLogprob {
    TokenId token{};
    float logprob = 0;
};

class Sampler {
  public:
    // Order: temperature, then top_k, then top_p, then min_p, each on the tokens the one before left.
    TokenId sample(std::span<const float> logits, const SamplingOptions& options, std::int64_t position);

    // Log-probability of `token` under the unmodified logits (temperature 1, nothing cut off).
    float logprob(std::span<const float> logits, TokenId token);
    // The `count` most likely tokens with their log-probabilities, most likely first, ties to the lower id.
    void top_logprobs(std::span<const float> logits, int count, std::vector<TokenLogprob>& out);

  private:
    std::vector<std::pair<float, std::int32_t>> candidates_;
};

// A uniform number in [0, 1) with 53 random bits, a pure function of its arguments.
double uniform(std::uint64_t seed, std::uint32_t choice, std::int64_t position);

// Index of the largest logit, the first of equal ones.
TokenId argmax(std::span<const float> logits);

}  // namespace baleen::engine
