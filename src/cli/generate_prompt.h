// From a conversation, or text, or ids to what a generation needs: prompt ids, and how its output is to be read. Pure functions.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "text/chat.h"
#include "text/output_filter.h"
#include "text/tokenizer.h"

namespace baleen::cli {

struct PreparedPrompt {
    std::vector<TokenId> ids;
    std::optional<text::AnswerOptions> answer;  // absent: the output is text as it stands
    bool thinking = false;
    bool effort_max = false;
};

// Rendered with the service's rules (spec encoding 10), which are what an API server would do with the same conversation.
Result<PreparedPrompt> prepare_chat(const text::ChatPrompt& chat, const text::Tokenizer& tokenizer);

// Text as it stands: the spellings of control tokens become control tokens, nothing is added.
PreparedPrompt prepare_raw(std::string_view text, const text::Tokenizer& tokenizer);

// A JSON array of token ids below `vocab`.
Result<PreparedPrompt> prepare_ids(std::string_view json, std::int64_t vocab);

}  // namespace baleen::cli
