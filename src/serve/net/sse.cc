#include "serve/net/sse.h"

#include <algorithm>

namespace baleen::serve::net::sse {
namespace {

// Every kind of line end the standard knows would begin a new field.
void append_lines(std::string& out, std::string_view field, std::string_view text) {
    for (;;) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        out.append(field).append(text.substr(0, end)).append("\n");
        if (end == text.size()) return;
        text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
    }
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find_first_of("\r\n")); }

}  // namespace

std::string data(std::string_view data) {
    std::string out;
    out.reserve(data.size() + 8);
    append_lines(out, "data: ", data);
    out += '\n';
    return out;
}

std::string event(std::string_view name, std::string_view data) {
    std::string out;
    out.reserve(name.size() + data.size() + 16);
    out.append("event: ").append(first_line(name)).append("\n");
    append_lines(out, "data: ", data);
    out += '\n';
    return out;
}

std::string comment(std::string_view text) {
    std::string out = ": ";
    out.append(first_line(text)).append("\n\n");
    return out;
}

}  // namespace baleen::serve::net::sse
