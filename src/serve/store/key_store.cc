#include "serve/store/key_store.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/check.h"
#include "base/json.h"
#include "io/sha256.h"
#include "serve/store/calendar.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kBucketDigits = 16;  // of a digest, to find a candidate by
constexpr std::size_t kSecretBytesMax = 512;  // longer ones are nobody's and not worth hashing

constexpr std::string_view kColumns =
    "id, name, digest, shown, created_ms, revoked_ms, budget_pico, budget_currency, concurrency, rate_count, rate_period_ms";

Result<std::string> new_secret() {
    std::array<unsigned char, kRandomBytes> random;
    std::size_t filled = 0;
    while (filled < random.size()) {
        const ssize_t got = ::getrandom(random.data() + filled, random.size() - filled, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return io_error(fmt::format("no random bytes from the system: {}", std::strerror(errno)));
        filled += static_cast<std::size_t>(got);
    }
    std::string secret = "sk-";
    for (const unsigned char byte : random) secret += fmt::format("{:02x}", byte);
    return secret;
}

std::string digest_of(std::string_view secret) {
    io::Sha256 hash;
    hash.add(secret);
    return hash.hex();
}

std::string shown_of(const std::string& secret) { return secret.substr(0, 7) + "..." + secret.substr(secret.size() - 4); }

Result<void> check_name(std::string_view name) {
    if (name.empty() || name.size() > kNameBytesMax)
        return invalid_argument(fmt::format("the key's name has {} bytes; it has 1 to {}", name.size(), kNameBytesMax));
    for (const char c : name)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            return invalid_argument(fmt::format("the key's name '{}' holds a control character", printable(name)));
    return Ok{};
}

ApiKey row_of(const Statement& row) {
    ApiKey key;
    key.id = row.integer(0);
    key.name = row.text(1);
    key.shown = row.text(3);
    key.created_ms = row.integer(4);
    key.revoked_ms = row.maybe_integer(5);
    if (const auto pico = row.maybe_integer(6)) key.budget = Money{*pico, row.text(7) == name(Currency::cny) ? Currency::cny : Currency::usd};
    key.limits.concurrency = row.maybe_integer(8);
    const auto count = row.maybe_integer(9), period_ms = row.maybe_integer(10);
    // Re-read through the parser's bounds, so that a row edited by hand cannot break a bucket.
    if (count.has_value() && period_ms.has_value())
        if (const Result<Rate> rate = parse_rate(format_rate({*count, *period_ms})); rate.ok()) key.limits.rate = *rate;
    return key;
}

std::optional<std::int64_t> pico_of(const std::optional<Money>& money) { return money ? std::optional(money->pico) : std::nullopt; }
std::string_view currency_of(const std::optional<Money>& money) { return name(money ? money->currency : Currency::usd); }
std::optional<std::int64_t> count_of(const std::optional<Rate>& rate) { return rate ? std::optional(rate->count) : std::nullopt; }
std::optional<std::int64_t> period_of(const std::optional<Rate>& rate) { return rate ? std::optional(rate->period_ms) : std::nullopt; }

}  // namespace

Result<std::unique_ptr<KeyStore>> KeyStore::open(const std::filesystem::path& data_dir, Database::Mode mode) {
    if (mode == Database::Mode::create) TRY(make_private_directory(data_dir));
    TRY_ASSIGN(Database database, Database::open(data_dir / kDatabaseName, mode));
    TRY_ASSIGN(Statement version, database.prepare("PRAGMA data_version"));
    return std::unique_ptr<KeyStore>(new KeyStore(std::move(database), std::move(version)));
}

Result<NewKey> KeyStore::add(std::string_view name, const std::optional<Money>& budget, const KeyLimits& limits, std::int64_t now_ms) {
    TRY(check_name(name));
    const std::lock_guard lock(mutex_);
    NewKey made;
    TRY_ASSIGN(made.secret, new_secret());
    TRY_ASSIGN(Statement insert, database_.prepare("INSERT INTO keys (name, digest, shown, created_ms, budget_pico, budget_currency, "
                                                   "concurrency, rate_count, rate_period_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    insert.bind(name, std::string_view(digest_of(made.secret)), std::string_view(shown_of(made.secret)), now_ms, pico_of(budget),
                currency_of(budget), limits.concurrency, count_of(limits.rate), period_of(limits.rate));
    TRY(insert.run());
    seen_version_.reset();  // data_version counts the changes of others only
    TRY_ASSIGN(made.key, get(database_.last_row()));
    return made;
}

Result<ApiKey> KeyStore::change(std::int64_t id, const Changes& changes) {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(Transaction transaction, Transaction::begin(database_));
    TRY_ASSIGN(ApiKey key, get(id));
    if (key.revoked_ms.has_value()) return invalid_argument(fmt::format("key {} is revoked", id));
    if (changes.budget.has_value()) key.budget = *changes.budget;
    if (changes.concurrency.has_value()) key.limits.concurrency = *changes.concurrency;
    if (changes.rate.has_value()) key.limits.rate = *changes.rate;
    TRY_ASSIGN(Statement update, database_.prepare("UPDATE keys SET budget_pico = ?, budget_currency = ?, concurrency = ?, rate_count = ?, "
                                                   "rate_period_ms = ? WHERE id = ?"));
    update.bind(pico_of(key.budget), currency_of(key.budget), key.limits.concurrency, count_of(key.limits.rate), period_of(key.limits.rate), id);
    TRY(update.run());
    TRY(transaction.commit());
    seen_version_.reset();
    return key;
}

Result<ApiKey> KeyStore::revoke(std::int64_t id, std::int64_t now_ms) {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(Statement update, database_.prepare("UPDATE keys SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?"));
    TRY(update.bind(now_ms, id).run());
    seen_version_.reset();
    return get(id);
}

Result<ApiKey> KeyStore::get(std::int64_t id) {
    TRY_ASSIGN(Statement select, database_.prepare(fmt::format("SELECT {} FROM keys WHERE id = ?", kColumns)));
    TRY_ASSIGN(const bool found, select.bind(id).step());
    if (!found) return not_found(fmt::format("there is no key {}; baleen keys list shows all", id));
    return row_of(select);
}

Result<std::vector<KeyStore::Known>> KeyStore::read_all() {
    TRY_ASSIGN(Statement select, database_.prepare(fmt::format("SELECT {} FROM keys ORDER BY id", kColumns)));
    std::vector<Known> all;
    for (;;) {
        TRY_ASSIGN(const bool row, select.step());
        if (!row) return all;
        all.push_back({select.text(2), row_of(select)});
    }
}

Result<std::vector<ApiKey>> KeyStore::list() {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(std::vector<Known> all, read_all());
    std::vector<ApiKey> keys;
    for (Known& known : all) keys.push_back(std::move(known.key));
    return keys;
}

Result<void> KeyStore::refresh() {
    // Before the keys are read: a change in between is seen next time.
    version_.bind();
    TRY_ASSIGN(const bool row, version_.step());
    CHECK(row);
    const std::int64_t version = version_.integer(0);
    version_.bind();  // an open statement would hold a read transaction
    if (seen_version_ == version) return Ok{};
    TRY_ASSIGN(std::vector<Known> all, read_all());
    keys_.clear();
    for (Known& known : all)
        if (!known.key.revoked_ms.has_value()) keys_.emplace(known.digest.substr(0, kBucketDigits), std::move(known));
    seen_version_ = version;
    return Ok{};
}

Result<std::optional<ApiKey>> KeyStore::find(std::string_view secret) {
    if (secret.size() > kSecretBytesMax) return std::optional<ApiKey>();
    const std::string digest = digest_of(secret);
    const std::lock_guard lock(mutex_);
    TRY(refresh());
    const auto at = keys_.find(digest.substr(0, kBucketDigits));
    if (at == keys_.end()) return std::optional<ApiKey>();
    const std::string& stored = at->second.digest;
    if (stored.size() != digest.size() || CRYPTO_memcmp(stored.data(), digest.data(), digest.size()) != 0) return std::optional<ApiKey>();
    return std::optional<ApiKey>(at->second.key);
}

std::string masked(std::string_view secret) {
    // Of a key that is hardly longer nothing is shown.
    return "****" + (secret.size() >= 12 ? printable(secret.substr(secret.size() - 4)) : "");
}

Balance balance_of(const Money& budget, std::int64_t spent_pico) {
    const __int128 left = static_cast<__int128>(budget.pico) - spent_pico;
    Balance balance;
    balance.currency = budget.currency;
    balance.total_pico = left < std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::min() : static_cast<std::int64_t>(left);
    balance.topped_up_pico = balance.total_pico;
    balance.available = balance.total_pico > 0;
    return balance;
}

}  // namespace baleen::serve
