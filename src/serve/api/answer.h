// What the answers of the OpenAI-shaped families have in common. An answer is an event sink of one generation that
// turns events into the bytes a client reads; everything that is not in the events (id, time, names) is given when it
// is made, so the same events give the same bytes. The three ways out are functions of the caller; they are called on
// the thread that tells the events and must not block.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sched/events.h"
#include "serve/api/errors.h"

namespace baleen::serve {

struct AnswerHead {
    std::string id;
    std::int64_t created = 0;  // seconds since 1970
    std::string model;         // as served
    std::string fingerprint;   // system_fingerprint; empty is null
};

// How it ended, for the ledger and the log.
struct AnswerEnd {
    int status = 200;         // HTTP; of an error that comes after the head has left, what it would have been
    std::string_view finish;  // finish_reason, or "error"
    sched::Usage usage;
};

struct AnswerOutlet {
    // Bytes of the answer in order: events of a stream, or the one body.
    std::function<void(std::string)> write;
    // There will be no bytes: the request failed before the first. Called at most once, and then write never was.
    std::function<void(const ApiError&)> refuse;
    // Called once, before the last bytes or the refusal leave. May be empty.
    std::function<void(const AnswerEnd&)> ending;
};

// A text as JSON, and the fingerprint of a head.
std::string json_string(std::string_view text);
std::string fingerprint_json(const AnswerHead& head);

// The usage object of chat and text completions (spec api 4.3). The part about reasoning is there when thinking was on.
std::string usage_json(const sched::Usage& usage, bool thinking);

// finish_reason of an answer that an error cut off after its first token, if there is one for it; else empty. The
// service ends an answer it has no room to go on with (no KV blocks left) this way, not with an error.
std::string_view finish_of(const Error& error);

// Counts what a generation tells, for an answer whose end is an error and brings no usage.
class UsageCount {
  public:
    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
        usage_.prompt_tokens = prompt_tokens;
        usage_.cached_tokens = cached_tokens;
    }
    void token() { ++usage_.completion_tokens; }
    void reasoning() { usage_.reasoning_tokens = usage_.completion_tokens; }  // at its latest piece
    const sched::Usage& usage() const { return usage_; }

  private:
    sched::Usage usage_;
};

}  // namespace baleen::serve
