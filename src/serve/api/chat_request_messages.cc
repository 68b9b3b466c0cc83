#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "serve/api/chat_request_parts.h"

namespace baleen::serve {

using text::ContentPart;
using text::Message;
using text::PythonJson;
using text::Role;

namespace {

constexpr std::string_view kImagePlaceholder = "<｜image｜>";
constexpr std::size_t kUrlBytesMax = 8192;
constexpr const char* kRoles = "one of `system`, `user`, `assistant`, `tool`, `latest_reminder`";
constexpr const char* kNoImages = "Model do not support image input";
constexpr const char* kAnswerEachCall =
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.";

Error quoted_not_allowed() {
    return invalid_argument(
        fmt::format("The sub-string \"{}\" in your input is not allowed for this API. Please remove it and try again.",
                    kImagePlaceholder));
}

class MessageReader {
  public:
    MessageReader(const BodyReader& reader, const ChatRequestOptions& options, std::size_t index)
        : reader_(reader), options_(options), index_(index), path_(fmt::format("messages[{}]", index)) {}

    Result<Message> read(const PythonJson& source) {
        if (!source.is_object()) return reader_.wrong_type(path_, source, "a map with the field `role`");
        Message message;
        TRY(read_role(source, message));
        TRY(read_content(source, message));
        if (message.role == Role::assistant) TRY(read_assistant(source, message));
        if (message.role == Role::tool) {
            TRY_ASSIGN(message.tool_call_id, reader_.required_string(source, "tool_call_id", path_));
        }
        TRY_ASSIGN(const std::optional<bool> prefix, reader_.boolean(source, "prefix", path_));
        message.prefix = prefix.value_or(false) && message.role == Role::assistant;
        if (message.role == Role::assistant && !has_content_ && message.tool_calls.empty() &&
            !(message.prefix && message.reasoning_content))
            return invalid_argument("Invalid assistant message: content or tool_calls must be set");
        return message;
    }

  private:
    Result<void> read_role(const PythonJson& source, Message& message) {
        const PythonJson* role = source.find("role");
        if (role == nullptr) return reader_.missing(path_, source, "role");
        if (!role->is_string()) return reader_.wrong_type(path_, *role, "variant identifier");
        const Result<Role> parsed = text::parse_role(role->text);
        if (!parsed.ok() || (*parsed == Role::developer && !options_.developer_as_system))
            return reader_.unknown_variant(path_, *role, kRoles);
        message.role = *parsed == Role::developer ? Role::system : *parsed;
        return Ok();
    }

    Result<void> read_content(const PythonJson& source, Message& message) {
        const PythonJson* content = source.find("content");
        if (content == nullptr && message.role != Role::assistant) return reader_.missing(path_, source, "content");
        if (content == nullptr || content->is_null()) return Ok();
        has_content_ = true;
        if (content->is_string()) {
            message.content.push_back({ContentPart::Kind::text, content->text, {}});
        } else if (content->is_array()) {
            for (const PythonJson& item : content->items) {
                TRY_ASSIGN(ContentPart part, read_part(item, message.role));
                message.content.push_back(std::move(part));
            }
        } else {
            return reader_.wrong_type(path_, *content, "a string or a list");
        }
        if (message.role == Role::assistant) return Ok();  // an echo of the model's own; it stays text
        for (const ContentPart& part : message.content)
            if (part.text.find(kImagePlaceholder) != std::string::npos) return quoted_not_allowed();
        return Ok();
    }

    Result<ContentPart> read_part(const PythonJson& item, Role role) {
        if (!item.is_object()) return reader_.wrong_type(path_, item, "a map with the field `type`");
        const PythonJson* type = item.find("type");
        if (type == nullptr) return reader_.missing(path_, item, "type");
        if (!type->is_string()) return reader_.wrong_type(path_, *type, "variant identifier");
        if (type->text == "text") {
            TRY_ASSIGN(std::string text, reader_.required_string(item, "text", path_));
            return ContentPart{ContentPart::Kind::text, std::move(text), {}};
        }
        if (type->text == "image_url") return read_image(item, role);
        if (type->text == "file") return invalid_argument(kNoImages);
        return reader_.unknown_variant(path_, *type, "one of `text`, `image_url`, `file`");
    }

    Result<ContentPart> read_image(const PythonJson& item, Role role) {
        const PythonJson* image = item.find("image_url");
        if (image == nullptr) return reader_.missing(path_, item, "image_url");
        if (!image->is_object()) return reader_.wrong_type(path_, *image, "a map");
        TRY_ASSIGN(std::string url, reader_.required_string(*image, "url", path_));
        TRY_ASSIGN(const std::optional<std::string> detail, reader_.string(*image, "detail", path_));
        static constexpr std::string_view kDetails[] = {"low", "high", "original", "auto"};
        if (detail && std::find(std::begin(kDetails), std::end(kDetails), *detail) == std::end(kDetails))
            return reader_.unknown_variant(path_, *image->find("detail"), "one of `low`, `high`, `original`, `auto`");
        if (!options_.images || options_.version != text::PromptVersion::v41) return invalid_argument(kNoImages);
        if (role == Role::system) return invalid_argument("Image in system message is unsupported");
        if (role != Role::user)
            return invalid_argument(fmt::format("{}: images are supported in user messages only", path_));
        if (url.rfind("data:", 0) != 0 && url.size() > kUrlBytesMax)
            return invalid_argument(fmt::format("{}: image_url.url is longer than {} characters", path_, kUrlBytesMax));
        return ContentPart{ContentPart::Kind::image, "", std::move(url)};
    }

    Result<void> read_assistant(const PythonJson& source, Message& message) {
        TRY_ASSIGN(message.reasoning_content, reader_.string(source, "reasoning_content", path_));
        const PythonJson* calls = BodyReader::get(source, "tool_calls");
        if (calls == nullptr) return Ok();
        if (!calls->is_array()) return reader_.wrong_type(path_, *calls, "a sequence");
        if (calls->items.empty())
            return invalid_argument(
                fmt::format("Invalid 'messages[{}].tool_calls': empty array. Expected an array with minimum length 1, "
                            "but got an empty array instead.",
                            index_));
        for (const PythonJson& item : calls->items) {
            if (!item.is_object()) return reader_.wrong_type(path_, item, "a map");
            text::ToolCall call;
            TRY_ASSIGN(call.id, reader_.required_string(item, "id", path_));
            const PythonJson* function = item.find("function");
            if (function == nullptr) return reader_.missing(path_, item, "function");
            if (!function->is_object()) return reader_.wrong_type(path_, *function, "a map");
            TRY_ASSIGN(call.name, reader_.required_string(*function, "name", path_));
            TRY_ASSIGN(const std::optional<std::string> arguments, reader_.string(*function, "arguments", path_));
            call.arguments = arguments.value_or("");
            message.tool_calls.push_back(std::move(call));
        }
        return Ok();
    }

    const BodyReader& reader_;
    const ChatRequestOptions& options_;
    std::size_t index_;
    std::string path_;
    bool has_content_ = false;
};

Error duplicate_id(const std::string& id, std::size_t index) {
    return invalid_argument(
        fmt::format("Duplicate value for 'tool_call_id' of {} in message[{}]", printable(id, 80), index));
}

// The results that follow an assistant with calls: one for each, nothing between. Returns the count of tool messages.
Result<std::size_t> check_results(std::vector<Message>& messages, std::size_t at, const ChatRequestOptions& options) {
    std::set<std::string> open;
    for (const text::ToolCall& call : messages[at].tool_calls)
        if (!open.insert(call.id).second) return duplicate_id(call.id, at);
    const std::size_t count = open.size();
    const std::set<std::string> known = open;
    std::size_t given = 0;
    while (given < count && at + 1 + given < messages.size() && messages[at + 1 + given].role == Role::tool) ++given;
    if (given < count && !options.fill_missing_results)
        return invalid_argument(std::string(kAnswerEachCall) +
                                " (insufficient tool messages following tool_calls message)");
    for (std::size_t i = 0; i < given; ++i) {
        const std::string& id = messages[at + 1 + i].tool_call_id;
        if (known.count(id) == 0)
            return invalid_argument(fmt::format("{} Unexpected tool_call_id: {}", kAnswerEachCall, printable(id, 80)));
        if (open.erase(id) == 0) return duplicate_id(id, at + 1 + i);
    }
    const std::vector<text::ToolCall> calls = messages[at].tool_calls;
    for (const text::ToolCall& call : calls) {
        if (open.count(call.id) == 0) continue;
        Message result = Message::of(Role::tool, "");
        result.tool_call_id = call.id;
        messages.insert(messages.begin() + static_cast<std::ptrdiff_t>(at + 1 + given++), std::move(result));
    }
    return given;
}

}  // namespace

Result<std::vector<Message>> read_messages(const BodyReader& reader, const PythonJson& list,
                                           const ChatRequestOptions& options) {
    if (!list.is_array()) return reader.wrong_type("messages", list, "a sequence");
    if (list.items.empty()) return invalid_argument("Empty input messages");
    std::vector<Message> messages;
    messages.reserve(list.items.size());
    for (std::size_t i = 0; i < list.items.size(); ++i) {
        TRY_ASSIGN(Message message, MessageReader(reader, options, i).read(list.items[i]));
        messages.push_back(std::move(message));
    }
    return messages;
}

Result<void> check_history(std::vector<Message>& messages, const ChatRequestOptions& options) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (messages[i].prefix && i + 1 < messages.size())
            return invalid_argument(
                "Invalid completion message: prefix set true with message which is not final message or message role "
                "is not assistant");
        if (messages[i].role == Role::tool)
            return invalid_argument(
                "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'");
        if (messages[i].tool_calls.empty()) continue;
        TRY_ASSIGN(const std::size_t results, check_results(messages, i, options));
        i += results;
    }
    return Ok();
}

}  // namespace baleen::serve
