#include "serve/api/errors.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "text/python_json.h"

namespace baleen::serve {

namespace {

constexpr const char* kInvalid = "invalid_request_error";
constexpr const char* kInternal = "internal_error";
constexpr std::size_t kKeyShownBytes = 4;
constexpr std::size_t kKeyHiddenBytesMin = 8;  // of a shorter key nothing is shown

ApiError invalid(int status, std::string message) {
    return {status, kInvalid, kInvalid, std::move(message)};
}
ApiError internal(int status, std::string message) {
    return {status, kInternal, kInternal, std::move(message)};
}

bool is_plain(char c) {
    return c > ' ' && c < 0x7f;
}

}  // namespace

std::string error_body(const ApiError& error) {
    std::string out = "{\"error\":{\"message\":";
    text::append_json_string(error.message, out);
    out += ",\"type\":";
    text::append_json_string(error.type, out);
    out += ",\"param\":null,\"code\":";
    text::append_json_string(error.code, out);
    return out + "}}";
}

std::string error_event(const ApiError& error) {
    return fmt::format("data: {}\n\n", error_body(error));
}

ApiError api_error(const Error& error) {
    switch (error.code) {
        case ErrorCode::invalid_argument:
        case ErrorCode::unsupported:
            return invalid(400, error.message);
        case ErrorCode::not_found:
            return invalid(404, error.message);
        case ErrorCode::resource_exhausted:
            if (error.message.find("maximum context length") != std::string::npos) return invalid(400, error.message);
            return overloaded();
        case ErrorCode::cancelled:
            return internal(503, "The request was cancelled by the server. Please retry.");
        case ErrorCode::corrupt:
        case ErrorCode::io:
            break;
    }
    return internal_error();
}

ApiError bad_request(std::string message) {
    return invalid(400, std::move(message));
}

ApiError malformed_authorization() {
    return {401, "authentication_error", kInvalid, "Authentication Fails (auth header format should be Bearer sk-...)"};
}

ApiError wrong_key(std::string_view key) {
    std::string shown;
    if (key.size() >= kKeyShownBytes + kKeyHiddenBytesMin) shown = key.substr(key.size() - kKeyShownBytes);
    if (!std::all_of(shown.begin(), shown.end(), is_plain)) shown.clear();
    return {401, "authentication_error", kInvalid,
            fmt::format("Authentication Fails, Your api key: ****{} is invalid", shown)};
}

ApiError insufficient_balance() {
    return {402, "unknown_error", kInvalid, "Insufficient Balance"};
}

ApiError unknown_path(std::string_view method, std::string_view path) {
    return invalid(404, fmt::format("Invalid URL ({} {})", printable(method, 20), printable(path)));
}

ApiError files_not_built() {
    return invalid(404, "Files are not supported by this server: they serve image input only, which it does not take.");
}

ApiError method_not_allowed(std::string_view method, std::string_view allowed) {
    return invalid(405, fmt::format("Method {} is not allowed here; use {}", printable(method, 20), allowed));
}

ApiError too_many_requests(std::string_view what) {
    return {429, "rate_limit_error", "rate_limit_error",
            fmt::format("Rate limit reached: {}. Please slow down and retry later.", what)};
}

ApiError internal_error() {
    return internal(500, "The server had an error while processing your request. Please retry.");
}

ApiError overloaded() {
    return internal(503, "The server is overloaded. Please retry later.");
}

ApiError protocol_error(int status, std::string_view reason) {
    std::string message = printable(reason, 300);
    return status >= 500 ? internal(status, std::move(message)) : invalid(status, std::move(message));
}

}  // namespace baleen::serve
