#include "serve/api/balance.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "text/python_json.h"

namespace baleen::serve {

namespace {

constexpr std::int64_t kMillionthsPerCent = 10000;

std::int64_t total(const BalanceInfo& balance) {
    std::int64_t sum = 0;
    if (!__builtin_add_overflow(balance.granted_millionths, balance.topped_up_millionths, &sum)) return sum;
    return balance.granted_millionths < 0 ? std::numeric_limits<std::int64_t>::min()
                                          : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

std::string format_amount(std::int64_t millionths) {
    std::int64_t cents = millionths / kMillionthsPerCent;
    if (millionths % kMillionthsPerCent < 0) --cents;
    const std::int64_t size = cents < 0 ? -cents : cents;  // far from the limits: divided by 10,000
    return fmt::format("{}{}.{:02}", cents < 0 ? "-" : "", size / 100, size % 100);
}

std::string balance_body(std::span<const BalanceInfo> balances) {
    const bool available = balances.empty() || std::any_of(balances.begin(), balances.end(),
                                                           [](const BalanceInfo& balance) { return total(balance) > 0; });
    std::string out = fmt::format("{{\"is_available\":{},\"balance_infos\":[", available);
    for (const BalanceInfo& balance : balances) {
        if (&balance != balances.data()) out += ',';
        out += "{\"currency\":";
        text::append_json_string(balance.currency, out);
        out += fmt::format(",\"total_balance\":\"{}\",\"granted_balance\":\"{}\",\"topped_up_balance\":\"{}\"}}",
                           format_amount(total(balance)), format_amount(balance.granted_millionths),
                           format_amount(balance.topped_up_millionths));
    }
    return out + "]}";
}

}  // namespace baleen::serve
