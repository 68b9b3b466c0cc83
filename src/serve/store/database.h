// The server's SQLite file: keys and ledger (docs/formats/ledger.md). Wraps SQLite: errors as values, statements as objects,
// values bound by position. Opened in WAL mode with full syncing, so that what is committed survives a power cut; several
// processes may have it open. A Database is for one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace baleen::serve {

class Statement;

class Database {
  public:
    enum class Mode { create, existing };  // whether a missing file is made, or not_found

    // Opens the file and brings its tables up to date. Created for the owner's eyes only (0600). unsupported: written by a later
    // version of the program.
    static Result<Database> open(const std::filesystem::path& path, Mode mode);

    Result<void> run(const char* sql);            // statements without values, as many as there are
    Result<Statement> prepare(std::string_view sql);
    std::int64_t last_row() const;
    std::int64_t changed_rows() const;  // by the last statement

  private:
    friend class Statement;
    // Where statements find it, wherever the Database is moved.
    struct Connection {
        explicit Connection(std::string file) : name(std::move(file)) {}
        ~Connection();
        Connection(const Connection&) = delete;
        Connection& operator=(const Connection&) = delete;
        Error error(std::string_view doing) const;  // the last one of SQLite
        sqlite3* handle = nullptr;
        std::string name;  // of the file, for messages
    };
    explicit Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
    Result<void> migrate();

    std::unique_ptr<Connection> connection_;
};

// A prepared statement. Must not outlive its database, which may be moved.
class Statement {
  public:
    // Values from the first ? on; the statement is made ready to run again.
    template <class... Values>
    Statement& bind(const Values&... values) {
        start();
        int index = 0;
        (put(++index, values), ...);
        return *this;
    }
    Result<bool> step();  // whether there is a row
    Result<void> run();   // steps to the end, for statements without rows

    std::int64_t integer(int column) const;
    std::optional<std::int64_t> maybe_integer(int column) const;
    std::string text(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const;
    };
    Statement(const Database::Connection* connection, sqlite3_stmt* handle) : connection_(connection), handle_(handle) {}
    void start();
    void put(int index, std::int64_t value);
    void put(int index, std::string_view value);
    void put(int index, const std::optional<std::int64_t>& value);

    const Database::Connection* connection_;
    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

// BEGIN IMMEDIATE ... COMMIT; rolled back if it is destroyed before commit().
class Transaction {
  public:
    static Result<Transaction> begin(Database& database);
    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();
    Result<void> commit();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

// Makes a folder and those above it; the folder itself for its owner alone (0700). One that is there stays as it is.
Result<void> make_private_directory(const std::filesystem::path& path);

inline constexpr const char* kDatabaseName = "baleen.db";  // in the data directory

}  // namespace baleen::serve
