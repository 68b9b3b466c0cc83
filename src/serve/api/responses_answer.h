// An answer to a Responses request (spec api 12, appendix A3): what a generation tells, as a stream of numbered events
// (response.created ... response.completed, .incomplete or .failed; no [DONE]) or as one body. Pure but for the
// functions it is given: ids and the clock come from outside. One answer, fed by one thread (the engine's). Holds the
// whole answer, which the last event repeats.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/events.h"
#include "serve/api/custom_tool_input.h"
#include "serve/api/errors.h"
#include "serve/api/json_object.h"
#include "serve/api/responses_request.h"

namespace baleen::serve {

struct ResponsesAnswerOptions {
    std::string id;     // of the response; ids of items are made from it
    std::string model;  // as asked
    bool thinking = false;
    ResponsesEcho echo;
    ResponsesTools tools;
    std::function<std::int64_t()> clock;              // seconds since 1970
    std::function<std::string(TokenId)> token_bytes;  // for log-probabilities; without it there are none
};

class ResponsesAnswer : public sched::EventSink {
  public:
    using Stream = std::function<void(std::string)>;
    using Whole = std::function<void(int status, std::string body)>;
    ResponsesAnswer(ResponsesAnswerOptions options, Stream send);
    ResponsesAnswer(ResponsesAnswerOptions options, Whole done);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void logprobs(const sched::TokenLogprobs& logprobs) override;
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void tool_end(int call, bool complete) override;
    void finished(const Result<sched::Outcome>& result) override;

    // Something to send on a stream while nothing happens: a comment, which carries no number.
    static std::string keep_alive() { return ": keep-alive\n\n"; }

  private:
    enum class Kind { reasoning, message, function_call, custom_call };
    struct Item {
        Kind kind = Kind::message;
        std::string id;
        std::string status = "in_progress";
        std::string text;         // reasoning, message: what was said; calls: arguments or input
        std::string logprobs;     // message: entries of JSON, comma between
        bool commentary = false;  // message: calls follow
        std::string call_id;      // calls
        std::string name, space;  // calls; space: the namespace, if it is a member of one
        std::string encrypted;    // reasoning: opaque to clients, who want to send something back

        bool is_text() const { return kind == Kind::reasoning || kind == Kind::message; }
        std::string json() const;
        std::string part() const;  // its one content part
    };
    struct End {
        std::string status = "in_progress";
        std::string incomplete;  // why, if it is
        std::optional<sched::Usage> usage;
        std::optional<ApiError> error;
        bool ended = false;
    };

    bool streams() const { return static_cast<bool>(send_); }
    Item* open_item() { return open_ ? &items_.back() : nullptr; }
    Item& open(Kind kind, const char* prefix);
    void text_item(Kind kind, const char* prefix);
    void grow(std::string_view piece, const std::string& logprobs);
    void close(const char* status);
    void close_text(const Item& item);
    void close_call(const Item& item);
    std::string take_logprobs();
    std::string response(const End& end) const;

    std::int64_t index() const { return static_cast<std::int64_t>(items_.size()) - 1; }  // of the last item
    int next() { return number_++; }
    void tell_item(const char* type);
    void event(std::string_view type, const JsonObject& fields);
    void flush();

    ResponsesAnswerOptions options_;
    Stream send_;
    Whole done_;
    std::int64_t created_;
    std::vector<Item> items_;
    bool open_ = false;  // the last item goes on
    CustomToolInput custom_;
    std::vector<std::string> held_logprobs_;  // of tokens whose text has not come yet
    bool begun_ = false;
    int number_ = 0;
    std::string out_;  // events not sent yet
};

}  // namespace baleen::serve
