// Aim: the program as it is started, on the small model that comes with it: ready line, answers, state kept between turns and kept
// apart between users, books that survive any end of the process, and an end when it is told to.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/cli_test_support.h"
#include "serve/net/test_support.h"

namespace baleen::cli {
namespace {

using Json = nlohmann::json;
using serve::net::Answer;
using serve::net::Client;
using serve::net::eventually;

// A server of its own process, ready when made.
class Served {
  public:
    explicit Served(const std::filesystem::path& data_dir, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments = {"serve", "--model", kKrill, "--listen", "127.0.0.1:0", "--data-dir", data_dir.string()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        running_ = std::make_unique<Running>(arguments);
        EXPECT_TRUE(eventually([&] { return running_->out().find('\n') != std::string::npos; }, std::chrono::seconds(60)));
        ready = Json::parse(running_->out(), nullptr, false);
        if (!ready.is_object()) {
            ADD_FAILURE() << "no ready line: " << running_->out();
            return;
        }
        const std::string address = ready["listening"];
        port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }
    Answer post(const std::string& path, const Json& body) const { return Client(port).ask(serve::net::post(path, body.dump())); }
    Json chat(const Json& body) const {
        const Answer answer = post("/v1/chat/completions", body);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return Json::parse(answer.body, nullptr, false);
    }
    Ran stop() {
        running_->interrupt();
        return running_->wait();
    }
    Running& process() { return *running_; }

    Json ready;
    std::uint16_t port = 0;

  private:
    std::unique_ptr<Running> running_;
};

Json user(const std::string& text) { return {{"role", "user"}, {"content", text}}; }
Json request(Json messages, Json more = Json::object()) {
    Json body = {{"model", "deepseek-v4-flash"}, {"messages", std::move(messages)}, {"max_tokens", 12}, {"seed", 7}, {"thinking", {{"type", "disabled"}}}};
    body.update(more);
    return body;
}
std::string long_text() {
    std::string text = "Please remember this list.";
    for (int i = 0; i < 120; ++i) text += " Item " + std::to_string(i) + " is blue.";
    return text;
}
Json usage_of(const std::filesystem::path& data_dir) { return Json::parse(run({"usage", "--data-dir", data_dir.string(), "--json"}).out, nullptr, false); }

TEST(Serve, IsReadyAnswersAndEnds) {
    TemporaryFolder folder;
    Served server(folder.path());
    EXPECT_EQ(server.ready["url"], "http://" + server.ready["listening"].get<std::string>());
    EXPECT_EQ(server.ready["lanes"][0]["name"], "main");
    const Json body = server.chat(request({user("Who are you?")}));
    EXPECT_EQ(body["usage"]["completion_tokens"].get<int>() <= 12, true);
    EXPECT_TRUE(body["system_fingerprint"].get<std::string>().starts_with("fp_"));
    const Ran ran = server.stop();
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 1);  // the ready line, nothing else
    const Json usage = usage_of(folder.path());
    EXPECT_NE(usage.dump().find("deepseek-v4-flash"), std::string::npos) << usage.dump();
}

TEST(Serve, SameSeedSameAnswerStreamedOrNot) {
    TemporaryFolder folder;
    Served server(folder.path());
    const Json body = request({user("Tell me something.")}, {{"max_tokens", 40}});
    const std::string whole = server.chat(body)["choices"][0]["message"]["content"];
    EXPECT_EQ(server.chat(body)["choices"][0]["message"]["content"], whole);  // this time from kept state
    Json streamed = body;
    streamed["stream"] = true;
    const Answer answer = server.post("/chat/completions", streamed);
    std::string pieces;
    for (std::size_t at = 0; (at = answer.body.find("data: {", at)) != std::string::npos; ++at) {
        const Json chunk = Json::parse(answer.body.substr(at + 6, answer.body.find('\n', at) - at - 6));
        const Json& delta = chunk["choices"][0]["delta"];
        if (delta.contains("content") && delta["content"].is_string()) pieces += delta["content"].get<std::string>();
    }
    EXPECT_EQ(pieces, whole);
}

TEST(Serve, AConversationGoesOnWhereItStood) {
    TemporaryFolder folder;
    Served server(folder.path());
    Json messages = {user(long_text())};
    const Json first = server.chat(request(messages));
    EXPECT_EQ(first["usage"]["prompt_cache_hit_tokens"], 0);
    const int prompt = first["usage"]["prompt_tokens"];
    ASSERT_GT(prompt, 300);
    messages.push_back(first["choices"][0]["message"]);
    messages.push_back(user("Go on."));
    const Json second = server.chat(request(messages));
    const int hit = second["usage"]["prompt_cache_hit_tokens"];
    EXPECT_EQ(hit % 128, 0);  // whole blocks, as the service reports
    EXPECT_GE(hit, prompt / 128 * 128);
    EXPECT_EQ(hit + second["usage"]["prompt_cache_miss_tokens"].get<int>(), second["usage"]["prompt_tokens"].get<int>());
    EXPECT_EQ(second["usage"]["prompt_tokens_details"]["cached_tokens"], hit);

    // The answer is the one a server without any state gives.
    TemporaryFolder other;
    Served fresh(other.path());
    EXPECT_EQ(fresh.chat(request(messages))["choices"][0]["message"], second["choices"][0]["message"]);

    // Another user's state is another's, also of the same texts.
    const Json stranger = server.chat(request(messages, {{"user_id", "somebody-else"}}));
    EXPECT_EQ(stranger["usage"]["prompt_cache_hit_tokens"], 0);
    EXPECT_EQ(stranger["choices"][0]["message"], second["choices"][0]["message"]);
}

TEST(Serve, RowsSurviveTheDeathOfTheProcess) {
    TemporaryFolder folder;
    constexpr int kRounds = 3;
    int answered = 0;
    for (int round = 0; round < kRounds; ++round) {
        Served server(folder.path());
        for (int i = 0; i < 5; ++i) {
            server.chat(request({user("Hi.")}, {{"max_tokens", 2}}));
            ++answered;
        }
        Client late(server.port);  // under way when the end comes
        late.send(serve::net::post("/chat/completions", request({user("Hi.")}, {{"stream", true}, {"max_tokens", 2000}}).dump()));
        late.receive_until("data: ");
        server.process().kill();
        server.process().wait();
    }
    Served again(folder.path());
    EXPECT_EQ(again.stop().code, 0);
    const Json usage = usage_of(folder.path());
    // A late one may have come to its end before the kill did; then it has its row too.
    EXPECT_GE(usage["rows"][0]["requests"], answered) << usage.dump();
    EXPECT_LE(usage["rows"][0]["requests"], answered + kRounds) << usage.dump();
}

TEST(Serve, ASecondSignalEndsItAtOnce) {
    TemporaryFolder folder;
    const std::string script = folder.write("script.jsonl", R"({"text": "one two three four five six seven eight", "tokens_per_second": 0.2})" "\n");
    Served server(folder.path() / "data", {"--lane", "script:" + script});
    Client client(server.port);
    client.send(serve::net::post("/chat/completions", request({user("Hi.")}, {{"stream", true}}).dump()));
    ASSERT_TRUE(client.receive_until("data: "));
    server.process().interrupt();
    EXPECT_TRUE(eventually([&] { return !Client(server.port).connected(); }));  // it takes no more, but waits for the answer
    const auto began = std::chrono::steady_clock::now();
    server.process().interrupt();
    EXPECT_EQ(server.process().wait().code, 130);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
}

TEST(Serve, SaysWhatIsWrongWithItsSettings) {
    TemporaryFolder folder;
    const std::string data = folder.path().string();
    expect_error(run({"serve", "--data-dir", data, "--listen", "nonsense"}), 2, "--listen", "bad address");
    expect_error(run({"serve", "--data-dir", data, "--model", "/nowhere"}), 1, "/nowhere", "missing model");
    expect_error(run({"serve", "--data-dir", data, "--lane", "a=" + kKrill, "--lane", "a=" + kKrill}), 2, "'a'", "two lanes of one name");
    expect_error(run({"serve", "--no-such-flag"}), 2, "--no-such-flag", "unknown flag");
    const std::string script = folder.write("script.jsonl", "{\"txt\": 1}\n");
    expect_error(run({"serve", "--data-dir", data, "--lane", "script:" + script}), 2, "script.jsonl", "bad script");
    const Ran printed = run({"serve", "--data-dir", data, "--scheduler-queue-max", "7", "--print-config"});
    EXPECT_EQ(printed.code, 0) << printed.err;
    EXPECT_NE(printed.out.find("queue_max = 7"), std::string::npos);
    EXPECT_NE(printed.out.find("# --scheduler-queue-max"), std::string::npos);
}

TEST(Serve, AnAddressInUseIsNamed) {
    TemporaryFolder folder;
    Served server(folder.path() / "one");
    const std::string address = server.ready["listening"];
    expect_error(run({"serve", "--model", kKrill, "--data-dir", (folder.path() / "two").string(), "--listen", address}), 1, address, "in use");
    expect_error(run({"serve", "--model", kKrill, "--data-dir", (folder.path() / "one").string(), "--listen", "127.0.0.1:0"}), 1, "", "data dir in use");
}

}  // namespace
}  // namespace baleen::cli
