// Amounts of money as integers: 1e-12 of a dollar or yuan ("pico"), so that a price of 0.003625 per million tokens is 3625 a
// token and every cost is exact. An int64 holds 9.2 million dollars; sums that could pass it are checked. No floating point
// anywhere between price and bill. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen::serve {

enum class Currency { usd, cny };
constexpr std::string_view name(Currency currency) { return currency == Currency::usd ? "USD" : "CNY"; }
Result<Currency> parse_currency(std::string_view text);  // usd, CNY, ... in any case

inline constexpr int kPicoDigits = 12;

struct Money {
    std::int64_t pico = 0;
    Currency currency = Currency::usd;
    bool operator==(const Money&) const = default;
};

// A decimal number as an integer of 10^-digits: parse_decimal("0.25", 6) is 250000. Refuses signs, exponents, more than `digits`
// decimals, and what does not fit.
Result<std::int64_t> parse_decimal(std::string_view text, int digits);
// "12.5 USD", "12.5USD", "USD 12.5", "12.5" with the currency given beside it; no more than 12 decimals.
Result<Money> parse_money(std::string_view text, std::optional<Currency> otherwise = std::nullopt);

// All its digits, zeros at the end left out down to two decimals: "0.00000725", "110.00".
std::string format_exact(std::int64_t pico, int decimals_min = 2);
// Cut to that many decimals, towards minus infinity: a balance is never shown higher than it is.
std::string format_floor(std::int64_t pico, int decimals);

}  // namespace baleen::serve
