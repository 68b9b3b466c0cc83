#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "serve/api/anthropic_request_parts.h"

namespace baleen::serve {

using text::PythonJson;
using text::Tool;
using text::ToolChoice;

namespace {

// name, description and input_schema as the prompt lists them; the family promises no strictness.
Result<Tool> read_tool(const BodyReader& reader, const PythonJson& item, std::size_t index) {
    const std::string path = fmt::format("tools[{}]", index);
    Tool tool;
    TRY_ASSIGN(tool.name, reader.required_string(item, "name", path));
    if (!is_tool_name(tool.name)) return bad_tool_name(fmt::format("tools.{}.name", index));
    TRY_ASSIGN(const std::optional<std::string> description, reader.string(item, "description", path));
    const PythonJson* schema = BodyReader::get(item, "input_schema");
    if (schema == nullptr || !is_object_schema(schema))
        return invalid_argument(fmt::format("tools.{}.input_schema must be a JSON Schema of type object", index));
    tool.function = PythonJson::make_object();
    tool.function.add("name", PythonJson::make_string(tool.name));
    if (description) tool.function.add("description", PythonJson::make_string(*description));
    tool.function.add("parameters", *schema);
    return tool;
}

// The service runs a tool of this kind; here it is accepted and left out, so that the model never sees it.
bool is_web_search(std::string_view type) {
    return type.substr(0, 10) == "web_search";
}

Result<void> read_choice(const BodyReader& reader, const PythonJson& choice, const std::set<std::string>& left_out,
                         text::ChatPrompt& prompt) {
    if (!choice.is_object()) return reader.wrong_type("tool_choice", choice, "a map with the field `type`");
    TRY_ASSIGN(const std::string type, reader.required_string(choice, "type", "tool_choice"));
    if (type == "none") {
        prompt.tool_choice = ToolChoice::none;
    } else if (type == "tool") {
        TRY_ASSIGN(prompt.tool_name, reader.required_string(choice, "name", "tool_choice"));
        const bool listed = std::any_of(prompt.tools.begin(), prompt.tools.end(),
                                        [&](const Tool& tool) { return tool.name == prompt.tool_name; });
        // A choice goes with the tool it names.
        if (listed || left_out.count(prompt.tool_name) == 0) prompt.tool_choice = ToolChoice::named;
    } else if (type != "auto" && type != "any") {  // any counts as auto (13.1)
        return reader.unknown_variant("tool_choice.type", *choice.find("type"), "one of `auto`, `any`, `tool`, `none`");
    }
    return Ok();
}

}  // namespace

Result<void> read_anthropic_tools(const BodyReader& reader, const PythonJson& body, Request& request) {
    text::ChatPrompt& prompt = request.prompt;
    std::set<std::string> left_out;
    if (const PythonJson* list = BodyReader::get(body, "tools"); list != nullptr) {
        if (!list->is_array()) return reader.wrong_type("tools", *list, "a sequence");
        std::set<std::string> names;
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            const PythonJson& item = list->items[i];
            const std::string path = fmt::format("tools[{}]", i);
            if (!item.is_object()) return reader.wrong_type(path, item, "a map");
            TRY_ASSIGN(const std::optional<std::string> type, reader.string(item, "type", path));
            if (type && is_web_search(*type)) {
                TRY_ASSIGN(const std::optional<std::string> name, reader.string(item, "name", path));
                left_out.insert(name.value_or("web_search"));
                continue;
            }
            if (type && *type != "custom")
                return invalid_argument(fmt::format("tools[{}]: server tools are not supported", i));
            TRY_ASSIGN(Tool tool, read_tool(reader, item, i));
            if (!names.insert(tool.name).second) return invalid_argument("Tool names must be unique");
            prompt.tools.push_back(std::move(tool));
        }
    }
    if (const PythonJson* choice = BodyReader::get(body, "tool_choice"); choice != nullptr)
        TRY(read_choice(reader, *choice, left_out, prompt));
    return settle_tool_choice(prompt);
}

}  // namespace baleen::serve
