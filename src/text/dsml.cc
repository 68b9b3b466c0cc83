#include "text/dsml.h"

#include <algorithm>

namespace baleen::text {

namespace {

void add_tag(Prompt& prompt, std::string_view open, std::string_view name) {
    prompt.add(open);
    prompt.control(kDsml);
    prompt.add(name);
}

void add_call(Prompt& prompt, const ToolCall& call, const DsmlTags& tags, bool blank_line) {
    add_tag(prompt, "<", tags.invoke);
    prompt.add(" name=\"");
    prompt.add(call.name);
    prompt.add("\">\n");
    const std::vector<DsmlParameter> parameters = dsml_parameters(call.arguments);
    for (const DsmlParameter& parameter : parameters) {
        add_tag(prompt, "<", tags.parameter);
        prompt.add(" name=\"");
        prompt.add(parameter.name);
        prompt.add(parameter.is_string ? "\" string=\"true\">" : "\" string=\"false\">");
        prompt.add(parameter.value);
        add_tag(prompt, "</", tags.parameter);
        prompt.add(">\n");
    }
    if (parameters.empty() && blank_line) prompt.add("\n");
    add_tag(prompt, "</", tags.invoke);
    prompt.add(">\n");
}

}  // namespace

DsmlTags dsml_tags(PromptVersion version) {
    if (version == PromptVersion::v41) return {" calls", " invoke", " parameter"};
    return {"tool_calls", "invoke", "parameter"};
}

std::vector<DsmlParameter> dsml_parameters(std::string_view arguments) {
    std::vector<DsmlParameter> result;
    if (arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) return result;
    PythonJsonLimits limits;
    limits.constants = true;
    const Result<PythonJson> tree = parse_python_json(arguments, limits);
    if (tree.ok() && tree->is_null()) return result;
    if (!tree.ok() || !tree->is_object()) {
        result.push_back({"arguments", std::string(arguments), true});
        return result;
    }
    for (const auto& [name, value] : tree->members)
        result.push_back({name, value.is_string() ? value.text : dump_python_json(value), value.is_string()});
    return result;
}

void add_template(Prompt& prompt, std::string_view text) {
    static constexpr std::string_view kMarks[] = {kDsml, kThinkStart, kThinkEnd};
    while (!text.empty()) {
        std::size_t first = std::string_view::npos;
        std::string_view mark;
        for (const std::string_view candidate : kMarks) {
            const std::size_t at = text.find(candidate);
            if (at < first) first = at, mark = candidate;
        }
        prompt.add(text.substr(0, first));
        if (first == std::string_view::npos) return;
        prompt.control(mark);
        text.remove_prefix(first + mark.size());
    }
}

void add_forced_start(Prompt& prompt, PromptVersion version) {
    prompt.add("\n\n");
    add_tag(prompt, "<", dsml_tags(version).block);
    prompt.add(">\n");
}

void add_tool_calls(Prompt& prompt, const std::vector<ToolCall>& calls, PromptVersion version, bool blank_line) {
    const DsmlTags tags = dsml_tags(version);
    add_forced_start(prompt, version);
    for (const ToolCall& call : calls) add_call(prompt, call, tags, blank_line);
    add_tag(prompt, "</", tags.block);
    prompt.add(">");
}

}  // namespace baleen::text
