// The body of a chat-completions request, checked: what POST /chat/completions takes (spec api 4, 7, 8), also from a file on
// the command line. Hostile bytes go in, plain values come out; every error is the sentence the hosted service would answer
// with HTTP 400. Unknown fields are ignored. Pure function; any thread; linear in the body.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat.h"

namespace baleen::serve {

inline constexpr std::size_t kBodyBytesMax = std::size_t{48} << 20;
inline constexpr int kMaxTokensMax = 393'216;

// What is a choice of whoever runs the server, or a property of the model that was asked for.
struct ChatRequestRules {
    bool model_required = true;
    text::PromptVersion version = text::PromptVersion::v4_0731;
    bool images = false;                    // the model sees images
    bool thinking_by_default = true;
    bool require_reasoning = false;         // 400 where a request with tools leaves out earlier reasoning; else it counts as empty
    bool developer_as_system = false;       // else the role is refused, as the service does
    bool fill_missing_results = false;      // a tool call without result gets an empty one; else 400
    bool keep_client_sampling = false;      // also where the service has no use for it: thinking, top_p of V4.1
};

struct SamplingOptions {
    double temperature = 1;
    double top_p = 1;
    std::optional<std::uint64_t> seed;  // below 2^63
    std::optional<int> max_tokens;      // as asked for; see resolve_max_tokens
    std::vector<std::string> stop;      // at most 16, none empty
    bool logprobs = false;
    std::optional<int> top_logprobs;    // 0 to 20
};

struct ChatRequest {
    std::string model;  // "" only where it is not required
    text::ChatPrompt prompt;
    SamplingOptions sampling;
    bool json_output = false;  // response_format json_object
    bool prefix = false;       // the answer continues the last message
    bool strict_tools = false; // every tool says strict
    bool stream = false;
    bool include_usage = false;
    std::string user_id;
};

Result<ChatRequest> parse_chat_request(std::string_view body, const ChatRequestRules& rules = {});

// How many tokens may be generated: what the request says, else 8,192, 65,536 when thinking, 131,072 at effort max, cut to
// what the context leaves but at least 1. Fails where the prompt, or the prompt and an explicit max_tokens, exceed it.
Result<int> resolve_max_tokens(const ChatRequest& request, std::int64_t prompt_tokens, std::int64_t context_tokens);

}  // namespace baleen::serve
