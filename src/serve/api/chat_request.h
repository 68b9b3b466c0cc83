// The body of POST /chat/completions (spec api 4, 7, 8) read and checked: hostile bytes in, a canonical request or the
// service's own error text out. Needs no engine, model or tokenizer, so the command line uses it as well. Stateless;
// any thread; linear in the body.
#pragma once

#include <string_view>

#include "base/result.h"
#include "serve/api/request.h"

namespace baleen::serve {

struct ChatRequestOptions : RequestOptions {
    bool developer_as_system = false;  // else the role is refused
};

struct ChatRequest : Request {
    bool include_usage = false;
};

// Errors are invalid_argument (HTTP 400); their message is the body's error.message.
Result<ChatRequest> parse_chat_request(std::string_view body, const ChatRequestOptions& options = {});

}  // namespace baleen::serve
