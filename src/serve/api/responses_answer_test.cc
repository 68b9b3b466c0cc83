// Aim: the events of Responses answers in their order, numbered without a gap, and what a client sees when something
// goes wrong. Answers of many shapes are compared field by field with the service's library in wire_golden_test.cc.
#include "serve/api/responses_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace baleen::serve {
namespace {

using Json = nlohmann::ordered_json;

ResponsesAnswerOptions options() {
    ResponsesAnswerOptions options;
    options.id = "ID";
    options.model = "m";
    options.clock = [] { return std::int64_t{1761000000}; };
    return options;
}
sched::Outcome outcome(sched::FinishReason finish = sched::FinishReason::stop) {
    sched::Outcome outcome;
    outcome.finish = finish;
    outcome.usage = {.prompt_tokens = 300, .cached_tokens = 256, .completion_tokens = 40, .reasoning_tokens = 4};
    return outcome;
}
std::vector<Json> events_of(const std::string& stream) {
    std::vector<Json> events;
    for (std::size_t at = 0; (at = stream.find("data: ", at)) != std::string::npos;) {
        const std::size_t end = stream.find("\n\n", at);
        events.push_back(Json::parse(stream.substr(at + 6, end - at - 6)));
        EXPECT_EQ(events.back()["sequence_number"], events.size() - 1);
        EXPECT_NE(stream.find("event: " + events.back()["type"].get<std::string>() + "\ndata: "), std::string::npos);
        at = end;
    }
    return events;
}
std::vector<std::string> types_of(const std::string& stream) {
    std::vector<std::string> types;
    for (const Json& event : events_of(stream))
        types.push_back(event["type"].get<std::string>().substr(9));  // without "response."
    return types;
}

// Spec api, appendix A3.
TEST(ResponsesAnswer, OrderA3) {
    std::string stream;
    ResponsesAnswer sink(options(), ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
    sink.started(300, 256);
    sink.reasoning("r");
    sink.reasoning("s");
    sink.content("a");
    sink.tool_begin(0, "call_00_x", "f");
    sink.tool_arguments(0, "{}");
    sink.tool_end(0, true);
    sink.finished(outcome(sched::FinishReason::tool_calls));
    const std::vector<std::string> expected = {"created",
                                               "in_progress",
                                               "output_item.added",
                                               "content_part.added",
                                               "reasoning_text.delta",
                                               "reasoning_text.delta",
                                               "reasoning_text.done",
                                               "content_part.done",
                                               "output_item.done",
                                               "output_item.added",
                                               "content_part.added",
                                               "output_text.delta",
                                               "output_text.done",
                                               "content_part.done",
                                               "output_item.done",
                                               "output_item.added",
                                               "function_call_arguments.delta",
                                               "function_call_arguments.done",
                                               "output_item.done",
                                               "completed"};
    EXPECT_EQ(types_of(stream), expected);
    const std::vector<Json> events = events_of(stream);
    for (const Json& event : events) {
        if (!event.contains("item_id")) continue;
        const std::string prefixes[] = {"rs_ID_0", "msg_ID_1", "fc_ID_2"};
        EXPECT_EQ(event["item_id"], prefixes[event["output_index"].get<std::size_t>()]);
    }
    EXPECT_EQ(events[14]["item"]["phase"], "commentary");
    EXPECT_EQ(
        events.back()["response"]["usage"].dump(),
        R"({"input_tokens":300,"input_tokens_details":{"cached_tokens":256},"output_tokens":40,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":340})");
    EXPECT_EQ(stream.find("[DONE]"), std::string::npos);
}

TEST(ResponsesAnswer, Incomplete) {
    std::string stream;
    ResponsesAnswer sink(options(), ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
    sink.started(300, 256);
    sink.tool_begin(0, "call_00_x", "f");
    sink.tool_arguments(0, "{\"a");
    sink.tool_end(0, false);
    sink.finished(outcome(sched::FinishReason::length));
    const Json last = events_of(stream).back();
    EXPECT_EQ(last["type"], "response.incomplete");
    EXPECT_EQ(last["response"]["status"], "incomplete");
    EXPECT_EQ(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(last["response"]["output"][0]["status"], "incomplete");
    EXPECT_EQ(last["response"]["output"][0]["arguments"], "{\"a");
}

// A stream always ends with an event that says how (clients take one without for broken).
TEST(ResponsesAnswer, FailureOnTheWay) {
    for (const bool begun : {true, false}) {
        std::string stream;
        ResponsesAnswer sink(options(), ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
        if (begun) sink.started(300, 256), sink.content("a");
        sink.finished(Result<sched::Outcome>(io_error("/secret/path: gone")));
        const std::vector<Json> events = events_of(stream);
        EXPECT_EQ(events.front()["type"], "response.created");
        EXPECT_EQ(events.back()["type"], "response.failed");
        EXPECT_EQ(events.back()["response"]["status"], "failed");
        EXPECT_EQ(events.back()["response"]["error"]["code"], "server_error");
        EXPECT_EQ(events.back()["response"]["output"].size(), begun ? 1U : 0U);
        EXPECT_TRUE(events.back()["response"]["completed_at"].is_null());
        EXPECT_EQ(stream.find("secret"), std::string::npos);
    }
    std::string stream;
    ResponsesAnswer sink(options(), ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
    sink.started(300, 256);
    sink.finished(outcome(sched::FinishReason::cancelled));
    EXPECT_EQ(events_of(stream).back()["type"], "response.failed");

    int status = 0;
    std::string body;
    ResponsesAnswer whole(options(), ResponsesAnswer::Whole(
                                         [&](int code, std::string bytes) { status = code, body = std::move(bytes); }));
    whole.content("a");
    whole.finished(Result<sched::Outcome>(resource_exhausted("no blocks")));
    EXPECT_EQ(status, 503);
    EXPECT_EQ(Json::parse(body)["error"]["message"], "The server is overloaded. Please retry later.");
}

TEST(ResponsesAnswer, EachEventIsSentAtOnce) {
    int sent = 0;
    ResponsesAnswer sink(options(), ResponsesAnswer::Stream([&](const std::string&) { ++sent; }));
    const std::function<void()> steps[] = {
        [&] { sink.started(3, 0); },          [&] { sink.reasoning("a"); },          [&] { sink.content("b"); },
        [&] { sink.tool_begin(0, "", "f"); }, [&] { sink.tool_arguments(0, "{}"); }, [&] { sink.finished(outcome()); }};
    int expected = 0;
    for (const auto& step : steps) {
        step();
        EXPECT_EQ(sent, ++expected);
    }
}

// Of the tokens whose text the message shows, and of no other: not of reasoning, </think>, nor of markup.
TEST(ResponsesAnswer, Logprobs) {
    const std::vector<std::string> tokens = {"re", "</think>", "H", "\xf0\x9f", "\x99\x82", "<", "f>"};
    ResponsesAnswerOptions with = options();
    with.thinking = true;
    with.token_bytes = [&](TokenId token) { return tokens[static_cast<std::size_t>(index(token))]; };
    std::string stream;
    ResponsesAnswer sink(with, ResponsesAnswer::Stream([&](std::string bytes) { stream += bytes; }));
    const auto drawn = [&](int token) {
        sched::TokenLogprobs entry;
        entry.token = TokenId{token};
        entry.logprob = -0.5F;
        if (token == 2) entry.top = {{TokenId{2}, -0.5F}, {TokenId{0}, -1.25F}};
        sink.logprobs(entry);
    };
    sink.started(3, 0);
    drawn(0), sink.reasoning("re");
    drawn(1);
    drawn(2), sink.content("H");
    drawn(3);
    drawn(4), sink.content("🙂");
    drawn(5);
    drawn(6), sink.tool_begin(0, "c", "f");
    sink.tool_end(0, true);
    sink.finished(outcome(sched::FinishReason::tool_calls));
    std::vector<std::string> deltas;
    for (const Json& event : events_of(stream))
        if (event["type"] == "response.output_text.delta") deltas.push_back(event["logprobs"].dump());
    const std::string first =
        R"({"token":"H","logprob":-0.5,"bytes":[72],"top_logprobs":[{"token":"H","logprob":-0.5,"bytes":[72]},{"token":"re","logprob":-1.25,"bytes":[114,101]}]})";
    ASSERT_EQ(deltas.size(), 2U);
    EXPECT_EQ(deltas[0], "[" + first + "]");
    EXPECT_EQ(
        deltas[1],
        R"([{"token":"�","logprob":-0.5,"bytes":[240,159],"top_logprobs":[]},{"token":"��","logprob":-0.5,"bytes":[153,130],"top_logprobs":[]}])");
    const Json last = events_of(stream).back();
    EXPECT_EQ(last["response"]["output"][1]["content"][0]["logprobs"].size(), 3U);
}

}  // namespace
}  // namespace baleen::serve
