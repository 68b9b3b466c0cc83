// For tests only: messages in the form of the weights' own encoder (fields wo_eos, task, tools, response_format on a
// message) read into the canonical structures, and golden files line by line.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat.h"

namespace baleen::text {

inline std::string read_golden(const std::string& name) {
    std::ifstream file(std::string(BALEEN_SOURCE_DIR) + "/tests/golden/encoding/" + name, std::ios::binary);
    EXPECT_TRUE(file.good()) << name;
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<PythonJson> read_golden_lines(const std::string& name) {
    std::vector<PythonJson> rows;
    const std::string text = read_golden(name);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) {
            Result<PythonJson> row = parse_python_json(std::string_view(text).substr(at, end - at));
            EXPECT_TRUE(row.ok()) << row.error().message;
            rows.push_back(std::move(row).value());
        }
        at = end + 1;
    }
    return rows;
}

inline std::string field(const PythonJson& object, std::string_view key) {
    const PythonJson* value = object.find(key);
    return value == nullptr ? "" : value->text;
}

inline std::vector<Tool> hf_tools(const PythonJson& list) {
    std::vector<Tool> tools;
    for (const PythonJson& item : list.items)
        tools.push_back({field(*item.find("function"), "name"), *item.find("function"), false});
    return tools;
}

inline std::vector<ContentPart> hf_content(const PythonJson* content) {
    std::vector<ContentPart> parts;
    if (content == nullptr || content->is_null()) return parts;
    if (content->is_string()) return {{ContentPart::Kind::text, content->text, {}}};
    for (const PythonJson& item : content->items) {
        const std::string type = field(item, "type");
        if (type == "text")
            parts.push_back({ContentPart::Kind::text, field(item, "text"), {}});
        else
            parts.push_back({ContentPart::Kind::unsupported, type, {}});
    }
    return parts;
}

inline Result<Message> hf_message(const PythonJson& source) {
    Message message;
    TRY_ASSIGN(message.role, parse_role(field(source, "role")));
    message.content = hf_content(source.find("content"));
    if (const PythonJson* text = source.find("reasoning_content"); text != nullptr && text->is_string())
        message.reasoning_content = text->text;
    if (const PythonJson* calls = source.find("tool_calls"); calls != nullptr)
        for (const PythonJson& call : calls->items)
            message.tool_calls.push_back(
                {field(call, "id"), field(*call.find("function"), "name"), field(*call.find("function"), "arguments")});
    message.tool_call_id = field(source, "tool_call_id");
    if (const PythonJson* prefix = source.find("wo_eos"); prefix != nullptr) message.prefix = prefix->boolean;
    if (const PythonJson* task = source.find("task"); task != nullptr && !task->is_null()) {
        TRY_ASSIGN(message.task, parse_task(task->text));
    }
    if (const PythonJson* tools = source.find("tools"); tools != nullptr) message.tools = hf_tools(*tools);
    if (const PythonJson* format = source.find("response_format"); format != nullptr) message.response_format = *format;
    return message;
}

inline Result<std::vector<Message>> hf_messages(const PythonJson& list) {
    std::vector<Message> messages;
    for (const PythonJson& item : list.items) {
        TRY_ASSIGN(Message message, hf_message(item));
        messages.push_back(std::move(message));
    }
    return messages;
}

}  // namespace baleen::text
