// Answers of POST /chat/completions (spec api 4.3, 5, 6): ChatStream writes server-sent events as the generation goes,
// ChatBody one JSON body at its end. Order of the stream: role, reasoning, content, tool calls, the finish with usage,
// [DONE]. Both check at the end what the request was promised (json_output.h). One generation, one thread; cost is a
// few microseconds an event.
//
// Errors. Before the first byte they go to the outlet's refusal. Later a stream that has no room to go on ends with
// finish_reason insufficient_system_resource, as the service does it, and every other one with an error event and no
// [DONE]. A body is refused, unless it has no room to go on and holds some answer already: then it is sent with that
// finish_reason.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/api/answer.h"
#include "serve/api/json_output.h"
#include "serve/api/logprobs.h"

namespace baleen::serve {

struct ChatAnswerOptions {
    bool thinking = true;
    bool include_usage = false;  // stream: "usage":null on every chunk but the finish
    bool usage_chunk = false;  // stream: with include_usage, the usage once more in a chunk without choices, as OpenAI
                               // does; off, because who adds up would count it twice
    const text::Tokenizer* logprobs = nullptr;  // log-probabilities are wanted; must outlive the answer
    OutputCheck check = {};
};

class ChatStream final : public sched::EventSink {
  public:
    ChatStream(const AnswerHead& head, ChatAnswerOptions options, AnswerOutlet outlet);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void token(TokenId token) override;
    void logprobs(const sched::TokenLogprobs& token) override;
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void tool_end(int call, bool complete) override;
    void finished(const Result<sched::Outcome>& result) override;

  private:
    void begin();
    void chunk(std::string_view delta, std::string_view logprobs = "null");
    void finish(std::string_view reason, const sched::Usage& usage);
    void fail(const ApiError& error, const sched::Usage& usage);
    std::string logprobs_of(std::string_view kind, std::string_view shown);

    std::string head_;  // of every chunk, up to its choices
    ChatAnswerOptions options_;
    AnswerOutlet outlet_;
    std::optional<LogprobQueue> logprobs_;
    UsageCount count_;
    bool begun_ = false;
    std::string content_;  // kept only if it is checked
    struct Call {
        std::string name, arguments;
    };
    std::vector<Call> calls_;  // the same
};

class ChatBody final : public sched::EventSink {
  public:
    ChatBody(AnswerHead head, ChatAnswerOptions options, AnswerOutlet outlet);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void token(TokenId token) override;
    void logprobs(const sched::TokenLogprobs& token) override;
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void finished(const Result<sched::Outcome>& result) override;

  private:
    void send(std::string_view finish, const sched::Usage& usage);
    void refuse(const ApiError& error, const sched::Usage& usage);

    AnswerHead head_;
    ChatAnswerOptions options_;
    AnswerOutlet outlet_;
    std::optional<LogprobQueue> logprobs_;
    UsageCount count_;
    std::string reasoning_, content_;
    struct Call {
        std::string id, name, arguments;
    };
    std::vector<Call> calls_;
    std::vector<sched::TokenLogprobs> reasoning_logprobs_, content_logprobs_;
};

}  // namespace baleen::serve
