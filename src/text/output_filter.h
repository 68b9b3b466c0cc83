// What an API does with parsed output: in JSON mode only the JSON value is passed on (spec encoding 7.5), stop
// sequences end the answer text (7.3), and Answer puts parser and filters together for a generation. One owner, one
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/output_parser.h"
#include "text/stop.h"

namespace baleen::text {

// Passes the first JSON object or array of a text on as it stands. A code fence around it vanishes; other text before
// or after it becomes one blank each.
class JsonFilter {
  public:
    void push(std::string_view text, std::string& out);
    void flush(std::string& out);  // an opening bracket held back at the end is passed on
    // The value is complete: nothing but blanks can follow.
    bool complete() const { return place_ == Place::after; }

  private:
    enum class Place { before, opening, inside, after };
    void before(char c, std::string& out);
    void inside(char c, std::string& out);

    Place place_ = Place::before;
    std::string opening_;  // a bracket and the white space after it, not yet known to begin a value
    std::string fence_;    // what may be a fence: ``` and a name
    bool blank_ = false;   // text before the value became a blank already
    bool blank_after_ = false;
    std::string depth_;  // open brackets
    bool in_string_ = false;
    bool escaped_ = false;
};

struct AnswerOptions {
    OutputParserOptions parser;
    std::vector<std::string> stop;
    bool json = false;
};

// Bytes of the model in, events for the client out. After a stop sequence nothing more comes out and the generation may
// end.
class Answer {
  public:
    explicit Answer(AnswerOptions options);

    // True once a stop sequence was found.
    bool push(std::string_view bytes, OutputEvents& out);
    void finish(OutputEvents& out, bool cut = false);

    bool stopped() const { return stop_.stopped(); }
    const std::string& stop_sequence() const { return stop_.matched(); }  // the one that was found; only if stopped()
    int calls() const { return calls_; }                                  // begun and passed on
    bool in_reasoning() const { return parser_.in_reasoning(); }
    // How an API names the end: a stop sequence is "stop", calls are "tool_calls", a cut is "length".
    std::string_view finish_reason(bool cut) const;

  private:
    void pass(OutputEvents& events, OutputEvents& out);
    void content(std::string_view text, OutputEvents& out);
    void release(OutputEvents& out);

    OutputParser parser_;
    StopFilter stop_;
    JsonFilter json_filter_;
    bool json_;
    int calls_ = 0;
};

}  // namespace baleen::text
