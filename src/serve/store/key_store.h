// The keys clients identify themselves with, in the server's SQLite file: what was made, with which limits and budget, and when it
// was revoked. A key itself is shown once and stored as its SHA-256 only: it holds 256 random bits, which no guessing reaches, so
// salt and slow hashing would add nothing. Changes by other processes (`baleen keys`) are seen at the next look. Any thread; a look
// is a lock, one hash and one read of SQLite's shared counter, some microseconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "serve/store/database.h"
#include "serve/store/money.h"
#include "serve/store/rate_limit.h"

namespace baleen::serve {

struct ApiKey {
    std::int64_t id = 0;  // from 1; rows of the ledger without a key have 0
    std::string name;
    std::string shown;  // "sk-1a2b...9f0e", enough to tell keys apart
    std::int64_t created_ms = 0;
    std::optional<std::int64_t> revoked_ms;
    std::optional<Money> budget;  // that all its requests together may cost
    KeyLimits limits;
};

struct NewKey {
    std::string secret;  // the only time it is seen
    ApiKey key;
};

class KeyStore {
  public:
    static Result<std::unique_ptr<KeyStore>> open(const std::filesystem::path& data_dir, Database::Mode mode);

    Result<NewKey> add(std::string_view name, const std::optional<Money>& budget, const KeyLimits& limits, std::int64_t now_ms);
    // Replaces what is given; the others stay.
    struct Changes {
        std::optional<std::optional<Money>> budget;  // to a budget, or to none
        std::optional<std::optional<std::int64_t>> concurrency;
        std::optional<std::optional<Rate>> rate;
    };
    Result<ApiKey> change(std::int64_t id, const Changes& changes);
    // From now on the key is nobody's; its rows in the ledger stay. Revoking twice keeps the first date.
    Result<ApiKey> revoke(std::int64_t id, std::int64_t now_ms);
    Result<std::vector<ApiKey>> list();  // by id, revoked ones too

    // Whose key this is; none for unknown and revoked ones. The comparison takes the same time wherever the digests differ.
    Result<std::optional<ApiKey>> find(std::string_view secret);

  private:
    struct Known {
        std::string digest;
        ApiKey key;
    };
    explicit KeyStore(Database database, Statement version) : database_(std::move(database)), version_(std::move(version)) {}
    Result<ApiKey> get(std::int64_t id);
    Result<std::vector<Known>> read_all();
    Result<void> refresh();

    std::mutex mutex_;
    Database database_;
    Statement version_;  // PRAGMA data_version
    std::optional<std::int64_t> seen_version_;
    std::unordered_map<std::string, Known> keys_;  // not revoked, by the first digits of the digest
};

// A key as messages may show it: "****fcc2" (spec api 10).
std::string masked(std::string_view secret);

// What is left of a budget. The service spends granted money before topped-up; here all of it is topped up.
struct Balance {
    Currency currency = Currency::usd;
    std::int64_t total_pico = 0;  // may be below zero: requests in progress are not counted until they end
    std::int64_t granted_pico = 0;
    std::int64_t topped_up_pico = 0;
    bool available = false;  // whether another request may start
};
Balance balance_of(const Money& budget, std::int64_t spent_pico);

}  // namespace baleen::serve
