// The body of POST /chat/completions (spec api 4, 7, 8) read and checked: hostile bytes in, a canonical request or the
// service's own error text out. Needs no engine, model or tokenizer, so the command line uses it as well. Stateless;
// any thread; linear in the body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat.h"
#include "text/output_filter.h"

namespace baleen::serve {

struct ChatRequestOptions {
    text::PromptVersion version = text::PromptVersion::v4_0731;
    bool model_required = true;
    bool default_thinking = true;
    bool strict_reasoning =
        false;  // refuse history without the reasoning of earlier turns (7.4); else missing is empty
    bool developer_as_system = false;   // else the role is refused
    bool fill_missing_results = false;  // a call without result gets an empty one; else refused
    bool honour_sampling = false;       // use temperature and top_p as asked; else the service's rules (7.3)
    bool images = false;                // image parts in user messages, V4.1 only
    std::size_t body_bytes_max = std::size_t{48} << 20;
};

struct Sampling {
    double temperature = 1;
    double top_p = 1;
    int top_k = 0;     // extension; 0 is off
    double min_p = 0;  // extension
    std::optional<std::uint64_t> seed;
};

struct ChatRequest {
    std::string model;  // as asked; whether it is served is the router's matter
    text::ChatPrompt prompt;
    Sampling sampling;
    std::optional<int> max_tokens;  // absent: default_max_tokens()
    std::vector<std::string> stop;
    bool logprobs = false;
    int top_logprobs = 0;
    bool stream = false;
    bool include_usage = false;
    std::string user_id;
    bool json_mode = false;                       // json_object or json_schema
    std::optional<text::PythonJson> json_schema;  // the schema of json_schema, if one was given
    bool strict_tools = false;                    // every tool asks for it

    bool thinking() const { return prompt.mode == text::ThinkingMode::thinking; }
    int default_max_tokens() const;  // 8192, thinking 65536, effort max 131072 (4.4); clamp to what the context leaves
    text::AnswerOptions answer_options() const;  // how to take the output apart
};

// Errors are invalid_argument (HTTP 400); their message is the body's error.message.
Result<ChatRequest> parse_chat_request(std::string_view body, const ChatRequestOptions& options = {});

inline constexpr int kMaxTokensMax = 393216;

}  // namespace baleen::serve
