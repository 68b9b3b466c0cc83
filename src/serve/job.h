// From a request that was read to a job of the scheduler: the prompt rendered and tokenised by the lane's tokenizer, limits of
// model and context applied, sampling and what else decides the answer. Pure but for time: linear in the prompt, 0.1 to 0.2 s a
// megabyte. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sched/service.h"
#include "serve/api/request.h"
#include "serve/lanes.h"
#include "serve/store/model_table.h"
#include "text/prompt.h"

namespace baleen::serve {

// The prompt of a conversation as the service would render it (spec encoding).
Result<std::vector<TokenId>> prompt_tokens(const text::ChatPrompt& prompt, const LiveLane& lane);

// Where turns begin in a prompt, ascending: what later prompts are likely to share ends there.
std::vector<std::int64_t> turn_hints(const std::vector<TokenId>& prompt, const LiveLane& lane);

// Tokens the answer may have: as asked or the request's default, at most the model's, and with the prompt inside the context.
// The error says so in the words clients look for.
Result<std::int64_t> answer_limit(const ModelEntry& entry, LiveLane& lane, std::int64_t prompt_tokens, std::optional<int> asked, int otherwise);

// How to draw: as the request says, with `random` as the seed if it names none. Out of range: invalid_argument.
Result<engine::SamplingOptions> job_sampling(const Sampling& asked, std::uint64_t random);

// The job of a chat-like request. `random` also gives call ids. Key and space are the
// caller's to fill in.
Result<sched::Job> make_job(const Request& request, const ModelEntry& entry, LiveLane& lane, std::uint64_t random);

// Whose state may be reused: a key's requests of one user id, and nobody else's (spec prefix 9). Lengths go in front, so that no
// two pairs read the same.
std::string reuse_space(std::string_view key, std::string_view user_id);

// Cache hits as the service counts them (spec prefix 10): whole blocks of 128 tokens, and never the whole prompt.
std::int64_t reported_hits(std::int64_t cached_tokens, std::int64_t prompt_tokens);

}  // namespace baleen::serve
