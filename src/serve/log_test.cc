// Aim: every line is whole JSON in order; nobody who writes waits for the reader; what was lost is counted.
#include "serve/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace baleen::serve {
namespace {

struct Pipe {
    int ends[2] = {-1, -1};
    Pipe() { EXPECT_EQ(::pipe(ends), 0); }
    ~Pipe() {
        ::close(ends[0]);
        ::close(ends[1]);
    }
    // What has come within a moment.
    std::string read() {
        std::string out;
        char buffer[65536];
        for (pollfd entry{ends[0], POLLIN, 0}; ::poll(&entry, 1, 300) > 0;) {
            const ssize_t got = ::read(ends[0], buffer, sizeof(buffer));
            if (got <= 0) break;
            out.append(buffer, static_cast<std::size_t>(got));
        }
        return out;
    }
};

std::vector<nlohmann::json> lines(const std::string& text) {
    std::vector<nlohmann::json> all;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) all.push_back(nlohmann::json::parse(line));
    return all;
}

TEST(Log, WritesLinesOfJsonInOrder) {
    Pipe pipe;
    {
        Log log(pipe.ends[1], LogLevel::info);
        log.write(LogLevel::info, "request", JsonObject().text("path", "/a\"\n").number("status", 200));
        log.write(LogLevel::debug, "noise");
        log.write(LogLevel::error, "alone");
    }
    const auto all = lines(pipe.read());
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0]["event"], "request");
    EXPECT_EQ(all[0]["path"], "/a\"\n");
    EXPECT_EQ(all[0]["status"], 200);
    EXPECT_EQ(all[0]["level"], "info");
    EXPECT_EQ(all[1]["event"], "alone");
    EXPECT_EQ(all[1].size(), 3u);  // time, level, event
}

TEST(Log, DoesNotWaitForItsReader) {
    Pipe pipe;
    const auto began = std::chrono::steady_clock::now();
    std::string text;
    {
        Log log(pipe.ends[1], LogLevel::info);
        const JsonObject wide = JsonObject().text("path", std::string(1000, 'x'));
        for (int i = 0; i < 10'000; ++i) log.write(LogLevel::info, "request", wide);  // 11 MB, and nobody reads
        EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
        text = pipe.read();
    }
    const auto all = lines(text);
    std::int64_t seen = 0, dropped = 0;
    for (const auto& line : all) {
        if (line["event"] == "request") ++seen;
        else dropped += line["lines"].get<std::int64_t>();
    }
    EXPECT_EQ(seen + dropped, 10'000);
    EXPECT_GT(dropped, 0);
}

TEST(Log, WithoutAPlaceSaysNothing) {
    Log log(-1, LogLevel::debug);
    EXPECT_FALSE(log.wants(LogLevel::error));
    log.write(LogLevel::error, "unheard");
}

}  // namespace
}  // namespace baleen::serve
