// The parts of a Messages request that have files of their own. Internal to anthropic_request.cc.
#pragma once

#include <vector>

#include "serve/api/request.h"

namespace baleen::serve {

// `system` and `messages` into turns of the prompt, calls and results paired.
Result<std::vector<text::Message>> read_anthropic_messages(const BodyReader& reader, const text::PythonJson& body,
                                                           const RequestOptions& options);

// tools and tool_choice into the prompt. Needs the thinking mode.
Result<void> read_anthropic_tools(const BodyReader& reader, const text::PythonJson& body, Request& request);

}  // namespace baleen::serve
