// A rendered prompt: its text, and the byte ranges in which the template (never the user) placed the spelling of a control
// token. Only those ranges become control tokens; the same spelling elsewhere stays text, so nothing a user writes can
// forge one (spec encoding 1.4). Between two control tokens the text is one stretch whoever wrote its parts, so template
// text and user text merge into common tokens as they would in one string. A plain value; the spans are in order, do not
// overlap and are never empty.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::text {

struct ControlSpan {
    std::size_t begin;  // bytes into Prompt::text
    std::size_t end;    // one past the last byte

    bool operator==(const ControlSpan&) const = default;
};

struct Prompt {
    std::string text;
    std::vector<ControlSpan> controls;

    void add(std::string_view plain) { text += plain; }
    void control(std::string_view token) {
        if (token.empty()) return;
        controls.push_back({text.size(), text.size() + token.size()});
        text += token;
    }
    void add(const Prompt& other) {
        const std::size_t offset = text.size();
        for (const ControlSpan& span : other.controls) controls.push_back({span.begin + offset, span.end + offset});
        text += other.text;
    }
};

}  // namespace baleen::text
