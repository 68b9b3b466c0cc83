// What a generation tells while it runs, and what is known of it at its end. Plain values; a sink is called on the thread that
// drives the generation and must not block.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "engine/sampler.h"

namespace baleen::sched {

enum class FinishReason { stop, length, tool_calls, cancelled };
constexpr std::string_view name(FinishReason reason) {
    switch (reason) {
        case FinishReason::stop: return "stop";
        case FinishReason::length: return "length";
        case FinishReason::tool_calls: return "tool_calls";
        case FinishReason::cancelled: return "aborted";  // the word of [REC] for a request cut off (api 4.3)
    }
    return "stop";
}

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t cached_tokens = 0;      // of the prompt, computed before it came
    std::int64_t completion_tokens = 0;  // without the end token
    std::int64_t reasoning_tokens = 0;   // of these, without </think>
    std::int64_t total_tokens() const { return prompt_tokens + completion_tokens; }
};

// Log-probabilities under the unmodified logits.
struct TokenLogprobs {
    TokenId token{};
    float logprob = 0;
    std::vector<engine::TokenLogprob> top;  // most likely first
    bool in_reasoning = false;  // known once the token is read: set in Outcome, not yet in EventSink::logprobs
};

struct Timing {
    double queue_seconds = 0;        // from asking to the start; zero where nothing queues
    double prompt_seconds = 0;       // computing what of the prompt was not there
    double first_token_seconds = 0;  // from the start to the first token drawn
    double answer_seconds = 0;       // from the first token to the last
};

struct Outcome {
    FinishReason finish = FinishReason::stop;
    std::string stop;  // the stop sequence that was met, if one was
    Usage usage;
    Timing timing;
    std::vector<TokenId> ids;             // the tokens counted in usage.completion_tokens
    std::vector<TokenLogprobs> logprobs;  // one for each, if asked for
};

// Pieces are whole UTF-8 characters and never empty. Order: started, then reasoning, content, tool calls (api 5), then finished;
// calls do not overlap. A generation tells what lies between; the first and the last are told by whoever drives it for a client.
class EventSink {
  public:
    virtual ~EventSink() = default;
    virtual void started(std::int64_t /*prompt_tokens*/, std::int64_t /*cached_tokens*/) {}  // the prompt has its place
    virtual void token(TokenId) {}                  // every counted token, before what it decides
    virtual void logprobs(const TokenLogprobs&) {}  // if asked for, right after its token()
    virtual void reasoning(std::string_view) {}
    virtual void content(std::string_view) {}
    virtual void tool_begin(int /*call*/, std::string_view /*id*/, std::string_view /*name*/) {}
    virtual void tool_arguments(int /*call*/, std::string_view) {}  // pieces of one JSON object
    virtual void tool_end(int /*call*/, bool /*complete*/) {}       // not complete: the arguments may be cut JSON
    virtual void finished(const Result<Outcome>&) {}                // nothing follows
    // Asked between steps: no more events for now, because those told are not read yet.
    virtual bool paused() { return false; }
};

}  // namespace baleen::sched
