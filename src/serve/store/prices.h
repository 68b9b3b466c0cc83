// What a request would have cost at the hosted service: prices per token by model, currency and date, with peak hours (spec api
// 15). Plain values; the default list is the published history, a configuration may add rows or replace them. All arithmetic is on
// integers. Built once, then read by any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/store/money.h"

namespace baleen::serve {

// 1e-12 of the currency for one token. A price of p per million tokens is p x 10^6 of these, so six decimals are exact.
struct TokenPrices {
    std::int64_t hit = 0;     // prompt tokens that were cached
    std::int64_t miss = 0;    // the other prompt tokens
    std::int64_t output = 0;  // completion tokens, reasoning among them
    bool operator==(const TokenPrices&) const = default;
};
inline constexpr int kPriceDigits = 6;

// In force from a moment until the next row of the same model and currency.
struct PriceRow {
    std::string model;
    Currency currency = Currency::usd;
    std::int64_t from_ms = 0;
    TokenPrices usual;                // off-peak
    std::optional<TokenPrices> peak;  // absent: no peak hours
    std::string origin = "default";   // where the row was written
};

// When peak prices hold, from a moment until the next rule.
struct PeakRule {
    struct Hours {
        int begin = 0, end = 0;  // minutes of the local day, end excluded
    };
    std::int64_t from_ms = 0;
    int offset_minutes = 0;              // of the local clock, east of UTC
    std::vector<Hours> hours;            // every one within a day
    unsigned weekdays = 0x7f;            // bit 0 is Monday
    std::vector<std::int64_t> holidays;  // local days since 1970 that have no peak hours; sorted
    std::string origin = "default";

    bool holds(std::int64_t at_ms) const;
};

struct TokenCounts {
    std::int64_t hit = 0, miss = 0, output = 0;
};

class PriceList {
  public:
    // The published prices of deepseek-v4-flash, deepseek-v4-pro and deepseek-flash.
    static PriceList published();

    // A row or rule replaces the one of the same start (and model and currency).
    void add(PriceRow row);
    void add(PeakRule rule);
    void clear_peak_rules() { rules_.clear(); }

    bool peak_at(std::int64_t at_ms) const;
    // Prices in force at that moment; none before the first row or for an unknown model. The service bills by the moment a
    // request completes.
    std::optional<TokenPrices> at(std::string_view model, Currency currency, std::int64_t at_ms) const;
    // In 1e-12 of the currency; none without a price, or if it passes what an int64 holds.
    std::optional<std::int64_t> cost(std::string_view model, Currency currency, std::int64_t at_ms, const TokenCounts& tokens) const;

    const std::vector<PriceRow>& rows() const { return rows_; }  // by model, currency, start
    const std::vector<PeakRule>& peak_rules() const { return rules_; }  // by start

  private:
    std::vector<PriceRow> rows_;
    std::vector<PeakRule> rules_;
};

// "0.14" per million tokens as 1e-12 of a token's price, and back.
Result<std::int64_t> parse_price(std::string_view text);
std::string format_price(std::int64_t pico);

// "09:00-12:00" as minutes; an end of 24:00 is allowed, an end before the beginning is not.
Result<PeakRule::Hours> parse_hours(std::string_view text);
std::string format_hours(const PeakRule::Hours& hours);

inline constexpr std::string_view kWeekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

}  // namespace baleen::serve
