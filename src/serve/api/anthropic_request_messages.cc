// system and messages of a Messages request into turns. A message of the user may hold texts and results; each becomes
// a turn of its own, which the encoder joins again. A message of the assistant is one turn: texts, thinking and calls
// are gathered.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "serve/api/anthropic_request_parts.h"
#include "serve/api/json_object.h"

namespace baleen::serve {

using text::ContentPart;
using text::Message;
using text::PythonJson;
using text::Role;

namespace {

constexpr std::size_t kUrlBytesMax = 8192;
constexpr std::size_t kIdsListedMax = 32;  // in an error
constexpr const char* kNoImages = "Model do not support image input";
constexpr const char* kBlocks =
    "one of `text`, `image`, `document`, `thinking`, `server_tool_use`, `tool_use`, `tool_result`, "
    "`web_search_tool_result`";
constexpr const char* kResultBlocks = "one of `text`, `image`, `document`, `tool_reference`";
constexpr const char* kOneResultEach =
    "Each `tool_use` block must have a corresponding `tool_result` block in the next message.";

ContentPart text_part(std::string text) {
    return {ContentPart::Kind::text, std::move(text), {}};
}

class HistoryReader {
  public:
    HistoryReader(const BodyReader& reader, const RequestOptions& options) : reader_(reader), options_(options) {}

    Result<std::vector<Message>> read(const PythonJson& body) {
        TRY(read_system(body));
        const PythonJson* list = body.find("messages");
        if (list == nullptr) return reader_.missing("", body, "messages");
        if (!list->is_array()) return reader_.wrong_type("messages", *list, "a sequence");
        if (list->items.empty()) return invalid_argument("messages: at least one message is required");
        for (at_ = 0; at_ < list->items.size(); ++at_) TRY(read_message(list->items[at_]));
        TRY(close_calls(list->items.size() - 1, messages_.size()));
        return std::move(messages_);
    }

  private:
    bool v41() const { return options_.version == text::PromptVersion::v41; }
    std::string block_path(std::size_t block) const { return fmt::format("messages[{}].content[{}]", at_, block); }

    Result<void> read_system(const PythonJson& body) {
        const PythonJson* system = BodyReader::get(body, "system");
        if (system == nullptr) return Ok();
        Message message;
        message.role = Role::system;
        if (system->is_string()) {
            message.content.push_back(text_part(system->text));
        } else if (system->is_array()) {
            for (std::size_t i = 0; i < system->items.size(); ++i) {
                const std::string path = fmt::format("system[{}]", i);
                TRY_ASSIGN(const std::string type, block_type(system->items[i], path));
                if (type != "text") return reader_.unknown_variant(path, *system->items[i].find("type"), "`text`");
                TRY_ASSIGN(std::string text, reader_.required_string(system->items[i], "text", path));
                message.content.push_back(text_part(std::move(text)));
            }
        } else {
            return reader_.wrong_type("system", *system, "a string or a list");
        }
        const bool empty = std::all_of(message.content.begin(), message.content.end(),
                                       [](const ContentPart& part) { return part.text.empty(); });
        if (!empty) messages_.push_back(std::move(message));
        return Ok();
    }

    Result<void> read_message(const PythonJson& item) {
        const std::string path = fmt::format("messages[{}]", at_);
        if (!item.is_object()) return reader_.wrong_type(path, item, "a map with the field `role`");
        TRY_ASSIGN(const std::string role, reader_.required_string(item, "role", path));
        if (role != "user" && role != "assistant" && role != "system")
            return reader_.unknown_variant(path, *item.find("role"), "one of `user`, `assistant`, `system`");
        const PythonJson* content = item.find("content");
        if (content == nullptr) return reader_.missing(path, item, "content");
        if (!content->is_string() && !content->is_array())
            return reader_.wrong_type(path + ".content", *content, "a string or a list");
        if (content->is_array() && content->items.empty() && role != "system")
            return invalid_argument(fmt::format("messages.{}: all messages must have non-empty content", at_));
        if (role == "system") return read_system_turn(*content);
        if (role == "assistant") return read_assistant(*content);
        return read_user(*content);
    }

    // V4.1 has a token for it; in V4 it is user text in a wrapping (13.1).
    Result<void> read_system_turn(const PythonJson& content) {
        TRY(check_answered());
        Message message;
        message.role = Role::system;
        if (content.is_string()) message.content.push_back(text_part(content.text));
        for (std::size_t i = 0; i < content.items.size(); ++i) {
            const std::string path = block_path(i);
            TRY_ASSIGN(const std::string type, block_type(content.items[i], path));
            TRY(check_place(type, "system"));
            TRY_ASSIGN(ContentPart part, read_part(content.items[i], type, path, kBlocks));
            message.content.push_back(std::move(part));
        }
        if (v41()) {
            messages_.push_back(std::move(message));
            return Ok();
        }
        std::string joined;
        for (std::size_t i = 0; i < message.content.size(); ++i)
            joined += (i > 0 ? "\n\n" : "") + message.content[i].text;
        if (!joined.empty())
            messages_.push_back(
                Message::of(Role::user, fmt::format("<system-reminder>\n{}\n</system-reminder>", joined)));
        return Ok();
    }

    Result<void> read_user(const PythonJson& content) {
        if (content.is_string()) {
            TRY(check_answered());
            messages_.push_back(Message::of(Role::user, content.text));
            return Ok();
        }
        const std::size_t start = messages_.size();
        std::set<std::string> answered;
        for (std::size_t i = 0; i < content.items.size(); ++i) {
            const PythonJson& item = content.items[i];
            const std::string path = block_path(i);
            TRY_ASSIGN(const std::string type, block_type(item, path));
            TRY(check_place(type, "user"));
            if (type == "tool_result") {
                TRY(read_result(item, i, answered));
                continue;
            }
            if (!options_.fill_missing_results) TRY(check_answered());  // results stand first
            Message message;
            TRY_ASSIGN(ContentPart part, read_part(item, type, path, kBlocks));
            message.content.push_back(std::move(part));
            messages_.push_back(std::move(message));
        }
        return close_calls(at_ - 1, start);
    }

    Result<void> read_result(const PythonJson& item, std::size_t block, std::set<std::string>& answered) {
        const std::string path = block_path(block);
        Message message;
        message.role = Role::tool;
        TRY_ASSIGN(message.tool_call_id, reader_.required_string(item, "tool_use_id", path));
        const std::string& id = message.tool_call_id;
        if (answered.count(id) > 0)
            return invalid_argument(
                fmt::format("messages.{}.content.{}: each tool_use must have a single result. Found "
                            "multiple `tool_result` blocks with id: {}",
                            at_, block, printable(id, 80)));
        if (open_.erase(id) == 0)
            return invalid_argument(
                fmt::format("unexpected `messages.{}.content.{}: tool_use_id` found in `tool_result` blocks: {}. Each "
                            "`tool_result` block must have a corresponding `tool_use` block in the previous message.",
                            at_, block, printable(id, 80)));
        answered.insert(id);
        const PythonJson* content = BodyReader::get(item, "content");
        if (content != nullptr && !content->is_string() && !content->is_array())
            return reader_.wrong_type(path + ".content", *content, "a string or a list");
        if (content != nullptr && content->is_string()) message.content.push_back(text_part(content->text));
        if (content != nullptr) {
            for (std::size_t i = 0; i < content->items.size(); ++i) {
                const std::string inside = fmt::format("{}.content[{}]", path, i);
                TRY_ASSIGN(const std::string type, block_type(content->items[i], inside));
                TRY_ASSIGN(ContentPart part, read_part(content->items[i], type, inside, kResultBlocks));
                message.content.push_back(std::move(part));
            }
        }
        messages_.push_back(std::move(message));
        return Ok();
    }

    Result<void> read_assistant(const PythonJson& content) {
        TRY(check_answered());
        if (content.is_string()) {
            messages_.push_back(Message::of(Role::assistant, content.text));
            return Ok();
        }
        Message message;
        message.role = Role::assistant;
        std::string text;
        for (std::size_t i = 0; i < content.items.size(); ++i) {
            const PythonJson& item = content.items[i];
            const std::string path = block_path(i);
            TRY_ASSIGN(const std::string type, block_type(item, path));
            TRY(check_place(type, "assistant"));
            if (type == "tool_use") {
                TRY(read_call(item, i, message));
            } else if (type == "thinking") {
                TRY_ASSIGN(const std::string thinking, reader_.required_string(item, "thinking", path));
                if (message.reasoning_content)
                    message.reasoning_content->append("\n\n").append(thinking);
                else
                    message.reasoning_content = thinking;
            } else if (type != "server_tool_use" && type != "web_search_tool_result") {  // the service's own; left out
                if (!message.tool_calls.empty())
                    return invalid_argument(fmt::format("messages.{}.{}: {}", at_, i, without_results()));
                TRY_ASSIGN(const ContentPart part, read_part(item, type, path, kBlocks));
                if (part.kind == ContentPart::Kind::image)
                    return invalid_argument("Image in assistant message is unsupported");
                if (!text.empty()) text += "\n\n";
                text += part.text;
            }
        }
        message.content.push_back(text_part(std::move(text)));
        messages_.push_back(std::move(message));
        return Ok();
    }

    Result<void> read_call(const PythonJson& item, std::size_t block, Message& message) {
        const std::string path = block_path(block);
        text::ToolCall call;
        TRY_ASSIGN(call.id, reader_.required_string(item, "id", path));
        TRY_ASSIGN(call.name, reader_.required_string(item, "name", path));
        const PythonJson* input = item.find("input");
        if (input == nullptr) return reader_.missing(path, item, "input");
        call.arguments = compact_json(*input);
        if (!open_.insert(call.id).second)
            return invalid_argument(fmt::format("messages.{}.content.{}: `tool_use` ids must be unique", at_, block));
        message.tool_calls.push_back(std::move(call));
        return Ok();
    }

    Result<std::string> block_type(const PythonJson& item, const std::string& path) const {
        if (!item.is_object()) return reader_.wrong_type(path, item, "a map with the field `type`");
        return reader_.required_string(item, "type", path);
    }

    // Blocks that belong to one role only.
    Result<void> check_place(const std::string& type, std::string_view role) const {
        if (type == "thinking" && role != "assistant")
            return invalid_argument(
                fmt::format("messages.{}.content: thinking blocks may only be in `assistant` messages", at_));
        const bool asks = type == "tool_use" || type == "server_tool_use" || type == "web_search_tool_result";
        if ((asks && role != "assistant") || (type == "tool_result" && role != "user"))
            return invalid_argument(fmt::format("messages.{}: `{}` blocks can only be in `{}` messages", at_, type,
                                                asks ? "assistant" : "user"));
        return Ok();
    }

    // Text, or what stands for it.
    Result<ContentPart> read_part(const PythonJson& item, const std::string& type, const std::string& path,
                                  const char* known) const {
        if (type == "text") {
            TRY_ASSIGN(std::string text, reader_.required_string(item, "text", path));
            return text_part(std::move(text));
        }
        if (type == "image") return read_image(item, path);
        if (type == "document") return read_document(item, path);
        if (type == "tool_reference" && known == kResultBlocks) {
            TRY_ASSIGN(std::string name, reader_.required_string(item, "tool_name", path));
            return text_part(std::move(name));
        }
        return reader_.unknown_variant(path, *item.find("type"), known);
    }

    Result<ContentPart> read_document(const PythonJson& item, const std::string& path) const {
        const PythonJson* source = item.find("source");
        if (source == nullptr) return reader_.missing(path, item, "source");
        if (!source->is_object()) return reader_.wrong_type(path + ".source", *source, "a map");
        TRY_ASSIGN(const std::optional<std::string> type, reader_.string(*source, "media_type", path + ".source"));
        return text_part(fmt::format("[Unsupported document type: {}]", type.value_or("unknown")));
    }

    Result<ContentPart> read_image(const PythonJson& item, const std::string& path) const {
        const PythonJson* source = item.find("source");
        if (source == nullptr) return reader_.missing(path, item, "source");
        if (!source->is_object()) return reader_.wrong_type(path + ".source", *source, "a map");
        const std::string inside = path + ".source";
        TRY_ASSIGN(const std::string type, reader_.required_string(*source, "type", inside));
        if (type != "base64" && type != "url" && type != "file")
            return reader_.unknown_variant(inside, *source->find("type"), "one of `base64`, `url`, `file`");
        if (!options_.images || !v41()) return invalid_argument(kNoImages);
        if (type == "file")
            return invalid_argument(
                fmt::format("{}: file_id is not supported. Pass the image as a base64 data url instead.", path));
        ContentPart part;
        part.kind = ContentPart::Kind::image;
        if (type == "url") {
            TRY_ASSIGN(part.source, reader_.required_string(*source, "url", inside));
            if (part.source.size() > kUrlBytesMax)
                return invalid_argument(fmt::format("{}.url is longer than {} characters", inside, kUrlBytesMax));
            return part;
        }
        TRY_ASSIGN(const std::string media, reader_.required_string(*source, "media_type", inside));
        static constexpr std::string_view kMedia[] = {"image/jpeg", "image/jpg", "image/png", "image/gif",
                                                      "image/webp"};
        if (std::find(std::begin(kMedia), std::end(kMedia), media) == std::end(kMedia))
            return reader_.unknown_variant(inside, *source->find("media_type"),
                                           "one of `image/jpeg`, `image/jpg`, `image/png`, `image/gif`, `image/webp`");
        TRY_ASSIGN(const std::string data, reader_.required_string(*source, "data", inside));
        part.source = fmt::format("data:{};base64,{}", media, data);
        return part;
    }

    std::string without_results() const {
        std::string ids;
        std::size_t listed = 0;
        for (const std::string& id : open_) {
            if (listed++ == kIdsListedMax) break;
            ids += (ids.empty() ? "" : ", ") + printable(id, 80);
        }
        if (open_.size() > kIdsListedMax) ids += ", ...";
        return fmt::format("`tool_use` ids were found without `tool_result` blocks immediately after: {}. {}", ids,
                           kOneResultEach);
    }

    // Something other than a result comes: every call before it must have had its result.
    Result<void> check_answered() {
        if (open_.empty()) return Ok();
        if (options_.fill_missing_results) return close_calls(0, messages_.size());
        return invalid_argument(fmt::format("messages.{}: {}", at_, without_results()));
    }
    // The message that could hold results is over. Missing ones are filled in before turn `place`, if the options say
    // so.
    Result<void> close_calls(std::size_t message, std::size_t place) {
        if (open_.empty()) return Ok();
        if (!options_.fill_missing_results)
            return invalid_argument(fmt::format("messages.{}:{}", message, without_results()));
        std::vector<Message> missing;
        for (const std::string& id : open_) {
            missing.push_back(Message::of(Role::tool, ""));
            missing.back().tool_call_id = id;
        }
        messages_.insert(messages_.begin() + static_cast<std::ptrdiff_t>(place), missing.begin(), missing.end());
        open_.clear();
        return Ok();
    }

    const BodyReader& reader_;
    const RequestOptions& options_;
    std::size_t at_ = 0;          // which of messages
    std::set<std::string> open_;  // calls without a result yet
    std::vector<Message> messages_;
};

}  // namespace

Result<std::vector<Message>> read_anthropic_messages(const BodyReader& reader, const PythonJson& body,
                                                     const RequestOptions& options) {
    return HistoryReader(reader, options).read(body);
}

}  // namespace baleen::serve
