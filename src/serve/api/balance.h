// GET /user/balance (spec api 3.2). Amounts are exact integers and are shown with two decimals, rounded down: never
// more than there is. Stateless; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace baleen::serve {

struct BalanceInfo {
    std::string currency = "USD";  // or CNY
    std::int64_t granted_millionths = 0;
    std::int64_t topped_up_millionths = 0;  // the total is the sum
};

// Without balances there is no budget: available, and nothing to list.
std::string balance_body(std::span<const BalanceInfo> balances);

// 12345678 -> "12.34", -1 -> "-0.01".
std::string format_amount(std::int64_t millionths);

}  // namespace baleen::serve
