#include "serve/api/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace baleen::serve {

using text::ChatPrompt;
using text::Effort;
using text::Message;
using text::PythonJson;
using text::ThinkingMode;
using text::Tool;
using text::ToolChoice;

namespace {

constexpr std::size_t kUserIdBytesMax = 512;
constexpr std::size_t kToolNameMax = 128;
constexpr double kThinkingTopPMin = 0.95;
constexpr const char* kEfforts = "one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `ultra`, `max`";

}  // namespace

int Request::default_max_tokens() const {
    if (!thinking()) return 8192;
    return prompt.effort == Effort::max ? 131072 : 65536;
}

text::AnswerOptions Request::answer_options() const {
    text::AnswerOptions options;
    options.parser.start = text::output_start(prompt, text::EncodingRules::rec());
    options.parser.continues = !prompt.messages.empty() && prompt.messages.back().prefix;
    options.parser.parse_tools = prompt.tools_visible();
    for (const Tool& tool : prompt.tools) {
        const PythonJson* parameters = tool.function.find("parameters");
        const PythonJson* properties = parameters == nullptr ? nullptr : parameters->find("properties");
        if (properties == nullptr || !properties->is_object()) continue;
        std::set<std::string>& names = options.parser.tool_parameters[tool.name];
        for (const auto& member : properties->members) names.insert(member.first);
    }
    options.stop = stop;
    options.json = json_mode && !options.parser.continues;  // the JSON of a prefix has begun already
    return options;
}

Result<PythonJson> read_body(const BodyReader& reader, std::string_view body, const RequestOptions& options) {
    text::PythonJsonLimits limits;
    limits.bytes = options.body_bytes_max;
    Result<PythonJson> tree = text::parse_python_json(body, limits);
    if (!tree.ok()) return invalid_argument("Failed to parse the request body as JSON: " + tree.error().message);
    if (!tree->is_object()) return reader.wrong_type("", *tree, "a map");
    return tree;
}

Result<void> read_model(const BodyReader& reader, const PythonJson& body, const RequestOptions& options,
                        Request& request) {
    const PythonJson* model = body.find("model");
    if (model == nullptr && options.model_required) return reader.missing("", body, "model");
    if (model == nullptr || (model->is_null() && !options.model_required)) return Ok();
    TRY_ASSIGN(request.model, reader.required_string(body, "model", ""));
    return Ok();
}

Result<void> read_user(const BodyReader& reader, const PythonJson& object, const char* name, std::string_view path,
                       Request& request) {
    TRY_ASSIGN(const std::optional<std::string> user, reader.string(object, name, path));
    request.user_id = user.value_or("");
    if (request.user_id.size() <= kUserIdBytesMax) return Ok();
    return invalid_argument(
        fmt::format("{}{}{} must be at most {} bytes", path, path.empty() ? "" : ".", name, kUserIdBytesMax));
}

std::optional<NamedEffort> named_effort(std::string_view name) {
    if (name == "none") return NamedEffort{false, Effort::high};
    if (name == "minimal" || name == "low") return NamedEffort{true, Effort::low};
    if (name == "medium" || name == "high" || name == "xhigh") return NamedEffort{true, Effort::high};
    if (name == "ultra" || name == "max") return NamedEffort{true, Effort::max};
    return std::nullopt;
}

Result<std::optional<NamedEffort>> read_effort(const BodyReader& reader, const PythonJson& object, const char* name,
                                               std::string_view path) {
    TRY_ASSIGN(const std::optional<std::string> text, reader.string(object, name, path));
    if (!text) return std::optional<NamedEffort>();
    const std::optional<NamedEffort> effort = named_effort(*text);
    if (effort) return effort;
    return reader.unknown_variant(path.empty() ? std::string(name) : fmt::format("{}.{}", path, name),
                                  *object.find(name), kEfforts);
}

Result<std::optional<bool>> read_thinking_type(const BodyReader& reader, const PythonJson& body) {
    const PythonJson* object = BodyReader::get(body, "thinking");
    if (object == nullptr) return std::optional<bool>();
    if (!object->is_object()) return reader.wrong_type("thinking", *object, "a map with the field `type`");
    TRY_ASSIGN(const std::string type, reader.required_string(*object, "type", "thinking"));
    if (type != "enabled" && type != "disabled" && type != "adaptive")
        return reader.unknown_variant("thinking.type", *object->find("type"),
                                      "one of `adaptive`, `enabled`, `disabled`");
    return std::optional<bool>(type != "disabled");
}

void set_thinking(bool thinking, Effort effort, ChatPrompt& prompt) {
    prompt.mode = thinking ? ThinkingMode::thinking : ThinkingMode::chat;
    if (thinking) prompt.effort = effort;
}

Result<double> read_in_range(const BodyReader& reader, const PythonJson& body, const char* name, double least,
                             double most, bool open, double absent) {
    TRY_ASSIGN(const std::optional<double> value, reader.number(body, name, ""));
    if (!value) return absent;
    if (*value >= least && *value <= most && !(open && *value == least)) return *value;
    return invalid_argument(fmt::format("{} must be in {}{}, {}]", name, open ? "(" : "[", least, most));
}

Result<void> read_temperature_and_top_p(const BodyReader& reader, const PythonJson& body, Request& request) {
    TRY_ASSIGN(request.sampling.temperature, read_in_range(reader, body, "temperature", 0, 2, false, 1));
    TRY_ASSIGN(request.sampling.top_p, read_in_range(reader, body, "top_p", 0, 1, true, 1));
    return Ok();
}

void apply_sampling_rules(const RequestOptions& options, Request& request) {
    if (options.honour_sampling) return;
    Sampling& sampling = request.sampling;
    if (request.thinking()) sampling.temperature = 1;
    sampling.top_p = request.thinking() ? std::max(sampling.top_p, kThinkingTopPMin) : 1;
}

bool is_tool_name(std::string_view name) {
    return !name.empty() && name.size() <= kToolNameMax && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

Error bad_tool_name(std::string_view path) {
    return invalid_argument(
        fmt::format("{}: expected 1-{} ASCII letters, digits, underscores or hyphens", path, kToolNameMax));
}

bool is_object_schema(const PythonJson* parameters) {
    if (parameters == nullptr) return true;
    if (!parameters->is_object()) return false;
    const PythonJson* type = parameters->find("type");
    return parameters->members.empty() || (type != nullptr && type->is_string() && type->text == "object");
}

Result<void> settle_tool_choice(ChatPrompt& prompt) {
    if (prompt.tool_choice == ToolChoice::required && prompt.tools.empty()) prompt.tool_choice = ToolChoice::automatic;
    if (prompt.tool_forced() && prompt.mode == ThinkingMode::thinking)
        return invalid_argument("Thinking mode does not support this tool_choice");
    const auto is_chosen = [&](const Tool& tool) { return tool.name == prompt.tool_name; };
    if (prompt.tool_choice == ToolChoice::named && std::none_of(prompt.tools.begin(), prompt.tools.end(), is_chosen))
        return invalid_argument(
            fmt::format("tool_choice: no tool named '{}' was specified", printable(prompt.tool_name, 140)));
    return Ok();
}

bool says_json(const std::vector<Message>& messages) {
    static constexpr std::string_view kWord = "json";
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
    for (const Message& message : messages)
        for (const text::ContentPart& part : message.content)
            if (std::search(part.text.begin(), part.text.end(), kWord.begin(), kWord.end(), same) != part.text.end())
                return true;
    return false;
}

}  // namespace baleen::serve
