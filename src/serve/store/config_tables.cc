#include "serve/store/config_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>
#include <vector>

#include "base/json.h"
#include "serve/store/calendar.h"
#include "serve/store/names.h"

namespace baleen::serve {

namespace {

using Kind = TomlValue::Kind;

constexpr std::string_view kTables[] = {"models", "legacy_names", "anthropic_names", "prices", "peak_hours"};

// One entry of an array of tables: takes members by name, with errors that say line, table and member.
class Entry {
  public:
    Entry(const TomlValue& value, std::string_view file, std::string_view table) : value_(value), file_(file), table_(table) {}

    // Refuses members that are none of `known`.
    Result<void> check_names(std::span<const std::string_view> known) const {
        if (value_.kind != Kind::table)
            return fault(value_.line, fmt::format("{}: is {}; write [[{}]]", table_, name(value_.kind), table_));
        for (const auto& [key, member] : value_.members)
            if (std::find(known.begin(), known.end(), key) == known.end())
                return fault(member.line, fmt::format("{} have no '{}'{}", table_, printable(key, 60), name_advice(key, known)));
        return Ok{};
    }
    std::string origin() const { return fmt::format("{}:{}", file_, value_.line); }
    bool has(std::string_view key) const { return value_.find(key) != nullptr; }

    // A member that may be missing leaves `target` as it is.
    Result<void> take(std::string_view key, std::string& target) const {
        TRY_ASSIGN(const TomlValue* const member, find(key, Kind::string, "a string"));
        if (member != nullptr) target = member->text;
        return Ok{};
    }
    Result<void> take(std::string_view key, bool& target) const {
        TRY_ASSIGN(const TomlValue* const member, find(key, Kind::boolean, "true or false"));
        if (member != nullptr) target = member->boolean;
        return Ok{};
    }
    Result<void> take(std::string_view key, std::int64_t& target) const {
        TRY_ASSIGN(const TomlValue* const member, find(key, Kind::integer, "an integer"));
        if (member != nullptr) target = member->integer;
        return Ok{};
    }
    Result<void> take(std::string_view key, std::vector<std::string>& target) const {
        TRY_ASSIGN(const TomlValue* const member, find(key, Kind::array, "an array of strings"));
        if (member == nullptr) return Ok{};
        target.clear();
        for (const TomlValue& item : member->items) {
            if (item.kind != Kind::string && item.kind != Kind::time)
                return fault(item.line, fmt::format("{}.{} holds {}; it takes strings", table_, key, name(item.kind)));
            target.push_back(item.text);
        }
        return Ok{};
    }
    // A date, bare or in quotes.
    Result<void> take_time(std::string_view key, std::int64_t& target) const {
        const TomlValue* member = value_.find(key);
        if (member == nullptr) return Ok{};
        if (member->kind != Kind::time && member->kind != Kind::string)
            return fault(member->line, fmt::format("{}.{} is {}; it takes a date", table_, key, name(member->kind)));
        return parsed(key, parse_time(member->text), target);
    }
    // A decimal number in quotes, or a whole one: a bare 0.1 has been rounded before we see it.
    Result<void> take_price(std::string_view key, std::int64_t& target) const {
        const TomlValue* member = value_.find(key);
        if (member == nullptr) return Ok{};
        if (member->kind == Kind::real)
            return fault(member->line, fmt::format("{}.{}: write prices in quotes, \"{}\", so that no digit is rounded", table_, key, member->real));
        if (member->kind == Kind::integer) return parsed(key, parse_price(fmt::format("{}", member->integer)), target);
        if (member->kind != Kind::string)
            return fault(member->line, fmt::format("{}.{} is {}; it takes a price like \"0.14\"", table_, key, name(member->kind)));
        return parsed(key, parse_price(member->text), target);
    }
    // What a member's text means, by a function that says what is wrong with it.
    template <class T>
    Result<void> parsed(std::string_view key, Result<T> value, T& target) const {
        if (!value.ok()) return fault(line_of(key), fmt::format("{}.{}: {}", table_, key, value.error().message));
        target = std::move(value).value();
        return Ok{};
    }
    Result<void> required(std::initializer_list<std::string_view> keys) const {
        for (const std::string_view key : keys)
            if (!has(key)) return fault(value_.line, fmt::format("{}: '{}' is missing", table_, key));
        return Ok{};
    }
    const TomlValue* member(std::string_view key) const { return value_.find(key); }
    int line_of(std::string_view key) const { return has(key) ? value_.find(key)->line : value_.line; }
    Error fault(int line, const std::string& what) const { return invalid_argument(fmt::format("{}:{}: {}", file_, line, what)); }

  private:
    Result<const TomlValue*> find(std::string_view key, Kind kind, std::string_view wanted) const {
        const TomlValue* member = value_.find(key);
        if (member != nullptr && member->kind != kind)
            return fault(member->line, fmt::format("{}.{} is {}; it takes {}", table_, key, name(member->kind), wanted));
        return member;
    }
    const TomlValue& value_;
    std::string_view file_, table_;
};

Result<void> read_model(const Entry& entry, ModelTable& table) {
    constexpr std::string_view kKnown[] = {"id",     "aliases",  "lane",   "prompt", "context_tokens", "output_tokens_max",
                                           "images", "owned_by", "listed", "prices"};
    TRY(entry.check_names(kKnown));
    TRY(entry.required({"id"}));
    ModelEntry model;
    TRY(entry.take("id", model.id));
    if (const ModelEntry* known = table.find(model.id)) model = *known;  // what is not written stays
    model.origin = entry.origin();
    TRY(entry.take("aliases", model.aliases));
    TRY(entry.take("lane", model.lane));
    if (entry.has("prompt")) {
        std::string prompt;
        TRY(entry.take("prompt", prompt));
        TRY(entry.parsed("prompt", text::parse_prompt_version(prompt), model.prompt));
    }
    TRY(entry.take("context_tokens", model.context_tokens));
    TRY(entry.take("output_tokens_max", model.output_tokens_max));
    TRY(entry.take("images", model.images));
    TRY(entry.take("owned_by", model.owned_by));
    TRY(entry.take("listed", model.listed));
    TRY(entry.take("prices", model.prices));
    table.add(std::move(model));
    return Ok{};
}

Result<void> read_legacy_name(const Entry& entry, ModelTable& table) {
    constexpr std::string_view kKnown[] = {"name", "target", "thinking", "retired"};
    TRY(entry.check_names(kKnown));
    TRY(entry.required({"name", "target", "retired"}));
    LegacyName legacy;
    legacy.origin = entry.origin();
    TRY(entry.take("name", legacy.name));
    TRY(entry.take("target", legacy.target));
    if (entry.has("thinking")) {
        bool thinking = false;
        TRY(entry.take("thinking", thinking));
        legacy.thinking = thinking;
    }
    TRY(entry.take_time("retired", legacy.retired_ms));
    table.add(std::move(legacy));
    return Ok{};
}

Result<void> read_anthropic_name(const Entry& entry, ModelTable& table) {
    constexpr std::string_view kKnown[] = {"match", "target"};
    TRY(entry.check_names(kKnown));
    TRY(entry.required({"match", "target"}));
    AnthropicRule rule;
    rule.origin = entry.origin();
    TRY(entry.take("match", rule.pattern));
    TRY(entry.take("target", rule.target));
    table.add(std::move(rule));
    return Ok{};
}

Result<void> read_token_prices(const Entry& entry, TokenPrices& prices) {
    TRY(entry.required({"hit", "miss", "output"}));
    TRY(entry.take_price("hit", prices.hit));
    TRY(entry.take_price("miss", prices.miss));
    return entry.take_price("output", prices.output);
}

Result<void> read_price(const Entry& entry, std::string_view file, PriceList& list) {
    constexpr std::string_view kKnown[] = {"model", "currency", "from", "hit", "miss", "output", "peak"};
    TRY(entry.check_names(kKnown));
    TRY(entry.required({"model", "currency", "from"}));
    PriceRow row;
    row.origin = entry.origin();
    std::string currency;
    TRY(entry.take("model", row.model));
    TRY(entry.take("currency", currency));
    TRY(entry.parsed("currency", parse_currency(currency), row.currency));
    TRY(entry.take_time("from", row.from_ms));
    TRY(read_token_prices(entry, row.usual));
    if (const TomlValue* peak = entry.member("peak")) {
        constexpr std::string_view kPeak[] = {"hit", "miss", "output"};
        const Entry inner(*peak, file, "prices.peak");
        TRY(inner.check_names(kPeak));
        row.peak.emplace();
        TRY(read_token_prices(inner, *row.peak));
    }
    list.add(std::move(row));
    return Ok{};
}

Result<void> read_peak_rule(const Entry& entry, PriceList& list) {
    constexpr std::string_view kKnown[] = {"from", "offset", "hours", "days", "holidays"};
    TRY(entry.check_names(kKnown));
    TRY(entry.required({"from", "offset", "hours"}));
    PeakRule rule;
    rule.origin = entry.origin();
    TRY(entry.take_time("from", rule.from_ms));
    std::string offset;
    TRY(entry.take("offset", offset));
    TRY(entry.parsed("offset", parse_offset(offset), rule.offset_minutes));
    std::vector<std::string> hours, days, holidays;
    TRY(entry.take("hours", hours));
    for (const std::string& text : hours) {
        PeakRule::Hours part;
        TRY(entry.parsed("hours", parse_hours(text), part));
        rule.hours.push_back(part);
    }
    if (entry.has("days")) {
        TRY(entry.take("days", days));
        rule.weekdays = 0;
        for (const std::string& day : days) {
            const auto at = std::find(std::begin(kWeekdays), std::end(kWeekdays), day);
            if (at == std::end(kWeekdays))
                return entry.fault(entry.line_of("days"), fmt::format("peak_hours.days: '{}' is none of {}", printable(day, 20),
                                                                      fmt::join(kWeekdays, ", ")));
            rule.weekdays |= 1u << (at - std::begin(kWeekdays));
        }
    }
    TRY(entry.take("holidays", holidays));
    for (const std::string& day : holidays) {
        std::int64_t midnight = 0;
        TRY(entry.parsed("holidays", parse_time(day), midnight));
        if (midnight % kDayMs != 0)
            return entry.fault(entry.line_of("holidays"), fmt::format("peak_hours.holidays: '{}' is not a day alone", printable(day, 40)));
        rule.holidays.push_back(midnight / kDayMs);
    }
    list.add(std::move(rule));
    return Ok{};
}

// The entries of [[table]], in order; none if it is missing.
Result<std::vector<Entry>> entries_of(const TomlValue& root, std::string_view file, std::string_view table) {
    std::vector<Entry> entries;
    const TomlValue* value = root.find(table);
    if (value == nullptr) return entries;
    if (value->kind != Kind::array)
        return invalid_argument(fmt::format("{}:{}: {} is {}; write [[{}]] before each entry", file, value->line, table, name(value->kind), table));
    for (const TomlValue& item : value->items) entries.emplace_back(item, file, table);
    return entries;
}

std::string quoted_list(const std::vector<std::string>& items) {
    std::vector<std::string> quoted;
    for (const std::string& item : items) quoted.push_back(toml_string(item));
    return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::string prices_as_toml(const TokenPrices& prices, const char* separator) {
    return fmt::format("hit = \"{}\"{}miss = \"{}\"{}output = \"{}\"", format_price(prices.hit), separator, format_price(prices.miss),
                       separator, format_price(prices.output));
}

void write_models(const ModelTable& table, std::string& out) {
    const auto to = std::back_inserter(out);
    for (const ModelEntry& entry : table.entries()) {
        fmt::format_to(to, "\n[[models]]  # {}\nid = {}\naliases = {}\nlane = {}\nprompt = \"{}\"\ncontext_tokens = {}\noutput_tokens_max = {}\n",
                       entry.origin, toml_string(entry.id), quoted_list(entry.aliases), toml_string(entry.lane), name(entry.prompt),
                       entry.context_tokens, entry.output_tokens_max);
        fmt::format_to(to, "images = {}\nlisted = {}\nowned_by = {}\nprices = {}\n", entry.images, entry.listed, toml_string(entry.owned_by),
                       toml_string(entry.prices));
    }
    for (const LegacyName& legacy : table.legacy_names()) {
        fmt::format_to(to, "\n[[legacy_names]]  # {}\nname = {}\ntarget = {}\n", legacy.origin, toml_string(legacy.name), toml_string(legacy.target));
        if (legacy.thinking.has_value()) fmt::format_to(to, "thinking = {}\n", *legacy.thinking);
        fmt::format_to(to, "retired = {}\n", format_time(legacy.retired_ms));
    }
    for (const AnthropicRule& rule : table.anthropic_rules())
        fmt::format_to(to, "\n[[anthropic_names]]  # {}\nmatch = {}\ntarget = {}\n", rule.origin, toml_string(rule.pattern), toml_string(rule.target));
}

void write_prices(const PriceList& list, std::string& out) {
    const auto to = std::back_inserter(out);
    for (const PriceRow& row : list.rows()) {
        fmt::format_to(to, "\n[[prices]]  # {}\nmodel = {}\ncurrency = \"{}\"\nfrom = {}\n{}\n", row.origin, toml_string(row.model),
                       name(row.currency), format_time(row.from_ms), prices_as_toml(row.usual, "\n"));
        if (row.peak.has_value()) fmt::format_to(to, "peak = {{{}}}\n", prices_as_toml(*row.peak, ", "));
    }
    for (const PeakRule& rule : list.peak_rules()) {
        std::vector<std::string> hours, days, holidays;
        for (const PeakRule::Hours& part : rule.hours) hours.push_back(format_hours(part));
        for (int day = 0; day < 7; ++day)
            if ((rule.weekdays >> day & 1u) != 0) days.emplace_back(kWeekdays[day]);
        for (const std::int64_t day : rule.holidays) holidays.push_back(format_day(day * kDayMs));
        const int offset = rule.offset_minutes < 0 ? -rule.offset_minutes : rule.offset_minutes;
        fmt::format_to(to, "\n[[peak_hours]]  # {}\nfrom = {}\noffset = \"{}{:02}:{:02}\"\nhours = {}\ndays = {}\nholidays = {}\n", rule.origin,
                       format_time(rule.from_ms), rule.offset_minutes < 0 ? '-' : '+', offset / 60, offset % 60, quoted_list(hours),
                       quoted_list(days), quoted_list(holidays));
    }
}

}  // namespace

std::span<const std::string_view> table_names() { return kTables; }

Result<void> read_tables(const TomlValue& root, std::string_view file, ServeConfig& config) {
    if (!config.default_models) config.models = ModelTable();
    if (!config.default_prices) config.prices = PriceList();

    TRY_ASSIGN(const std::vector<Entry> models, entries_of(root, file, "models"));
    for (const Entry& entry : models) TRY(read_model(entry, config.models));
    TRY_ASSIGN(const std::vector<Entry> legacy, entries_of(root, file, "legacy_names"));
    for (const Entry& entry : legacy) TRY(read_legacy_name(entry, config.models));
    // Each new rule goes before the others; backwards, they end up in the order of the file.
    TRY_ASSIGN(const std::vector<Entry> rules, entries_of(root, file, "anthropic_names"));
    for (auto entry = rules.rbegin(); entry != rules.rend(); ++entry) TRY(read_anthropic_name(*entry, config.models));

    TRY_ASSIGN(const std::vector<Entry> prices, entries_of(root, file, "prices"));
    for (const Entry& entry : prices) TRY(read_price(entry, file, config.prices));
    TRY_ASSIGN(const std::vector<Entry> peak, entries_of(root, file, "peak_hours"));
    if (!peak.empty()) config.prices.clear_peak_rules();
    for (const Entry& entry : peak) TRY(read_peak_rule(entry, config.prices));
    return Ok{};
}

std::string tables_as_toml(const ServeConfig& config) {
    std::string out;
    write_models(config.models, out);
    write_prices(config.prices, out);
    return out;
}

}  // namespace baleen::serve
