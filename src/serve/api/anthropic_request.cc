#include "serve/api/anthropic_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/api/anthropic_request_parts.h"

namespace baleen::serve {

using text::Message;
using text::PythonJson;
using text::Role;

namespace {

constexpr std::size_t kStopsMax = 16;

// thinking.type over output_config.effort over the default (7.1). budget_tokens has no effect, but is a number.
Result<void> read_thinking(const BodyReader& reader, const PythonJson& body, const RequestOptions& options,
                           text::ChatPrompt& prompt) {
    std::optional<NamedEffort> effort;
    if (const PythonJson* config = BodyReader::get(body, "output_config"); config != nullptr) {
        if (!config->is_object()) return reader.wrong_type("output_config", *config, "a map");
        TRY_ASSIGN(effort, read_effort(reader, *config, "effort", "output_config"));
    }
    TRY_ASSIGN(const std::optional<bool> type, read_thinking_type(reader, body));
    if (type) TRY(reader.whole(*body.find("thinking"), "budget_tokens", "thinking", "u64", ~std::uint64_t{0}));
    const bool otherwise = effort ? effort->thinking : options.default_thinking;
    set_thinking(type.value_or(otherwise), effort.value_or(NamedEffort()).effort, prompt);
    return Ok();
}

// top_k is ignored, unless the client's own sampling is honoured.
Result<void> read_sampling(const BodyReader& reader, const PythonJson& body, const RequestOptions& options,
                           Request& request) {
    TRY(read_temperature_and_top_p(reader, body, request));
    if (options.honour_sampling) {
        TRY_ASSIGN(const std::optional<std::uint64_t> top_k, reader.whole(body, "top_k", "", "u32", 0x7fffffff));
        request.sampling.top_k = static_cast<int>(top_k.value_or(0));
    }
    apply_sampling_rules(options, request);
    return Ok();
}

// More than the service allows is lowered, not refused: clients send what other models can do.
Result<void> read_max_tokens(const BodyReader& reader, const PythonJson& body, Request& request) {
    TRY_ASSIGN(const std::optional<std::uint64_t> tokens, reader.whole(body, "max_tokens", "", "u32", 0xffffffff));
    if (!tokens) return Ok();
    if (*tokens < 1)
        return invalid_argument(
            fmt::format("Invalid max_tokens value, the valid range of max_tokens is [1, {}]", kMaxTokensMax));
    request.max_tokens = static_cast<int>(std::min<std::uint64_t>(*tokens, kMaxTokensMax));
    return Ok();
}

Result<void> read_stop(const BodyReader& reader, const PythonJson& body, Request& request) {
    const PythonJson* list = BodyReader::get(body, "stop_sequences");
    if (list == nullptr) return Ok();
    if (!list->is_array()) return reader.wrong_type("stop_sequences", *list, "a sequence");
    bool valid = list->items.size() <= kStopsMax;
    for (std::size_t i = 0; i < list->items.size(); ++i) {
        if (!list->items[i].is_string())
            return reader.wrong_type(fmt::format("stop_sequences[{}]", i), list->items[i], "a string");
        valid = valid && !list->items[i].text.empty();
        if (valid) request.stop.push_back(list->items[i].text);
    }
    if (!valid)
        return invalid_argument(fmt::format("stop_sequences must contain at most {} non-empty strings", kStopsMax));
    return Ok();
}

Result<void> read_metadata(const BodyReader& reader, const PythonJson& body, Request& request) {
    const PythonJson* metadata = BodyReader::get(body, "metadata");
    if (metadata == nullptr) return Ok();
    if (!metadata->is_object()) return reader.wrong_type("metadata", *metadata, "a map");
    return read_user(reader, *metadata, "user_id", "metadata", request);
}

// Thinking with tools: every earlier answer must come with its thinking (13.4).
Result<void> check_reasoning(const text::ChatPrompt& prompt) {
    if (prompt.mode != text::ThinkingMode::thinking || !prompt.tools_visible()) return Ok();
    for (const Message& message : prompt.messages)
        if (message.role == Role::assistant && !message.reasoning_content)
            return invalid_argument("The `content[].thinking` in the thinking mode must be passed back to the API.");
    return Ok();
}

}  // namespace

Result<Request> parse_anthropic_request(std::string_view body, const RequestOptions& options) {
    const BodyReader reader(body);
    TRY_ASSIGN(const PythonJson tree, read_body(reader, body, options));

    Request request;
    request.prompt.version = options.version;
    TRY(read_model(reader, tree, options, request));
    TRY_ASSIGN(request.prompt.messages, read_anthropic_messages(reader, tree, options));
    TRY(read_thinking(reader, tree, options, request.prompt));
    TRY(read_max_tokens(reader, tree, request));
    TRY(read_sampling(reader, tree, options, request));
    TRY(read_stop(reader, tree, request));
    TRY(read_metadata(reader, tree, request));
    TRY_ASSIGN(const std::optional<bool> stream, reader.boolean(tree, "stream", ""));
    request.stream = stream.value_or(false);
    TRY(read_anthropic_tools(reader, tree, request));
    if (options.strict_reasoning) TRY(check_reasoning(request.prompt));
    return request;
}

}  // namespace baleen::serve
