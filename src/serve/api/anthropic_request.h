// The body of POST /anthropic/v1/messages (spec api 13) read and checked: hostile bytes in, the same canonical request
// as from chat completions or an error text out. Clients of this family keep tool calls and results as blocks inside
// messages, may put system messages between turns, and move cache marks about; none of that shows in the prompt except
// as spec encoding 2 says. Stateless; any thread; linear in the body.
#pragma once

#include <string_view>

#include "base/result.h"
#include "serve/api/request.h"

namespace baleen::serve {

// Errors are invalid_argument (HTTP 400). max_tokens may be missing: then Request::default_max_tokens() holds.
Result<Request> parse_anthropic_request(std::string_view body, const RequestOptions& options = {});

}  // namespace baleen::serve
