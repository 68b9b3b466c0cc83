// What was used and what it would have cost, added up from the ledger by key, model or day, as a table and as JSON. Reads the SQLite
// file, and beside a running server takes in a copy of its journal first, so that a report is never behind. Any process; one
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/store/ledger.h"
#include "serve/store/money.h"

namespace baleen::serve {

enum class GroupBy { key, model, day };  // day: of UTC, by arrival
std::string_view name(GroupBy by);

struct UsageQuery {
    GroupBy by = GroupBy::model;
    Currency currency = Currency::usd;
    std::optional<std::int64_t> since_ms, until_ms;  // arrived at or after, and before
};

struct UsageSum {
    std::string group;                  // model, day; of a key its id ("0": without one)
    std::string key_name, key_shown;    // of a key
    std::int64_t requests = 0;
    std::int64_t failed = 0;            // status 400 and above
    std::int64_t prompt_hit = 0, prompt_miss = 0, output = 0, reasoning = 0;
    std::int64_t cost_pico = 0;
    std::int64_t unpriced = 0;          // requests of models without a price, not in cost_pico
};

struct UsageReport {
    UsageQuery query;
    std::vector<UsageSum> rows;  // by group; of a key by id
    UsageSum total;
    ImportReport journal;  // what was taken in before
};

// not_found if there is no ledger yet.
Result<UsageReport> report_usage(const std::filesystem::path& data_dir, const UsageQuery& query);

std::string as_table(const UsageReport& report);
std::string as_json(const UsageReport& report);  // one object and a line break; amounts are decimal strings

}  // namespace baleen::serve
