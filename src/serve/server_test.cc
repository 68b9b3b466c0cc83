// Aim: a client of each family gets what the service would send, from the first byte to the last, and what goes wrong is told in its
// own words; whoever leaves costs nothing more; no row is missing whose client saw the end. A script answers, so that everything
// about an answer is known beforehand; the same on a model is in src/cli/serve_test.cc.
#include "serve/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "serve/server_test_support.h"

namespace baleen::serve {
namespace {

using namespace std::chrono_literals;

constexpr const char* kScript = R"({"match": "go slowly", "text": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen", "tokens_per_second": 10}
{"match": "wait a bit", "text": "here", "first_token_seconds": 0.6}
{"match": "weather?", "reasoning": "Need the tool.", "text": "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" string=\"true\">Paris</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"}
{"match": "good json", "text": "```json\n{\"a\": 1}\n```"}
{"match": "bad json", "text": "There is none."}
{"match": "def add(a, b):", "text": "return a + b"}
{"text": "Hello there.", "reasoning": "A greeting."}
)";

Json chat(std::string_view text, Json more = Json::object()) {
    Json body = {{"model", "deepseek-v4-flash"}, {"messages", {{{"role", "user"}, {"content", text}}}}};
    body.update(more);
    return body;
}
Json messages(std::string_view text, Json more = Json::object()) {
    Json body = {{"model", "deepseek-v4-flash"}, {"max_tokens", 100}, {"messages", {{{"role", "user"}, {"content", text}}}}};
    body.update(more);
    return body;
}
const Json kOff = {{"thinking", {{"type", "disabled"}}}};
const Json kTools = {
    {"tools", {{{"type", "function"}, {"function", {{"name", "get_weather"}, {"parameters", {{"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}}}}}}}}};

std::string error_message(const Answer& answer) {
    const Json body = Json::parse(answer.body, nullptr, false);
    return body.is_object() && body.contains("error") ? body["error"]["message"].get<std::string>() : answer.body;
}

struct Server : testing::Test {
    TestApi api{kScript};
    void start() {
        api.start();
        ASSERT_GT(api.port, 0);
    }
};

// ---- chat completions

TEST_F(Server, AnswersAChatWhole) {
    start();
    const Answer answer = api.post("/chat/completions", chat("hi"));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    EXPECT_EQ(answer.header("x-ds-trace-id").size(), 32u);
    EXPECT_EQ(answer.header("x-request-id"), answer.header("x-ds-trace-id"));
    const Json body = Json::parse(answer.body);
    EXPECT_EQ(body["object"], "chat.completion");
    EXPECT_EQ(body["model"], "deepseek-v4-flash");
    EXPECT_EQ(body["system_fingerprint"], "fp_test");
    const Json& message = body["choices"][0]["message"];
    EXPECT_EQ(message["content"], "Hello there.");
    EXPECT_EQ(message["reasoning_content"], "A greeting.");  // thinking is on by default
    EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
    const Json& usage = body["usage"];
    EXPECT_EQ(usage["prompt_tokens"].get<int>(), usage["prompt_cache_hit_tokens"].get<int>() + usage["prompt_cache_miss_tokens"].get<int>());
    EXPECT_GT(usage["completion_tokens_details"]["reasoning_tokens"].get<int>(), 0);
}

TEST_F(Server, StreamsAChatUnderEveryPrefix) {
    start();
    for (const char* prefix : {"", "/v1", "/beta", "/beta/v1"}) {
        const Answer answer = api.post(std::string(prefix) + "/chat/completions?x=1", chat("hi", {{"stream", true}}));
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_TRUE(answer.whole);
        EXPECT_EQ(answer.header("Content-Type"), "text/event-stream; charset=utf-8");
        const auto all = events(answer.body);
        ASSERT_GE(all.size(), 4u);
        EXPECT_EQ(all.back(), "[DONE]");
        const Json first = Json::parse(all.front()), last = Json::parse(all[all.size() - 2]);
        EXPECT_EQ(first["choices"][0]["delta"]["role"], "assistant");
        EXPECT_EQ(last["choices"][0]["finish_reason"], "stop");
        EXPECT_TRUE(last.contains("usage"));
        std::string content;
        for (std::size_t i = 0; i + 1 < all.size(); ++i) {
            const Json delta = Json::parse(all[i])["choices"][0]["delta"];
            if (delta.contains("content") && delta["content"].is_string()) content += delta["content"].get<std::string>();
        }
        EXPECT_EQ(content, "Hello there.");
    }
}

TEST_F(Server, CallsTools) {
    start();
    const Answer answer = api.post("/chat/completions", chat("weather?", kTools));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json choice = Json::parse(answer.body)["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "tool_calls");
    EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "get_weather");
    EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["arguments"], R"({"city": "Paris"})");
}

TEST_F(Server, TellsWhenAnAnswerIsNotTheJsonThatWasPromised) {
    start();
    const Json mode = {{"response_format", {{"type", "json_object"}}}, {"thinking", {{"type", "disabled"}}}};
    const Answer good = api.post("/chat/completions", chat("good json", mode));
    EXPECT_EQ(Json::parse(good.body)["choices"][0]["message"]["content"], R"({"a": 1})");
    const Answer bad = api.post("/chat/completions", chat("bad json", mode));
    EXPECT_EQ(bad.status, 500);
    EXPECT_EQ(Json::parse(bad.body)["error"]["code"], "invalid_model_output");
    Json streamed = chat("bad json", mode);
    streamed["stream"] = true;
    const auto all = events(api.post("/chat/completions", streamed).body);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(Json::parse(all.back())["error"]["code"], "invalid_model_output");
    EXPECT_EQ(std::count(all.begin(), all.end(), "[DONE]"), 0);
    const auto rows = api.rows();
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(rows[1].finish, "error");
    EXPECT_EQ(rows[1].status, 500);
    EXPECT_GT(rows[1].output, 0);  // it was computed all the same
}

// ---- the other families

TEST_F(Server, CompletesText) {
    start();
    const Answer answer = api.post("/beta/completions", {{"model", "deepseek-v4-pro"}, {"prompt", "def add(a, b):\n    "}, {"suffix", "\n"}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const Json body = Json::parse(answer.body);
    EXPECT_EQ(body["object"], "text_completion");
    EXPECT_EQ(body["choices"][0]["text"], "return a + b");
    EXPECT_EQ(body["model"], "deepseek-v4-pro");
    const auto all = events(
        api.post("/completions", {{"model", "deepseek-v4-pro"}, {"prompt", "def add(a, b):\n    "}, {"stream", true}}).body);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.back(), "[DONE]");
}

TEST_F(Server, AnswersResponses) {
    start();
    const Json request = {{"model", "deepseek-v4-flash"}, {"input", "hi"}};
    const Answer whole = api.post("/v1/responses", request);
    ASSERT_EQ(whole.status, 200) << whole.body;
    const Json body = Json::parse(whole.body);
    EXPECT_EQ(body["object"], "response");
    EXPECT_EQ(body["status"], "completed");
    EXPECT_EQ(body["output"].back()["content"][0]["text"], "Hello there.");
    Json streamed = request;
    streamed["stream"] = true;
    const auto names = event_names(api.post("/responses", streamed).body);
    ASSERT_GT(names.size(), 4u);
    EXPECT_EQ(names.front(), "response.created");
    EXPECT_EQ(names.back(), "response.completed");
}

TEST_F(Server, ResponsesTellABrokenPromiseInTheStream) {
    start();
    const Json request = {{"model", "deepseek-v4-flash"},
                          {"input", "bad json"},
                          {"stream", true},
                          {"reasoning", {{"effort", "none"}}},
                          {"text", {{"format", {{"type", "json_object"}}}}}};
    const Answer answer = api.post("/responses", request);
    const auto names = event_names(answer.body);
    ASSERT_FALSE(names.empty()) << answer.body;
    EXPECT_EQ(names.back(), "response.failed") << answer.body;
}

TEST_F(Server, AnswersMessages) {
    start();
    const Answer whole = api.ask("POST", "/anthropic/v1/messages?beta=true", messages("hi").dump(), "x-api-key: any\r\nanthropic-version: 2023-06-01\r\n");
    ASSERT_EQ(whole.status, 200) << whole.body;
    EXPECT_EQ(whole.header("request-id").size(), 32u);
    const Json body = Json::parse(whole.body);
    EXPECT_EQ(body["type"], "message");
    EXPECT_EQ(body["stop_reason"], "end_turn");
    EXPECT_EQ(body["content"].back()["text"], "Hello there.");
    const Answer stream = api.post("/anthropic/v1/messages", messages("weather?", {{"stream", true}, {"tools", {{{"name", "get_weather"}, {"input_schema", {{"type", "object"}}}}}}}));
    const auto names = event_names(stream.body);
    ASSERT_GT(names.size(), 4u) << stream.body;
    EXPECT_EQ(names[0], "message_start");
    EXPECT_EQ(names[1], "content_block_start");
    EXPECT_EQ(names[2], "ping");
    EXPECT_EQ(names.back(), "message_stop");
    EXPECT_NE(stream.body.find("\"tool_use\""), std::string::npos);
    EXPECT_EQ(stream.body.find("[DONE]"), std::string::npos);
}

TEST_F(Server, CountsTheTokensAMessageWillHave) {
    start();
    const Answer count = api.post("/anthropic/v1/messages/count_tokens", messages("How many?"));
    ASSERT_EQ(count.status, 200) << count.body;
    const Json usage = Json::parse(api.post("/anthropic/v1/messages", messages("How many?")).body)["usage"];
    EXPECT_EQ(Json::parse(count.body)["input_tokens"].get<int>(), usage["input_tokens"].get<int>() + usage["cache_read_input_tokens"].get<int>());
    EXPECT_EQ(api.rows().size(), 1u);  // counting is not generating
}

// ---- what goes wrong

TEST_F(Server, RefusesInTheServicesWords) {
    start();
    const auto refusal = [&](const Json& body, int status = 400) {
        const Answer answer = api.post("/chat/completions", body);
        EXPECT_EQ(answer.status, status) << answer.body;
        return error_message(answer);
    };
    EXPECT_EQ(refusal(chat("x", {{"model", "gpt-4"}})),
              "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed gpt-4.");
    EXPECT_EQ(refusal(chat("x", {{"model", "deepseek-chat"}})),
              "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed deepseek-chat.");
    EXPECT_EQ(refusal({{"model", "deepseek-v4-flash"}, {"messages", Json::array()}}), "Empty input messages");
    EXPECT_NE(refusal({{"model", 5}}).find("Failed to deserialize the JSON body into the target type"), std::string::npos);
    EXPECT_EQ(refusal(chat("x", {{"max_tokens", 393'217}})), "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]");
    const Answer broken = api.ask("POST", "/v1/chat/completions", "{\"model\": ");
    EXPECT_EQ(broken.status, 400);
    EXPECT_EQ(Json::parse(broken.body)["error"]["type"], "invalid_request_error");
    EXPECT_EQ(api.ask("POST", "/v1/chat/completions", "").status, 400);
}

TEST_F(Server, SaysMaximumContextLengthSoThatAgentsCompact) {
    api.lane.context = 300;
    start();
    const Answer long_prompt = api.post("/chat/completions", chat(std::string(4000, '7')));  // a digit is a token
    EXPECT_EQ(long_prompt.status, 400);
    EXPECT_TRUE(error_message(long_prompt).starts_with("This model's maximum context length is 300 tokens. However, you requested "));
    EXPECT_EQ(api.post("/chat/completions", chat("x", {{"max_tokens", 290}})).status, 400);
    EXPECT_EQ(api.post("/chat/completions", chat("x")).status, 200);  // the default gives way
    const Answer anthropic = api.post("/anthropic/v1/messages", messages("x", {{"max_tokens", 290}}));
    EXPECT_EQ(anthropic.status, 400);
    EXPECT_EQ(Json::parse(anthropic.body)["type"], "error");
    EXPECT_NE(error_message(anthropic).find("maximum context length"), std::string::npos);
}

TEST_F(Server, KnowsItsPaths) {
    start();
    const Answer missing = api.ask("GET", "/v1/embeddings");
    EXPECT_EQ(missing.status, 404);
    EXPECT_TRUE(Json::parse(missing.body).contains("error"));
    const Answer method = api.ask("GET", "/chat/completions");
    EXPECT_EQ(method.status, 405);
    EXPECT_EQ(method.header("Allow"), "POST");
    const Answer files = api.ask("POST", "/v1/files", "x");
    EXPECT_EQ(files.status, 404);
    EXPECT_NE(error_message(files).find("Files are not supported"), std::string::npos);
    EXPECT_EQ(Json::parse(api.ask("GET", "/anthropic/v1/files").body)["type"], "error");
    EXPECT_EQ(api.ask("HEAD", "/anthropic").status, 200);
    EXPECT_EQ(api.ask("OPTIONS", "/v1/chat/completions").status, 204);
    EXPECT_EQ(api.ask("OPTIONS", "/nothing").status, 404);
    EXPECT_EQ(api.ask("HEAD", "/v1/models").status, 200);
}

TEST_F(Server, ListsModelsAndTellsItsState) {
    start();
    const Json list = Json::parse(api.ask("GET", "/v1/models").body);
    EXPECT_EQ(list["object"], "list");
    ASSERT_EQ(list["data"].size(), 2u);
    EXPECT_EQ(list["data"][0], Json({{"id", "deepseek-v4-flash"}, {"object", "model"}, {"owned_by", "deepseek"}}));
    EXPECT_EQ(Json::parse(api.ask("GET", "/models/krill").body)["id"], "krill");
    EXPECT_EQ(api.ask("GET", "/models/gpt-4").status, 404);
    EXPECT_EQ(Json::parse(api.ask("GET", "/user/balance").body)["is_available"], true);
    EXPECT_EQ(api.ask("GET", "/health").status, 200);
    EXPECT_EQ(Json::parse(api.ask("GET", "/ready").body)["status"], "ready");
    api.post("/chat/completions", chat("hi"));
    const Answer metrics = api.ask("GET", "/metrics");
    EXPECT_EQ(metrics.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    for (const char* line : {"baleen_answers_total{model=\"deepseek-v4-flash\",finish=\"stop\"} 1\n", "baleen_http_requests_total{endpoint=\"chat\",status=\"200\"} 1\n",
                             "baleen_scheduler_requests{lane=\"main\",state=\"queued\"} 0\n", "baleen_time_to_first_token_seconds_count{lane=\"main\"} 1\n",
                             "baleen_answers_in_progress 0\n"})
        EXPECT_NE(metrics.body.find(line), std::string::npos) << line;
}

TEST_F(Server, LegacyNamesAreServedIfToldTo) {
    api.config.legacy = LegacyMode::serve;
    start();
    const Json plain = Json::parse(api.post("/chat/completions", chat("hi", {{"model", "deepseek-chat"}})).body);
    EXPECT_FALSE(plain["choices"][0]["message"].contains("reasoning_content"));
    const Json reasoning = Json::parse(api.post("/chat/completions", chat("hi", {{"model", "deepseek-reasoner"}})).body);
    EXPECT_TRUE(reasoning["choices"][0]["message"].contains("reasoning_content"));
    // What only the legacy name's rule allows: a forced tool needs thinking off.
    Json forced = chat("weather?", kTools);
    forced.update({{"model", "deepseek-chat"}, {"tool_choice", "required"}});
    EXPECT_EQ(api.post("/chat/completions", forced).status, 200);
    EXPECT_EQ(Json::parse(api.post("/anthropic/v1/messages", messages("hi", {{"model", "claude-opus-4"}})).body)["model"], "deepseek-v4-pro");
}

// ---- keys

TEST_F(Server, AsksForKeysWhenTheyAreRequired) {
    api.config.keys = KeysWanted::required;
    start();
    const Answer none = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(none.status, 401);
    EXPECT_EQ(error_message(none), "Authentication Fails (auth header format should be Bearer sk-...)");
    EXPECT_EQ(api.ask("GET", "/v1/models").status, 401);
    EXPECT_EQ(api.ask("GET", "/health").status, 200);
    api.authorization = "sk-0000000000000000000000000000fcc2";
    const Answer wrong = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(error_message(wrong), "Authentication Fails, Your api key: ****fcc2 is invalid");
    EXPECT_EQ(Json::parse(api.post("/anthropic/v1/messages", messages("hi")).body)["type"], "error");

    const auto key = api.keys->add("tests", std::nullopt, {}, now_ms());
    ASSERT_TRUE(key.ok());
    api.authorization = key->secret;
    EXPECT_EQ(api.post("/chat/completions", chat("hi")).status, 200);
    api.authorization.clear();
    EXPECT_EQ(api.ask("POST", "/anthropic/v1/messages", messages("hi").dump(), fmt::format("x-api-key: {}\r\n", key->secret)).status, 200);
    const auto rows = api.rows();
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].key_id, key->key.id);
    EXPECT_EQ(rows[1].endpoint, "messages");
    ASSERT_TRUE(api.keys->revoke(key->key.id, now_ms()).ok());
    api.authorization = key->secret;
    EXPECT_EQ(api.ask("GET", "/v1/models").status, 401);
}

TEST_F(Server, HoldsAKeyToItsLimits) {
    api.config.keys = KeysWanted::required;
    start();
    const auto key = api.keys->add("one at a time", std::nullopt, {.concurrency = 1, .rate = std::nullopt}, now_ms());
    ASSERT_TRUE(key.ok());
    api.authorization = key->secret;
    net::Client slow(api.port);
    slow.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}}).dump()));
    ASSERT_TRUE(slow.receive_until("data: "));
    const Answer second = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(second.status, 429);
    EXPECT_EQ(Json::parse(second.body)["error"]["type"], "rate_limit_error");
    EXPECT_EQ(api.ask("GET", "/v1/models").status, 200);  // asks no model
    slow.close();
    EXPECT_TRUE(eventually([&] { return api.post("/chat/completions", chat("hi")).status == 200; }));

    const auto seldom = api.keys->add("seldom", std::nullopt, {.concurrency = std::nullopt, .rate = Rate{1, 3'600'000}}, now_ms());
    ASSERT_TRUE(seldom.ok());
    api.authorization = seldom->secret;
    EXPECT_EQ(api.post("/chat/completions", chat("hi")).status, 200);
    const Answer soon = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(soon.status, 429);
    EXPECT_GT(std::atoi(soon.header("Retry-After").c_str()), 3000);
}

TEST_F(Server, StopsAKeyWhoseBudgetIsSpent) {
    api.config.keys = KeysWanted::required;
    start();
    const auto key = api.keys->add("poor", Money{1, Currency::usd}, {}, now_ms());
    ASSERT_TRUE(key.ok());
    api.authorization = key->secret;
    EXPECT_EQ(api.post("/chat/completions", chat("hi")).status, 200);
    const Answer broke = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(broke.status, 402);
    EXPECT_EQ(error_message(broke), "Insufficient Balance");
    EXPECT_EQ(Json::parse(api.ask("GET", "/user/balance").body)["is_available"], false);

    const auto rich = api.keys->add("rich", Money{20'000'000'000'000, Currency::cny}, {}, now_ms());
    ASSERT_TRUE(rich.ok());
    api.authorization = rich->secret;
    const Json balance = Json::parse(api.ask("GET", "/user/balance").body);
    EXPECT_EQ(balance["balance_infos"][0]["currency"], "CNY");
    EXPECT_EQ(balance["balance_infos"][0]["total_balance"], "20.00");
}

// ---- time

TEST_F(Server, CancelsTheWorkOfAClientThatLeft) {
    start();
    net::Client client(api.port);
    client.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}}).dump()));
    ASSERT_TRUE(client.receive_until("data: "));
    EXPECT_EQ(api.stats().running, 1);
    client.reset();
    EXPECT_TRUE(eventually([&] { return api.stats().cancelled == 1; }, 1000ms));
    EXPECT_TRUE(eventually([&] { return api.rows().size() == 1; }));
    EXPECT_EQ(api.rows()[0].finish, "aborted");

    net::Client whole(api.port);  // also one that has got nothing yet
    whole.send(api.request("POST", "/chat/completions", chat("go slowly").dump()));
    ASSERT_TRUE(eventually([&] { return api.stats().running == 1; }));
    whole.close();
    EXPECT_TRUE(eventually([&] { return api.stats().cancelled == 2; }, 1000ms));
}

TEST_F(Server, GivesSignsOfLifeWhileNothingHappens) {
    api.config.scheduler.keep_alive_ms = 100;
    start();
    const Answer stream = api.post("/chat/completions", chat("wait a bit", {{"stream", true}, {"thinking", {{"type", "disabled"}}}}));
    EXPECT_NE(stream.body.find(": keep-alive\n\n"), std::string::npos) << stream.body;
    EXPECT_EQ(events(stream.body).back(), "[DONE]");
    const Answer whole = api.post("/chat/completions", chat("wait a bit", kOff));
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body[0], '\n');  // white space before JSON is JSON
    EXPECT_EQ(Json::parse(whole.body)["choices"][0]["message"]["content"], "here");
    const Answer anthropic = api.post("/anthropic/v1/messages", messages("wait a bit", {{"stream", true}, {"thinking", {{"type", "disabled"}}}}));
    const auto names = event_names(anthropic.body);
    EXPECT_EQ(names[0], "message_start");
    EXPECT_EQ(names[1], "ping");  // this family's sign of life
    EXPECT_EQ(names.back(), "message_stop");
}

TEST_F(Server, EndsARequestThatWaitsTooLongForItsStart) {
    api.lane.streams_max = 1;
    api.config.scheduler.wait_max_ms = 300;
    start();
    net::Client slow(api.port);
    slow.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}}).dump()));
    ASSERT_TRUE(slow.receive_until("data: "));
    const Answer late = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(late.status, 503) << late.body;
}

TEST_F(Server, RefusesMoreThanItsQueueHolds) {
    api.lane.streams_max = 1;
    api.service.queue_max = 1;
    start();
    net::Client running(api.port), waiting(api.port);
    running.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}}).dump()));
    ASSERT_TRUE(running.receive_until("data: "));
    waiting.send(api.request("POST", "/chat/completions", chat("hi").dump()));
    ASSERT_TRUE(eventually([&] { return api.stats().queued == 1; }));
    const Answer refused = api.post("/chat/completions", chat("hi"));
    EXPECT_EQ(refused.status, 429) << refused.body;
    const Answer anthropic = api.post("/anthropic/v1/messages", messages("hi"));
    EXPECT_EQ(anthropic.status, 429);
    EXPECT_EQ(Json::parse(anthropic.body)["error"]["type"], "rate_limit_error");
}

TEST_F(Server, ASlowReaderGetsItsWholeAnswer) {
    // 30,000 tokens at some 250 bytes each: more than the server holds for a reader, who takes none of it for a while.
    std::string text;
    for (int i = 0; i < 30'000; ++i) text += " a";
    TestApi big(fmt::format(R"({{"text": "{}"}})", text));
    big.start();
    net::Client client(big.port, 4096);
    client.send(big.request("POST", "/chat/completions", chat("hi", {{"stream", true}, {"max_tokens", 100'000}}).dump()));
    std::this_thread::sleep_for(500ms);
    const Answer other = big.post("/chat/completions", chat("hi", {{"max_tokens", 3}}));  // is not held up
    EXPECT_EQ(other.status, 200);
    EXPECT_EQ(big.stats().running, 1);
    const Answer answer = client.answer();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(events(answer.body).back(), "[DONE]");
}

TEST_F(Server, TheRowIsWrittenBeforeTheEndIsSeen) {
    start();
    for (int i = 1; i <= 20; ++i) {
        api.post("/chat/completions", chat("hi", {{"stream", i % 2 == 0}, {"user_id", "u1"}}));
        ASSERT_EQ(api.rows().size(), static_cast<std::size_t>(i));
    }
    const UsageRow row = api.rows().back();
    EXPECT_EQ(row.user_id, "u1");
    EXPECT_EQ(row.endpoint, "chat.completions");
    EXPECT_EQ(row.model_served, "deepseek-v4-flash");
    EXPECT_EQ(row.finish, "stop");
    EXPECT_GT(row.usd_pico.value_or(0), 0);
    EXPECT_TRUE(row.first_token_ms.has_value());
}

TEST_F(Server, ShutsDownWhenAnswersAreOut) {
    start();
    net::Client client(api.port);
    client.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}, {"max_tokens", 10}}).dump()));
    ASSERT_TRUE(client.receive_until("data: "));
    Answer answer;
    std::thread reader([&] {
        answer = client.answer();
        client.close();
    });
    EXPECT_TRUE(api.server->shutdown(10s));
    reader.join();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(events(answer.body).back(), "[DONE]");
    EXPECT_FALSE(net::Client(api.port).connected());
}

TEST_F(Server, TellsClientsWhoseAnswersItHadToCut) {
    start();
    net::Client client(api.port);
    client.send(api.request("POST", "/chat/completions", chat("go slowly", {{"stream", true}}).dump()));
    ASSERT_TRUE(client.receive_until("data: "));
    Answer answer;
    std::thread reader([&] {
        answer = client.answer();
        client.close();
    });
    EXPECT_FALSE(api.server->shutdown(100ms));
    reader.join();
    EXPECT_TRUE(answer.whole);
    const auto all = events(answer.body);
    ASSERT_FALSE(all.empty());
    const bool finished = all.back() == "[DONE]" && Json::parse(all[all.size() - 2])["choices"][0]["finish_reason"] == "aborted";
    EXPECT_TRUE(finished || all.back().find("\"error\"") != std::string::npos) << all.back();
    EXPECT_EQ(api.rows().size(), 1u);
}

TEST_F(Server, LogsNeitherTextsNorKeys) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    api.log_to = ends[1];
    start();
    api.authorization = "sk-secret-of-a-guest-1234567890";
    api.post("/chat/completions?token=query-secret", chat("hi, secret-prompt"));
    api.post("/chat/completions", chat("secret-prompt", {{"model", 7}}));
    api.stop();
    std::string text(1 << 16, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, ::read(ends[0], text.data(), text.size()))));
    ::close(ends[0]);
    ::close(ends[1]);
    EXPECT_NE(text.find("\"event\":\"request\""), std::string::npos);
    EXPECT_NE(text.find("\"event\":\"answer\""), std::string::npos);
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
    EXPECT_EQ(text.find("Hello"), std::string::npos) << text;
}

}  // namespace
}  // namespace baleen::serve
