// Takes a model's output apart while it arrives: reasoning, answer text, and tool calls written in DSML (spec
// encoding 7.2, with the tolerances of 8). The result does not depend on how the bytes were cut into pieces: what could
// still become a tag is held back until it is decided. Holds at most one tag, name or JSON value. Owned by one
// generation, used by one thread; cost linear in the output.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "text/encoding.h"

namespace baleen::text {

struct OutputEvent {
    enum class Kind { reasoning, content, tool_begin, tool_arguments, tool_end };
    Kind kind = Kind::content;
    std::string text;      // reasoning, content, tool_arguments: the next piece; tool_begin: the tool's name
    bool complete = true;  // tool_end: false if the output ended inside the call, whose arguments may not be JSON then
    bool repeated_key = false;  // tool_end: a parameter came twice; the last one counts

    bool operator==(const OutputEvent&) const = default;
};
using OutputEvents = std::vector<OutputEvent>;

struct OutputParserOptions {
    OutputStart start = OutputStart::content;
    bool continues = false;   // a prefix goes on: line feeds at the start belong to the text
    bool parse_tools = true;  // the request shows tools; otherwise DSML is text like any other
    bool tolerant = true;     // also other spellings of the bars: doubled, ASCII, U+2016, backslashes
    // Parameter names by tool, where known: lets the parser take one parameter named "arguments" that holds all of them
    // apart.
    std::map<std::string, std::set<std::string>, std::less<>> tool_parameters;
};

class OutputParser {
  public:
    explicit OutputParser(OutputParserOptions options = {});

    // Appends what the next bytes decide. Bytes are UTF-8 in order; pieces may end anywhere.
    void push(std::string_view bytes, OutputEvents& out);
    // The output has ended; releases what was held back. Call once. An open call is closed, unless the output was cut
    // by a length limit: its arguments then stay as far as they came. A value that was not closed stays open in both
    // cases.
    void finish(OutputEvents& out, bool cut = false);

    // Tool calls begun so far.
    int calls() const { return calls_; }
    bool in_reasoning() const { return state_ == State::reasoning; }

  private:
    enum class State { reasoning, content, block, name, key, flag, string_value, json_value, done };

    bool step(OutputEvents& out);  // one decision; false when more bytes are needed
    bool step_text(OutputEvents& out);
    bool step_block(OutputEvents& out);
    bool step_name(OutputEvents& out);
    bool step_key();
    bool step_flag(OutputEvents& out);
    bool step_value(OutputEvents& out);

    void take(std::size_t bytes) { at_ += bytes; }
    std::string_view rest() const { return std::string_view(pending_).substr(at_); }
    void emit(OutputEvent::Kind kind, std::string_view text, OutputEvents& out);
    void emit_text(std::string_view text, OutputEvents& out);
    void release_newlines(OutputEvents& out);
    void begin_call(std::string name, OutputEvents& out);
    void end_call(bool complete, OutputEvents& out);
    void begin_value(bool is_string, OutputEvents& out);
    void end_json_value(std::string_view value, OutputEvents& out);
    void release_wrapped(OutputEvents& out);

    OutputParserOptions options_;
    State state_;
    std::string pending_;  // bytes not yet decided, from at_ on
    std::size_t at_ = 0;
    std::size_t searched_ = 0;  // bytes after at_ in which step_value has found no end
    std::size_t newlines_ = 0;  // line feeds held back
    bool at_start_ = true;      // no text yet in this state: line feeds are dropped
    int calls_ = 0;

    bool in_call_ = false;
    bool may_wrap_ = false;  // the first parameter may hold all of them
    bool wrapped_is_string_ = false;
    bool has_wrapped_ = false;
    std::string wrapped_;  // its value
    std::string tool_;
    std::string key_;
    std::set<std::string> keys_;
    bool repeated_key_ = false;
};

// A whole output in one piece, for replies that are not streamed.
struct CollectedOutput {
    std::string reasoning;
    std::string content;
    std::vector<ToolCall> tool_calls;  // ids are left empty

    void add(const OutputEvent& event);
};
CollectedOutput collect(const OutputEvents& events);
CollectedOutput parse_output(std::string_view text, const OutputParserOptions& options, bool cut = false);

// Pieces of one kind that follow each other as one event: the form in which two runs can be compared.
OutputEvents merged(const OutputEvents& events);

}  // namespace baleen::text
