#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "serve/api/chat_request_parts.h"
#include "serve/api/json_output.h"

namespace baleen::serve {

using text::PythonJson;
using text::Tool;
using text::ToolChoice;

namespace {

constexpr std::size_t kToolsMax = 128;

Result<void> check_type(const BodyReader& reader, const PythonJson& object, const std::string& path) {
    const PythonJson* type = object.find("type");
    if (type == nullptr) return reader.missing(path, object, "type");
    if (!type->is_string()) return reader.wrong_type(path + ".type", *type, "variant identifier");
    if (type->text != "function") return reader.unknown_variant(path + ".type", *type, "`function`");
    return Ok();
}

Result<Tool> read_tool(const BodyReader& reader, const PythonJson& item, std::size_t index) {
    const std::string path = fmt::format("tools[{}]", index);
    if (!item.is_object()) return reader.wrong_type(path, item, "a map");
    TRY(check_type(reader, item, path));
    const PythonJson* function = item.find("function");
    if (function == nullptr) return reader.missing(path, item, "function");
    const std::string inside = path + ".function";
    if (!function->is_object()) return reader.wrong_type(inside, *function, "a map");
    Tool tool;
    TRY_ASSIGN(tool.name, reader.required_string(*function, "name", inside));
    if (!is_tool_name(tool.name)) return bad_tool_name(fmt::format("tools.{}.function.name", index));
    TRY(reader.string(*function, "description", inside));
    if (!is_object_schema(BodyReader::get(*function, "parameters")))
        return invalid_argument(
            fmt::format("tools.{}.function.parameters must be a JSON Schema of type object", index));
    TRY_ASSIGN(const std::optional<bool> strict, reader.boolean(*function, "strict", inside));
    tool.strict = strict.value_or(false);
    tool.function = *function;
    return tool;
}

Result<void> read_choice(const BodyReader& reader, const PythonJson& choice, text::ChatPrompt& prompt) {
    if (choice.is_string()) {
        if (choice.text == "none")
            prompt.tool_choice = ToolChoice::none;
        else if (choice.text == "auto")
            prompt.tool_choice = ToolChoice::automatic;
        else if (choice.text == "required")
            prompt.tool_choice = ToolChoice::required;
        else
            return reader.unknown_variant("tool_choice", choice, "one of `none`, `auto`, `required` or a tool");
        return Ok();
    }
    if (!choice.is_object())
        return reader.wrong_type("tool_choice", choice, "one of `none`, `auto`, `required` or a tool");
    TRY(check_type(reader, choice, "tool_choice"));
    const PythonJson* function = choice.find("function");
    if (function == nullptr) return reader.missing("tool_choice", choice, "function");
    if (!function->is_object()) return reader.wrong_type("tool_choice.function", *function, "a map");
    TRY_ASSIGN(prompt.tool_name, reader.required_string(*function, "name", "tool_choice.function"));
    prompt.tool_choice = ToolChoice::named;
    return Ok();
}

}  // namespace

Result<void> read_tools(const BodyReader& reader, const PythonJson& body, ChatRequest& request) {
    text::ChatPrompt& prompt = request.prompt;
    if (const PythonJson* list = BodyReader::get(body, "tools"); list != nullptr) {
        if (!list->is_array()) return reader.wrong_type("tools", *list, "a sequence");
        if (list->items.size() > kToolsMax)
            return invalid_argument(
                fmt::format("Invalid 'tools': array too long. Expected an array with maximum length {}, but got an "
                            "array with length {} instead.",
                            kToolsMax, list->items.size()));
        std::set<std::string> names;
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            TRY_ASSIGN(Tool tool, read_tool(reader, list->items[i], i));
            if (!names.insert(tool.name).second) return invalid_argument("Tool names must be unique");
            prompt.tools.push_back(std::move(tool));
        }
        TRY(check_strict_tools(prompt.tools));
        request.strict_tools = !prompt.tools.empty() && std::all_of(prompt.tools.begin(), prompt.tools.end(),
                                                                    [](const Tool& tool) { return tool.strict; });
    }
    const PythonJson* choice = BodyReader::get(body, "tool_choice");
    if (choice != nullptr) TRY(read_choice(reader, *choice, prompt));
    return settle_tool_choice(prompt);
}

}  // namespace baleen::serve
