// Errors as clients of the OpenAI-shaped families see them (spec api 10): an HTTP status and a body
// {"error":{"message","type","param","code"}}. Texts, types and codes are the service's where they are known; where
// they are not, 5xx follows the service's own request library (type and code "internal_error") and the rest is marked
// below. Official clients decide by status and show the message. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen::serve {

struct ApiError {
    int status = 500;  // HTTP
    std::string type;
    std::string code;
    std::string message;

    bool operator==(const ApiError&) const = default;
};

// The body, one line without line feed.
std::string error_body(const ApiError& error);
// The same as an event of a stream whose head has gone out already. The stream ends after it, without [DONE]: official
// clients raise what it holds, and a stream without its end mark counts as broken everywhere else.
std::string error_event(const ApiError& error);

// What a part of the server could not do, as a client should see it. resource_exhausted is 400 if it is about the
// request's own length ("maximum context length") and 503 else; unsupported is 400, because clients ask again after a
// 5xx; corrupt and io are 500 and keep their text to themselves, which may name files.
ApiError api_error(const Error& error);

ApiError bad_request(std::string message);                              // 400
ApiError malformed_authorization();                                     // 401: no header, or another scheme than Bearer
ApiError wrong_key(std::string_view key);                               // 401: shows the last four characters
ApiError insufficient_balance();                                        // 402
ApiError unknown_path(std::string_view method, std::string_view path);  // 404
ApiError files_not_built();                                             // 404 of /files
ApiError method_not_allowed(std::string_view method, std::string_view allowed);  // 405
ApiError too_many_requests(std::string_view what);  // 429, e.g. "4 requests of this key are running"
ApiError internal_error();                          // 500
ApiError overloaded();                              // 503
// Anything the HTTP parser refuses (400, 408, 411, 413, 414, 431, 505, ...) before there is a request.
ApiError protocol_error(int status, std::string_view reason);

}  // namespace baleen::serve
