// How many tokens an answer may have (spec api 4.4): what was asked for, or a default that gives way to the context. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace baleen::sched {

// The service's defaults when a request names no max_tokens.
constexpr std::int64_t kAnswerTokens = 8192;             // not thinking
constexpr std::int64_t kThinkingTokens = 65536;          // thinking
constexpr std::int64_t kThinkingMaxTokens = 131072;      // thinking with effort max

constexpr std::int64_t default_tokens_max(bool thinking, bool effort_max) {
    return !thinking ? kAnswerTokens : effort_max ? kThinkingMaxTokens : kThinkingTokens;
}

// Tokens the answer to a prompt of `prompt` tokens may have in a context of `context`. `requested` must fit beside the prompt;
// `otherwise` is cut down to what is left. resource_exhausted says so in the words clients look for ("maximum context length").
Result<std::int64_t> answer_tokens_max(std::int64_t prompt, std::optional<std::int64_t> requested, std::int64_t otherwise,
                                       std::int64_t context);

}  // namespace baleen::sched
