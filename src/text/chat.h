// A conversation as the prompt encoder takes it: what a request of any API family, a test file or the terminal chat is
// turned into first. Plain values, owned by whoever builds them; any thread. Text is UTF-8; JSON whose key order and
// number spelling reach the prompt is kept as PythonJson trees or as text. Roles and field meanings: spec encoding 2
// and 6.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/python_json.h"

namespace baleen::text {

enum class Role { system, user, assistant, tool, latest_reminder, developer };
enum class Task { none, action, query, authority, domain, title, extracted_url, read_url };
enum class PromptVersion { preview, v4_0731, v41 };  // effort texts and tag names differ (spec encoding 4 and 9)
enum class ThinkingMode { chat, thinking };
enum class Effort { low, high, max };
enum class ToolChoice { automatic, none, required, named };

// The names used in files and options; an unknown one is invalid_argument.
Result<Role> parse_role(std::string_view name);
Result<Task> parse_task(std::string_view name);
Result<PromptVersion> parse_prompt_version(std::string_view name);  // preview, 0731, v4.1
Result<ThinkingMode> parse_thinking_mode(std::string_view name);    // chat, thinking
Result<Effort> parse_effort(std::string_view name);                 // low, high, max

struct ContentPart {
    enum class Kind { text, image, unsupported };
    Kind kind = Kind::text;
    std::string text;    // text: what it says; unsupported: the type's name
    std::string source;  // image: URL or file id as given
};

struct ToolCall {
    std::string id;
    std::string name;
    std::string arguments;  // JSON text as the client gave it; need not be JSON
};

struct Tool {
    std::string name;
    PythonJson function;  // the object as given: name, description, parameters, strict, ...
    bool strict = false;
};

struct Message {
    Role role = Role::user;
    std::vector<ContentPart> content;              // a plain string is one text part; null is none
    std::optional<std::string> reasoning_content;  // assistant; absent and empty render alike
    std::vector<ToolCall> tool_calls;              // assistant
    std::string tool_call_id;                      // tool
    bool prefix = false;                           // assistant, last: the answer goes on from here
    Task task = Task::none;
    std::vector<Tool> tools;                    // system, developer: listed after the text of this message
    std::optional<PythonJson> response_format;  // the same

    static Message of(Role role, std::string text) {
        Message message;
        message.role = role;
        message.content.push_back({ContentPart::Kind::text, std::move(text), {}});
        return message;
    }
};

struct ChatPrompt {
    std::vector<Message> messages;
    std::vector<Message>
        context;              // turns rendered earlier: they decide, but are not rendered again, nor is the start token
    std::vector<Tool> tools;  // of the request; listed with the leading system text
    std::optional<PythonJson> response_format;
    ToolChoice tool_choice = ToolChoice::automatic;
    std::string tool_name;  // named
    ThinkingMode mode = ThinkingMode::thinking;
    std::optional<Effort> effort;      // absent: the encoder's own default, nothing (V4) or 75 (V4.1)
    std::optional<int> effort_number;  // 1 to 100, V4.1 only, wins over effort
    PromptVersion version = PromptVersion::v4_0731;

    // Whether the answer may hold tool calls: then, and only then, it is searched for them.
    bool tools_visible() const { return !tools.empty() && tool_choice != ToolChoice::none; }
    bool tool_forced() const { return tool_choice == ToolChoice::required || tool_choice == ToolChoice::named; }
};

}  // namespace baleen::text
