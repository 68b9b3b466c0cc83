// The body of POST /responses (spec api 12) read and checked: hostile bytes in, the same canonical request as from chat
// completions or an error text out. The family keeps a conversation as a flat list of items (messages, reasoning,
// calls, outputs) and nothing on the server: earlier responses cannot be named. Stateless; any thread; linear in the
// body.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/api/request.h"

namespace baleen::serve {

// Settings a response repeats, as JSON where the client's own form is repeated.
struct ResponsesEcho {
    std::optional<std::string> instructions;
    std::optional<int> max_output_tokens;
    std::string reasoning = R"({"effort":null,"summary":null})";
    double temperature = 1;  // as asked, not as drawn
    double top_p = 1;
    std::string text = R"({"format":{"type":"text"},"verbosity":null})";
    std::string tool_choice = R"("auto")";
    std::string tools = "[]";  // without those the service does not know
    int top_logprobs = 0;
    std::optional<std::string> user;
};

// What the model's names of tools mean to the client.
struct ResponsesTools {
    struct Member {
        std::string space;
        std::string name;
        bool operator==(const Member&) const = default;
    };
    std::map<std::string, Member> members;  // of namespaces, by the name the model sees
    std::set<std::string> custom;           // take one text, not arguments
};

struct ResponsesRequest : Request {
    ResponsesEcho echo;
    ResponsesTools tools;
};

// Errors are invalid_argument (HTTP 400).
Result<ResponsesRequest> parse_responses_request(std::string_view body, const RequestOptions& options = {});

}  // namespace baleen::serve
