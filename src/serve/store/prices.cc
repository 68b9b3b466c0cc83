#include "serve/store/prices.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/check.h"
#include "base/json.h"
#include "serve/store/calendar.h"

namespace baleen::serve {

namespace {

// A line of the published history: hit / miss / output per million tokens, once and at peak.
struct Published {
    const char* model;
    const char* from;
    const char* usd[3];
    const char* cny[3];
    bool peak_is_double;
};

// Spec api 15. Dates without a time of day begin at midnight in Beijing. Two starts are ours, where the sources give no hour: the
// Pro promotion begins the day after the cut of cache hits it is stacked upon, and the prices of 10 September at 04:00 UTC as
// the announcement's routing does. From that day deepseek-v4-flash is served, and billed, as deepseek-flash.
constexpr Published kPublished[] = {
    {"deepseek-v4-flash", "2026-04-24T00:00+08:00", {"0.028", "0.14", "0.28"}, {"0.2", "1", "2"}, false},
    {"deepseek-v4-flash", "2026-04-26T20:15+08:00", {"0.0028", "0.14", "0.28"}, {"0.02", "1", "2"}, false},
    {"deepseek-v4-flash", "2026-08-17T00:00+08:00", {"0.007", "0.22", "0.66"}, {"0.05", "1.5", "4.5"}, true},
    {"deepseek-v4-flash", "2026-09-10T04:00Z", {"0.003", "0.15", "0.6"}, {"0.02", "1", "4"}, true},
    {"deepseek-v4-pro", "2026-04-24T00:00+08:00", {"0.145", "1.74", "3.48"}, {"1", "12", "24"}, false},
    {"deepseek-v4-pro", "2026-04-26T20:15+08:00", {"0.0145", "1.74", "3.48"}, {"0.1", "12", "24"}, false},
    {"deepseek-v4-pro", "2026-04-27T00:00+08:00", {"0.003625", "0.435", "0.87"}, {"0.025", "3", "6"}, false},
    {"deepseek-v4-pro", "2026-08-17T00:00+08:00", {"0.022", "0.66", "1.98"}, {"0.15", "4.5", "13.5"}, true},
    {"deepseek-flash", "2026-09-10T04:00Z", {"0.003", "0.15", "0.6"}, {"0.02", "1", "4"}, true},
};

// Weekdays on which China rests from the day peak hours spare public holidays (pricing page of 24 September) to the end of 2026:
// the State Council's notice of 4 November 2025. Later years go into the configuration.
constexpr const char* kHolidays[] = {"2026-09-25", "2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07"};

template <class T>
T known_good(Result<T> result) {
    CHECK(result.ok(), "{}", result.error().message);
    return std::move(result).value();
}

TokenPrices doubled(const TokenPrices& prices) { return {2 * prices.hit, 2 * prices.miss, 2 * prices.output}; }

PriceRow row_of(const Published& line, Currency currency) {
    const auto& text = currency == Currency::usd ? line.usd : line.cny;
    PriceRow row;
    row.model = line.model;
    row.currency = currency;
    row.from_ms = known_good(parse_time(line.from));
    row.usual = {known_good(parse_price(text[0])), known_good(parse_price(text[1])), known_good(parse_price(text[2]))};
    if (line.peak_is_double) row.peak = doubled(row.usual);
    return row;
}

auto key_of(const PriceRow& row) { return std::tie(row.model, row.currency, row.from_ms); }

}  // namespace

bool PeakRule::holds(std::int64_t at_ms) const {
    const WallClock clock = wall_clock(at_ms, offset_minutes);
    if ((weekdays >> clock.weekday & 1u) == 0) return false;
    if (std::binary_search(holidays.begin(), holidays.end(), clock.day)) return false;
    return std::any_of(hours.begin(), hours.end(),
                       [&](const Hours& part) { return clock.minute >= part.begin && clock.minute < part.end; });
}

PriceList PriceList::published() {
    PriceList list;
    for (const Published& line : kPublished)
        for (const Currency currency : {Currency::usd, Currency::cny}) list.add(row_of(line, currency));

    PeakRule rule;  // Beijing
    rule.offset_minutes = 8 * 60;
    rule.hours = {{9 * 60, 12 * 60}, {14 * 60, 18 * 60}};
    rule.from_ms = known_good(parse_time("2026-08-17T00:00+08:00"));
    list.add(rule);
    rule.from_ms = known_good(parse_time("2026-08-23T00:00+08:00"));
    rule.weekdays = 0x1f;
    for (const char* day : kHolidays) rule.holidays.push_back(known_good(parse_time(day)) / kDayMs);
    list.add(rule);
    return list;
}

void PriceList::add(PriceRow row) {
    const auto at = std::lower_bound(rows_.begin(), rows_.end(), row,
                                     [](const PriceRow& a, const PriceRow& b) { return key_of(a) < key_of(b); });
    if (at != rows_.end() && key_of(*at) == key_of(row)) *at = std::move(row);
    else rows_.insert(at, std::move(row));
}

void PriceList::add(PeakRule rule) {
    std::sort(rule.holidays.begin(), rule.holidays.end());
    const auto at = std::lower_bound(rules_.begin(), rules_.end(), rule,
                                     [](const PeakRule& a, const PeakRule& b) { return a.from_ms < b.from_ms; });
    if (at != rules_.end() && at->from_ms == rule.from_ms) *at = std::move(rule);
    else rules_.insert(at, std::move(rule));
}

bool PriceList::peak_at(std::int64_t at_ms) const {
    const PeakRule* rule = nullptr;
    for (const PeakRule& candidate : rules_)
        if (candidate.from_ms <= at_ms) rule = &candidate;
    return rule != nullptr && rule->holds(at_ms);
}

std::optional<TokenPrices> PriceList::at(std::string_view model, Currency currency, std::int64_t at_ms) const {
    const PriceRow* row = nullptr;
    for (const PriceRow& candidate : rows_)
        if (candidate.model == model && candidate.currency == currency && candidate.from_ms <= at_ms) row = &candidate;
    if (row == nullptr) return std::nullopt;
    return row->peak.has_value() && peak_at(at_ms) ? *row->peak : row->usual;
}

std::optional<std::int64_t> PriceList::cost(std::string_view model, Currency currency, std::int64_t at_ms,
                                            const TokenCounts& tokens) const {
    const auto prices = at(model, currency, at_ms);
    if (!prices.has_value()) return std::nullopt;
    const __int128 sum = static_cast<__int128>(prices->hit) * tokens.hit + static_cast<__int128>(prices->miss) * tokens.miss +
                         static_cast<__int128>(prices->output) * tokens.output;
    if (sum > std::numeric_limits<std::int64_t>::max() || sum < 0) return std::nullopt;
    return static_cast<std::int64_t>(sum);
}

Result<std::int64_t> parse_price(std::string_view text) { return parse_decimal(text, kPriceDigits); }

std::string format_price(std::int64_t pico) {
    std::string text = fmt::format("{}.{:06}", pico / 1'000'000, pico % 1'000'000);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

Result<PeakRule::Hours> parse_hours(std::string_view text) {
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
    const auto minute = [&](std::size_t at) {
        const int hours = 10 * digit(at) + digit(at + 1), minutes = 10 * digit(at + 3) + digit(at + 4);
        return text[at + 2] == ':' && minutes < 60 && hours <= 24 ? 60 * hours + minutes : 10000;
    };
    if (text.size() == 11 && text[5] == '-') {
        const PeakRule::Hours hours{minute(0), minute(6)};
        if (hours.begin < hours.end && hours.end <= 24 * 60) return hours;
    }
    return invalid_argument(fmt::format("'{}' is no stretch of a day; write 09:00-12:00", printable(text, 40)));
}

std::string format_hours(const PeakRule::Hours& hours) {
    return fmt::format("{:02}:{:02}-{:02}:{:02}", hours.begin / 60, hours.begin % 60, hours.end / 60, hours.end % 60);
}

}  // namespace baleen::serve
