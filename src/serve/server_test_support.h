// For tests of the whole server: one that listens on a free port and plays a script, with keys and ledger in a folder of its own.
#pragma once

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sched/script_lane.h"
#include "serve/net/test_support.h"
#include "serve/server.h"
#include "serve/store/calendar.h"
#include "serve/store/ledger.h"
#include "serve/store/test_support.h"

namespace baleen::serve {

using Json = nlohmann::json;
using net::Answer;
using net::eventually;

inline const text::Tokenizer& krill_tokenizer() {
    static const text::Tokenizer* tokenizer = [] {
        auto loaded = text::Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "models/krill");
        if (!loaded.ok()) std::abort();
        return new text::Tokenizer(std::move(*loaded));
    }();
    return *tokenizer;
}

// data: of every event of a stream, in order.
inline std::vector<std::string> events(const std::string& body) {
    std::vector<std::string> all;
    for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos;) {
        at += 6;
        const std::size_t end = body.find('\n', at);
        all.push_back(body.substr(at, end - at));
        at = end;
    }
    return all;
}

// Names of events of a stream that has them.
inline std::vector<std::string> event_names(const std::string& body) {
    std::vector<std::string> all;
    for (std::size_t at = 0; (at = body.find("event: ", at)) != std::string::npos;) {
        at += 7;
        all.push_back(body.substr(at, body.find('\n', at) - at));
    }
    return all;
}

struct TestApi {
    explicit TestApi(std::string script) : script_(std::move(script)) {
        config.listen = "127.0.0.1:0";
        config.data_dir = folder.path();
        config.scheduler.keep_alive_ms = 60'000;
    }
    ~TestApi() { stop(); }

    void start() {
        auto opened_keys = KeyStore::open(folder.path(), Database::Mode::create);
        ASSERT_TRUE(opened_keys.ok()) << opened_keys.error().message;
        keys = std::move(*opened_keys);
        open_ledger();
        auto script = sched::Script::parse(script_, "script.jsonl", krill_tokenizer());
        ASSERT_TRUE(script.ok()) << script.error().message;
        std::vector<LaneParts> parts(1);
        parts[0].name = "main";
        parts[0].model = "script";
        parts[0].tokenizer = &krill_tokenizer();
        parts[0].lane = std::make_unique<sched::ScriptLane>(std::move(*script), krill_tokenizer(), lane);
        parts[0].fingerprint = "fp_test";
        lanes = std::make_unique<Lanes>(std::move(parts), service);
        log = std::make_unique<Log>(log_to, LogLevel::info);
        server = std::make_unique<ApiServer>(config, *lanes, *keys, *ledger, *log);
        const auto started = server->start();
        ASSERT_TRUE(started.ok()) << started.error().message;
        const std::string& address = server->addresses().at(0);
        port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }
    void open_ledger() {
        auto opened = Ledger::open(folder.path());
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        ledger = std::move(*opened);
    }
    void stop() {
        server.reset();
        log.reset();
        lanes.reset();
    }

    std::string request(std::string_view method, std::string_view path, std::string_view body = "", std::string_view headers = "") const {
        std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: test\r\n{}", method, path, headers);
        if (!authorization.empty()) text += fmt::format("Authorization: Bearer {}\r\n", authorization);
        if (!body.empty() || method == "POST") text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
        return text + "\r\n" + std::string(body);
    }
    Answer ask(std::string_view method, std::string_view path, std::string_view body = "", std::string_view headers = "") const {
        net::Client client(port);
        return client.ask(request(method, path, body, headers), method == "HEAD");
    }
    Answer post(std::string_view path, const Json& body) const { return ask("POST", path, body.dump()); }

    // Rows of the ledger as a reader of the file would find them.
    std::vector<UsageRow> rows() {
        std::vector<UsageRow> all;
        const auto files = journal_files(journal_directory(folder.path()));
        EXPECT_TRUE(files.ok());
        for (const JournalFile& file : *files) {
            const auto read = read_journal(file.path, [&](UsageRow row) -> Result<void> {
                all.push_back(std::move(row));
                return Ok();
            });
            EXPECT_TRUE(read.ok());
        }
        return all;
    }
    sched::ServiceStats stats() const { return lanes->find("main").service().stats(); }

    test::TemporaryFolder folder;
    ServeConfig config;
    sched::ScriptLaneOptions lane;
    sched::ServiceOptions service;
    int log_to = -1;
    std::string authorization;

    std::unique_ptr<KeyStore> keys;
    std::unique_ptr<Ledger> ledger;
    std::unique_ptr<Lanes> lanes;
    std::unique_ptr<Log> log;
    std::unique_ptr<ApiServer> server;
    std::uint16_t port = 0;

  private:
    std::string script_;
};

}  // namespace baleen::serve
