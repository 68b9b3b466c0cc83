// The body of POST /beta/completions (spec api 8.4): completion of the middle between a prompt and a suffix, or of a
// raw prompt alone. Thinking, roles and tools play no part. Hostile bytes in, a request or the service's kind of error
// text out. Needs no engine, model or tokenizer. Stateless; any thread; linear in the body.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/api/request.h"
#include "text/prompt.h"

namespace baleen::serve {

inline constexpr int kFimTokensMax = 4096;

struct FimRequest {
    std::string model;
    std::string prompt;
    std::string suffix;             // empty: none, the prompt is simply gone on with
    std::optional<int> max_tokens;  // absent: kFimTokensMax, clamped to what the context leaves
    bool echo = false;              // the text of the answer begins with the prompt
    std::optional<int> logprobs;    // so many of the likeliest tokens beside each
    std::vector<std::string> stop;
    bool stream = false;
    bool include_usage = false;
    Sampling sampling;
    std::string user_id;

    // Begin, prompt, hole, suffix, end, in the order of prefix, suffix, middle; control tokens as such. Whether the
    // model's tokenizer has them is seen when it encodes them.
    text::Prompt rendered() const;
};

// Errors are invalid_argument (HTTP 400); their message is the body's error.message.
Result<FimRequest> parse_fim_request(std::string_view body, const RequestOptions& options = {});

}  // namespace baleen::serve
