// Errors of the Anthropic routes. The service answered in the shape of OpenAI's there, clients of this family know
// another; one body satisfies both (spec api 10): {"type":"error","error":{"type","message","param","code"},
// "request_id"}. Stateless; any thread.
#pragma once

#include <string>
#include <string_view>

#include "serve/api/errors.h"

namespace baleen::serve {

// The body, one line without line feed. Types are those of the family where the status has one of its own.
std::string anthropic_error_body(const ApiError& error, std::string_view request_id);
// The same as an event of a stream whose head has gone out already. Nothing follows it.
std::string anthropic_error_event(const ApiError& error, std::string_view request_id);

}  // namespace baleen::serve
