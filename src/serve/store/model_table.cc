#include "serve/store/model_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/json.h"
#include "serve/store/calendar.h"
#include "serve/store/names.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kNameBytesMax = 128;

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameBytesMax &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

bool matches(std::string_view pattern, std::string_view name) {
    if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
    return name == pattern;
}

// Claude Code's mark for the long context, which it strips itself before sending (spec api 14).
std::string_view without_context_mark(std::string_view name) {
    constexpr std::string_view kMark = "[1m]";
    if (name.ends_with(kMark)) name.remove_suffix(kMark.size());
    return name;
}

// Replaces the element that `same` finds, or adds one at the end.
template <class T, class Same>
void replace_or_append(std::vector<T>& all, T element, Same same) {
    const auto at = std::find_if(all.begin(), all.end(), same);
    if (at != all.end()) *at = std::move(element);
    else all.push_back(std::move(element));
}

Result<void> check_limits(const ModelEntry& entry) {
    if (entry.context_tokens < 1 || entry.context_tokens > std::int64_t{1} << 30)
        return invalid_argument(fmt::format("{}: model '{}': context_tokens is {}; it lies between 1 and 2^30", entry.origin,
                                            entry.id, entry.context_tokens));
    if (entry.output_tokens_max < 1 || entry.output_tokens_max > entry.context_tokens)
        return invalid_argument(fmt::format("{}: model '{}': output_tokens_max is {}; it lies between 1 and context_tokens, {}",
                                            entry.origin, entry.id, entry.output_tokens_max, entry.context_tokens));
    if (entry.images && entry.prompt != text::PromptVersion::v41)
        return invalid_argument(fmt::format("{}: model '{}': images need prompt = \"v4.1\"; V4 has no form for them",
                                            entry.origin, entry.id));
    return Ok{};
}

}  // namespace

std::string_view name(text::PromptVersion version) {
    switch (version) {
        case text::PromptVersion::preview: return "preview";
        case text::PromptVersion::v4_0731: return "0731";
        case text::PromptVersion::v41: return "v4.1";
    }
    return "0731";
}

ModelTable ModelTable::published() {
    ModelTable table;
    ModelEntry flash;
    flash.id = "deepseek-v4-flash";
    // deepseek-flash is V4.1's id at the service; here it is a name for the Flash model at hand, so that clients set up for
    // it find one. The service serves the vision name by the same model as well; images are refused by the entry.
    flash.aliases = {"deepseek-v4-flash-0731", "deepseek-flash", "deepseek-v4-flash-vision-exp"};
    table.add(flash);
    ModelEntry pro;
    pro.id = "deepseek-v4-pro";
    pro.aliases = {"deepseek-v4-pro-0813"};
    table.add(pro);
    ModelEntry krill;
    krill.id = "krill";
    krill.owned_by = "baleen";
    krill.listed = false;
    table.add(krill);

    const auto retired = parse_time("2026-07-24T15:59:00Z");
    CHECK(retired.ok());
    table.add(LegacyName{"deepseek-chat", "deepseek-v4-flash", false, *retired});
    table.add(LegacyName{"deepseek-reasoner", "deepseek-v4-flash", true, *retired});
    for (const auto& [pattern, target] : std::initializer_list<std::pair<const char*, const char*>>{
             {"*", "deepseek-v4-flash"},
             {"claude-haiku*", "deepseek-v4-flash"},
             {"claude-sonnet*", "deepseek-v4-flash"},
             {"claude-opus*", "deepseek-v4-pro"}})
        table.add(AnthropicRule{pattern, target});
    return table;
}

void ModelTable::add(ModelEntry entry) {
    replace_or_append(entries_, entry, [&](const ModelEntry& old) { return old.id == entry.id; });
}

void ModelTable::add(LegacyName name) {
    replace_or_append(legacy_, name, [&](const LegacyName& old) { return old.name == name.name; });
}

void ModelTable::add(AnthropicRule rule) {
    const auto at = std::find_if(rules_.begin(), rules_.end(), [&](const AnthropicRule& old) { return old.pattern == rule.pattern; });
    if (at != rules_.end()) *at = std::move(rule);
    else rules_.insert(rules_.begin(), std::move(rule));
}

Result<void> ModelTable::check(std::span<const std::string> lanes) const {
    CHECK(!lanes.empty());
    std::vector<std::string_view> ids, lane_names(lanes.begin(), lanes.end());
    for (const ModelEntry& entry : entries_) ids.push_back(entry.id);
    std::map<std::string_view, std::string> taken;  // name -> what it is
    const auto take = [&](std::string_view name, std::string what, const std::string& origin) -> Result<void> {
        if (!is_name(name))
            return invalid_argument(fmt::format("{}: '{}' cannot be a model's name: 1 to {} visible ASCII characters, no quotes",
                                                origin, printable(name, 60), kNameBytesMax));
        const auto [at, fresh] = taken.emplace(name, std::move(what));
        if (!fresh) return invalid_argument(fmt::format("{}: the model name '{}' is taken: it is {}", origin, name, at->second));
        return Ok{};
    };
    const auto known_target = [&](const std::string& origin, std::string_view name, std::string_view target) -> Result<void> {
        if (find(target) != nullptr) return Ok{};
        return invalid_argument(fmt::format("{}: '{}' stands for the model '{}', which there is not{}", origin, name,
                                            printable(target, 60), name_advice(target, ids)));
    };

    if (entries_.empty()) return invalid_argument("models: there is none; add a [[models]] entry or leave out default_models");
    for (const ModelEntry& entry : entries_) {
        TRY(take(entry.id, "a model's id", entry.origin));
        for (const std::string& alias : entry.aliases) TRY(take(alias, fmt::format("an alias of '{}'", entry.id), entry.origin));
        TRY(check_limits(entry));
        if (!entry.lane.empty() && std::find(lanes.begin(), lanes.end(), entry.lane) == lanes.end())
            return invalid_argument(fmt::format("{}: model '{}': there is no lane '{}'{}", entry.origin, entry.id,
                                                printable(entry.lane, 60), name_advice(entry.lane, lane_names)));
    }
    for (const LegacyName& legacy : legacy_) {
        TRY(take(legacy.name, "a legacy name", legacy.origin));
        TRY(known_target(legacy.origin, legacy.name, legacy.target));
    }
    for (const AnthropicRule& rule : rules_) {
        const std::size_t star = rule.pattern.find('*');
        if (rule.pattern.empty() || (star != std::string::npos && star + 1 != rule.pattern.size()))
            return invalid_argument(fmt::format("{}: '{}' is no pattern: a name, or a beginning and one * at the end", rule.origin,
                                                printable(rule.pattern, 60)));
        TRY(known_target(rule.origin, rule.pattern, rule.target));
    }
    return Ok{};
}

const ModelEntry* ModelTable::find(std::string_view id) const {
    const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const ModelEntry& entry) { return entry.id == id; });
    return at == entries_.end() ? nullptr : &*at;
}

const ModelEntry* ModelTable::find_name(std::string_view name) const {
    if (const ModelEntry* entry = find(name)) return entry;
    for (const ModelEntry& entry : entries_)
        if (std::find(entry.aliases.begin(), entry.aliases.end(), name) != entry.aliases.end()) return &entry;
    return nullptr;
}

Result<ResolvedModel> ModelTable::resolve(std::string_view asked, ApiFamily family, std::int64_t now_ms, LegacyMode mode) const {
    const std::string_view name = family == ApiFamily::anthropic ? without_context_mark(asked) : asked;
    if (const ModelEntry* entry = find_name(name)) return ResolvedModel{entry, std::nullopt};
    for (const LegacyName& legacy : legacy_)
        if (legacy.name == name && (mode == LegacyMode::serve || now_ms < legacy.retired_ms))
            return ResolvedModel{find(legacy.target), legacy.thinking};
    if (family == ApiFamily::anthropic)
        for (const AnthropicRule& rule : rules_)
            if (matches(rule.pattern, name)) return ResolvedModel{find(rule.target), std::nullopt};
    return invalid_argument(refusal(asked));
}

// In the service's words, which changed with V4.1 (spec api 14): until September "deepseek-v4-pro or deepseek-v4-flash", which
// is the order of the table backwards, then a list with commas.
std::string ModelTable::refusal(std::string_view asked) const {
    std::vector<std::string_view> names;
    bool newer = false;
    for (const ModelEntry& entry : entries_) {
        if (!entry.listed) continue;
        names.push_back(entry.id);
        newer |= entry.prompt == text::PromptVersion::v41;
    }
    std::string list;
    if (newer || names.size() < 2) {
        list = fmt::format("{}", fmt::join(names, ", "));
    } else {
        const std::string_view last = names.front();
        list = fmt::format("{} or {}", fmt::join(names.rbegin(), names.rend() - 1, ", "), last);
    }
    return fmt::format("The supported API model names are {}, but you passed {}.", list, printable(asked, kNameBytesMax));
}

std::string ModelTable::lane_of(const ModelEntry& entry, std::span<const std::string> lanes) {
    CHECK(!lanes.empty());
    if (!entry.lane.empty()) return entry.lane;
    for (const std::string& lane : lanes)
        if ((lane == "flash" || lane == "pro") && entry.id.ends_with("-" + lane)) return lane;
    return lanes.front();
}

}  // namespace baleen::serve
