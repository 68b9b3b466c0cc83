// tools and tool_choice of a Responses request. Members of a namespace become functions of the prompt with the space's
// name in front; which tool a name stands for is kept, because answers and later requests speak of space and member.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "serve/api/json_object.h"
#include "serve/api/json_output.h"
#include "serve/api/responses_request_parts.h"

namespace baleen::serve {

using text::PromptVersion;
using text::PythonJson;
using text::Tool;
using text::ToolChoice;

namespace {

// V4 joins with underscores, as far as there are none; V4.1 was trained on "::".
std::string joined_name(const std::string& space, const std::string& member, PromptVersion version) {
    if (version == PromptVersion::v41) return space + "::" + member;
    const bool has = (!space.empty() && space.back() == '_') || (!member.empty() && member.front() == '_');
    return space + (has ? "" : "__") + member;
}

bool is_web_search(std::string_view type) {
    return type == "web_search" || type == "web_search_2025_08_26";
}

class ToolsReader {
  public:
    ToolsReader(const BodyReader& reader, ResponsesRequest& request)
        : reader_(reader), request_(request), names_(request.prompt.version) {}

    Result<void> read(const PythonJson& list) {
        if (!list.is_array()) return reader_.wrong_type("tools", list, "a sequence");
        for (const PythonJson& item : list.items) {
            const PythonJson* type = item.find("type");
            const PythonJson* name = item.find("name");
            if (type != nullptr && name != nullptr && type->text == "function") names_.take(name->text);
        }
        std::string echo;
        for (std::size_t i = 0; i < list.items.size(); ++i) {
            TRY_ASSIGN(const std::string entry, read_tool(list.items[i], fmt::format("tools[{}]", i)));
            if (entry.empty()) continue;
            echo += (echo.empty() ? "" : ",") + entry;
        }
        request_.echo.tools = "[" + echo + "]";
        std::set<std::string> names;
        for (const Tool& tool : request_.prompt.tools)
            if (!names.insert(tool.name).second) return invalid_argument("Tool names must be unique");
        TRY(check_strict_tools(request_.prompt.tools));
        const auto strict = [](const Tool& tool) { return tool.strict; };
        request_.strict_tools =
            !names.empty() && std::all_of(request_.prompt.tools.begin(), request_.prompt.tools.end(), strict);
        return Ok();
    }

  private:
    // The tool's echo; empty for a type that is not known and left out.
    Result<std::string> read_tool(const PythonJson& item, const std::string& path) {
        if (!item.is_object()) return reader_.wrong_type(path, item, "a map with the field `type`");
        TRY_ASSIGN(const std::string type, reader_.required_string(item, "type", path));
        if (type == "function") {
            TRY_ASSIGN(Tool tool, read_function(item, path));
            std::string echo = function_echo(item);
            request_.prompt.tools.push_back(std::move(tool));
            return echo;
        }
        if (type == "namespace") return read_namespace(item, path);
        if (type == "custom") {
            TRY_ASSIGN(const std::string name, reader_.required_string(item, "name", path));
            if (name != kApplyPatch)
                return invalid_argument(fmt::format("Unsupported custom tool: '{}'. Only '{}' is supported.",
                                                    printable(name, 140), kApplyPatch));
            Tool tool;
            tool.name = name;
            tool.function = apply_patch_function(request_.prompt.version);
            request_.prompt.tools.push_back(std::move(tool));
            request_.tools.custom.insert(name);
            return JsonObject().text("type", "custom").text("name", name).done();
        }
        if (!is_web_search(type)) return std::string();
        return echo_of(item, type, {"search_context_size", "user_location"});  // the service's own; not in the prompt
    }

    Result<Tool> read_function(const PythonJson& item, const std::string& path) const {
        Tool tool;
        TRY_ASSIGN(tool.name, reader_.required_string(item, "name", path));
        if (!is_tool_name(tool.name)) return bad_tool_name(path + ".name");
        TRY_ASSIGN(const std::optional<std::string> description, reader_.string(item, "description", path));
        const PythonJson* parameters = BodyReader::get(item, "parameters");
        if (!is_object_schema(parameters))
            return invalid_argument(
                fmt::format("Tool '{}' parameters must be a JSON Schema of type object", tool.name));
        TRY_ASSIGN(const std::optional<bool> strict, reader_.boolean(item, "strict", path));
        tool.strict = strict.value_or(false);
        tool.function = PythonJson::make_object();
        tool.function.add("name", PythonJson::make_string(tool.name));
        if (description) tool.function.add("description", PythonJson::make_string(*description));
        if (parameters != nullptr) tool.function.add("parameters", *parameters);
        return tool;
    }

    // The fields a response repeats, null where the client gave none.
    static std::string echo_of(const PythonJson& item, std::string_view type,
                               std::initializer_list<const char*> names) {
        JsonObject out;
        out.text("type", type);
        for (const char* name : names) {
            const PythonJson* value = item.find(name);
            out.raw(name, value == nullptr ? "null" : compact_json(*value));
        }
        return out.done();
    }
    static std::string function_echo(const PythonJson& item) {
        return echo_of(item, "function", {"name", "description", "parameters", "strict"});
    }

    Result<std::string> read_namespace(const PythonJson& item, const std::string& path) {
        TRY_ASSIGN(const std::string space, reader_.required_string(item, "name", path));
        if (!is_tool_name(space)) return bad_tool_name(path + ".name");
        TRY_ASSIGN(const std::optional<std::string> about, reader_.string(item, "description", path));
        const PythonJson* list = item.find("tools");
        if (list == nullptr) return reader_.missing(path, item, "tools");
        if (!list->is_array()) return reader_.wrong_type(path + ".tools", *list, "a sequence");
        std::set<std::string> members;
        std::string echo;
        for (std::size_t i = 0; i < list->items.size(); ++i) {
            const std::string inside = fmt::format("{}.tools[{}]", path, i);
            const PythonJson& inner = list->items[i];
            if (!inner.is_object()) return reader_.wrong_type(inside, inner, "a map with the field `type`");
            TRY_ASSIGN(const std::string type, reader_.required_string(inner, "type", inside));
            if (type == "custom")
                return invalid_argument(fmt::format("{}: custom tools are not supported inside a namespace", inside));
            if (type != "function")
                return reader_.unknown_variant(inside, *inner.find("type"), "`function` or `custom`");
            TRY_ASSIGN(Tool tool, read_function(inner, inside));
            if (!members.insert(tool.name).second)
                return invalid_argument(fmt::format("{}: tool names within a namespace must be unique", inside));
            echo += (echo.empty() ? "" : ",") + function_echo(inner);
            request_.prompt.tools.push_back(as_member(space, about.value_or(""), std::move(tool)));
        }
        JsonObject out;
        out.text("type", "namespace").text("name", space);
        about ? out.text("description", *about) : out.null("description");
        return out.raw("tools", "[" + echo + "]").done();
    }

    // The function under its name in the prompt. V4.1 sees the space's description as well.
    Tool as_member(const std::string& space, const std::string& about, Tool tool) {
        const PromptVersion version = request_.prompt.version;
        const std::string member = tool.name;
        tool.name = names_.add_member(space, member);
        request_.tools.members[tool.name] = {space, member};
        PythonJson function = PythonJson::make_object();
        function.add("name", PythonJson::make_string(tool.name));
        const PythonJson* description = tool.function.find("description");
        const std::string own = description == nullptr ? "" : description->text;
        if (version == PromptVersion::v41 && !about.empty())
            function.add("description", PythonJson::make_string(about + "\n" + own));
        else if (description != nullptr)
            function.add("description", PythonJson::make_string(own));
        if (const PythonJson* parameters = tool.function.find("parameters"); parameters != nullptr)
            function.add("parameters", *parameters);
        tool.function = std::move(function);
        return tool;
    }

    const BodyReader& reader_;
    ResponsesRequest& request_;
    ToolNames names_;
};

}  // namespace

Result<void> read_responses_tools(const BodyReader& reader, const PythonJson& body, ResponsesRequest& request) {
    const PythonJson* list = BodyReader::get(body, "tools");
    return list == nullptr ? Result<void>() : ToolsReader(reader, request).read(*list);
}

Result<void> read_responses_choice(const BodyReader& reader, const PythonJson& body, ResponsesRequest& request) {
    text::ChatPrompt& prompt = request.prompt;
    const PythonJson* choice = BodyReader::get(body, "tool_choice");
    static constexpr const char* kExpected = "one of `none`, `auto`, `required` or a tool choice object";
    if (choice != nullptr && choice->is_string()) {
        if (choice->text == "none")
            prompt.tool_choice = ToolChoice::none;
        else if (choice->text == "required")
            prompt.tool_choice = ToolChoice::required;
        else if (choice->text != "auto")
            return reader.unknown_variant("tool_choice", *choice, kExpected);
        request.echo.tool_choice = compact_json(*choice);
    } else if (choice != nullptr) {
        if (!choice->is_object()) return reader.wrong_type("tool_choice", *choice, kExpected);
        TRY_ASSIGN(const std::string type, reader.required_string(*choice, "type", "tool_choice"));
        JsonObject echo;
        echo.text("type", type);
        if (type == "function" || type == "custom") {
            TRY_ASSIGN(prompt.tool_name, reader.required_string(*choice, "name", "tool_choice"));
            prompt.tool_choice = ToolChoice::named;
            echo.text("name", prompt.tool_name);
        } else if (!is_web_search(type)) {  // a choice goes with the tool it names
            return reader.unknown_variant("tool_choice.type", *choice->find("type"),
                                          "one of `function`, `web_search`, `web_search_2025_08_26`, `custom`");
        }
        request.echo.tool_choice = echo.done();
    }
    return settle_tool_choice(prompt);
}

std::string ToolNames::add_member(const std::string& space, const std::string& member) {
    const std::string base = joined_name(space, member, version_);
    std::string name = base;
    for (int& number = next_[base]; !taken_.insert(name).second;) name = fmt::format("{}_{}", base, ++number);
    return name;
}

CallNames::CallNames(const ResponsesRequest& request) : names_(request.prompt.version) {
    for (const Tool& tool : request.prompt.tools) names_.take(tool.name);
    for (const auto& [name, member] : request.tools.members) given_[member.space + '\0' + member.name] = name;
}

std::string CallNames::name(const std::string& space, const std::string& member) {
    std::string& name = given_[space + '\0' + member];
    if (name.empty()) name = names_.add_member(space, member);
    return name;
}

}  // namespace baleen::serve
