// From a conversation, or text, or ids to what a generation needs: prompt ids, and how its output is to be read. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "serve/api/chat_request.h"
#include "text/tokenizer.h"

namespace baleen::cli {

struct PreparedPrompt {
    std::vector<TokenId> ids;
    std::optional<text::AnswerOptions> answer;  // absent: the output is text as it stands
    std::int64_t tokens_default = 8192;         // of the answer, where nothing else is said and the context has room
};

// Rendered with the service's rules (spec encoding 10): what an API server does with the same request.
Result<PreparedPrompt> prepare_chat(const serve::ChatRequest& request, const text::Tokenizer& tokenizer);

// Text as it stands: the spellings of control tokens become control tokens, nothing is added.
PreparedPrompt prepare_raw(std::string_view text, const text::Tokenizer& tokenizer);

// A JSON array of token ids below `vocab`.
Result<PreparedPrompt> prepare_ids(std::string_view json, std::int64_t vocab);

}  // namespace baleen::cli
