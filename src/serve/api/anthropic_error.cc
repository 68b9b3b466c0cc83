#include "serve/api/anthropic_error.h"

#include "serve/api/json_object.h"

namespace baleen::serve {

namespace {

// The family's word for a status; where it has none, ours.
std::string type_of(const ApiError& error) {
    switch (error.status) {
        case 400:
            return "invalid_request_error";
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 500:
            return "api_error";
        case 503:
            return "overloaded_error";
        case 504:
            return "timeout_error";
        default:
            return error.type;
    }
}

}  // namespace

std::string anthropic_error_body(const ApiError& error, std::string_view request_id) {
    const std::string inside = JsonObject()
                                   .text("type", type_of(error))
                                   .text("message", error.message)
                                   .null("param")
                                   .text("code", error.code)
                                   .done();
    return JsonObject().text("type", "error").raw("error", inside).text("request_id", request_id).done();
}

std::string anthropic_error_event(const ApiError& error, std::string_view request_id) {
    return sse("error", anthropic_error_body(error, request_id));
}

}  // namespace baleen::serve
