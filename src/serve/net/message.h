// Requests and answers of HTTP/1.x as plain values, after parsing and before writing. Names of request headers are in lower case;
// everything else is as it came. Owned by whoever holds them; no thread of their own.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::serve::net {

// ASCII letters only, whatever the locale.
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
inline bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

struct Header {
    std::string name;
    std::string value;
    bool operator==(const Header&) const = default;
};
using Headers = std::vector<Header>;

// The first of that name, case aside; nullptr if there is none.
inline const std::string* find_header(const Headers& headers, std::string_view name) {
    for (const Header& header : headers)
        if (same_word(header.name, name)) return &header.value;
    return nullptr;
}

struct Request {
    std::string method;   // as sent: GET, POST, ...
    std::string path;     // of the target, up to '?', not decoded; "*" of OPTIONS *
    std::string query;    // behind '?', not decoded
    int version = 11;     // 10 or 11
    Headers headers;      // in their order; those of a chunked body's trailer are dropped
    std::string body;     // whole
    std::string remote;   // address of the peer without its port
    bool secure = false;  // came over TLS

    const std::string* header(std::string_view name) const { return find_header(headers, name); }
    bool operator==(const Request&) const = default;
};

struct Response {
    int status = 200;
    Headers headers;
    std::string body;
};

// One line of an access log. Holds no query, header or body, so it can be written as it is; path is hostile text.
struct AccessRecord {
    std::string method;  // "-" if the request could not be read
    std::string path;    // "-" likewise
    std::string remote;
    int status = 0;         // 0: nothing was answered
    std::size_t bytes = 0;  // handed to the peer, head included
    double milliseconds = 0;  // from the first byte of the request to the last of the answer
    bool aborted = false;     // the answer did not reach its end
};

}  // namespace baleen::serve::net
