// Aim: keys and usage do what they say from the command line: the key alone on standard output, one line for every mistake, reports
// that agree with the ledger.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "serve/store/calendar.h"
#include "serve/store/key_store.h"
#include "serve/store/ledger.h"

namespace baleen::cli {
namespace {

using nlohmann::json;

class StoreCommands : public testing::Test {
  protected:
    Ran run_with(std::vector<std::string> arguments) const {
        arguments.insert(arguments.end(), {"--data-dir", data_dir()});
        return run(arguments);
    }
    std::string data_dir() const { return (folder_.path() / "data").string(); }
    TemporaryFolder folder_;
};

TEST_F(StoreCommands, KeysAreMadeListedChangedAndRevoked) {
    const Ran made = run_with({"keys", "add", "laptop", "--budget", "10USD", "--concurrency", "4", "--rate", "60/m"});
    ASSERT_EQ(made.code, 0) << made.err;
    ASSERT_EQ(made.out.size(), 3u + 64 + 1);
    EXPECT_EQ(made.err, "key 1 'laptop': it is shown this once; clients send it as Authorization: Bearer\n");
    const Ran plain = run_with({"keys", "add", "a \"b\"", "--json"});
    EXPECT_EQ(json::parse(plain.out)["id"], 2);
    EXPECT_EQ(json::parse(plain.out)["name"], "a \"b\"");
    EXPECT_EQ(plain.err, "");

    const auto store = serve::KeyStore::open(data_dir(), serve::Database::Mode::existing);
    ASSERT_TRUE(store.ok());
    const auto found = (*store)->find(made.out.substr(0, 67));
    ASSERT_TRUE(found.ok() && found->has_value());
    EXPECT_EQ((*found)->limits.rate, (serve::Rate{60, 60'000}));

    EXPECT_EQ(run_with({"keys", "change", "1", "--concurrency", "none", "--budget", "7 CNY"}).code, 0);
    EXPECT_EQ(run_with({"keys", "revoke", "2"}).code, 0);
    const json list = json::parse(run_with({"keys", "list", "--json"}).out);
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0]["concurrency"], nullptr);
    EXPECT_EQ(list[0]["rate"], "60/m");
    EXPECT_EQ(list[0]["budget"], "7.00");
    EXPECT_EQ(list[0]["left"], "7.00");
    EXPECT_EQ(list[0]["currency"], "CNY");
    EXPECT_EQ(list[0]["revoked"], nullptr);
    EXPECT_EQ(list[1]["budget"], nullptr);
    EXPECT_FALSE(list[1]["revoked"].is_null());
    const std::string table = run_with({"keys", "list"}).out;
    EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3) << table;
    EXPECT_EQ(table.find(made.out.substr(7, 20)), std::string::npos) << "a key is shown once only";
    EXPECT_FALSE((*store)->find(json::parse(plain.out)["key"].get<std::string>())->has_value());
}

TEST_F(StoreCommands, MistakesTakeOneLine) {
    expect_error(run_with({"keys", "list"}), 1, "No such file", "no data yet");
    expect_error(run_with({"usage"}), 1, "No such file", "no data yet");
    expect_error(run({"keys"}), 2, "subcommand is required", "no command");
    expect_error(run_with({"keys", "add"}), 2, "name is required", "no name");
    expect_error(run_with({"keys", "add", ""}), 2, "name has 0 bytes", "empty name");
    expect_error(run_with({"keys", "add", "x", "--budget", "10EUR"}), 2, "--budget: 'EUR' is no currency", "currency");
    expect_error(run_with({"keys", "add", "x", "--rate", "often"}), 2, "--rate: 'often' is no rate", "rate");
    expect_error(run_with({"keys", "add", "x", "--concurrency", "0"}), 2, "--concurrency: '0' is neither", "concurrency");
    ASSERT_EQ(run_with({"keys", "add", "x"}).code, 0);
    expect_error(run_with({"keys", "revoke", "7"}), 1, "there is no key 7", "unknown id");
    expect_error(run_with({"keys", "change", "seven"}), 2, "id", "not a number");
    expect_error(run_with({"usage", "--since", "yesterday"}), 2, "--since: 'yesterday' is no date", "date");
    expect_error(run_with({"usage", "--by", "colour"}), 2, "--by", "grouping");
    folder_.write("bad.toml", "dta_dir = \"x\"\n");
    expect_error(run({"usage", "--config", (folder_.path() / "bad.toml").string()}), 2, "did you mean 'data_dir'?", "config");
}

TEST_F(StoreCommands, UsageAgreesWithTheLedger) {
    ASSERT_EQ(run_with({"keys", "add", "laptop", "--budget", "0.5USD"}).code, 0);
    const auto ledger = serve::Ledger::open(data_dir());
    ASSERT_TRUE(ledger.ok()) << ledger.error().message;
    for (int i = 0; i < 4; ++i) {
        serve::UsageRow row;
        row.id = "r" + std::to_string(i);
        row.started_ms = serve::parse_time("2026-11-24T12:00:00Z").value() + i * serve::kDayMs / 2;
        row.key_id = i % 2;
        row.model_served = "deepseek-v4-pro";
        row.prompt_miss = 100'000;
        set_cost(serve::PriceList::published(), "deepseek-v4-pro", row);
        ASSERT_TRUE((*ledger)->append(row).ok());
    }
    // Beside the ledger's owner, with rows in its journal alone.
    const Ran days = run_with({"usage", "--by", "day", "--until", "2026-11-25", "--json"});
    ASSERT_EQ(days.code, 0) << days.err;
    const json report = json::parse(days.out);
    ASSERT_EQ(report["rows"].size(), 2u);
    EXPECT_EQ(report["rows"][1]["day"], "2026-11-25");
    EXPECT_EQ(report["rows"][1]["cost"], "0.132") << "two of 100,000 tokens at 0.66 a million";
    EXPECT_EQ(report["total"]["requests"], 3) << "the day named as the end is in it";
    EXPECT_EQ(run_with({"usage", "--since", "2026-11-26", "--currency", "cny"}).out,
              "model            requests  failed  hit    miss  output  reasoning  cost CNY  unpriced\n"
              "deepseek-v4-pro         1       0    0  100000       0          0      0.45         0\n"
              "total                   1       0    0  100000       0          0      0.45         0\n");
    EXPECT_EQ(json::parse(run_with({"keys", "list", "--json"}).out)[0]["left"], "0.36") << "0.5 less 0.132, never shown higher";
}

TEST(StoreHelp, ShowsExamples) {
    EXPECT_NE(run({"keys", "--help"}).out.find("baleen keys add "), std::string::npos);
    EXPECT_NE(run({"keys", "add", "--help"}).out.find("--budget"), std::string::npos);
    EXPECT_NE(run({"usage", "--help"}).out.find("baleen usage --by day"), std::string::npos);
}

}  // namespace
}  // namespace baleen::cli
