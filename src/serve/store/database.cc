#include "serve/store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "base/check.h"

namespace baleen::serve {

namespace {

constexpr int kBusyMs = 10'000;  // for another process to end its transaction

// Each step takes the tables from version n (its place) to n + 1; never changed once released, only added to. The reason for
// each column is in docs/formats/ledger.md.
constexpr const char* kMigrations[] = {R"sql(
    CREATE TABLE keys (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        shown TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        revoked_ms INTEGER,
        budget_pico INTEGER,
        budget_currency TEXT NOT NULL DEFAULT 'USD',
        concurrency INTEGER,
        rate_count INTEGER,
        rate_period_ms INTEGER
    ) STRICT;
    CREATE TABLE usage (
        id TEXT PRIMARY KEY,
        started_ms INTEGER NOT NULL,
        key_id INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        endpoint TEXT NOT NULL,
        model_asked TEXT NOT NULL,
        model_served TEXT NOT NULL,
        prompt_hit INTEGER NOT NULL,
        prompt_miss INTEGER NOT NULL,
        output INTEGER NOT NULL,
        reasoning INTEGER NOT NULL,
        finish TEXT NOT NULL,
        status INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        first_token_ms INTEGER,
        total_ms INTEGER NOT NULL,
        usd_pico INTEGER,
        cny_pico INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_started ON usage (started_ms);
    CREATE TABLE spending (
        key_id INTEGER PRIMARY KEY,
        usd_pico INTEGER NOT NULL,
        cny_pico INTEGER NOT NULL
    ) STRICT;
    CREATE TRIGGER usage_spending AFTER INSERT ON usage BEGIN
        INSERT INTO spending VALUES (new.key_id, coalesce(new.usd_pico, 0), coalesce(new.cny_pico, 0))
        ON CONFLICT (key_id) DO UPDATE SET usd_pico = usd_pico + excluded.usd_pico, cny_pico = cny_pico + excluded.cny_pico;
    END;
)sql"};

// SQLite makes its files with the process's mask; keys and bills are for the owner alone.
Result<void> create_private(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    ::close(fd);
    return Ok{};
}

}  // namespace

Result<void> make_private_directory(const std::filesystem::path& path) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return Ok{};
    std::filesystem::create_directories(path, error);
    if (!error) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error) return io_error(fmt::format("{}: {}", path.string(), error.message()));
    return Ok{};
}

Database::Connection::~Connection() { sqlite3_close_v2(handle); }
void Statement::Finalize::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Error Database::Connection::error(std::string_view doing) const {
    const int code = sqlite3_extended_errcode(handle) & 0xff;
    std::string message = fmt::format("{}: {}: {}", name, doing, sqlite3_errmsg(handle));
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) message += "; another process has it locked";
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        return corrupt(message + "; put a copy in its place, or move it away: keys and ledger then begin anew");
    return io_error(std::move(message));
}

Result<Database> Database::open(const std::filesystem::path& path, Mode mode) {
    std::error_code ignored;
    if (mode == Mode::existing && !std::filesystem::exists(path, ignored))
        return not_found(fmt::format("{}: No such file; baleen keys add and baleen serve make it", path.string()));
    if (mode == Mode::create) TRY(create_private(path));
    Database database(std::make_unique<Connection>(path.string()));
    // One thread at a time is our promise, so SQLite needs no locks between threads.
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3*& handle = database.connection_->handle;
    if (sqlite3_open_v2(path.c_str(), &handle, flags, nullptr) != SQLITE_OK) return database.connection_->error("open");
    sqlite3_busy_timeout(handle, kBusyMs);
    TRY(database.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"));
    TRY(database.migrate());
    return database;
}

Result<void> Database::migrate() {
    const auto version = [this]() -> Result<std::int64_t> {
        TRY_ASSIGN(Statement statement, prepare("PRAGMA user_version"));
        TRY_ASSIGN(const bool row, statement.step());
        CHECK(row);
        return statement.integer(0);
    };
    constexpr std::int64_t kNewest = std::size(kMigrations);
    TRY_ASSIGN(std::int64_t found, version());
    if (found < 0 || found > kNewest)
        return unsupported(fmt::format("{}: has version {}, this program knows {}; use the newer program", connection_->name, found, kNewest));
    if (found == kNewest) return Ok{};

    TRY_ASSIGN(Transaction transaction, Transaction::begin(*this));
    TRY_ASSIGN(found, version());  // another process may have been faster
    for (std::int64_t step = found; step < kNewest; ++step) {
        TRY(run(kMigrations[step]));
        TRY(run(fmt::format("PRAGMA user_version = {}", step + 1).c_str()));
    }
    return transaction.commit();
}

Result<void> Database::run(const char* sql) {
    if (sqlite3_exec(connection_->handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return connection_->error("statement");
    return Ok{};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(connection_->handle, sql.data(), static_cast<int>(sql.size()), &raw, nullptr) != SQLITE_OK)
        return connection_->error("statement");
    CHECK(raw != nullptr, "an empty statement");
    return Statement(connection_.get(), raw);
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(connection_->handle); }
std::int64_t Database::changed_rows() const { return sqlite3_changes(connection_->handle); }

void Statement::start() {
    sqlite3_reset(handle_.get());
    sqlite3_clear_bindings(handle_.get());
}

void Statement::put(int index, std::int64_t value) {
    CHECK(sqlite3_bind_int64(handle_.get(), index, value) == SQLITE_OK, "parameter {}", index);
}
void Statement::put(int index, std::string_view value) {
    // An empty view may hold a null pointer, which SQLite would take for NULL.
    const char* data = value.data() != nullptr ? value.data() : "";
    CHECK(sqlite3_bind_text(handle_.get(), index, data, static_cast<int>(value.size()), SQLITE_TRANSIENT) == SQLITE_OK, "parameter {}", index);
}
void Statement::put(int index, const std::optional<std::int64_t>& value) {
    if (value.has_value()) put(index, *value);
    else CHECK(sqlite3_bind_null(handle_.get(), index) == SQLITE_OK, "parameter {}", index);
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        sqlite3_reset(handle_.get());
        return false;
    }
    Error error = connection_->error("step");
    sqlite3_reset(handle_.get());
    return error;
}

Result<void> Statement::run() {
    for (;;) {
        TRY_ASSIGN(const bool row, step());
        if (!row) return Ok{};
    }
}

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
std::optional<std::int64_t> Statement::maybe_integer(int column) const {
    if (sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
    return integer(column);
}
std::string Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
    return bytes == nullptr ? "" : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column)));
}

Result<Transaction> Transaction::begin(Database& database) {
    TRY(database.run("BEGIN IMMEDIATE"));
    return Transaction(database);
}
Transaction::~Transaction() {
    if (database_ != nullptr) (void)database_->run("ROLLBACK");
}
Result<void> Transaction::commit() {
    TRY(database_->run("COMMIT"));  // if it fails, the destructor rolls back
    database_ = nullptr;
    return Ok{};
}

}  // namespace baleen::serve
