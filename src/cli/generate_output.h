// What becomes of an answer: collected, shown while it comes, and told about at its end. On plain output the answer goes to
// stdout and the reasoning to stderr, so that a pipe gets the answer alone; on a terminal the reasoning is dim. Main thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "sched/events.h"
#include "text/chat.h"
#include "text/tokenizer.h"

namespace baleen::cli {

struct Answer {
    std::string reasoning;
    std::string content;
    std::vector<text::ToolCall> tool_calls;
};

class AnswerSink : public sched::EventSink {
  public:
    enum class Show { nothing, text, ids };
    explicit AnswerSink(Show show);

    void token(TokenId token) override;
    void reasoning(std::string_view text) override;
    void content(std::string_view text) override;
    void tool_begin(int call, std::string_view id, std::string_view name) override;
    void tool_arguments(int call, std::string_view text) override;
    void tool_end(int call, bool complete) override;

    // Ends the last line and the style. Call once, whatever way the generation ended.
    void finish();
    const Answer& answer() const { return answer_; }

  private:
    void write(std::FILE* stream, std::string_view text);
    void leave_reasoning();

    Show show_;
    bool dim_;              // reasoning by style; otherwise by a word in front
    bool in_reasoning_ = false;
    bool line_open_ = false;  // stdout stands inside a line
    Answer answer_;
};

struct AnswerReport {
    const sched::Outcome& outcome;
    const Answer& answer;
    const text::Tokenizer* tokenizer = nullptr;
    std::uint64_t seed = 0;
    bool sampled = true;  // temperature above 0: the seed mattered
    std::string signature;
};

// {ids, text, reasoning, tool_calls, finish_reason, usage, logprobs, ...} in the API's shapes (api 4.3).
nlohmann::ordered_json to_json(const AnswerReport& report);

// "23 tokens, 412.0 tokens/s; prompt ..." for people, one line.
std::string summary(const AnswerReport& report);

}  // namespace baleen::cli
