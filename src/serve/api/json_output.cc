#include "serve/api/json_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

// The value of a text, or what is wrong with it.
Result<PythonJson> read_value(std::string_view text, std::string_view what) {
    if (std::all_of(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }))
        return invalid_argument(fmt::format("{}: it holds no JSON at all", what));
    Result<PythonJson> value = text::parse_python_json(text);
    if (!value.ok()) return invalid_argument(fmt::format("{}: {}", what, value.error().message));
    return value;
}

const PythonJson& parameters_of(const text::Tool& tool) {
    static const PythonJson kNone = [] {
        PythonJson none = PythonJson::make_object();
        none.add("type", PythonJson::make_string("object"));
        return none;
    }();
    const PythonJson* parameters = tool.function.find("parameters");
    return parameters == nullptr || parameters->is_null() ? kNone : *parameters;
}

}  // namespace

Result<OutputCheck> OutputCheck::of(const Request& request) {
    OutputCheck check;
    check.json_ = request.json_mode;
    if (request.json_mode && request.json_schema) {
        TRY_ASSIGN(check.schema_, JsonSchema::compile(*request.json_schema));
    }
    const std::vector<text::Message>& messages = request.prompt.messages;
    if (request.json_mode && !messages.empty() && messages.back().prefix)
        for (const text::ContentPart& part : messages.back().content) check.prefix_ += part.text;
    if (!request.strict_tools) return check;
    for (const text::Tool& tool : request.prompt.tools) {
        TRY_ASSIGN(JsonSchema schema, JsonSchema::compile(parameters_of(tool), {.closed_objects = true}));
        check.tools_.emplace(tool.name, std::move(schema));
    }
    return check;
}

Result<void> OutputCheck::content(std::string_view text) const {
    if (!json_) return Ok();
    constexpr std::string_view kWhat = "The model's answer is not the JSON that response_format asks for";
    const std::string whole = prefix_.empty() ? std::string() : prefix_ + std::string(text);
    TRY_ASSIGN(const PythonJson value, read_value(prefix_.empty() ? text : whole, kWhat));
    if (!schema_ && !value.is_object()) return invalid_argument(fmt::format("{}: it is not an object", kWhat));
    if (!schema_) return Ok();
    Result<void> fits = schema_->check(value);
    if (!fits.ok()) return with_context(std::string(kWhat), fits.error());
    return Ok();
}

Result<void> OutputCheck::arguments(std::string_view tool, std::string_view text) const {
    if (tools_.empty()) return Ok();
    const std::string what = fmt::format("The model's call of the strict tool '{}' does not fit", printable(tool, 140));
    const auto schema = tools_.find(tool);
    if (schema == tools_.end()) return invalid_argument(what + ": there is no such tool");
    TRY_ASSIGN(const PythonJson value, read_value(text, what));
    Result<void> fits = schema->second.check(value);
    if (!fits.ok()) return with_context(what, fits.error());
    return Ok();
}

ApiError broken_promise(const Error& error) {
    return {500, "internal_error", "invalid_model_output", error.message + ". Please retry."};
}

Result<void> check_response_schema(const PythonJson& schema) {
    const Result<JsonSchema> compiled = JsonSchema::compile(schema);
    if (!compiled.ok()) return with_context("Invalid schema for response_format", compiled.error());
    return Ok();
}

Result<void> check_strict_tools(const std::vector<text::Tool>& tools) {
    const auto strict = [](const text::Tool& tool) { return tool.strict; };
    if (std::none_of(tools.begin(), tools.end(), strict)) return Ok();
    if (!std::all_of(tools.begin(), tools.end(), strict))
        return invalid_argument("Cannot use strict tool with non-strict tool in the same request");
    for (const text::Tool& tool : tools) {
        TRY(check_strict_parameters(parameters_of(tool)));
        const Result<JsonSchema> compiled = JsonSchema::compile(parameters_of(tool), {.closed_objects = true});
        if (!compiled.ok()) return with_context("Invalid tool parameters schema ", compiled.error());
    }
    return Ok();
}

}  // namespace baleen::serve
