// The first half of the encoder: messages become turns. Internal to encoding.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/encoding.h"

namespace baleen::text {

// What one token of the template opens. Consecutive users and tool results are one turn.
struct Turn {
    enum class Kind { system, user, developer, assistant, reminder };
    struct Part {
        Prompt text;  // a tool result with its tags
        bool is_result = false;
        std::string call_id;  // results
    };

    Kind kind = Kind::user;
    bool leading = false;                // system: opens the conversation
    std::vector<Part> parts;             // joined with an empty line
    const Message* assistant = nullptr;  // assistant
    Task task = Task::none;
};

Prompt content_of(const Message& message, PromptVersion version);

// The turns of `prompt.context` followed by those of `prompt.messages`; `first` becomes the count of the former.
// Request tools and response format are put with the leading system text, which is made if there is none. Results are
// sorted. `storage` keeps the messages the turns point to.
Result<std::vector<Turn>> make_turns(const ChatPrompt& prompt, const EncodingRules& rules,
                                     std::vector<Message>& storage, std::size_t& first);

// Any tools in sight: then no reasoning is dropped.
bool has_tools(const ChatPrompt& prompt);

}  // namespace baleen::text
