#include "serve/store/ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace baleen::serve {

namespace {

constexpr std::string_view kInsert =
    "INSERT INTO usage (id, started_ms, key_id, user_id, endpoint, model_asked, model_served, prompt_hit, prompt_miss, output, reasoning, "
    "finish, status, stream, first_token_ms, total_ms, usd_pico, cny_pico) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO NOTHING";

std::string_view view(const std::string& text) { return text; }

Result<bool> insert(Database& database, Statement& statement, const UsageRow& row) {
    statement.bind(view(row.id), row.started_ms, row.key_id, view(row.user_id), view(row.endpoint), view(row.model_asked),
                   view(row.model_served), row.prompt_hit, row.prompt_miss, row.output, row.reasoning, view(row.finish),
                   std::int64_t{row.status}, std::int64_t{row.stream}, row.first_token_ms, row.total_ms, row.usd_pico, row.cny_pico);
    TRY(statement.run());
    return database.changed_rows() > 0;
}

// Held until the descriptor is closed, also by death.
Result<io::Descriptor> take_lock(const std::filesystem::path& path) {
    io::Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!file.valid()) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (errno == EWOULDBLOCK)
        return resource_exhausted(fmt::format("{}: held by another process; end that server, or give --data-dir another folder", path.string()));
    return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
}

Result<void> remove_or_set_aside(const JournalFile& file, bool damaged) {
    std::error_code error;
    if (damaged) std::filesystem::rename(file.path, file.path.string() + ".damaged", error);
    else std::filesystem::remove(file.path, error);
    if (error) return io_error(fmt::format("{}: {}", file.path.string(), error.message()));
    return Ok{};
}

void add(ImportReport& sum, const ImportReport& more) {
    sum.files += more.files;
    sum.rows += more.rows;
    sum.known += more.known;
    sum.damaged += more.damaged;
    sum.torn += more.torn;
}

}  // namespace

std::filesystem::path journal_directory(const std::filesystem::path& data_dir) { return data_dir / "ledger"; }

Result<ImportReport> import_journal_file(Database& database, const std::filesystem::path& path) {
    TRY_ASSIGN(Statement statement, database.prepare(kInsert));
    TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
    ImportReport report;
    TRY_ASSIGN(const JournalReading reading, read_journal(path, [&](UsageRow row) -> Result<void> {
        TRY_ASSIGN(const bool fresh, insert(database, statement, row));
        ++(fresh ? report.rows : report.known);
        return Ok{};
    }));
    TRY(transaction.commit());
    report.files = 1;
    report.damaged = reading.damaged;
    report.torn = reading.torn ? 1 : 0;
    return report;
}

void Ledger::Spent::add(const UsageRow& row) {
    usd_pico += row.usd_pico.value_or(0);
    cny_pico += row.cny_pico.value_or(0);
}

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& data_dir) {
    const std::filesystem::path directory = journal_directory(data_dir);
    TRY(make_private_directory(data_dir));
    TRY(make_private_directory(directory));
    TRY_ASSIGN(io::Descriptor lock, take_lock(directory / "lock"));
    TRY_ASSIGN(Database database, Database::open(data_dir / kDatabaseName, Database::Mode::create));
    std::unique_ptr<Ledger> ledger(new Ledger(directory, std::move(lock), std::move(database)));
    TRY_ASSIGN(const std::vector<JournalFile> files, journal_files(directory));
    if (!files.empty()) ledger->number_ = files.back().number;
    TRY(ledger->begin_journal());
    TRY(ledger->import_before(ledger->writer_->number()));
    TRY(ledger->read_spending());
    return ledger;
}

Ledger::~Ledger() {
    if (importer_.joinable()) {
        importer_.request_stop();
        importer_.join();
    }
    // Only a ledger that was opened to the end has a journal of its own to take in.
    if (!writer_.has_value()) return;
    (void)import();
    if (writer_.has_value() && writer_->empty()) ::unlink(writer_->path().c_str());
}

Result<void> Ledger::begin_journal() {
    TRY_ASSIGN(writer_, JournalWriter::create(directory_, ++number_));
    return Ok{};
}

// Lets appends go to a new file if the present one has rows; the number below which files are finished. Making a file may wait for
// the disk, so appends do not wait for it.
Result<std::uint64_t> Ledger::turn_over() {
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(append_mutex_);
        // Of a journal without rows there is nothing to take in; older ones may be left from a failure.
        if (writer_.has_value() && writer_->empty()) return writer_->number();
        number = ++number_;
    }
    TRY_ASSIGN(JournalWriter fresh, JournalWriter::create(directory_, number));
    std::optional<JournalWriter> finished(std::move(fresh));
    const std::lock_guard lock(append_mutex_);
    // If append began a file meanwhile, for its own was broken, that one has a higher number and is taken in next time.
    writer_.swap(finished);
    return number;
}

Result<void> Ledger::read_spending() {
    TRY_ASSIGN(Statement select, database_.prepare("SELECT key_id, usd_pico, cny_pico FROM spending"));
    for (;;) {
        TRY_ASSIGN(const bool row, select.step());
        if (!row) return Ok{};
        spent_[select.integer(0)] = {select.integer(1), select.integer(2)};
    }
}

Result<void> Ledger::append(const UsageRow& row) {
    const UsageRow fit = fitted(row);
    CHECK(!fit.id.empty(), "a row without an id");
    const std::string record = journal_record(fit);
    const std::lock_guard lock(append_mutex_);
    const auto write = [&]() -> Result<void> {
        if (!writer_.has_value() || writer_->broken()) TRY(begin_journal());
        return writer_->append(record);
    };
    Result<void> written = write();
    if (!written.ok()) {
        ++stats_.append_failures;
        stats_.last_error = written.error().message;
        return written;
    }
    ++stats_.appended;
    spent_[fit.key_id].add(fit);
    return Ok{};
}

Money Ledger::spent(std::int64_t key_id, Currency currency) const {
    const std::lock_guard lock(append_mutex_);
    const auto at = spent_.find(key_id);
    const Spent spent = at == spent_.end() ? Spent() : at->second;
    return {currency == Currency::usd ? spent.usd_pico : spent.cny_pico, currency};
}

Result<ImportReport> Ledger::import() {
    const std::lock_guard one_at_a_time(import_mutex_);
    const auto run = [this]() -> Result<ImportReport> {
        TRY_ASSIGN(const std::uint64_t before, turn_over());
        return import_before(before);
    };
    Result<ImportReport> report = run();
    const std::lock_guard lock(append_mutex_);
    if (report.ok()) {
        add(stats_.imported, *report);
    } else {
        ++stats_.import_failures;
        stats_.last_error = report.error().message;
    }
    return report;
}

Result<ImportReport> Ledger::import_before(std::uint64_t number) {
    TRY_ASSIGN(const std::vector<JournalFile> files, journal_files(directory_));
    ImportReport sum;
    for (const JournalFile& file : files) {
        if (file.number >= number) break;
        TRY_ASSIGN(const ImportReport report, import_journal_file(database_, file.path));
        add(sum, report);
        TRY(remove_or_set_aside(file, report.damaged > 0));
    }
    return sum;
}

void Ledger::import_every(std::int64_t interval_ms) {
    CHECK(!importer_.joinable() && interval_ms > 0, "{} ms", interval_ms);
    importer_ = std::jthread([this, interval_ms](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            {
                std::unique_lock lock(stop_mutex_);
                stop_.wait_for(lock, stop, std::chrono::milliseconds(interval_ms), [] { return false; });
            }
            if (!stop.stop_requested()) (void)import();  // counted in stats()
        }
    });
}

LedgerStats Ledger::stats() const {
    const std::lock_guard lock(append_mutex_);
    return stats_;
}

}  // namespace baleen::serve
