#include "serve/store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kSumDigits = 16;
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::size_t kRecordBytesMax = kSumDigits + 1 + kRowBytesMax + 1;
constexpr std::string_view kNamePrefix = "usage-", kNameSuffix = ".journal";
constexpr std::size_t kNameDigits = 12;

std::string checksum(std::string_view row) { return fmt::format("{:016x}", XXH3_64bits(row.data(), row.size())); }

// Splits what comes in pieces into lines and counts what they hold.
class LineReader {
  public:
    LineReader(std::string_view name, const std::function<Result<void>(UsageRow)>& take) : name_(name), take_(take) {}

    Result<void> feed(std::string_view piece) {
        while (!piece.empty()) {
            const std::size_t end = piece.find('\n');
            const std::string_view part = piece.substr(0, end);
            // A line too long to be a record is not kept, only its end is waited for.
            if (line_.size() + part.size() <= kRecordBytesMax) line_ += part;
            else overlong_ = true;
            started_ = true;
            if (end == std::string_view::npos) return Ok{};
            TRY(finish_line());
            piece.remove_prefix(end + 1);
        }
        return Ok{};
    }
    Result<JournalReading> end() {
        // An unfinished header is no header of another version.
        if (started_ && !header_seen_ && !kJournalHeader.starts_with(line_)) return foreign();
        reading_.torn = started_;
        return reading_;
    }

  private:
    Error foreign() const {
        return unsupported(fmt::format("{}: does not begin with '{}'; another version's journal, or none", name_,
                                       kJournalHeader.substr(0, kJournalHeader.size() - 1)));
    }
    Result<void> finish_line() {
        const std::string line = std::exchange(line_, {});
        const bool overlong = std::exchange(overlong_, false);
        started_ = false;
        if (!header_seen_) {
            if (line + "\n" != kJournalHeader) return foreign();
            header_seen_ = true;
            return Ok{};
        }
        const std::string_view row = std::string_view(line).substr(std::min(line.size(), kSumDigits + 1));
        const bool whole = !overlong && line.size() > kSumDigits + 1 && line[kSumDigits] == ' ' && line.compare(0, kSumDigits, checksum(row)) == 0;
        Result<UsageRow> decoded = whole ? decode_row(row) : Result<UsageRow>(corrupt("checksum"));
        if (!decoded.ok()) {
            ++reading_.damaged;
            return Ok{};
        }
        ++reading_.rows;
        return take_(std::move(decoded).value());
    }

    std::string_view name_;
    const std::function<Result<void>(UsageRow)>& take_;
    std::string line_;
    bool started_ = false, overlong_ = false, header_seen_ = false;
    JournalReading reading_;
};

}  // namespace

std::string journal_record(const UsageRow& row) {
    const std::string text = encode_row(row);
    return fmt::format("{} {}\n", checksum(text), text);
}

Result<JournalWriter> JournalWriter::create(const std::filesystem::path& directory, std::uint64_t number) {
    const std::filesystem::path path = directory / fmt::format("{}{:0{}}{}", kNamePrefix, number, kNameDigits, kNameSuffix);
    io::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
    if (!file.valid()) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    JournalWriter writer(std::move(file), path, number);
    const Result<void> header = writer.write_all(kJournalHeader);
    if (!header.ok()) {
        ::unlink(path.c_str());
        return header.error();
    }
    return writer;
}

// One write. A short one (a full disk) is taken back, so that the next record does not stand behind half of this one.
Result<void> JournalWriter::write_all(std::string_view bytes) {
    ssize_t wrote = 0;
    do wrote = ::write(file_.get(), bytes.data(), bytes.size());
    while (wrote < 0 && errno == EINTR);
    const int error = wrote < 0 ? errno : ENOSPC;
    if (wrote == static_cast<ssize_t>(bytes.size())) {
        size_ += wrote;
        return Ok{};
    }
    if (wrote > 0 && ::ftruncate(file_.get(), size_) != 0) broken_ = true;
    return io_error(fmt::format("{}: {}", path_.string(), std::strerror(error)));
}

Result<void> JournalWriter::append(std::string_view record) {
    CHECK(!broken_ && record.ends_with('\n') && record.size() <= kRecordBytesMax, "{} bytes", record.size());
    TRY(write_all(record));
    ++records_;
    return Ok{};
}

Result<std::vector<JournalFile>> journal_files(const std::filesystem::path& directory) {
    std::vector<JournalFile> files;
    std::error_code error;
    std::filesystem::directory_iterator entries(directory, error), end;
    if (error == std::errc::no_such_file_or_directory) return files;
    for (; !error && entries != end; entries.increment(error)) {
        const std::string name = entries->path().filename();
        if (name.size() != kNamePrefix.size() + kNameDigits + kNameSuffix.size() || !name.starts_with(kNamePrefix) || !name.ends_with(kNameSuffix)) continue;
        const std::string digits = name.substr(kNamePrefix.size(), kNameDigits);
        if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
        files.push_back({entries->path(), std::stoull(digits)});
    }
    if (error) return io_error(fmt::format("{}: {}", directory.string(), error.message()));
    std::sort(files.begin(), files.end(), [](const JournalFile& a, const JournalFile& b) { return a.number < b.number; });
    return files;
}

Result<JournalReading> read_journal(const std::filesystem::path& path, const std::function<Result<void>(UsageRow)>& take) {
    const std::string name = path.string();
    TRY_ASSIGN(const io::Descriptor file, io::open_for_reading(path));
    LineReader lines(name, take);
    std::string buffer(kReadBytes, '\0');
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error(fmt::format("{}: {}", name, std::strerror(errno)));
        if (got == 0) return lines.end();
        TRY(lines.feed(std::string_view(buffer).substr(0, static_cast<std::size_t>(got))));
    }
}

Result<JournalReading> read_journal_bytes(std::string_view bytes, std::string_view name, const std::function<Result<void>(UsageRow)>& take) {
    LineReader lines(name, take);
    TRY(lines.feed(bytes));
    return lines.end();
}

}  // namespace baleen::serve
