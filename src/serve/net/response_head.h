// The bytes in front of an answer's body, and the framing of a body in pieces. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include "serve/net/message.h"

namespace baleen::serve::net {

// How the client will know where the body ends.
enum class Framing {
    none,     // there is no body: 1xx, 204, 304
    length,   // Content-Length
    chunked,  // HTTP/1.1
    close,    // the end of the connection, HTTP/1.0
};

struct ResponseHead {
    int status = 200;
    int version = 11;  // of the request
    Framing framing = Framing::none;
    std::uint64_t length = 0;  // of the body, for Framing::length
    bool keep_alive = true;
    std::string_view server;  // empty: no Server header
    std::time_t now = 0;      // for Date
};

// Headers that frame the answer are the server's own: Connection, Keep-Alive, Transfer-Encoding, Content-Length, Date and Server of
// `headers` and `more` are left out. So are names that are none; control characters of values become spaces, so that a value taken
// from a request cannot begin a header of its own.
std::string response_head(const ResponseHead& head, const Headers& headers, const Headers& more = {});

std::string_view reason_phrase(int status);
std::string http_date(std::time_t time);  // Sun, 06 Nov 1994 08:49:37 GMT

std::string chunk(std::string_view bytes);  // not empty; an empty chunk would end the body
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace baleen::serve::net
