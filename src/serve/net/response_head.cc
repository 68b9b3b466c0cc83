#include "serve/net/response_head.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/check.h"

namespace baleen::serve::net {
namespace {

constexpr std::string_view kOwned[] = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"};

bool is_owned(std::string_view name) {
    for (const std::string_view owned : kOwned)
        if (same_word(name, owned)) return true;
    return false;
}

bool is_name(std::string_view name) {
    for (const char c : name)
        if (c <= ' ' || c >= 127 || c == ':') return false;
    return !name.empty();
}

void append(std::string& out, const Headers& headers) {
    for (const Header& header : headers) {
        if (is_owned(header.name) || !is_name(header.name)) continue;
        out.append(header.name).append(": ");
        for (const char c : header.value) out += (static_cast<unsigned char>(c) < 32 && c != '\t') || c == 127 ? ' ' : c;
        out += "\r\n";
    }
}

}  // namespace

std::string response_head(const ResponseHead& head, const Headers& headers, const Headers& more) {
    CHECK(head.status >= 100 && head.status <= 999, "status {}", head.status);
    std::string out;
    out.reserve(256);
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", head.status, reason_phrase(head.status));
    append(out, headers);
    append(out, more);
    if (!head.server.empty()) fmt::format_to(std::back_inserter(out), "Server: {}\r\n", head.server);
    fmt::format_to(std::back_inserter(out), "Date: {}\r\n", http_date(head.now));
    if (head.framing == Framing::length) fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", head.length);
    if (head.framing == Framing::chunked) out += "Transfer-Encoding: chunked\r\n";
    if (!head.keep_alive) out += "Connection: close\r\n";
    if (head.keep_alive && head.version < 11) out += "Connection: keep-alive\r\n";
    out += "\r\n";
    return out;
}

std::string_view reason_phrase(int status) {
    switch (status) {
        case 100: return "Continue";
        case 200: return "OK";
        case 201: return "Created";
        case 202: return "Accepted";
        case 204: return "No Content";
        case 301: return "Moved Permanently";
        case 302: return "Found";
        case 304: return "Not Modified";
        case 307: return "Temporary Redirect";
        case 308: return "Permanent Redirect";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 402: return "Payment Required";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 406: return "Not Acceptable";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 410: return "Gone";
        case 411: return "Length Required";
        case 413: return "Content Too Large";
        case 414: return "URI Too Long";
        case 415: return "Unsupported Media Type";
        case 417: return "Expectation Failed";
        case 422: return "Unprocessable Content";
        case 426: return "Upgrade Required";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 501: return "Not Implemented";
        case 502: return "Bad Gateway";
        case 503: return "Service Unavailable";
        case 504: return "Gateway Timeout";
        case 505: return "HTTP Version Not Supported";
        case 529: return "Overloaded";  // Anthropic's
    }
    return "Unknown";
}

std::string http_date(std::time_t time) {
    static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&time, &utc);
    return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                       kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string chunk(std::string_view bytes) {
    DCHECK(!bytes.empty());
    std::string out;
    out.reserve(bytes.size() + 20);
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
    out.append(bytes).append("\r\n");
    return out;
}

}  // namespace baleen::serve::net
