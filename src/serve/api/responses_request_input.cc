// input and instructions of a Responses request into turns. Items of one answer come one by one: reasoning, text and
// calls that follow each other are one turn of the assistant. The calls of a turn stand open until each has its output;
// then turn and results are written, in the order of the calls.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/json.h"
#include "serve/api/responses_request_parts.h"

namespace baleen::serve {

using text::ContentPart;
using text::Message;
using text::PythonJson;
using text::Role;

namespace {

constexpr std::size_t kUrlBytesMax = 8192;
constexpr const char* kNoImages = "Model do not support image input";
constexpr const char* kNoDocument = "[Unsupported Document]";
constexpr const char* kParts = "one of `input_text`, `output_text`, `input_image`, `input_file`";
constexpr const char* kOutputParts = "one of `input_text`, `input_image`, `input_file`";

class InputReader {
  public:
    InputReader(const BodyReader& reader, const RequestOptions& options, const ResponsesRequest& request)
        : reader_(reader), options_(options), names_(request) {
        if (request.echo.instructions && !request.echo.instructions->empty())
            messages_.push_back(Message::of(Role::system, *request.echo.instructions));
    }

    Result<std::vector<Message>> read(const PythonJson& body) {
        const PythonJson* input = BodyReader::get(body, "input");
        if (input != nullptr && input->is_string()) {
            messages_.push_back(Message::of(Role::user, input->text));
        } else if (input != nullptr) {
            if (!input->is_array()) return reader_.wrong_type("input", *input, "a string or a list of input items");
            if (input->items.empty()) return invalid_argument("Input items array must not be empty");
            for (at_ = 0; at_ < input->items.size(); ++at_) TRY(read_item(input->items[at_]));
            TRY(check_answered());
        }
        if (messages_.empty()) return invalid_argument("Either input or instructions must be provided");
        return std::move(messages_);
    }

  private:
    std::string path() const { return fmt::format("input[{}]", at_); }

    // A message may leave its type out. Types that are not known are left out of the prompt.
    Result<void> read_item(const PythonJson& item) {
        if (!item.is_object()) return reader_.wrong_type(path(), item, "an input item");
        TRY_ASSIGN(const std::optional<std::string> type, reader_.string(item, "type", path()));
        if (!type && item.find("role") == nullptr) return reader_.missing(path(), item, "type");
        if (!type || *type == "message") return read_message(item);
        if (*type == "reasoning") return read_reasoning(item);
        if (*type == "function_call") return read_call(item);
        if (*type == "custom_tool_call") return read_custom_call(item);
        if (*type == "function_call_output") return read_output(item, true);
        if (*type == "custom_tool_call_output") return read_output(item, false);
        if (*type == "web_search_call") return check_answered();  // the service's own; left out
        return Ok();
    }

    Result<void> read_message(const PythonJson& item) {
        TRY_ASSIGN(const std::string role, reader_.required_string(item, "role", path()));
        if (role != "user" && role != "assistant" && role != "system" && role != "developer")
            return reader_.unknown_variant(path(), *item.find("role"),
                                           "one of `user`, `assistant`, `system`, `developer`");
        const PythonJson* content = item.find("content");
        if (content == nullptr) return reader_.missing(path(), item, "content");
        if (!content->is_string() && !content->is_array())
            return reader_.wrong_type(path() + ".content", *content, "a string or a list of content blocks");
        TRY(check_answered());
        TRY_ASSIGN(std::vector<ContentPart> parts, read_parts(*content, kParts));
        if (role == "assistant") return add_answer(parts);
        Message message;
        // Instructions of a developer are the user's words in V4 and have the system's token in V4.1.
        const bool v41 = options_.version == text::PromptVersion::v41;
        message.role = role == "system" || (role == "developer" && v41) ? Role::system : Role::user;
        message.content = std::move(parts);
        messages_.push_back(std::move(message));
        thought_nothing_ = false;
        return Ok();
    }

    Result<void> add_answer(const std::vector<ContentPart>& parts) {
        std::string text;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (parts[i].kind == ContentPart::Kind::image)
                return invalid_argument(fmt::format("{}: Image in assistant message is unsupported", path()));
            if (i > 0) text += "\n\n";
            text += parts[i].text;
        }
        std::string& said = answer().content.front().text;
        if (!said.empty() && !text.empty()) said += "\n\n";
        said += text;
        return Ok();
    }

    Result<void> read_reasoning(const PythonJson& item) {
        TRY(check_answered());
        const PythonJson* content = BodyReader::get(item, "content");
        if (content != nullptr && !content->is_array())
            return reader_.wrong_type(path() + ".content", *content, "a sequence");
        std::string text;
        const std::size_t parts = content == nullptr ? 0 : content->items.size();
        for (std::size_t i = 0; i < parts; ++i) {
            const std::string inside = fmt::format("{}.content[{}]", path(), i);
            if (!content->items[i].is_object()) return reader_.wrong_type(inside, content->items[i], "a map");
            TRY_ASSIGN(const std::string piece, reader_.required_string(content->items[i], "text", inside));
            if (i > 0) text += '\n';
            text += piece;
        }
        const bool open = !messages_.empty() && messages_.back().role == Role::assistant;
        if (text.empty()) {  // no turn of its own, but a turn that follows was thought about
            thought_nothing_ = !open;
            return Ok();
        }
        // Text that was said already ends a turn: what is thought after it belongs to the next.
        if (open && !messages_.back().content.front().text.empty())
            messages_.push_back(Message::of(Role::assistant, ""));
        std::optional<std::string>& thought = answer().reasoning_content;
        if (thought && !thought->empty())
            thought->append("\n").append(text);
        else
            thought = text;
        return Ok();
    }

    // The turn of the assistant that is being gathered.
    Message& answer() {
        const bool open = !messages_.empty() && messages_.back().role == Role::assistant;
        if (!open) messages_.push_back(Message::of(Role::assistant, ""));
        if (!open && thought_nothing_) messages_.back().reasoning_content = "";
        thought_nothing_ = false;
        return messages_.back();
    }

    Result<void> read_call(const PythonJson& item) {
        text::ToolCall call;
        TRY_ASSIGN(call.id, reader_.required_string(item, "call_id", path()));
        TRY_ASSIGN(call.name, reader_.required_string(item, "name", path()));
        TRY_ASSIGN(call.arguments, reader_.required_string(item, "arguments", path()));
        TRY_ASSIGN(const std::optional<std::string> space, reader_.string(item, "namespace", path()));
        if (space) call.name = names_.name(*space, call.name);
        return add_call(std::move(call));
    }
    Result<void> read_custom_call(const PythonJson& item) {
        text::ToolCall call;
        TRY_ASSIGN(call.id, reader_.required_string(item, "call_id", path()));
        TRY_ASSIGN(call.name, reader_.required_string(item, "name", path()));
        TRY_ASSIGN(const std::string input, reader_.required_string(item, "input", path()));
        PythonJson arguments = PythonJson::make_object();
        arguments.add(kCustomInput, PythonJson::make_string(input));
        call.arguments = text::dump_python_json(arguments);
        return add_call(std::move(call));
    }
    Result<void> add_call(text::ToolCall call) {
        TRY(check_id(call.id));
        if (!ids_.insert(call.id).second)
            return invalid_argument(fmt::format("Duplicate 'call_id': {}.", printable(call.id, 80)));
        open_.insert(call.id);
        calls_.push_back(std::move(call));
        return Ok();
    }

    Result<void> read_output(const PythonJson& item, bool required) {
        Message message;
        message.role = Role::tool;
        TRY_ASSIGN(message.tool_call_id, reader_.required_string(item, "call_id", path()));
        const PythonJson* output = required ? item.find("output") : BodyReader::get(item, "output");
        if (output == nullptr && required) return reader_.missing(path(), item, "output");
        if (output != nullptr) {
            if (!output->is_string() && !output->is_array())
                return reader_.wrong_type(path() + ".output", *output, "a string or a list of output content parts");
            TRY_ASSIGN(message.content, read_parts(*output, kOutputParts));
        }
        const std::string& id = message.tool_call_id;
        TRY(check_id(id));
        if (ids_.count(id) == 0)
            return invalid_argument(
                fmt::format("No tool call found for tool output with call_id {}.", printable(id, 80)));
        if (open_.erase(id) == 0)
            return invalid_argument(fmt::format("Duplicate tool output for call_id: {}.", printable(id, 80)));
        results_[id] = std::move(message);
        if (open_.empty()) write_calls();
        return Ok();
    }
    Result<void> check_id(const std::string& id) const {
        if (!id.empty()) return Ok();
        return invalid_argument(
            fmt::format("Invalid '{}.call_id': empty string. Expected a string with minimum length "
                        "1, but got an empty string instead.",
                        path()));
    }

    // A turn of its own for the calls that are answered now, with what was thought and said before them.
    void write_calls() {
        answer().tool_calls = calls_;
        for (const text::ToolCall& call : calls_) messages_.push_back(std::move(results_.at(call.id)));
        calls_.clear();
        results_.clear();
    }
    // Something other than calls and outputs comes.
    Result<void> check_answered() {
        if (open_.empty()) return Ok();
        for (const text::ToolCall& call : calls_) {
            if (open_.erase(call.id) == 0) continue;
            if (!options_.fill_missing_results)
                return invalid_argument(fmt::format("No tool output found for tool call {}.", printable(call.id, 80)));
            Message result = Message::of(Role::tool, "");
            result.tool_call_id = call.id;
            results_[call.id] = std::move(result);
        }
        write_calls();
        return Ok();
    }

    Result<std::vector<ContentPart>> read_parts(const PythonJson& content, const char* known) const {
        std::vector<ContentPart> parts;
        if (content.is_string()) parts.push_back({ContentPart::Kind::text, content.text, {}});
        for (std::size_t i = 0; i < content.items.size(); ++i) {
            const PythonJson& item = content.items[i];
            const std::string inside =
                known == kParts ? fmt::format("{}.content[{}]", path(), i) : fmt::format("{}.output[{}]", path(), i);
            if (!item.is_object()) return reader_.wrong_type(inside, item, "a map with the field `type`");
            TRY_ASSIGN(const std::string type, reader_.required_string(item, "type", inside));
            if (type == "input_text" || (type == "output_text" && known == kParts)) {
                TRY_ASSIGN(std::string text, reader_.required_string(item, "text", inside));
                parts.push_back({ContentPart::Kind::text, std::move(text), {}});
            } else if (type == "input_image") {
                TRY_ASSIGN(ContentPart image, read_image(item, inside));
                parts.push_back(std::move(image));
            } else if (type == "input_file") {
                parts.push_back({ContentPart::Kind::text, kNoDocument, {}});
            } else {
                return reader_.unknown_variant(inside, *item.find("type"), known);
            }
        }
        return parts;
    }

    Result<ContentPart> read_image(const PythonJson& item, const std::string& inside) const {
        TRY_ASSIGN(const std::optional<std::string> url, reader_.string(item, "image_url", inside));
        TRY_ASSIGN(const std::optional<std::string> file, reader_.string(item, "file_id", inside));
        TRY_ASSIGN(const std::optional<std::string> detail, reader_.string(item, "detail", inside));
        static constexpr std::string_view kDetails[] = {"low", "high", "original", "auto"};
        if (detail && std::find(std::begin(kDetails), std::end(kDetails), *detail) == std::end(kDetails))
            return reader_.unknown_variant(inside, *item.find("detail"), "one of `low`, `high`, `original`, `auto`");
        if (!options_.images || options_.version != text::PromptVersion::v41) return invalid_argument(kNoImages);
        if (!url && !file)
            return invalid_argument(fmt::format("{}: input_image must have image_url or file_id", inside));
        if (url && file)
            return invalid_argument(fmt::format("{}: input_image cannot have both image_url and file_id", inside));
        if (file)
            return invalid_argument(
                fmt::format("{}: file_id is not supported. Pass the image as a base64 data url instead.", inside));
        const bool data = url->rfind("data:", 0) == 0;
        if (!data && url->rfind("http://", 0) != 0 && url->rfind("https://", 0) != 0)
            return invalid_argument(fmt::format("{}: Unsupported image_url format", path()));
        if (!data && url->size() > kUrlBytesMax)
            return invalid_argument(fmt::format("{}: image_url is longer than {} characters", inside, kUrlBytesMax));
        return ContentPart{ContentPart::Kind::image, "", *url};
    }

    const BodyReader& reader_;
    const RequestOptions& options_;
    CallNames names_;
    std::size_t at_ = 0;                      // which of input
    std::set<std::string> ids_;               // of all calls
    std::vector<text::ToolCall> calls_;       // of the turn being gathered, not in messages_ yet
    std::set<std::string> open_;              // of these, without an output yet
    std::map<std::string, Message> results_;  // the others' outputs, by id
    bool thought_nothing_ = false;            // reasoning without text came, and no turn since
    std::vector<Message> messages_;
};

}  // namespace

Result<std::vector<Message>> read_responses_input(const BodyReader& reader, const PythonJson& body,
                                                  const RequestOptions& options, const ResponsesRequest& request) {
    return InputReader(reader, options, request).read(body);
}

}  // namespace baleen::serve
