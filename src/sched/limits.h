// How many tokens an answer may have (spec api 4.4): what was asked for, or a default that gives way to the context. Pure
// functions; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace baleen::sched {

// Tokens the answer to a prompt of `prompt` tokens may have in a context of `context`. `requested` must fit beside the prompt;
// `otherwise` is cut down to what is left. resource_exhausted says so in the words clients look for ("maximum context length").
Result<std::int64_t> answer_tokens_max(std::int64_t prompt, std::optional<std::int64_t> requested, std::int64_t otherwise,
                                       std::int64_t context);

}  // namespace baleen::sched
