#include "serve/api/chat_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/api/chat_request_parts.h"
#include "serve/api/chat_request_reader.h"
#include "serve/api/json_output.h"

namespace baleen::serve {

using text::ChatPrompt;
using text::Message;
using text::PythonJson;
using text::Role;
using text::ThinkingMode;

namespace {

constexpr std::size_t kStopsMax = 16;

// thinking.type over reasoning_effort over the default (7.1).
Result<void> read_thinking(const BodyReader& reader, const PythonJson& body, const ChatRequestOptions& options,
                           ChatPrompt& prompt) {
    TRY_ASSIGN(const std::optional<NamedEffort> effort, read_effort(reader, body, "reasoning_effort", ""));
    TRY_ASSIGN(const std::optional<bool> type, read_thinking_type(reader, body));
    const bool otherwise = effort ? effort->thinking : options.default_thinking;
    set_thinking(type.value_or(otherwise), effort.value_or(NamedEffort()).effort, prompt);
    return Ok();
}

Result<void> read_sampling(const BodyReader& reader, const PythonJson& body, const ChatRequestOptions& options,
                           ChatRequest& request) {
    Sampling& sampling = request.sampling;
    TRY(read_temperature_and_top_p(reader, body, request));
    TRY(read_in_range(reader, body, "frequency_penalty", -2, 2, false, 0));  // checked, without effect
    TRY(read_in_range(reader, body, "presence_penalty", -2, 2, false, 0));
    TRY_ASSIGN(sampling.min_p, read_in_range(reader, body, "min_p", 0, 1, false, 0));
    TRY_ASSIGN(const std::optional<std::uint64_t> top_k, reader.whole(body, "top_k", "", "u32", 0x7fffffff));
    sampling.top_k = static_cast<int>(top_k.value_or(0));
    TRY_ASSIGN(sampling.seed, reader.whole(body, "seed", "", "u64", ~std::uint64_t{0}));
    if (sampling.seed && *sampling.seed >> 63 != 0)
        return invalid_argument("Invalid seed value, the valid range of seed is [0, 2^63)");
    TRY_ASSIGN(const std::optional<bool> ignore_eos, reader.boolean(body, "ignore_eos", ""));
    sampling.ignore_eos = ignore_eos.value_or(false);
    apply_sampling_rules(options, request);
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
        if (request.prompt.messages.back().prefix)
            return invalid_argument("response_format json_object should not be used with prefix");
        if (!says_json(request.prompt.messages))
            return invalid_argument(
                "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'.");
    } else if (const PythonJson* outer = BodyReader::get(*format, "json_schema"); outer != nullptr) {
        if (!outer->is_object()) return reader.wrong_type("response_format.json_schema", *outer, "a map");
        const PythonJson* schema = BodyReader::get(*outer, "schema");
        if (schema != nullptr && !schema->is_object())
            return reader.wrong_type("response_format.json_schema.schema", *schema, "a map");
        if (schema != nullptr) {
            TRY(check_response_schema(*schema));
            request.json_schema = shown = *schema;
        }
    }
    request.prompt.response_format = std::move(shown);
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

Result<void> read_stop(const BodyReader& reader, const PythonJson& body, std::vector<std::string>& sequences) {
    const PythonJson* stop = BodyReader::get(body, "stop");
    if (stop == nullptr) return Ok();
    if (!stop->is_string() && !stop->is_array()) return reader.wrong_type("stop", *stop, "a string or a list");
    if (stop->items.size() > kStopsMax)
        return invalid_argument(
            fmt::format("ChatCompletionStopSequences string array too long: {}", stop->items.size()));
    if (stop->is_string()) sequences.push_back(stop->text);
    for (std::size_t i = 0; i < stop->items.size(); ++i) {
        if (!stop->items[i].is_string())
            return reader.wrong_type(fmt::format("stop[{}]", i), stop->items[i], "a string");
        sequences.push_back(stop->items[i].text);
    }
    for (std::size_t i = 0; i < sequences.size(); ++i)
        if (sequences[i].empty())
            return invalid_argument(
                fmt::format("Invalid 'stop{}': empty string. Expected a string with minimum length 1, but got an empty "
                            "string instead.",
                            stop->is_string() ? "" : fmt::format("[{}]", i)));
    return Ok();
}

Result<void> read_stream(const BodyReader& reader, const PythonJson& body, bool& stream, bool& include_usage) {
    TRY_ASSIGN(const std::optional<bool> asked, reader.boolean(body, "stream", ""));
    stream = asked.value_or(false);
    const PythonJson* options = BodyReader::get(body, "stream_options");
    if (options == nullptr) return Ok();
    if (!options->is_object()) return reader.wrong_type("stream_options", *options, "a map");
    TRY_ASSIGN(const std::optional<bool> usage, reader.boolean(*options, "include_usage", "stream_options"));
    include_usage = usage.value_or(false);
    if (!stream) return invalid_argument("stream_options should be set along with stream = true");
    return Ok();
}

Result<ChatRequest> parse_chat_request(std::string_view body, const ChatRequestOptions& options) {
    const BodyReader reader(body);
    TRY_ASSIGN(const PythonJson tree, read_body(reader, body, options));

    ChatRequest request;
    request.prompt.version = options.version;
    TRY(read_model(reader, tree, options, request));
    TRY(read_user(reader, tree, "user_id", "", request));
    const PythonJson* messages = tree.find("messages");
    if (messages == nullptr) return reader.missing("", tree, "messages");
    TRY_ASSIGN(request.prompt.messages, read_messages(reader, *messages, options));
    TRY(read_thinking(reader, tree, options, request.prompt));
    TRY(read_sampling(reader, tree, options, request));
    TRY(read_lengths(reader, tree, request));
    TRY(read_stop(reader, tree, request.stop));
    TRY(read_stream(reader, tree, request.stream, request.include_usage));
    TRY(read_tools(reader, tree, request));
    TRY(check_history(request.prompt.messages, options));
    TRY(read_format(reader, tree, request));
    if (options.strict_reasoning) TRY(check_reasoning(request.prompt));
    if (request.prompt.messages.back().prefix && request.prompt.tools_visible())
        return invalid_argument("Function call should not be used with prefix");
    return request;
}

}  // namespace baleen::serve
