// The parts of a chat request that have files of their own, and those that text completions (fim_request.cc) read alike.
// Internal to the two.
#pragma once

#include "serve/api/chat_request.h"
#include "serve/api/chat_request_reader.h"

namespace baleen::serve {

// messages[] as they are, each checked alone.
Result<std::vector<text::Message>> read_messages(const BodyReader& reader, const text::PythonJson& list,
                                                 const ChatRequestOptions& options);
// How the messages stand to each other: calls and results, prefix. Fills in missing results if the options say so.
Result<void> check_history(std::vector<text::Message>& messages, const ChatRequestOptions& options);

// tools and tool_choice into the prompt. Needs the thinking mode.
Result<void> read_tools(const BodyReader& reader, const text::PythonJson& body, ChatRequest& request);

// stop: one sequence or up to 16, none empty.
Result<void> read_stop(const BodyReader& reader, const text::PythonJson& body, std::vector<std::string>& sequences);
// stream, and stream_options.include_usage beside it.
Result<void> read_stream(const BodyReader& reader, const text::PythonJson& body, bool& stream, bool& include_usage);

}  // namespace baleen::serve
