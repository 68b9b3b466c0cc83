// Which model names are served, under which rules: ids, aliases, names that were retired, and what Anthropic clients call the
// models (spec api 1, 3.1, 14). Plain values; the default table is the hosted service's for V4, a configuration may change or
// replace it. Built and checked once, then read by any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat.h"

namespace baleen::serve {

enum class ApiFamily { openai, anthropic };
enum class LegacyMode { refuse, serve };  // names past their retirement: the service's error, or the model they stood for

struct ModelEntry {
    std::string id;
    std::vector<std::string> aliases;  // served alike, not listed
    std::string lane;                  // which lane runs it; empty: the one named flash or pro, as the id ends, else the first
    text::PromptVersion prompt = text::PromptVersion::v4_0731;
    std::int64_t context_tokens = 1'048'576;   // prompt and answer together; the lane's own limit holds as well
    std::int64_t output_tokens_max = 393'216;  // the most max_tokens may ask for
    bool images = false;
    bool listed = true;                // in GET /models and in the error text
    std::string owned_by = "deepseek";
    std::string prices;                // whose rows of the price list apply; empty: the id's
    std::string origin = "default";    // where the entry was written

    std::string_view price_name() const { return prices.empty() ? id : prices; }
};

// A name that stands for a model with thinking on or off, until a date.
struct LegacyName {
    std::string name;
    std::string target;            // id
    std::optional<bool> thinking;  // the default it implies; a request's own `thinking` wins
    std::int64_t retired_ms = 0;
    std::string origin = "default";
};

// What the Anthropic format makes of a name that is neither id nor alias; the first match decides.
struct AnthropicRule {
    std::string pattern;  // a name, or a beginning followed by *
    std::string target;   // id
    std::string origin = "default";
};

struct ResolvedModel {
    const ModelEntry* entry = nullptr;  // owned by the table
    std::optional<bool> thinking;       // default implied by a legacy name
};

class ModelTable {
  public:
    // deepseek-v4-flash and deepseek-v4-pro with their dated names, deepseek-flash as a name of the first, krill unlisted.
    static ModelTable published();

    // An entry, name or pattern replaces the one of the same id, name or pattern. A new rule goes before the old ones.
    void add(ModelEntry entry);
    void add(LegacyName name);
    void add(AnthropicRule rule);

    // Every name means one thing, targets and lanes exist, limits make sense.
    Result<void> check(std::span<const std::string> lanes) const;

    const ModelEntry* find(std::string_view id) const;  // ids only; null if there is none
    // The entry for a name as a client sent it. invalid_argument carries the service's error text.
    Result<ResolvedModel> resolve(std::string_view asked, ApiFamily family, std::int64_t now_ms, LegacyMode mode) const;
    // The lane of an entry among these, which are not none.
    static std::string lane_of(const ModelEntry& entry, std::span<const std::string> lanes);

    const std::vector<ModelEntry>& entries() const { return entries_; }
    const std::vector<LegacyName>& legacy_names() const { return legacy_; }
    const std::vector<AnthropicRule>& anthropic_rules() const { return rules_; }

  private:
    const ModelEntry* find_name(std::string_view name) const;  // id or alias
    std::string refusal(std::string_view asked) const;

    std::vector<ModelEntry> entries_;
    std::vector<LegacyName> legacy_;
    std::vector<AnthropicRule> rules_;
};

std::string_view name(text::PromptVersion version);  // as text::parse_prompt_version reads it

}  // namespace baleen::serve
