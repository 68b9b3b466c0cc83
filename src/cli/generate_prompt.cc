#include "cli/generate_prompt.h"

#include <fmt/format.h>

#include "base/json.h"
#include "text/encoding.h"

namespace baleen::cli {

namespace {

// The names of each tool's parameters, as its schema tells them.
void add_parameters(const std::vector<text::Tool>& tools, text::OutputParserOptions& options) {
    for (const text::Tool& tool : tools) {
        const text::PythonJson* parameters = tool.function.find("parameters");
        const text::PythonJson* properties = parameters != nullptr ? parameters->find("properties") : nullptr;
        if (properties == nullptr || !properties->is_object()) continue;
        auto& names = options.tool_parameters[tool.name];
        for (const auto& [name, schema] : properties->members) names.insert(name);
    }
}

}  // namespace

Result<PreparedPrompt> prepare_chat(const text::ChatPrompt& chat, const text::Tokenizer& tokenizer) {
    const text::EncodingRules rules = text::EncodingRules::rec();
    TRY_ASSIGN(const text::Prompt prompt, text::render(chat, rules));
    PreparedPrompt prepared;
    TRY(tokenizer.encode(prompt, prepared.ids));
    text::OutputParserOptions& options = prepared.answer.emplace().parser;
    options.start = text::output_start(chat, rules);
    options.continues = !chat.messages.empty() && chat.messages.back().prefix;
    options.parse_tools = chat.tools_visible();
    add_parameters(chat.tools, options);
    prepared.thinking = chat.mode == text::ThinkingMode::thinking;
    prepared.effort_max = chat.effort == text::Effort::max;
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
