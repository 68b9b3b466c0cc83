// Aim: the bytes of Messages answers, as the spec's transcripts have them, and what a client sees when something goes
// wrong. Whole answers of many shapes are compared with the service's library in wire_golden_test.cc.
#include "serve/api/anthropic_answer.h"

#include <gtest/gtest.h>

#include "serve/api/anthropic_error.h"

namespace baleen::serve {
namespace {

AnthropicAnswerOptions thinking() {
    AnthropicAnswerOptions options;
    options.id = "ID";
    options.model = "deepseek-flash";
    options.thinking = true;
    options.request_id = "req_1";
    return options;
}
sched::Outcome outcome(sched::FinishReason finish) {
    sched::Outcome outcome;
    outcome.finish = finish;
    outcome.usage.prompt_tokens = 300;
    outcome.usage.cached_tokens = 256;
    outcome.usage.completion_tokens = 40;
    return outcome;
}

// Spec api, appendix A2; there an empty line after each event is left out.
TEST(AnthropicStream, TranscriptA2) {
    const std::string_view expected =
        R"(event: message_start
data: {"type":"message_start","message":{"id":"ID","type":"message","role":"assistant","model":"deepseek-flash","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":44,"cache_creation_input_tokens":0,"cache_read_input_tokens":256,"output_tokens":0,"service_tier":"standard"}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Need the tool."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"ID"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_ID_0","name":"get_weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"city\": \"Paris\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":44,"cache_creation_input_tokens":0,"cache_read_input_tokens":256,"output_tokens":40}}

event: message_stop
data: {"type":"message_stop"}

)";
    std::string stream;
    AnthropicStream sink(thinking(), [&](std::string bytes) { stream += bytes; });
    sink.started(300, 256);
    sink.reasoning("Need the tool.");
    sink.tool_begin(0, "call_00_x", "get_weather");
    sink.tool_arguments(0, R"({"city": "Paris"})");
    sink.tool_end(0, true);
    sink.finished(outcome(sched::FinishReason::tool_calls));
    EXPECT_EQ(stream, expected);
}

// A client must see each piece as soon as it is told.
TEST(AnthropicStream, EachEventIsSentAtOnce) {
    int sent = 0;
    AnthropicStream sink(thinking(), [&](const std::string& bytes) {
        ++sent;
        EXPECT_EQ(bytes.substr(bytes.size() - 2), "\n\n");
    });
    const std::function<void()> steps[] = {
        [&] { sink.started(3, 0); },          [&] { sink.reasoning("a"); },
        [&] { sink.content("b"); },           [&] { sink.content("c"); },
        [&] { sink.tool_begin(0, "", "f"); }, [&] { sink.tool_arguments(0, "{}"); },
        [&] { sink.tool_end(0, true); },      [&] { sink.finished(outcome(sched::FinishReason::tool_calls)); }};
    int expected = 0;
    for (const auto& step : steps) {
        step();
        EXPECT_EQ(sent, ++expected);
    }
}

TEST(AnthropicStream, KeepAlive) {
    AnthropicStream sink(thinking(), [](const std::string&) {});
    EXPECT_EQ(sink.keep_alive(), ": keep-alive\n\n");  // a ping before message_start is against the order
    sink.started(1, 0);
    EXPECT_EQ(sink.keep_alive(), "event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

// Control characters, quotes and characters of more bytes in every place that holds text.
TEST(AnthropicStream, TextIsEscaped) {
    std::string stream;
    AnthropicStream sink(thinking(), [&](std::string bytes) { stream += bytes; });
    sink.started(1, 0);
    sink.content("\"\\\n\t\x01/é🙂\x7f");
    EXPECT_NE(stream.find(R"("text":"\"\\\n\t\u0001/é🙂)"
                          "\x7f\""),
              std::string::npos)
        << stream;
}

TEST(AnthropicStream, ErrorOnTheWay) {
    std::string stream;
    AnthropicStream sink(thinking(), [&](std::string bytes) { stream += bytes; });
    sink.started(1, 0);
    sink.reasoning("a");
    stream.clear();
    sink.finished(Result<sched::Outcome>(resource_exhausted("kv: no blocks in /some/where")));
    EXPECT_EQ(
        stream,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"The server is "
        "overloaded. Please retry later.\",\"param\":null,\"code\":\"internal_error\"},\"request_id\":\"req_1\"}\n\n");
    stream.clear();
    sink.finished(outcome(sched::FinishReason::cancelled));
    EXPECT_EQ(stream.find(R"(event: error
data: {"type":"error","error":{"type":"overloaded_error",)"),
              0U);
}

TEST(AnthropicWhole, StopReasons) {
    AnthropicAnswerOptions options = thinking();
    options.thinking = false;
    const auto whole = [&](const sched::Outcome& end) {
        std::string body;
        AnthropicWhole sink(options, [&](int status, std::string bytes) {
            EXPECT_EQ(status, 200);
            body = std::move(bytes);
        });
        sink.started(300, 256);
        sink.content("a");
        sink.finished(end);
        return body;
    };
    const std::string usage =
        R"("usage":{"input_tokens":44,"cache_creation_input_tokens":0,"cache_read_input_tokens":256,"output_tokens":40,"service_tier":"standard"}})";
    const std::string head =
        R"({"id":"ID","type":"message","role":"assistant","model":"deepseek-flash","content":[{"type":"text","text":"a"}],)";
    EXPECT_EQ(whole(outcome(sched::FinishReason::stop)),
              head + R"("stop_reason":"end_turn","stop_sequence":null,)" + usage);
    EXPECT_EQ(whole(outcome(sched::FinishReason::length)),
              head + R"("stop_reason":"max_tokens","stop_sequence":null,)" + usage);
    sched::Outcome stopped = outcome(sched::FinishReason::stop);
    stopped.stop = "\"END";
    EXPECT_EQ(whole(stopped), head + R"("stop_reason":"stop_sequence","stop_sequence":"\"END",)" + usage);
}

// Arguments become an object again; what was cut inside cannot.
TEST(AnthropicWhole, Calls) {
    std::string body;
    AnthropicWhole sink(thinking(), [&](int, std::string bytes) { body = std::move(bytes); });
    sink.started(300, 256);
    sink.reasoning("r");
    sink.tool_begin(0, "call_00_x", "f");
    sink.tool_arguments(0, R"({"b": 1.50, )");
    sink.tool_arguments(0, R"("a": [true, null, "é"]})");
    sink.tool_end(0, true);
    sink.tool_begin(1, "call_01_x", "g");
    sink.tool_arguments(1, R"({"a": "unfin)");
    sink.tool_end(1, false);
    sink.finished(outcome(sched::FinishReason::length));
    EXPECT_NE(body.find(R"("content":[{"type":"thinking","thinking":"r","signature":"ID"},)"
                        R"({"type":"tool_use","id":"toolu_ID_0","name":"f","input":{"b":1.5,"a":[true,null,"é"]}},)"
                        R"({"type":"tool_use","id":"toolu_ID_1","name":"g","input":{}}],"stop_reason":"max_tokens")"),
              std::string::npos)
        << body;
}

TEST(AnthropicWhole, Error) {
    int status = 0;
    std::string body;
    AnthropicWhole sink(thinking(), [&](int code, std::string bytes) { status = code, body = std::move(bytes); });
    sink.content("a");
    sink.finished(Result<sched::Outcome>(io_error("/secret/path: gone")));
    EXPECT_EQ(status, 500);
    EXPECT_EQ(body.find("secret"), std::string::npos);
}

// One body for readers of both families (spec api 10).
TEST(AnthropicError, Types) {
    const std::pair<ApiError, std::string> cases[] = {{bad_request("m"), "invalid_request_error"},
                                                      {wrong_key("k"), "authentication_error"},
                                                      {insufficient_balance(), "unknown_error"},
                                                      {files_not_built(), "not_found_error"},
                                                      {protocol_error(413, "big"), "request_too_large"},
                                                      {too_many_requests("x"), "rate_limit_error"},
                                                      {internal_error(), "api_error"},
                                                      {overloaded(), "overloaded_error"}};
    for (const auto& [error, type] : cases)
        EXPECT_EQ(
            anthropic_error_body(error, "r").find(R"({"type":"error","error":{"type":")" + type + R"(","message":")"),
            0U)
            << anthropic_error_body(error, "r");
    EXPECT_EQ(
        anthropic_error_body(bad_request("a \"b\""), "req_1"),
        R"({"type":"error","error":{"type":"invalid_request_error","message":"a \"b\"","param":null,"code":"invalid_request_error"},"request_id":"req_1"})");
}

}  // namespace
}  // namespace baleen::serve
