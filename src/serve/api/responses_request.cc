#include "serve/api/responses_request.h"

#include <fmt/format.h>

#include "serve/api/json_object.h"
#include "serve/api/json_output.h"
#include "serve/api/responses_request_parts.h"

namespace baleen::serve {

using text::Message;
using text::PythonJson;
using text::Role;

namespace {

// A string of a fixed few, echoed as it came.
Result<std::string> read_choice_of(const BodyReader& reader, const PythonJson& object, const char* name,
                                   std::string_view path, std::initializer_list<std::string_view> known,
                                   const char* expected) {
    TRY_ASSIGN(const std::optional<std::string> value, reader.string(object, name, path));
    if (!value) return std::string("null");
    for (const std::string_view candidate : known) {
        if (*value != candidate) continue;
        std::string json;
        text::append_json_string(*value, json);
        return json;
    }
    return reader.unknown_variant(fmt::format("{}.{}", path, name), *object.find(name), expected);
}

// reasoning.effort by 7.2; a summary is never made.
Result<void> read_reasoning(const BodyReader& reader, const PythonJson& body, const RequestOptions& options,
                            ResponsesRequest& request) {
    NamedEffort effort;
    effort.thinking = options.default_thinking;
    if (const PythonJson* object = BodyReader::get(body, "reasoning"); object != nullptr) {
        if (!object->is_object()) return reader.wrong_type("reasoning", *object, "a map");
        TRY_ASSIGN(const std::optional<NamedEffort> asked, read_effort(reader, *object, "effort", "reasoning"));
        effort = asked.value_or(effort);
        TRY_ASSIGN(const std::string summary,
                   read_choice_of(reader, *object, "summary", "reasoning", {"auto", "concise", "detailed"},
                                  "one of `auto`, `concise`, `detailed`"));
        const PythonJson* name = BodyReader::get(*object, "effort");
        request.echo.reasoning =
            JsonObject().raw("effort", name == nullptr ? "null" : compact_json(*name)).raw("summary", summary).done();
    }
    set_thinking(effort.thinking, effort.effort, request.prompt);
    return Ok();
}

Result<void> read_sampling(const BodyReader& reader, const PythonJson& body, const RequestOptions& options,
                           ResponsesRequest& request) {
    TRY(read_temperature_and_top_p(reader, body, request));
    request.echo.temperature = request.sampling.temperature;
    request.echo.top_p = request.sampling.top_p;
    apply_sampling_rules(options, request);

    TRY_ASSIGN(const std::optional<std::uint64_t> tokens,
               reader.whole(body, "max_output_tokens", "", "u32", 0xffffffff));
    if (tokens) {
        if (*tokens < 1 || *tokens > static_cast<std::uint64_t>(kMaxTokensMax))
            return invalid_argument(fmt::format(
                "Invalid max_output_tokens value, the valid range of max_output_tokens is [1, {}]", kMaxTokensMax));
        request.max_tokens = request.echo.max_output_tokens = static_cast<int>(*tokens);
    }
    TRY_ASSIGN(const std::optional<std::uint64_t> top, reader.whole(body, "top_logprobs", "", "u8", 255));
    if (top.value_or(0) > 20)
        return invalid_argument("Invalid top_logprobs value, the valid range of top_logprobs is [0, 20].");
    request.logprobs = top.has_value();
    request.top_logprobs = request.echo.top_logprobs = static_cast<int>(top.value_or(0));
    return Ok();
}

Result<void> read_json_schema(const BodyReader& reader, const PythonJson& format, ResponsesRequest& request,
                              std::string& echo) {
    TRY_ASSIGN(const std::string name, reader.required_string(format, "name", "text.format"));
    const PythonJson* schema = format.find("schema");
    if (schema == nullptr) return reader.missing("text.format", format, "schema");
    if (!schema->is_object()) return reader.wrong_type("text.format.schema", *schema, "a map");
    TRY_ASSIGN(const std::optional<std::string> description, reader.string(format, "description", "text.format"));
    TRY_ASSIGN(const std::optional<bool> strict, reader.boolean(format, "strict", "text.format"));
    TRY(check_response_schema(*schema));
    request.json_schema = *schema;
    request.prompt.response_format = *schema;
    JsonObject out;
    out.text("type", "json_schema").text("name", name).raw("schema", compact_json(*schema));
    description ? out.text("description", *description) : out.null("description");
    out.raw("strict", !strict ? "null" : *strict ? "true" : "false");
    echo = out.done();
    return Ok();
}

Result<void> read_text(const BodyReader& reader, const PythonJson& body, ResponsesRequest& request) {
    const PythonJson* config = BodyReader::get(body, "text");
    if (config == nullptr) return Ok();
    if (!config->is_object()) return reader.wrong_type("text", *config, "a map");
    TRY_ASSIGN(const std::string verbosity,
               read_choice_of(reader, *config, "verbosity", "text", {"low", "medium", "high"},
                              "one of `low`, `medium`, `high`"));
    std::string echo = R"({"type":"text"})";
    if (const PythonJson* format = BodyReader::get(*config, "format"); format != nullptr) {
        if (!format->is_object()) return reader.wrong_type("text.format", *format, "a map with the field `type`");
        TRY_ASSIGN(const std::string type, reader.required_string(*format, "type", "text.format"));
        if (type == "json_schema") {
            TRY(read_json_schema(reader, *format, request, echo));
        } else if (type == "json_object") {
            if (!says_json(request.prompt.messages))
                return invalid_argument(
                    "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                    "'json_object'.");
            request.prompt.response_format = PythonJson::make_object();
            request.prompt.response_format->add("type", PythonJson::make_string("json_object"));
            echo = R"({"type":"json_object"})";
        } else if (type != "text") {
            return reader.unknown_variant("text.format.type", *format->find("type"),
                                          "one of `text`, `json_schema`, `json_object`");
        }
        request.json_mode = type != "text";
    }
    request.echo.text = JsonObject().raw("format", echo).raw("verbosity", verbosity).done();
    return Ok();
}

// Thinking with tools: every earlier answer must come with its reasoning (7.4).
Result<void> check_reasoning(const text::ChatPrompt& prompt) {
    if (prompt.mode != text::ThinkingMode::thinking || !prompt.tools_visible()) return Ok();
    for (const Message& message : prompt.messages)
        if (message.role == Role::assistant && !message.reasoning_content)
            return invalid_argument("The `reasoning_content` in the thinking mode must be passed back to the API.");
    return Ok();
}

}  // namespace

Result<ResponsesRequest> parse_responses_request(std::string_view body, const RequestOptions& options) {
    const BodyReader reader(body);
    TRY_ASSIGN(const PythonJson tree, read_body(reader, body, options));

    ResponsesRequest request;
    request.prompt.version = options.version;
    TRY(read_model(reader, tree, options, request));
    TRY_ASSIGN(request.echo.instructions, reader.string(tree, "instructions", ""));
    TRY(read_responses_tools(reader, tree, request));
    TRY_ASSIGN(request.prompt.messages, read_responses_input(reader, tree, options, request));
    TRY(read_reasoning(reader, tree, options, request));
    TRY(read_sampling(reader, tree, options, request));
    TRY(read_text(reader, tree, request));
    TRY(read_user(reader, tree, "user", "", request));
    if (BodyReader::get(tree, "user") != nullptr) request.echo.user = request.user_id;
    TRY_ASSIGN(const std::optional<bool> stream, reader.boolean(tree, "stream", ""));
    request.stream = stream.value_or(false);
    TRY(read_responses_choice(reader, tree, request));
    if (options.strict_reasoning) TRY(check_reasoning(request.prompt));
    return request;
}

}  // namespace baleen::serve
