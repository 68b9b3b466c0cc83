// Answers to Messages requests (spec api 13.2, 13.3): what a generation tells, as a stream of events or as one body.
// Pure but for the function they hand bytes to; ids come from outside. Each is one answer, fed by one thread (the
// engine's); keep_alive() may be called by another.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/events.h"

namespace baleen::serve {

struct AnthropicAnswerOptions {
    std::string id;         // of the message; letters, digits, - and _: ids of calls and the signature are made from it
    std::string model;      // as asked
    bool thinking = false;  // then the first block holds the thinking, empty or not
    std::string request_id;  // in errors
};

// message_start, blocks, message_delta, message_stop. An error becomes the event of that name, and the last.
class AnthropicStream : public sched::EventSink {
  public:
    AnthropicStream(AnthropicAnswerOptions options, std::function<void(std::string)> send);

    void started(std::int64_t prompt_tokens, std::int64_t cached_tokens) override;
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void tool_end(int call, bool complete) override;
    void finished(const Result<sched::Outcome>& result) override;

    // Something to send while nothing happens: ping, but a comment before the message has started.
    std::string keep_alive() const;

  private:
    enum class Block { none, thinking, text, tool };
    void open(Block block, const std::string& content, std::string& out);
    void close(std::string& out);
    void delta(std::string_view type, std::string_view name, std::string_view text, std::string& out);

    AnthropicAnswerOptions options_;
    std::function<void(std::string)> send_;
    std::atomic<bool> begun_ = false;
    Block block_ = Block::none;
    int blocks_ = 0;  // opened so far; the open one is the last
};

// One body when all is known; an error comes with its HTTP status.
class AnthropicWhole : public sched::EventSink {
  public:
    AnthropicWhole(AnthropicAnswerOptions options, std::function<void(int status, std::string body)> done);

    void reasoning(std::string_view text) override { thinking_ += text; }
    void content(std::string_view text) override { text_ += text; }
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void finished(const Result<sched::Outcome>& result) override;

  private:
    struct Call {
        std::string name;
        std::string arguments;
    };
    AnthropicAnswerOptions options_;
    std::function<void(int, std::string)> done_;
    std::string thinking_;
    std::string text_;
    std::vector<Call> calls_;
};

}  // namespace baleen::serve
