#include "cli/generate_prompt.h"

#include <fmt/format.h>

#include "base/json.h"
#include "text/encoding.h"

namespace baleen::cli {

Result<PreparedPrompt> prepare_chat(const serve::ChatRequest& request, const text::Tokenizer& tokenizer) {
    TRY_ASSIGN(const text::Prompt prompt, text::render(request.prompt, text::EncodingRules::rec()));
    PreparedPrompt prepared;
    TRY(tokenizer.encode(prompt, prepared.ids));
    prepared.answer = request.answer_options();
    prepared.tokens_default = request.default_max_tokens();
    return prepared;
}

PreparedPrompt prepare_raw(std::string_view text, const text::Tokenizer& tokenizer) {
    PreparedPrompt prepared;
    tokenizer.encode_with_special(text, prepared.ids);
    return prepared;
}

Result<PreparedPrompt> prepare_ids(std::string_view json, std::int64_t vocab) {
    constexpr std::size_t kIdsMax = std::size_t{1} << 21;
    TRY_ASSIGN(const nlohmann::json array, parse_json(json, {.bytes = kIdsMax * 12, .depth = 1, .values = kIdsMax + 1}));
    if (!array.is_array()) return invalid_argument("expected an array of token ids");
    PreparedPrompt prepared;
    for (std::size_t i = 0; i < array.size(); ++i) {
        const nlohmann::json& id = array[i];
        if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab))
            return invalid_argument(fmt::format("entry {} is not a token id below {}", i, vocab));
        prepared.ids.push_back(static_cast<TokenId>(id.get<std::uint64_t>()));
    }
    return prepared;
}

}  // namespace baleen::cli
