// One answer in the making: takes the logits of each step, draws the token (or takes a recorded one), and turns tokens into events (detokenizer, output
// parser, stop sequences) until the answer ends. It computes nothing itself: whoever drives it runs the engine, alone (run.h) or
// with many generations in one batch. What comes out depends on the request and the logits only. One thread at a time; must not
// outlive the tokenizer and the sink.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "sched/events.h"
#include "text/detokenizer.h"
#include "text/output_filter.h"
#include "text/stop.h"
#include "text/tokenizer.h"

namespace baleen::sched {

struct GenerationRequest {
    std::int64_t prompt_tokens = 0;
    std::int64_t tokens_max = 0;         // of the answer, at least 1 (limits.h)
    engine::SamplingOptions sampling;
    std::vector<TokenId> end_tokens;     // end the answer and are not part of it
    bool ignore_end = false;             // end tokens are not drawn: the answer goes on to tokens_max or a stop sequence
    std::optional<text::AnswerOptions> answer;  // how to read the output; absent: all text is content as it stands
    std::vector<std::string> stops;      // only without `answer`, which has its own
    int top_logprobs = -1;               // -1: no log-probabilities; 0: of the drawn tokens; up to 20: beside others
    std::uint64_t call_id_seed = 0;      // tool-call ids are drawn from it
};

class Generation {
  public:
    // Without a tokenizer there are token events only.
    Generation(GenerationRequest request, const text::Tokenizer* tokenizer, EventSink& sink);

    // Draws the token that follows. The token, if the answer goes on and its logits are wanted next; nothing once it has ended.
    std::optional<TokenId> next(std::span<const float> logits);
    // The same with the token given instead of drawn (it is certain: log-probability 0); nothing: the answer ends here.
    std::optional<TokenId> next_token(std::optional<TokenId> token);
    // Ends the answer from outside.
    void cancel();

    bool ended() const { return ended_; }
    const GenerationRequest& request() const { return request_; }
    Outcome& outcome() { return outcome_; }  // complete once ended(); timing and cached_tokens are the driver's

  private:
    std::optional<TokenId> follow(TokenId token, std::span<const float> logits);
    void take(TokenId token, std::span<const float> logits);
    void tell_logprobs(TokenId token, std::span<const float> logits);
    void show(std::string_view text);
    void tell(const text::OutputEvents& events);
    bool stopped() const { return answer_ ? answer_->stopped() : stop_.stopped(); }
    void end(FinishReason reason);
    std::string call_id(int call) const;

    GenerationRequest request_;
    EventSink& sink_;
    engine::Sampler sampler_;
    std::optional<text::Detokenizer> detokenizer_;
    std::optional<text::Answer> answer_;
    text::StopFilter stop_;  // without answer_
    Outcome outcome_;
    bool ended_ = false;
    int calls_ = 0;
    std::vector<float> allowed_;  // scratch: logits without the end tokens
    std::string piece_, shown_;   // scratch
    text::OutputEvents events_;
};

}  // namespace baleen::sched
