// Every request's usage and cost, kept. append() is one write into the journal, made before the answer's last chunk leaves;
// import() takes the journal into SQLite, at start, from time to time and at the end. A row whose append returned is in the ledger
// exactly once, whatever dies when: the journal is deleted only after SQLite has committed to the disk, and a row is known by its id.
// What a power cut can cost is the rows since the last import. docs/formats/ledger.md.
//
// One process owns the ledger of a data directory (a lock says so); others may read (usage_report.h). append and spent: any thread,
// microseconds. import: any thread, one at a time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "base/result.h"
#include "io/read_file.h"
#include "serve/store/database.h"
#include "serve/store/journal.h"
#include "serve/store/money.h"
#include "serve/store/usage_row.h"

namespace baleen::serve {

struct ImportReport {
    std::int64_t files = 0;
    std::int64_t rows = 0;     // that were new
    std::int64_t known = 0;    // that were there already
    std::int64_t damaged = 0;  // lines that hold no row; their file is kept beside, named *.damaged
    std::int64_t torn = 0;     // last lines without end: writes that never returned
};

struct LedgerStats {
    std::int64_t appended = 0;  // since the start
    std::int64_t append_failures = 0;
    ImportReport imported;
    std::int64_t import_failures = 0;
    std::string last_error;
};

class Ledger {
  public:
    // Takes the lock, takes in what an earlier process left, begins a journal. resource_exhausted: another process has it.
    static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& data_dir);
    // A last import; what fails then is taken in at the next start.
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    // The row is cut to what is kept (fitted()). Once this returns without error the row survives the death of the process.
    Result<void> append(const UsageRow& row);

    // What the rows of a key cost so far, appended ones included.
    Money spent(std::int64_t key_id, Currency currency) const;

    Result<ImportReport> import();
    // From a thread of its own, every so often, until the ledger is destroyed. Failures are counted and tried again.
    void import_every(std::int64_t interval_ms);

    LedgerStats stats() const;

  private:
    struct Spent {
        std::int64_t usd_pico = 0, cny_pico = 0;
        void add(const UsageRow& row);
    };
    Ledger(std::filesystem::path directory, io::Descriptor lock, Database database)
        : directory_(std::move(directory)), lock_(std::move(lock)), database_(std::move(database)) {}
    Result<void> begin_journal();
    Result<std::uint64_t> turn_over();
    Result<void> read_spending();
    Result<ImportReport> import_before(std::uint64_t number);

    const std::filesystem::path directory_;
    const io::Descriptor lock_;

    std::mutex import_mutex_;  // before append_mutex_
    Database database_;

    mutable std::mutex append_mutex_;
    std::optional<JournalWriter> writer_;
    std::uint64_t number_ = 0;  // the last that was given to a file
    std::unordered_map<std::int64_t, Spent> spent_;
    LedgerStats stats_;

    std::mutex stop_mutex_;
    std::condition_variable_any stop_;
    std::jthread importer_;  // last: ends first
};

// Where a data directory's journal lies.
std::filesystem::path journal_directory(const std::filesystem::path& data_dir);

// Takes the rows of one journal file into the database, in one transaction.
Result<ImportReport> import_journal_file(Database& database, const std::filesystem::path& path);

}  // namespace baleen::serve
