#include "serve/store/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/check.h"
#include "base/json.h"

namespace baleen::serve {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::uint64_t power_of_ten(int exponent) {
    std::uint64_t power = 1;
    for (int i = 0; i < exponent; ++i) power *= 10;
    return power;
}

// value / 10^digits with exactly that many decimals.
std::string fixed(std::int64_t value, int digits) {
    const bool negative = value < 0;
    const std::uint64_t magnitude = negative ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
    const std::uint64_t scale = power_of_ten(digits);
    std::string text = fmt::format("{}{}", negative ? "-" : "", magnitude / scale);
    if (digits > 0) text += fmt::format(".{:0{}}", magnitude % scale, digits);
    return text;
}

}  // namespace

Result<Currency> parse_currency(std::string_view text) {
    std::string upper(text);
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
    if (upper == "USD") return Currency::usd;
    if (upper == "CNY") return Currency::cny;
    return invalid_argument(fmt::format("'{}' is no currency; write USD or CNY", printable(text, 20)));
}

Result<std::int64_t> parse_decimal(std::string_view text, int digits) {
    CHECK(digits >= 0 && digits <= kPicoDigits, "digits {}", digits);
    const std::string shown = printable(text, 40);
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    std::int64_t value = 0;
    int decimals = -1, seen = 0;  // decimals: -1 before the point
    for (const char c : text) {
        if (c == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9') return invalid_argument(fmt::format("'{}' is no decimal number, like 0.14", shown));
        if (decimals >= 0 && ++decimals > digits)
            return invalid_argument(fmt::format("'{}' has more than {} decimals", shown, digits));
        if (value > (kMost - (c - '0')) / 10) return invalid_argument(fmt::format("'{}' is too large", shown));
        value = 10 * value + (c - '0');
        ++seen;
    }
    if (seen == 0 || decimals == 0) return invalid_argument(fmt::format("'{}' is no decimal number, like 0.14", shown));
    for (int i = std::max(decimals, 0); i < digits; ++i) {
        if (value > kMost / 10) return invalid_argument(fmt::format("'{}' is too large", shown));
        value *= 10;
    }
    return value;
}

Result<Money> parse_money(std::string_view text, std::optional<Currency> otherwise) {
    std::string_view number = trimmed(text), unit;
    if (number.size() > 3 && is_letter(number[0])) {
        unit = number.substr(0, 3);
        number.remove_prefix(3);
    } else if (number.size() > 3 && is_letter(number.back())) {
        unit = number.substr(number.size() - 3);
        number.remove_suffix(3);
    }
    Money money;
    if (!unit.empty()) {
        TRY_ASSIGN(money.currency, parse_currency(unit));
    } else if (otherwise.has_value()) {
        money.currency = *otherwise;
    } else {
        return invalid_argument(fmt::format("'{}' names no currency; write 10USD or 70CNY", printable(text, 40)));
    }
    TRY_ASSIGN(money.pico, parse_decimal(trimmed(number), kPicoDigits));
    return money;
}

std::string format_exact(std::int64_t pico, int decimals_min) {
    std::string text = fixed(pico, kPicoDigits);
    const std::size_t least = text.size() - kPicoDigits + static_cast<std::size_t>(decimals_min);
    while (text.size() > least && text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
}

std::string format_floor(std::int64_t pico, int decimals) {
    CHECK(decimals >= 0 && decimals <= kPicoDigits, "decimals {}", decimals);
    const auto unit = static_cast<std::int64_t>(power_of_ten(kPicoDigits - decimals));
    return fixed(pico / unit - (pico % unit < 0 ? 1 : 0), decimals);
}

}  // namespace baleen::serve
