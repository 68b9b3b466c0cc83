#include "serve/api/chat_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/api/chat_request_parts.h"
#include "serve/api/chat_request_reader.h"

namespace baleen::serve {

using text::ChatPrompt;
using text::Effort;
using text::Message;
using text::PythonJson;
using text::Role;
using text::ThinkingMode;

namespace {

constexpr std::size_t kStopsMax = 16;
constexpr std::size_t kUserIdBytesMax = 512;
constexpr double kThinkingTopPMin = 0.95;

// thinking.type over reasoning_effort over the default (7.1); efforts by the current column of 7.2.
Result<void> read_thinking(const BodyReader& reader, const PythonJson& body, const ChatRequestOptions& options,
                           ChatPrompt& prompt) {
    bool thinking = options.default_thinking;
    Effort effort = Effort::high;
    TRY_ASSIGN(const std::optional<std::string> name, reader.string(body, "reasoning_effort", ""));
    if (name) {
        thinking = *name != "none";
        if (*name == "minimal" || *name == "low")
            effort = Effort::low;
        else if (*name == "max" || *name == "ultra")
            effort = Effort::max;
        else if (*name != "none" && *name != "medium" && *name != "high" && *name != "xhigh")
            return reader.unknown_variant("reasoning_effort", *body.find("reasoning_effort"),
                                          "one of `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `ultra`, `max`");
    }
    if (const PythonJson* object = BodyReader::get(body, "thinking"); object != nullptr) {
        if (!object->is_object()) return reader.wrong_type("thinking", *object, "a map with the field `type`");
        TRY_ASSIGN(const std::string type, reader.required_string(*object, "type", "thinking"));
        if (type != "enabled" && type != "disabled" && type != "adaptive")
            return reader.unknown_variant("thinking.type", *object->find("type"),
                                          "one of `adaptive`, `enabled`, `disabled`");
        thinking = type != "disabled";
    }
    prompt.mode = thinking ? ThinkingMode::thinking : ThinkingMode::chat;
    if (thinking) prompt.effort = effort;
    return Ok();
}

Result<double> in_range(const BodyReader& reader, const PythonJson& body, const char* name, double least, double most,
                        bool open, double absent) {
    TRY_ASSIGN(const std::optional<double> value, reader.number(body, name, ""));
    if (!value) return absent;
    if (*value >= least && *value <= most && !(open && *value == least)) return *value;
    return invalid_argument(fmt::format("{} must be in {}{}, {}]", name, open ? "(" : "[", least, most));
}

Result<void> read_sampling(const BodyReader& reader, const PythonJson& body, const ChatRequestOptions& options,
                           ChatRequest& request) {
    Sampling& sampling = request.sampling;
    TRY_ASSIGN(sampling.temperature, in_range(reader, body, "temperature", 0, 2, false, 1));
    TRY_ASSIGN(sampling.top_p, in_range(reader, body, "top_p", 0, 1, true, 1));
    TRY(in_range(reader, body, "frequency_penalty", -2, 2, false, 0));  // checked, without effect
    TRY(in_range(reader, body, "presence_penalty", -2, 2, false, 0));
    TRY_ASSIGN(sampling.min_p, in_range(reader, body, "min_p", 0, 1, false, 0));
    TRY_ASSIGN(const std::optional<std::uint64_t> top_k, reader.whole(body, "top_k", "", "u32", 0x7fffffff));
    sampling.top_k = static_cast<int>(top_k.value_or(0));
    TRY_ASSIGN(sampling.seed, reader.whole(body, "seed", "", "u64", ~std::uint64_t{0}));
    if (sampling.seed && *sampling.seed >> 63 != 0)
        return invalid_argument("Invalid seed value, the valid range of seed is [0, 2^63)");
    if (!options.honour_sampling) {  // 7.3
        if (request.thinking()) sampling.temperature = 1;
        sampling.top_p = request.thinking() ? std::max(sampling.top_p, kThinkingTopPMin) : 1;
    }
    TRY_ASSIGN(const std::optional<std::uint64_t> n, reader.whole(body, "n", "", "u32", 0xffffffff));
    if (n.value_or(1) != 1) return invalid_argument("Invalid n value (currently only n = 1 is supported)");
    return Ok();
}

Result<void> read_lengths(const BodyReader& reader, const PythonJson& body, ChatRequest& request) {
    const char* name = BodyReader::get(body, "max_tokens") != nullptr ? "max_tokens" : "max_completion_tokens";
    TRY_ASSIGN(const std::optional<std::uint64_t> tokens, reader.whole(body, name, "", "u32", 0xffffffff));
    if (tokens) {
        if (*tokens < 1 || *tokens > static_cast<std::uint64_t>(kMaxTokensMax))
            return invalid_argument(
                fmt::format("Invalid {0} value, the valid range of {0} is [1, {1}]", name, kMaxTokensMax));
        request.max_tokens = static_cast<int>(*tokens);
    }
    TRY_ASSIGN(const std::optional<bool> logprobs, reader.boolean(body, "logprobs", ""));
    request.logprobs = logprobs.value_or(false);
    TRY_ASSIGN(const std::optional<std::uint64_t> top, reader.whole(body, "top_logprobs", "", "u8", 255));
    if (top && *top > 20)
        return invalid_argument("Invalid top_logprobs value, the valid range of top_logprobs is [0, 20].");
    if (top && !request.logprobs)
        return invalid_argument(
            "Invalid top_logprobs and logprobs value, logprobs must be set to true if top_logprobs is used.");
    request.top_logprobs = static_cast<int>(top.value_or(0));
    return Ok();
}

Result<void> read_stop(const BodyReader& reader, const PythonJson& body, ChatRequest& request) {
    const PythonJson* stop = BodyReader::get(body, "stop");
    if (stop == nullptr) return Ok();
    if (!stop->is_string() && !stop->is_array()) return reader.wrong_type("stop", *stop, "a string or a list");
    if (stop->items.size() > kStopsMax)
        return invalid_argument(
            fmt::format("ChatCompletionStopSequences string array too long: {}", stop->items.size()));
    if (stop->is_string()) request.stop.push_back(stop->text);
    for (std::size_t i = 0; i < stop->items.size(); ++i) {
        if (!stop->items[i].is_string())
            return reader.wrong_type(fmt::format("stop[{}]", i), stop->items[i], "a string");
        request.stop.push_back(stop->items[i].text);
    }
    for (std::size_t i = 0; i < request.stop.size(); ++i)
        if (request.stop[i].empty())
            return invalid_argument(
                fmt::format("Invalid 'stop{}': empty string. Expected a string with minimum length 1, but got an empty "
                            "string instead.",
                            stop->is_string() ? "" : fmt::format("[{}]", i)));
    return Ok();
}

Result<void> read_stream(const BodyReader& reader, const PythonJson& body, ChatRequest& request) {
    TRY_ASSIGN(const std::optional<bool> stream, reader.boolean(body, "stream", ""));
    request.stream = stream.value_or(false);
    const PythonJson* options = BodyReader::get(body, "stream_options");
    if (options == nullptr) return Ok();
    if (!options->is_object()) return reader.wrong_type("stream_options", *options, "a map");
    TRY_ASSIGN(const std::optional<bool> usage, reader.boolean(*options, "include_usage", "stream_options"));
    request.include_usage = usage.value_or(false);
    if (!request.stream) return invalid_argument("stream_options should be set along with stream = true");
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

Result<void> read_format(const BodyReader& reader, const PythonJson& body, ChatRequest& request) {
    const PythonJson* format = BodyReader::get(body, "response_format");
    if (format == nullptr) return Ok();
    if (!format->is_object()) return reader.wrong_type("response_format", *format, "a map with the field `type`");
    TRY_ASSIGN(const std::string type, reader.required_string(*format, "type", "response_format"));
    if (type == "text") return Ok();
    if (type != "json_object" && type != "json_schema")
        return invalid_argument("response_format: only text and json_object are supported");
    request.json_mode = true;
    PythonJson shown = PythonJson::make_object();
    shown.add("type", PythonJson::make_string("json_object"));
    if (type == "json_object") {
        if (!says_json(request.prompt.messages))
            return invalid_argument(
                "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.");
    } else if (const PythonJson* outer = BodyReader::get(*format, "json_schema"); outer != nullptr) {
        if (!outer->is_object()) return reader.wrong_type("response_format.json_schema", *outer, "a map");
        const PythonJson* schema = BodyReader::get(*outer, "schema");
        if (schema != nullptr && !schema->is_object())
            return reader.wrong_type("response_format.json_schema.schema", *schema, "a map");
        if (schema != nullptr) request.json_schema = shown = *schema;
    }
    request.prompt.response_format = std::move(shown);
    return Ok();
}

Result<void> read_names(const BodyReader& reader, const PythonJson& body, const ChatRequestOptions& options,
                        ChatRequest& request) {
    const PythonJson* model = body.find("model");
    if (model == nullptr && options.model_required) return reader.missing("", body, "model");
    if (model != nullptr && !(model->is_null() && !options.model_required)) {
        TRY_ASSIGN(request.model, reader.required_string(body, "model", ""));
    }
    TRY_ASSIGN(const std::optional<std::string> user, reader.string(body, "user_id", ""));
    request.user_id = user.value_or("");
    if (request.user_id.size() > kUserIdBytesMax)
        return invalid_argument(fmt::format("user_id must be at most {} bytes", kUserIdBytesMax));
    return Ok();
}

// Thinking with tools: every earlier answer must come with its reasoning (7.4, since 08).
Result<void> check_reasoning(const ChatPrompt& prompt) {
    if (prompt.mode != ThinkingMode::thinking || !prompt.tools_visible()) return Ok();
    for (const Message& message : prompt.messages)
        if (message.role == Role::assistant && !message.prefix && !message.reasoning_content)
            return invalid_argument("The `reasoning_content` in the thinking mode must be passed back to the API.");
    return Ok();
}

}  // namespace

Result<ChatRequest> parse_chat_request(std::string_view body, const ChatRequestOptions& options) {
    text::PythonJsonLimits limits;
    limits.bytes = options.body_bytes_max;
    const Result<PythonJson> tree = text::parse_python_json(body, limits);
    if (!tree.ok()) return invalid_argument("Failed to parse the request body as JSON: " + tree.error().message);
    const BodyReader reader(body);
    if (!tree->is_object()) return reader.wrong_type("", *tree, "a map");

    ChatRequest request;
    request.prompt.version = options.version;
    TRY(read_names(reader, *tree, options, request));
    const PythonJson* messages = tree->find("messages");
    if (messages == nullptr) return reader.missing("", *tree, "messages");
    TRY_ASSIGN(request.prompt.messages, read_messages(reader, *messages, options));
    TRY(read_thinking(reader, *tree, options, request.prompt));
    TRY(read_sampling(reader, *tree, options, request));
    TRY(read_lengths(reader, *tree, request));
    TRY(read_stop(reader, *tree, request));
    TRY(read_stream(reader, *tree, request));
    TRY(read_tools(reader, *tree, request));
    TRY(check_history(request.prompt.messages, options));
    TRY(read_format(reader, *tree, request));
    if (options.strict_reasoning) TRY(check_reasoning(request.prompt));
    if (request.prompt.messages.back().prefix && request.prompt.tools_visible())
        return invalid_argument("Function call should not be used with prefix");
    return request;
}

int ChatRequest::default_max_tokens() const {
    if (!thinking()) return 8192;
    return prompt.effort == Effort::max ? 131072 : 65536;
}

text::AnswerOptions ChatRequest::answer_options() const {
    text::AnswerOptions options;
    options.parser.start = text::output_start(prompt, text::EncodingRules::rec());
    options.parser.continues = !prompt.messages.empty() && prompt.messages.back().prefix;
    options.parser.parse_tools = prompt.tools_visible();
    for (const text::Tool& tool : prompt.tools) {
        const PythonJson* parameters = tool.function.find("parameters");
        const PythonJson* properties = parameters == nullptr ? nullptr : parameters->find("properties");
        if (properties == nullptr || !properties->is_object()) continue;
        std::set<std::string>& names = options.parser.tool_parameters[tool.name];
        for (const auto& member : properties->members) names.insert(member.first);
    }
    options.stop = stop;
    options.json = json_mode;
    return options;
}

}  // namespace baleen::serve
