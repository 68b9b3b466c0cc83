// The ledger's journal: files of lines that are appended to with one write each, so that a row is on its way to the disk before
// its client sees the end of the answer, and survives the death of the process. docs/formats/ledger.md is the format. A file is
// written by one process and never reopened for writing: after a crash the next start reads it and begins another. Costs a
// write(2) of some 400 bytes into the page cache, a few microseconds; not synced, the import into SQLite is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/read_file.h"
#include "serve/store/usage_row.h"

namespace baleen::serve {

inline constexpr std::string_view kJournalHeader = "baleen-usage-journal 1\n";

// A record: 16 hexadecimal digits of the row's XXH3-64, a blank, the row, a line break.
std::string journal_record(const UsageRow& fitted_row);

// One thread at a time.
class JournalWriter {
  public:
    // Makes "usage-<12 digits>.journal", which must not exist, readable for the owner only.
    static Result<JournalWriter> create(const std::filesystem::path& directory, std::uint64_t number);

    // All of the record or nothing of it. After an error that could not be undone (broken()) another file must be begun.
    Result<void> append(std::string_view record);
    bool broken() const { return broken_; }
    bool empty() const { return records_ == 0; }
    const std::filesystem::path& path() const { return path_; }
    std::uint64_t number() const { return number_; }

  private:
    JournalWriter(io::Descriptor file, std::filesystem::path path, std::uint64_t number)
        : file_(std::move(file)), path_(std::move(path)), number_(number) {}
    Result<void> write_all(std::string_view bytes);

    io::Descriptor file_;
    std::filesystem::path path_;
    std::uint64_t number_ = 0;
    std::int64_t size_ = 0;
    std::int64_t records_ = 0;
    bool broken_ = false;
};

struct JournalFile {
    std::filesystem::path path;
    std::uint64_t number = 0;
};
// By number. A directory that is missing has none.
Result<std::vector<JournalFile>> journal_files(const std::filesystem::path& directory);

struct JournalReading {
    std::int64_t rows = 0;
    std::int64_t damaged = 0;  // lines with a wrong checksum or no row; passed over
    bool torn = false;         // the last line has no end: a write that never returned
};
// Hands over every whole row. An error of `take` ends the reading with it; unsupported: another version's file. A file of zero
// bytes, or with a part of the header, is one whose writer died at once.
Result<JournalReading> read_journal(const std::filesystem::path& path, const std::function<Result<void>(UsageRow)>& take);
// The same from memory, `bytes` being the whole file.
Result<JournalReading> read_journal_bytes(std::string_view bytes, std::string_view name, const std::function<Result<void>(UsageRow)>& take);

}  // namespace baleen::serve
