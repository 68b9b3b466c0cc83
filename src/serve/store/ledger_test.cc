// Aim: a row whose append returned is in the ledger exactly once, unchanged, whenever the process dies; and reports add up.
#include "serve/store/ledger.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "serve/store/calendar.h"
#include "serve/store/key_store.h"
#include "serve/store/test_support.h"
#include "serve/store/usage_report.h"

namespace baleen::serve {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

UsageRow sample(int i) {
    UsageRow row;
    row.id = "id-" + std::to_string(i);
    row.started_ms = parse_time("2026-11-25").value() + std::int64_t{i} * 1000;
    row.key_id = i % 3;
    row.user_id = "user-" + std::to_string(i % 7);
    row.endpoint = "responses";
    row.model_asked = "deepseek-flash";
    row.model_served = i % 2 == 0 ? "deepseek-v4-flash" : "deepseek-v4-pro";
    row.prompt_hit = i;
    row.prompt_miss = 2 * i;
    row.output = 3 * i;
    row.reasoning = i;
    row.finish = "stop";
    row.status = i % 10 == 0 ? 500 : 200;
    row.first_token_ms = i;
    row.total_ms = 2 * i;
    row.usd_pico = std::int64_t{1000} * i;
    row.cny_pico = std::int64_t{7000} * i;
    return row;
}

std::unique_ptr<Ledger> open(const test::TemporaryFolder& folder) {
    auto ledger = Ledger::open(folder.path());
    EXPECT_TRUE(ledger.ok()) << ledger.error().message;
    return std::move(ledger).value();
}

// All rows of the database, by id; a duplicate would be a failure of SQLite's.
std::map<std::string, UsageRow> rows_of(const test::TemporaryFolder& folder) {
    std::map<std::string, UsageRow> rows;
    auto database = Database::open(folder.path() / kDatabaseName, Database::Mode::existing);
    EXPECT_TRUE(database.ok()) << database.error().message;
    auto select = database->prepare("SELECT id, started_ms, key_id, user_id, endpoint, model_asked, model_served, prompt_hit, prompt_miss, output, "
                                    "reasoning, finish, status, stream, first_token_ms, total_ms, usd_pico, cny_pico FROM usage");
    while (select->step().value()) {
        UsageRow row;
        row.id = select->text(0);
        row.started_ms = select->integer(1);
        row.key_id = select->integer(2);
        row.user_id = select->text(3);
        row.endpoint = select->text(4);
        row.model_asked = select->text(5);
        row.model_served = select->text(6);
        row.prompt_hit = select->integer(7);
        row.prompt_miss = select->integer(8);
        row.output = select->integer(9);
        row.reasoning = select->integer(10);
        row.finish = select->text(11);
        row.status = static_cast<int>(select->integer(12));
        row.stream = select->integer(13) != 0;
        row.first_token_ms = select->maybe_integer(14);
        row.total_ms = select->integer(15);
        row.usd_pico = select->maybe_integer(16);
        row.cny_pico = select->maybe_integer(17);
        EXPECT_TRUE(rows.emplace(row.id, row).second);
    }
    return rows;
}

int journal_count(const test::TemporaryFolder& folder) { return static_cast<int>(journal_files(journal_directory(folder.path()))->size()); }

TEST(Ledger, RowsGoThroughTheJournalIntoSqlite) {
    test::TemporaryFolder folder;
    {
        const auto ledger = open(folder);
        UsageRow odd = sample(50);
        odd.id = "odd";
        odd.first_token_ms = odd.usd_pico = odd.cny_pico = std::nullopt;
        odd.user_id = "\"鲸\"\n\x01 \xff";
        ASSERT_TRUE(ledger->append(odd).ok());
        for (int i = 0; i < 50; ++i) ASSERT_TRUE(ledger->append(sample(i)).ok());
        EXPECT_EQ(ledger->stats().appended, 51);
        EXPECT_TRUE(rows_of(folder).empty());
        const auto report = ledger->import();
        ASSERT_TRUE(report.ok()) << report.error().message;
        EXPECT_EQ(report->rows, 51);
        EXPECT_EQ(report->files, 1);
        EXPECT_EQ(rows_of(folder).size(), 51u);
        EXPECT_EQ(rows_of(folder).at("odd"), fitted(odd));
        EXPECT_EQ(rows_of(folder).at("id-7"), sample(7));
        EXPECT_EQ(ledger->import()->files, 0) << "nothing came in between";
        ASSERT_TRUE(ledger->append(sample(100)).ok());
    }
    EXPECT_EQ(rows_of(folder).count("id-100"), 1u) << "taken in at the end";
    EXPECT_EQ(journal_count(folder), 0);
}

TEST(Ledger, TheSameIdIsOneRow) {
    test::TemporaryFolder folder;
    {
        const auto ledger = open(folder);
        ASSERT_TRUE(ledger->append(sample(5)).ok());
        ASSERT_TRUE(ledger->append(sample(5)).ok());
        EXPECT_EQ(ledger->import()->known, 1);
        ASSERT_TRUE(ledger->append(sample(5)).ok());
        EXPECT_EQ(ledger->import()->known, 1);
    }
    EXPECT_EQ(rows_of(folder).size(), 1u);
    EXPECT_EQ(open(folder)->spent(2, Currency::usd).pico, 5000) << "and costs once";
}

TEST(Ledger, HasOneOwner) {
    test::TemporaryFolder folder;
    auto first = open(folder);
    const auto second = Ledger::open(folder.path());
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::resource_exhausted);
    EXPECT_NE(second.error().message.find("held by another process"), std::string::npos);
    first.reset();
    EXPECT_TRUE(Ledger::open(folder.path()).ok());
}

TEST(Ledger, SpendingIsKnownAtOnceAndAfterARestart) {
    test::TemporaryFolder folder;
    std::int64_t usd = 0, cny = 0;
    for (int round = 0; round < 3; ++round) {
        const auto ledger = open(folder);
        EXPECT_EQ(ledger->spent(1, Currency::usd), (Money{usd, Currency::usd}));
        EXPECT_EQ(ledger->spent(1, Currency::cny), (Money{cny, Currency::cny}));
        for (int i = 20 * round; i < 20 * round + 20; ++i) {
            ASSERT_TRUE(ledger->append(sample(i)).ok());
            if (i % 3 == 1) usd += 1000 * i, cny += 7000 * i;
            ASSERT_EQ(ledger->spent(1, Currency::usd).pico, usd);
            if (i % 7 == 0) {
                ASSERT_TRUE(ledger->import().ok());
            }
        }
        EXPECT_EQ(ledger->spent(99, Currency::usd).pico, 0);
    }
}

TEST(Ledger, DamagedFilesAreSetAside) {
    test::TemporaryFolder folder;
    std::filesystem::create_directories(journal_directory(folder.path()));
    const std::string bad = "ledger/usage-000000000004.journal";
    folder.write(bad, std::string(kJournalHeader) + journal_record(sample(1)) + "0123456789abcdef {}\n" + journal_record(sample(2)) + "torn");
    folder.write("ledger/usage-000000000005.journal", "");
    open(folder);
    EXPECT_EQ(rows_of(folder).size(), 2u);
    EXPECT_TRUE(std::filesystem::exists(folder.path() / (bad + ".damaged")));
    EXPECT_EQ(journal_count(folder), 0);

    folder.write(bad, "baleen-usage-journal 2\n");
    const auto newer = Ledger::open(folder.path());
    ASSERT_FALSE(newer.ok());
    EXPECT_EQ(newer.error().code, ErrorCode::unsupported);
    EXPECT_EQ(journal_count(folder), 1) << "left for the program that can read it";
}

TEST(Ledger, ABusyDatabaseDelaysRowsAndLosesNone) {
    test::TemporaryFolder folder;
    const auto ledger = open(folder);
    ASSERT_TRUE(ledger->append(sample(1)).ok());
    // The table is gone: every import fails, as on a full disk.
    auto database = Database::open(folder.path() / kDatabaseName, Database::Mode::existing);
    ASSERT_TRUE(database->run("ALTER TABLE usage RENAME TO hidden").ok());
    for (int i = 2; i < 5; ++i) {
        EXPECT_FALSE(ledger->import().ok());
        ASSERT_TRUE(ledger->append(sample(i)).ok());
    }
    EXPECT_EQ(ledger->stats().import_failures, 3);
    EXPECT_FALSE(ledger->stats().last_error.empty());
    ASSERT_TRUE(database->run("ALTER TABLE hidden RENAME TO usage").ok());
    ASSERT_TRUE(ledger->import().ok());
    EXPECT_EQ(rows_of(folder).size(), 4u);
    EXPECT_EQ(journal_count(folder), 1);
}

TEST(Ledger, ManyThreadsAppendWhileItImports) {
    test::TemporaryFolder folder;
    {
        const auto ledger = open(folder);
        ledger->import_every(1);
        std::vector<std::jthread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&ledger, t] {
                for (int i = 0; i < 250; ++i) EXPECT_TRUE(ledger->append(sample(1000 * t + i)).ok());
            });
        threads.clear();
        EXPECT_EQ(ledger->stats().appended, 1000);
        EXPECT_EQ(ledger->stats().import_failures, 0);
    }
    EXPECT_EQ(rows_of(folder).size(), 1000u);
}

// The process that writes, until it is killed: it acknowledges a row by writing its number into the pipe after append returned.
[[noreturn]] void write_until_killed(const std::filesystem::path& data_dir, int pipe_end, int first) {
    auto ledger = Ledger::open(data_dir);
    if (!ledger.ok()) ::_exit(1);
    (*ledger)->import_every(2);
    for (int i = first;; ++i) {
        if (!(*ledger)->append(sample(i)).ok()) ::_exit(2);
        if (::write(pipe_end, &i, sizeof i) != sizeof i) ::_exit(3);
    }
}

TEST(Ledger, SurvivesFiftyKills) {
    constexpr int kKills = 50, kRowsPerRound = 1'000'000;
    test::TemporaryFolder folder;
    std::mt19937 random(20261125);
    std::set<int> acknowledged;
    int killed_with_journal = 0;
    for (int round = 0; round < kKills; ++round) {
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) write_until_killed(folder.path(), ends[1], round * kRowsPerRound);
        ::close(ends[1]);
        int number = 0;
        // The first row first, so that the random moment lies within the writing; then whatever came before the end.
        ASSERT_EQ(::read(ends[0], &number, sizeof number), static_cast<ssize_t>(sizeof number)) << "round " << round << ": the writer failed";
        acknowledged.insert(number);
        const auto end = std::chrono::steady_clock::now() + microseconds(random() % 20'000);
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        while (std::chrono::steady_clock::now() < end)
            if (::read(ends[0], &number, sizeof number) == sizeof number) acknowledged.insert(number);
        ASSERT_EQ(::kill(child, SIGKILL), 0);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "round " << round << ": the writer ended by itself with " << status;
        while (::read(ends[0], &number, sizeof number) == sizeof number) acknowledged.insert(number);
        ::close(ends[0]);
        killed_with_journal += journal_count(folder) > 0 ? 1 : 0;
    }
    const auto ledger = open(folder);
    const std::map<std::string, UsageRow> rows = rows_of(folder);
    std::int64_t usd[3] = {0, 0, 0};
    for (const auto& [id, row] : rows) {
        const int number = std::stoi(id.substr(3));
        ASSERT_EQ(row, sample(number));
        usd[row.key_id] += *row.usd_pico;
    }
    for (const int number : acknowledged) ASSERT_EQ(rows.count("id-" + std::to_string(number)), 1u) << "row " << number << " was lost";
    EXPECT_LE(rows.size(), acknowledged.size() + kKills) << "at most the row in hand when killed was not acknowledged";
    for (int key = 0; key < 3; ++key) EXPECT_EQ(ledger->spent(key, Currency::usd).pico, usd[key]);
    EXPECT_GT(acknowledged.size(), static_cast<std::size_t>(kKills));
    EXPECT_GT(killed_with_journal, kKills / 2) << "the kills did not hit what they were for";
    RecordProperty("rows", static_cast<int>(rows.size()));
}

TEST(UsageReport, AddsUpByKeyModelAndDay) {
    test::TemporaryFolder folder;
    {
        auto keys = KeyStore::open(folder.path(), Database::Mode::create);
        ASSERT_TRUE((*keys)->add("laptop", std::nullopt, {}, 0).ok());
        ASSERT_TRUE((*keys)->add("鲸", std::nullopt, {}, 0).ok());
    }
    const auto ledger = open(folder);
    for (int i = 0; i < 30; ++i) {
        UsageRow row = sample(i);
        row.started_ms += i >= 20 ? kDayMs : 0;
        if (i == 29) row.usd_pico = std::nullopt;
        ASSERT_TRUE(ledger->append(row).ok());
        if (i == 10) {
            ASSERT_TRUE(ledger->import().ok());
        }
    }
    // While the ledger's owner runs, and with rows only in its journal.
    UsageQuery query;
    const auto by_model = report_usage(folder.path(), query);
    ASSERT_TRUE(by_model.ok()) << by_model.error().message;
    ASSERT_EQ(by_model->rows.size(), 2u);
    EXPECT_EQ(by_model->rows[0].group, "deepseek-v4-flash");
    EXPECT_EQ(by_model->rows[0].requests, 15);
    EXPECT_EQ(by_model->rows[0].failed, 3);
    EXPECT_EQ(by_model->rows[0].prompt_miss, 2 * 210);
    EXPECT_EQ(by_model->rows[1].output, 3 * 225);
    EXPECT_EQ(by_model->rows[1].cost_pico, 1000 * (225 - 29));
    EXPECT_EQ(by_model->rows[1].unpriced, 1);
    EXPECT_EQ(by_model->total.requests, 30);
    EXPECT_EQ(by_model->total.reasoning, 435);

    query.by = GroupBy::day;
    query.currency = Currency::cny;
    EXPECT_EQ(as_table(*report_usage(folder.path(), query)),
              "day         requests  failed  hit  miss  output  reasoning     cost CNY  unpriced\n"
              "2026-11-25        20       2  190   380     570        190   0.00000133         0\n"
              "2026-11-26        10       1  245   490     735        245  0.000001715         0\n"
              "total             30       3  435   870    1305        435  0.000003045         0\n");
    query.since_ms = parse_time("2026-11-26").value();
    EXPECT_EQ(report_usage(folder.path(), query)->total.requests, 10);
    query.until_ms = query.since_ms;
    query.since_ms.reset();
    EXPECT_EQ(report_usage(folder.path(), query)->total.requests, 20);

    query = {};
    query.by = GroupBy::key;
    query.until_ms = parse_time("2026-11-25T00:00:03Z").value();
    EXPECT_EQ(as_json(*report_usage(folder.path(), query)),
              "{\"by\":\"key\",\"currency\":\"USD\",\"since\":null,\"until\":\"2026-11-25T00:00:03Z\",\"rows\":["
              "{\"key\":null,\"name\":\"\",\"shown\":\"\",\"requests\":1,\"failed\":1,\"prompt_hit\":0,\"prompt_miss\":0,\"output\":0,\"reasoning\":0,"
              "\"cost\":\"0.00\",\"unpriced\":0},"
              "{\"key\":1,\"name\":\"laptop\",\"shown\":\"" + report_usage(folder.path(), query)->rows[1].key_shown +
              "\",\"requests\":1,\"failed\":0,\"prompt_hit\":1,\"prompt_miss\":2,\"output\":3,\"reasoning\":1,\"cost\":\"0.000000001\",\"unpriced\":0},"
              "{\"key\":2,\"name\":\"鲸\",\"shown\":\"" + report_usage(folder.path(), query)->rows[2].key_shown +
              "\",\"requests\":1,\"failed\":0,\"prompt_hit\":2,\"prompt_miss\":4,\"output\":6,\"reasoning\":2,\"cost\":\"0.000000002\",\"unpriced\":0}],"
              "\"total\":{\"requests\":3,\"failed\":1,\"prompt_hit\":3,\"prompt_miss\":6,\"output\":9,\"reasoning\":3,\"cost\":\"0.000000003\",\"unpriced\":0}}\n");
    EXPECT_NE(as_table(*report_usage(folder.path(), query)).find("\n1 laptop "), std::string::npos);

    // What the report took in by itself is not counted twice by the owner.
    ASSERT_TRUE(ledger->import().ok());
    EXPECT_EQ(report_usage(folder.path(), {})->total.requests, 30);
    test::TemporaryFolder empty;
    EXPECT_EQ(report_usage(empty.path(), {}).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace baleen::serve
