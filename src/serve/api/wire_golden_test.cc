// Aim: what the model writes reaches clients of the Messages and Responses formats as the service's own library sends
// it: events, their order, every field. Cases: tests/golden/wire.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "serve/api/anthropic_answer.h"
#include "serve/api/anthropic_request.h"
#include "serve/api/responses_answer.h"

namespace baleen::serve {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> cases_of(const std::string& file) {
    std::ifstream in(std::string(BALEEN_SOURCE_DIR) + "/tests/golden/wire/" + file);
    std::vector<Json> cases;
    for (std::string line; std::getline(in, line);) cases.push_back(Json::parse(line));
    EXPECT_FALSE(cases.empty()) << file;
    return cases;
}

// The model's output through the parser into the sink, as a generation does it. A piece counts as a token.
void play(const Json& golden, const Request& request, sched::EventSink& sink) {
    sink.started(300, 256);
    text::Answer answer(request.answer_options());
    sched::Outcome outcome;
    outcome.usage.prompt_tokens = 300;
    outcome.usage.cached_tokens = 256;
    int calls = 0;
    const auto tell = [&](const text::OutputEvents& events) {
        using Kind = text::OutputEvent::Kind;
        for (const text::OutputEvent& event : events) {
            if (event.kind == Kind::reasoning) sink.reasoning(event.text);
            if (event.kind == Kind::content) sink.content(event.text);
            if (event.kind == Kind::tool_begin) {
                sink.tool_begin(calls, fmt::format("call_{:02}", calls), event.text);
                ++calls;
            }
            if (event.kind == Kind::tool_arguments) sink.tool_arguments(calls - 1, event.text);
            if (event.kind == Kind::tool_end) sink.tool_end(calls - 1, event.complete);
        }
    };
    for (const Json& piece : golden["pieces"]) {
        ++outcome.usage.completion_tokens;
        text::OutputEvents events;
        const bool stopped = answer.push(piece.get<std::string>(), events);
        tell(events);
        if (stopped) break;
    }
    const bool cut = golden["finish"] == "Length";
    text::OutputEvents events;
    answer.finish(events, cut);
    tell(events);
    const std::string_view reason = answer.finish_reason(cut);
    outcome.finish = reason == "length"       ? sched::FinishReason::length
                     : reason == "tool_calls" ? sched::FinishReason::tool_calls
                                              : sched::FinishReason::stop;
    if (answer.stopped()) outcome.stop = answer.stop_sequence();
    sink.finished(Result<sched::Outcome>(std::move(outcome)));
}

// Where the spec and the library differ, the library's form as the spec's.
std::string as_specified(std::string text) {
    const std::string id = "\"id\":\"call_0";
    for (std::size_t at = 0; (at = text.find(id, at)) != std::string::npos;)
        text.replace(at, id.size(), "\"id\":\"toolu_ID_");
    const std::string tier = R"(,"service_tier":"standard"})";
    const std::size_t delta = text.find("event: message_delta");
    if (delta == std::string::npos) return text;
    const std::size_t at = text.find(tier, delta);
    return at == std::string::npos ? text : text.replace(at, tier.size(), "}");
}

// Events with deltas of one thing joined and numbers taken out, which must count up from 0.
std::vector<std::string> events_of(const std::string& stream) {
    std::vector<std::pair<std::string, Json>> events;
    std::size_t at = 0;
    int number = 0;
    while (at < stream.size()) {
        const std::size_t end = stream.find("\n\n", at);
        const std::size_t line = stream.find('\n', at);
        EXPECT_EQ(stream.substr(at, 7), "event: ");
        EXPECT_EQ(stream.substr(line + 1, 6), "data: ");
        const std::string name = stream.substr(at + 7, line - at - 7);
        Json data = Json::parse(stream.substr(line + 7, end - line - 7));
        EXPECT_EQ(data["type"], name);
        if (data.contains("sequence_number")) {
            EXPECT_EQ(data["sequence_number"], number++);
            data.erase("sequence_number");
        }
        at = end + 2;
        if (!events.empty() && events.back().first == name) {
            Json& last = events.back().second;
            if (data.contains("item_id") && data.contains("delta") && last["item_id"] == data["item_id"]) {
                last["delta"] = last["delta"].get<std::string>() + data["delta"].get<std::string>();
                continue;
            }
            if (name == "content_block_delta" && last["delta"]["type"] == data["delta"]["type"]) {
                for (auto& [key, value] : data["delta"].items())
                    if (key != "type")
                        last["delta"][key] = last["delta"][key].get<std::string>() + value.get<std::string>();
                continue;
            }
        }
        events.emplace_back(name, std::move(data));
    }
    std::vector<std::string> lines;
    for (const auto& [name, data] : events) lines.push_back(data.dump());
    return lines;
}

void expect_same(const std::vector<std::string>& ours, const std::vector<std::string>& theirs, const Json& golden) {
    for (std::size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i)
        ASSERT_EQ(i < ours.size() ? ours[i] : "nothing", i < theirs.size() ? theirs[i] : "nothing")
            << golden["name"] << ", event " << i;
}

TEST(WireGolden, Messages) {
    for (const Json& golden : cases_of("messages.jsonl")) {
        const Result<Request> request = parse_anthropic_request(golden["body"].dump());
        ASSERT_TRUE(request.ok()) << golden["name"] << request.error().message;
        AnthropicAnswerOptions options;
        options.id = "ID";
        options.model = "deepseek-flash";
        options.thinking = request->thinking();
        std::string stream;
        AnthropicStream sink(options, [&](std::string bytes) { stream += bytes; });
        play(golden, *request, sink);
        expect_same(events_of(stream), events_of(as_specified(golden["stream"])), golden);
        std::string whole;
        AnthropicWhole body(options, [&](int status, std::string bytes) {
            EXPECT_EQ(status, 200);
            whole += bytes;
        });
        play(golden, *request, body);
        EXPECT_EQ(whole, as_specified(golden["whole"])) << golden["name"];
    }
}

TEST(WireGolden, Responses) {
    for (const Json& golden : cases_of("responses.jsonl")) {
        const Result<ResponsesRequest> request = parse_responses_request(golden["body"].dump());
        ASSERT_TRUE(request.ok()) << golden["name"] << request.error().message;
        ResponsesAnswerOptions options;
        options.id = "ID";
        options.model = "deepseek-flash";
        options.thinking = request->thinking();
        options.echo = request->echo;
        options.tools = request->tools;
        options.clock = [] { return std::int64_t{1761000000}; };
        std::string stream;
        ResponsesAnswer sink(options, ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
        play(golden, *request, sink);
        expect_same(events_of(stream), events_of(golden["stream"]), golden);
        std::string whole;
        ResponsesAnswer body(options, ResponsesAnswer::Whole([&](int status, std::string bytes) {
                                 EXPECT_EQ(status, 200);
                                 whole += bytes;
                             }));
        play(golden, *request, body);
        EXPECT_EQ(whole, golden["whole"].get<std::string>()) << golden["name"];
    }
}

}  // namespace
}  // namespace baleen::serve
