// Aim: what was appended is read back, row for row, and damage of any kind costs the rows it hits and no others.
#include "serve/store/journal.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "serve/store/calendar.h"
#include "serve/store/test_support.h"

namespace baleen::serve {
namespace {

UsageRow sample(int i) {
    UsageRow row;
    row.id = "chatcmpl-" + std::to_string(i);
    row.started_ms = 1'790'000'000'000 + i;
    row.key_id = i % 3;
    row.user_id = i % 2 == 0 ? "" : "{\"device_id\":\"d\\\"\n\",\"session\":\"鲸\"}";
    row.endpoint = "chat.completions";
    row.model_asked = "deepseek-flash";
    row.model_served = "deepseek-v4-flash";
    row.prompt_hit = 128 * i;
    row.prompt_miss = 7;
    row.output = 100 + i;
    row.reasoning = 50;
    row.finish = "stop";
    row.stream = i % 2 == 1;
    row.first_token_ms = i % 5 == 0 ? std::nullopt : std::optional<std::int64_t>(12);
    row.total_ms = 345;
    row.usd_pico = 1000 * i;
    return row;
}

std::string journal_of(int rows) {
    std::string bytes(kJournalHeader);
    for (int i = 0; i < rows; ++i) bytes += journal_record(sample(i));
    return bytes;
}

struct Read {
    Result<JournalReading> reading;
    std::vector<UsageRow> rows;
};
Read read(std::string_view bytes) {
    std::vector<UsageRow> rows;
    auto reading = read_journal_bytes(bytes, "test", [&rows](UsageRow row) -> Result<void> {
        rows.push_back(std::move(row));
        return Ok{};
    });
    return {std::move(reading), std::move(rows)};
}

TEST(UsageRows, ComeBackTheSame) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(decode_row(encode_row(sample(i))).value(), sample(i));
    EXPECT_EQ(encode_row(sample(1)).find('\n'), std::string::npos);
}

TEST(UsageRows, AreFitted) {
    UsageRow row = sample(1);
    row.user_id = std::string(511, 'x') + "鲸";
    row.model_asked = std::string(1'000'000, '\x01');
    row.finish = "\xff\xfe ok";
    row.total_ms = -5;
    const UsageRow fit = fitted(row);
    EXPECT_EQ(fit.user_id, std::string(511, 'x')) << "no half a character";
    EXPECT_EQ(fit.model_asked.size(), 128u);
    EXPECT_EQ(fit.finish, "\xef\xbf\xbd\xef\xbf\xbd ok");
    EXPECT_EQ(fit.total_ms, 0);
    EXPECT_EQ(decode_row(encode_row(fit)).value(), fit);
    // The longest there can be.
    for (std::string* text : {&row.id, &row.user_id, &row.endpoint, &row.model_asked, &row.model_served, &row.finish}) *text = std::string(600, '\x01');
    row.started_ms = row.key_id = row.prompt_hit = row.prompt_miss = row.output = row.reasoning = row.total_ms = INT64_MAX;
    row.usd_pico = row.cny_pico = row.first_token_ms = INT64_MIN;
    EXPECT_LE(encode_row(fitted(row)).size(), kRowBytesMax);
    for (int bytes = 500; bytes < 530; ++bytes) {
        row.user_id = std::string(static_cast<std::size_t>(bytes), '\xff');
        EXPECT_EQ(fitted(fitted(row)), fitted(row));
    }
}

TEST(UsageRows, RefuseWrongMembers) {
    const std::string good = encode_row(sample(1));
    const auto changed = [&](const std::string& from, const std::string& to) {
        std::string text = good;
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return decode_row(text.replace(at, from.size(), to));
    };
    EXPECT_TRUE(changed("{\"id\"", "{\"new\":[1,{}],\"id\"").ok()) << "a later version may add members";
    for (const auto& [from, to] : std::initializer_list<std::pair<const char*, const char*>>{
             {"\"id\":\"chatcmpl-1\"", "\"id\":\"\""}, {"\"id\":\"chatcmpl-1\"", "\"id\":1"}, {"\"output\":101", "\"output\":1.5"},
             {"\"output\":101", "\"output\":9223372036854775808"}, {"\"status\":200", "\"status\":99999999999"}, {"\"stream\":true", "\"stream\":1"},
             {"\"total_ms\":345", "\"total_ms\":null"}, {"\"usd_pico\"", "\"usd_pic\""}, {"\"cny_pico\":null", "\"cny_pico\":\"1\""}})
        EXPECT_FALSE(changed(from, to).ok()) << from << " -> " << to;
    EXPECT_FALSE(decode_row("[]").ok());
    EXPECT_FALSE(decode_row("").ok());
    EXPECT_FALSE(decode_row(std::string(100'000, '[')).ok());
}

TEST(UsageRows, CostWhatTheirEndSays) {
    const PriceList prices = PriceList::published();
    UsageRow row = sample(1);  // 128 hit, 7 miss, 101 output
    row.started_ms = parse_time("2026-11-25T00:59:59.900Z").value();
    row.total_ms = 50;
    set_cost(prices, "deepseek-v4-pro", row);
    EXPECT_EQ(row.usd_pico, 128 * 22'000 + 7 * 660'000 + 101 * 1'980'000);
    EXPECT_EQ(row.cny_pico, 128 * 150'000 + 7 * 4'500'000 + 101 * 13'500'000);
    row.total_ms = 100;  // into the peak hours
    set_cost(prices, "deepseek-v4-pro", row);
    EXPECT_EQ(row.usd_pico, 2 * (128 * 22'000 + 7 * 660'000 + 101 * 1'980'000));
    set_cost(prices, "krill", row);
    EXPECT_EQ(row.usd_pico, std::nullopt);
}

TEST(Journal, IsReadBack) {
    test::TemporaryFolder folder;
    auto writer = JournalWriter::create(folder.path(), 7);
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    EXPECT_TRUE(writer->empty());
    for (int i = 0; i < 5000; ++i) ASSERT_TRUE(writer->append(journal_record(sample(i))).ok());
    EXPECT_EQ(folder.read("usage-000000000007.journal"), journal_of(5000));
    EXPECT_FALSE(JournalWriter::create(folder.path(), 7).ok()) << "never written to twice";

    struct stat status {};
    ASSERT_EQ(::stat(writer->path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077, 0u);

    int next = 0;
    const auto reading = read_journal(writer->path(), [&next](UsageRow row) -> Result<void> {
        EXPECT_EQ(row, sample(next++));
        return Ok{};
    });
    ASSERT_TRUE(reading.ok());
    EXPECT_EQ(reading->rows, 5000);
    EXPECT_EQ(reading->damaged, 0);
    EXPECT_FALSE(reading->torn);
    const auto ended = read_journal(writer->path(), [](UsageRow) -> Result<void> { return io_error("enough"); });
    EXPECT_EQ(ended.error().message, "enough");
}

TEST(Journal, ATornTailIsPassedOver) {
    const std::string whole = journal_of(3);
    const std::size_t two = journal_of(2).size();
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        const Read got = read(std::string_view(whole).substr(0, length));
        ASSERT_TRUE(got.reading.ok()) << length << ": " << got.reading.error().message;
        if (length >= two && length < whole.size()) {
            ASSERT_EQ(got.rows.size(), 2u) << length;
            ASSERT_EQ(got.reading->torn, length > two) << length;
        }
        ASSERT_EQ(got.reading->damaged, 0) << length;
    }
}

// Every bit of the file flipped, one at a time: at most two rows are lost (a line break that goes joins two), none is changed.
TEST(Journal, AFlippedBitCostsItsRowOnly) {
    const std::string good = journal_of(3);
    for (std::size_t at = kJournalHeader.size(); at < good.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            std::string bytes = good;
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
            const Read got = read(bytes);
            ASSERT_TRUE(got.reading.ok());
            ASSERT_GE(got.rows.size(), good[at] == '\n' ? 1u : 2u) << "byte " << at << ", bit " << bit;
            ASSERT_LT(got.rows.size(), 3u) << "byte " << at << ", bit " << bit << " made no difference";
            ASSERT_TRUE(got.reading->damaged > 0 || got.reading->torn);
            for (const UsageRow& row : got.rows) ASSERT_EQ(row, sample(static_cast<int>(row.prompt_hit / 128)));
        }
}

TEST(Journal, AnotherVersionIsRefused) {
    for (std::size_t at = 0; at < kJournalHeader.size(); ++at) {
        std::string bytes = journal_of(1);
        bytes[at] ^= 1;
        const Read got = read(bytes);
        ASSERT_FALSE(got.reading.ok()) << at;
        EXPECT_EQ(got.reading.error().code, ErrorCode::unsupported);
    }
    EXPECT_FALSE(read("baleen-usage-journal 2\n").reading.ok());
    EXPECT_FALSE(read("SQLite format 3").reading.ok());
    EXPECT_TRUE(read("").reading.ok());
    EXPECT_TRUE(read("baleen-us").reading->torn);
}

TEST(Journal, EndlessLinesTakeNoMemory) {
    const Read got = read(std::string(kJournalHeader) + std::string(10'000'000, 'x') + "\n" + journal_record(sample(1)));
    EXPECT_EQ(got.reading->damaged, 1);
    EXPECT_EQ(got.rows.size(), 1u);
}

TEST(Journal, FilesAreFoundByTheirNames) {
    test::TemporaryFolder folder;
    for (const char* name : {"usage-000000000010.journal", "usage-000000000002.journal", "usage-2.journal", "usage-00000000000x.journal",
                             "usage-000000000003.journal.damaged", "lock"})
        folder.write(name, "");
    const auto files = journal_files(folder.path());
    ASSERT_EQ(files->size(), 2u);
    EXPECT_EQ(files->at(0).number, 2u);
    EXPECT_EQ(files->at(1).number, 10u);
    EXPECT_TRUE(journal_files(folder.path() / "missing")->empty());
}

// A disk that is full in the middle of a record: the record is taken back, an earlier one stays, and later ones go on when there
// is room again. The limit on file sizes plays the disk, in a process of its own.
TEST(Journal, AFullDiskLeavesNoHalfRecord) {
    test::TemporaryFolder folder;
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGXFSZ, SIG_IGN);
        auto writer = JournalWriter::create(folder.path(), 1);
        if (!writer.ok() || !writer->append(journal_record(sample(0))).ok()) ::_exit(1);
        rlimit limit{};
        ::getrlimit(RLIMIT_FSIZE, &limit);
        const rlimit small{journal_of(1).size() + 20, limit.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &small);
        const auto refused = writer->append(journal_record(sample(1)));
        if (refused.ok() || writer->broken()) ::_exit(2);
        ::setrlimit(RLIMIT_FSIZE, &limit);
        ::_exit(writer->append(journal_record(sample(2))).ok() ? 0 : 3);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    EXPECT_EQ(folder.read("usage-000000000001.journal"), journal_of(1) + journal_record(sample(2)));
}

}  // namespace
}  // namespace baleen::serve
