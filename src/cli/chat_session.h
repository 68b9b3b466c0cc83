// A conversation with a model: turns in, answers streamed out, the computed state kept between them. What the terminal chat and
// the demo talk through. Main thread; owns the timeline, must not outlive files and engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/generate_model.h"
#include "cli/generate_output.h"
#include "sched/run.h"
#include "serve/api/chat_request.h"

namespace baleen::cli {

// What the turns so far have cost.
struct ChatTotals {
    int turns = 0;
    std::int64_t prompt_tokens = 0, reused_tokens = 0, answer_tokens = 0;
    double prompt_seconds = 0, answer_seconds = 0;

    std::int64_t computed_tokens() const { return prompt_tokens - reused_tokens; }
    void add(const sched::Outcome& outcome);
};

class ChatSession {
  public:
    // `request` gives the mode of thinking, effort, prompt version and tools, and messages to begin with.
    ChatSession(const ModelFiles& files, engine::Engine& engine, serve::ChatRequest request, engine::SamplingOptions sampling,
                std::optional<std::int64_t> tokens_max);

    // Adds a message and answers the conversation; the answer is added as well, as far as it came. On an error (the context is
    // full) the conversation is as before. Ctrl-C ends the answer early.
    Result<sched::Outcome> turn(text::Message message, AnswerSink& sink, bool quiet = false);
    // Tokens of the prompt if `message` came next.
    Result<std::int64_t> prompt_tokens(const text::Message& message) const;

    // A new conversation with the same settings.
    void clear();

    serve::ChatRequest& request() { return request_; }
    const ChatTotals& totals() const { return totals_; }
    const std::optional<sched::Outcome>& last() const { return last_; }
    engine::Engine& engine() { return engine_; }
    std::int64_t context() const { return engine_.options().context; }

  private:
    const ModelFiles& files_;
    engine::Engine& engine_;
    sched::Timeline timeline_;
    serve::ChatRequest request_;
    std::size_t first_messages_;  // given at the start
    engine::SamplingOptions sampling_;
    std::optional<std::int64_t> tokens_max_;
    ChatTotals totals_;
    std::optional<sched::Outcome> last_;
};

}  // namespace baleen::cli
