// The parts of a Responses request that have files of their own. Internal to responses_request.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "serve/api/responses_request.h"

namespace baleen::serve {

// tools into the prompt and the echo. Before the input, whose calls use the names given here.
Result<void> read_responses_tools(const BodyReader& reader, const text::PythonJson& body, ResponsesRequest& request);
// tool_choice into the prompt and the echo. Needs tools and the thinking mode.
Result<void> read_responses_choice(const BodyReader& reader, const text::PythonJson& body, ResponsesRequest& request);

// Names tools have in the prompt. Members of namespaces get the space's name in front, and a number behind where that
// is taken.
class ToolNames {
  public:
    explicit ToolNames(text::PromptVersion version) : version_(version) {}
    void take(const std::string& name) { taken_.insert(name); }
    std::string add_member(const std::string& space, const std::string& member);

  private:
    text::PromptVersion version_;
    std::set<std::string> taken_;
    std::map<std::string, int> next_;  // number to try next, by the name without it
};

// Names of calls in earlier turns: a member of a namespace has the name its declaration got, or would get.
class CallNames {
  public:
    explicit CallNames(const ResponsesRequest& request);
    std::string name(const std::string& space, const std::string& member);

  private:
    ToolNames names_;
    std::map<std::string, std::string> given_;  // by space, NUL, member
};

// input and instructions into turns of the prompt, calls and outputs paired.
Result<std::vector<text::Message>> read_responses_input(const BodyReader& reader, const text::PythonJson& body,
                                                        const RequestOptions& options, const ResponsesRequest& request);

// Stand-in for the one custom tool there is, apply_patch: a function with one text.
text::PythonJson apply_patch_function(text::PromptVersion version);
inline constexpr std::string_view kApplyPatch = "apply_patch";
inline constexpr const char* kCustomInput = "input";  // its parameter

}  // namespace baleen::serve
