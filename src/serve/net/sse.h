// Server-sent events as text (HTML standard 9.2): an event is lines "event:" and "data:" and an empty line, a comment a line that
// begins with a colon. Data of several lines becomes several "data:" lines. Pure functions; any thread; one allocation each.
#pragma once

#include <string>
#include <string_view>

namespace baleen::serve::net::sse {

std::string data(std::string_view data);
std::string event(std::string_view name, std::string_view data);  // the name is one line
std::string comment(std::string_view text);                       // one line; clients take it as a sign of life

constexpr std::string_view kDone = "data: [DONE]\n\n";
constexpr std::string_view kKeepAlive = ": keep-alive\n\n";
constexpr std::string_view kContentType = "text/event-stream; charset=utf-8";

}  // namespace baleen::serve::net::sse
