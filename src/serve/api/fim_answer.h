// Answers of POST /beta/completions (spec api 8.4), the legacy shape of text completions: FimStream writes server-sent
// events as the generation goes, FimBody one JSON body at its end. Chunks have the object name of the body; the last
// carries finish_reason and usage and [DONE] follows. With `echo` the text begins with the prompt, in a stream as a
// chunk of its own. Errors as in chat_answer.h. One generation, one thread.
//
// logprobs.text_offset counts characters from the start of the text, the echoed prompt included; the prompt's own
// tokens have no entries. top_logprobs maps the likeliest tokens, and the drawn one, to their log-probabilities.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/api/answer.h"
#include "serve/api/logprobs.h"

namespace baleen::serve {

struct FimAnswerOptions {
    std::string echo = {};                      // what the text begins with
    bool include_usage = false;                 // stream: "usage":null on every chunk but the finish
    bool usage_chunk = false;                   // see ChatAnswerOptions
    const text::Tokenizer* logprobs = nullptr;  // log-probabilities are wanted; must outlive the answer
};

// The four lists of `logprobs`, as JSON; fills up over the pieces of one text.
class FimLogprobs {
  public:
    explicit FimLogprobs(const text::Tokenizer& tokenizer) : tokenizer_(tokenizer), queue_(tokenizer) {}

    void skip(std::string_view text);  // text without entries
    void add(const sched::TokenLogprobs& token) { queue_.add(token); }
    // The next piece of the text: entries of the tokens that first show in it.
    void show(std::string_view text);
    // {"text_offset":[...],...}, or "null" if there are no entries; the lists begin anew.
    std::string take();

  private:
    const text::Tokenizer& tokenizer_;
    LogprobQueue queue_;
    std::int64_t characters_ = 0;  // of the text so far
    std::string offsets_, logprobs_, tokens_, tops_;
};

class FimStream final : public sched::EventSink {
  public:
    FimStream(const AnswerHead& head, FimAnswerOptions options, AnswerOutlet outlet);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void token(TokenId token) override;
    void logprobs(const sched::TokenLogprobs& token) override;
    void content(std::string_view text) override;
    void finished(const Result<sched::Outcome>& result) override;

  private:
    void chunk(std::string_view text, std::string_view logprobs);
    void finish(std::string_view reason, const sched::Usage& usage);

    std::string head_;  // of every chunk, up to its choices
    FimAnswerOptions options_;
    AnswerOutlet outlet_;
    std::optional<FimLogprobs> logprobs_;
    UsageCount count_;
    bool begun_ = false;
};

class FimBody final : public sched::EventSink {
  public:
    FimBody(AnswerHead head, FimAnswerOptions options, AnswerOutlet outlet);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void token(TokenId token) override;
    void logprobs(const sched::TokenLogprobs& token) override;
    void content(std::string_view text) override;
    void finished(const Result<sched::Outcome>& result) override;

  private:
    void send(std::string_view finish, const sched::Usage& usage);

    AnswerHead head_;
    FimAnswerOptions options_;
    AnswerOutlet outlet_;
    std::optional<FimLogprobs> logprobs_;
    UsageCount count_;
    std::string text_;
};

}  // namespace baleen::serve
