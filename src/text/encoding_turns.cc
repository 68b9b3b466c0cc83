#include "text/encoding_turns.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_map>

#include "base/json.h"
#include "text/dsml.h"
#include "text/encoding_texts.h"

namespace baleen::text {

namespace {

// One line of the tools block.
std::string schema_line(const Tool& tool, const EncodingRules& rules) {
    if (!rules.three_schema_keys) return dump_python_json(tool.function);
    PythonJson line = PythonJson::make_object();
    line.add("name", PythonJson::make_string(tool.name));
    const PythonJson* description = tool.function.find("description");
    const bool given = description != nullptr && !description->is_null();
    line.add("description", given ? *description : PythonJson::make_string(""));
    const PythonJson* parameters = tool.function.find("parameters");
    line.add("parameters", parameters != nullptr && !parameters->is_null() ? *parameters : PythonJson::make_object());
    return dump_python_json(line);
}

void add_tools_block(Prompt& out, const std::vector<Tool>& tools, PromptVersion version, const EncodingRules& rules) {
    add_template(out, tools_intro(version));
    for (std::size_t i = 0; i < tools.size(); ++i) {
        if (i > 0) out.add("\n");
        out.add(schema_line(tools[i], rules));
    }
    out.add(kToolsOutro);
}

void add_response_format(Prompt& out, const PythonJson& format, PromptVersion version, const EncodingRules& rules) {
    const PythonJson* type = format.find("type");
    const bool any_object = type != nullptr && type->text == "json_object" && format.members.size() == 1;
    if (any_object && version != PromptVersion::v41 && rules.json_object == EncodingRules::JsonFormat::sentence) {
        out.add(
            "\n\nYou are a helpful assistant designed to output JSON.\n## Response Format:\n\nReply with JSON object "
            "ONLY.");
        return;
    }
    out.add("\n\n");
    out.add(kResponseFormat);
    out.add(dump_python_json(format));
}

// Text of a system or developer message with what is listed after it.
Prompt instructions_of(const Message& message, const ChatPrompt& prompt, const EncodingRules& rules) {
    Prompt out = content_of(message, prompt.version);
    if (!message.tools.empty()) {
        out.add("\n\n");
        add_tools_block(out, message.tools, prompt.version, rules);
    }
    if (message.response_format) add_response_format(out, *message.response_format, prompt.version, rules);
    return out;
}

std::vector<Tool> visible_tools(const ChatPrompt& prompt) {
    if (prompt.tool_choice == ToolChoice::none) return {};
    if (prompt.tool_choice != ToolChoice::named) return prompt.tools;
    std::vector<Tool> only;
    std::copy_if(prompt.tools.begin(), prompt.tools.end(), std::back_inserter(only),
                 [&](const Tool& tool) { return tool.name == prompt.tool_name; });
    return only;
}

// Puts several systems into the first, with an empty line between non-empty texts.
void join_into(Message& first, const Message& next) {
    const auto text_of = [](const Message& m) {
        return std::any_of(m.content.begin(), m.content.end(),
                           [](const ContentPart& part) { return !part.text.empty(); });
    };
    if (!text_of(first))
        first.content = next.content;
    else if (text_of(next))
        first.content.insert(first.content.end(), next.content.begin(), next.content.end());
    first.tools.insert(first.tools.end(), next.tools.begin(), next.tools.end());
    if (next.response_format) first.response_format = next.response_format;
}

// The leading system text as one message where the rules join, then the request's tools and format on the first
// message.
void settle_lead(std::vector<Message>& messages, const ChatPrompt& prompt, const EncodingRules& rules) {
    const auto is_system = [](const Message& message) { return message.role == Role::system; };
    const bool v41 = prompt.version == PromptVersion::v41;
    if (!v41 && rules.later_system == EncodingRules::LaterSystem::hoisted)
        std::stable_partition(messages.begin(), messages.end(), is_system);
    if (!v41 && rules.join_leading_systems && !messages.empty() && is_system(messages[0])) {
        const auto end = std::find_if_not(messages.begin(), messages.end(), is_system);
        for (auto next = messages.begin() + 1; next != end; ++next) join_into(messages[0], *next);
        messages.erase(messages.begin() + 1, end);
    }
    if (v41 && rules.join_leading_systems)  // an empty one does not lead
        while (messages.size() > 1 && is_system(messages[0]) && is_system(messages[1]) && messages[0].tools.empty() &&
               !messages[0].response_format && content_of(messages[0], prompt.version).text.empty())
            messages.erase(messages.begin());

    const std::vector<Tool> tools = visible_tools(prompt);
    if (tools.empty() && !prompt.response_format) return;
    if (messages.empty() || !is_system(messages[0])) messages.insert(messages.begin(), Message::of(Role::system, ""));
    messages[0].tools.insert(messages[0].tools.end(), tools.begin(), tools.end());
    if (prompt.response_format) messages[0].response_format = prompt.response_format;
}

Turn::Part result_part(const Message& message, PromptVersion version) {
    Turn::Part part;
    part.text.add("<tool_result>");
    part.text.add(content_of(message, version));
    part.text.add("</tool_result>");
    part.is_result = true;
    part.call_id = message.tool_call_id;
    return part;
}

// Appends the turns of one list; user turns do not merge over the border between context and messages.
void append_turns(std::span<const Message> messages, const ChatPrompt& prompt, const EncodingRules& rules, bool starts,
                  std::vector<Turn>& turns) {
    const std::size_t border = turns.size();
    bool leading = starts;
    const bool v41 = prompt.version == PromptVersion::v41;
    for (const Message& message : messages) {
        Turn turn;
        turn.task = message.task;
        Turn::Part part;
        bool joins = false;
        const bool was_leading = leading;
        if (message.role != Role::system || v41) leading = false;
        switch (message.role) {
            case Role::system:
                turn.kind = Turn::Kind::system;
                turn.leading = was_leading;
                part.text = instructions_of(message, prompt, rules);
                if (!v41 && !was_leading && rules.later_system == EncodingRules::LaterSystem::user_text)
                    turn.kind = Turn::Kind::user, joins = true;
                break;
            case Role::developer:
                turn.kind = rules.developer_is_user ? Turn::Kind::user : Turn::Kind::developer;
                part.text = instructions_of(message, prompt, rules);
                joins = rules.developer_is_user;
                break;
            case Role::user:
                part.text = content_of(message, prompt.version), joins = true;
                break;
            case Role::tool:
                part = result_part(message, prompt.version), joins = true;
                break;
            case Role::latest_reminder:
                turn.kind = Turn::Kind::reminder;
                part.text = content_of(message, prompt.version);
                break;
            case Role::assistant:
                turn.kind = Turn::Kind::assistant;
                turn.assistant = &message;
                break;
        }
        const bool nothing = rules.leave_out_empty && part.text.text.empty();
        if (nothing && message.role == Role::system && !was_leading) continue;
        const bool open =
            turns.size() > border && turns.back().kind == Turn::Kind::user && turns.back().task == Task::none;
        if (joins && open) {
            std::vector<Turn::Part>& parts = turns.back().parts;
            turns.back().task = message.task;
            const bool filters = rules.leave_out_empty && !v41 && !parts.back().is_result;
            if (nothing && filters) continue;
            if (filters && parts.back().text.text.empty())
                parts.back() = std::move(part);
            else
                parts.push_back(std::move(part));
            continue;
        }
        turn.parts.push_back(std::move(part));
        turns.push_back(std::move(turn));
    }
}

// Results take the order of the calls they answer; the slots that hold results are permuted, other parts stay.
void sort_results(std::vector<Turn>& turns) {
    std::unordered_map<std::string, std::size_t> order;
    for (Turn& turn : turns) {
        if (turn.kind == Turn::Kind::assistant && !turn.assistant->tool_calls.empty()) {
            order.clear();
            for (std::size_t i = 0; i < turn.assistant->tool_calls.size(); ++i)
                if (!turn.assistant->tool_calls[i].id.empty()) order[turn.assistant->tool_calls[i].id] = i;
        }
        if (turn.kind != Turn::Kind::user || order.empty()) continue;
        std::vector<Turn::Part> results;
        for (Turn::Part& part : turn.parts)
            if (part.is_result) results.push_back(part);
        if (results.size() < 2) continue;
        const auto rank = [&](const Turn::Part& part) {
            const auto found = order.find(part.call_id);
            return found == order.end() ? 0 : found->second;
        };
        std::stable_sort(results.begin(), results.end(),
                         [&](const Turn::Part& a, const Turn::Part& b) { return rank(a) < rank(b); });
        std::size_t next = 0;
        for (Turn::Part& part : turn.parts)
            if (part.is_result) part = std::move(results[next++]);
    }
}

}  // namespace

Prompt content_of(const Message& message, PromptVersion version) {
    Prompt out;
    for (std::size_t i = 0; i < message.content.size(); ++i) {
        const ContentPart& part = message.content[i];
        if (i > 0) out.add("\n\n");
        if (part.kind == ContentPart::Kind::text)
            out.add(part.text);
        else if (part.kind == ContentPart::Kind::image && version == PromptVersion::v41)
            out.control(kImageToken);
        else
            out.add(fmt::format("[Unsupported {}]", part.kind == ContentPart::Kind::image ? "image_url" : part.text));
    }
    return out;
}

bool has_tools(const ChatPrompt& prompt) {
    const auto carries = [](const Message& message) { return !message.tools.empty(); };
    return prompt.tools_visible() || std::any_of(prompt.messages.begin(), prompt.messages.end(), carries) ||
           std::any_of(prompt.context.begin(), prompt.context.end(), carries);
}

Result<std::vector<Turn>> make_turns(const ChatPrompt& prompt, const EncodingRules& rules,
                                     std::vector<Message>& storage, std::size_t& first) {
    if (prompt.tool_choice == ToolChoice::named && visible_tools(prompt).empty())
        return invalid_argument(
            fmt::format("tool_choice: no tool named '{}' was specified", printable(prompt.tool_name)));
    std::vector<Message> context = prompt.context;
    std::vector<Message> messages = prompt.messages;
    settle_lead(context.empty() ? messages : context, prompt, rules);
    const std::size_t border = context.size();
    storage = std::move(context);
    std::move(messages.begin(), messages.end(), std::back_inserter(storage));

    std::vector<Turn> turns;
    const std::span<const Message> all = storage;
    append_turns(all.first(border), prompt, rules, true, turns);
    first = turns.size();
    append_turns(all.subspan(border), prompt, rules, border == 0, turns);
    sort_results(turns);
    return turns;
}

}  // namespace baleen::text
