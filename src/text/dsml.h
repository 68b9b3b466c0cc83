// DSML, the markup in which the model writes tool calls (spec encoding 7.1): tag names by prompt version, and the
// writing of calls into a prompt. Reading is output_parser.h. No escaping exists in DSML: a value is raw bytes up to
// its closing tag. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/chat.h"
#include "text/prompt.h"

namespace baleen::text {

inline constexpr std::string_view kDsml = "｜DSML｜";  // one token; the angle brackets around it are ordinary text
inline constexpr std::string_view kThinkStart = "<think>";
inline constexpr std::string_view kThinkEnd = "</think>";

struct DsmlTags {
    std::string_view block;      // "tool_calls"; V4.1 " calls", with the blank, which makes it one token
    std::string_view invoke;     // "invoke"
    std::string_view parameter;  // "parameter"
};
DsmlTags dsml_tags(PromptVersion version);

struct DsmlParameter {
    std::string name;
    std::string value;  // raw text if is_string, else JSON
    bool is_string = false;

    bool operator==(const DsmlParameter&) const = default;
};

// The parameters of a call from its JSON arguments: one for each top-level key, in order. Nothing, null and white space
// are no parameters; what is not a JSON object is one string parameter named "arguments".
std::vector<DsmlParameter> dsml_parameters(std::string_view arguments);

// Template text: every DSML mark and think tag in it becomes a control token.
void add_template(Prompt& prompt, std::string_view text);

// "\n\n<｜DSML｜tool_calls>\n" ... "\n</｜DSML｜tool_calls>". A call without parameters gets an empty line if
// `blank_line`.
void add_tool_calls(Prompt& prompt, const std::vector<ToolCall>& calls, PromptVersion version, bool blank_line = true);

// "\n\n<｜DSML｜tool_calls>\n": what a forced tool call starts with.
void add_forced_start(Prompt& prompt, PromptVersion version);

}  // namespace baleen::text
