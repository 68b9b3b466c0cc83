// One request as the ledger keeps it: who asked what of which model, what it used and would have cost. No texts of prompts or
// answers, no keys. Written to the journal as one line of JSON (docs/formats/ledger.md). Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/store/prices.h"

namespace baleen::serve {

struct UsageRow {
    std::string id;               // of the request, unique for ever: rows of the same id are one row
    std::int64_t started_ms = 0;  // when it arrived
    std::int64_t key_id = 0;      // 0: no key was asked for
    std::string user_id;          // as the client gave it
    std::string endpoint;         // "chat.completions", "completions", "responses", "messages"
    std::string model_asked, model_served;
    std::int64_t prompt_hit = 0, prompt_miss = 0;
    std::int64_t output = 0;     // completion tokens, reasoning among them
    std::int64_t reasoning = 0;  // of these
    std::string finish;          // "stop", "length", "tool_calls", "aborted", "error"
    int status = 200;            // HTTP
    bool stream = false;
    std::optional<std::int64_t> first_token_ms;  // after started_ms; none if none came
    std::int64_t total_ms = 0;
    std::optional<std::int64_t> usd_pico, cny_pico;  // 1e-12 of the currency; none without a price

    bool operator==(const UsageRow&) const = default;
};

// Fills in what the row would have cost, by the prices in force when it ended.
void set_cost(const PriceList& prices, std::string_view price_name, UsageRow& row);

// Texts cut to what a ledger keeps, at a character's border; numbers below zero become zero, invalid UTF-8 becomes U+FFFD. What comes
// out is what decode_row gives back.
UsageRow fitted(UsageRow row);

// A fitted row as a JSON object on one line, without line break; at most kRowBytesMax long.
std::string encode_row(const UsageRow& row);
// Members that are not known are passed over. corrupt names the member.
Result<UsageRow> decode_row(std::string_view json);

inline constexpr std::size_t kRowTextBytesMax = 512;  // user_id; the others have 128
inline constexpr std::size_t kRowBytesMax = 8192;

}  // namespace baleen::serve
