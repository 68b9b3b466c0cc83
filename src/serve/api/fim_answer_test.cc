// Aim: text completions have the legacy shape of spec api 8.4, whole and streamed, with echo, log-probabilities and
// errors.
#include "serve/api/fim_answer.h"

#include "serve/api/answer_test_support.h"

namespace baleen::serve {
namespace {

using sched::FinishReason;

const AnswerHead kHead = {"ID", 5, "deepseek-v4-pro", "fp_1"};
const std::string kStart =
    R"({"id":"ID","object":"text_completion","created":5,"model":"deepseek-v4-pro","system_fingerprint":"fp_1","choices":[)";
const std::string kUsage =
    R"("usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3},"prompt_cache_hit_tokens":3,"prompt_cache_miss_tokens":4})";

TokenId byte(char c) {
    return TokenId{static_cast<unsigned char>(c)};
}

// " x" and "é" in bytes, each token's log-probability half of the one before.
void tell_it(sched::EventSink& sink, bool logprobs) {
    sink.started(7, 3);
    float logprob = -4;
    const auto draw = [&](char c) {
        sink.token(byte(c));
        logprob /= 2;
        if (logprobs) sink.logprobs({byte(c), logprob, {{byte('y'), -0.125F}, {byte('z'), -8}}, false});
    };
    draw('x');
    sink.content("x");
    draw('\xc3');
    draw('\xa9');
    sink.content("é");
    draw('y');
    sink.content("y");
    sink.finished(outcome_of(FinishReason::stop, {7, 3, 2, 0}));
}

TEST(FimBody, Whole) {
    Heard heard;
    FimBody body(kHead, {}, heard.outlet());
    tell_it(body, false);
    EXPECT_EQ(heard.bytes,
              kStart + R"({"text":"xéy","index":0,"finish_reason":"stop","logprobs":null}],)" + kUsage + "}");
    EXPECT_EQ(heard.ends.at(0).finish, "stop");
}

TEST(FimStream, Streamed) {
    Heard heard;
    FimStream stream(kHead, {}, heard.outlet());
    tell_it(stream, false);
    const auto piece = [&](const std::string& text) {
        return kStart + "{\"text\":\"" + text + R"(","index":0,"finish_reason":null,"logprobs":null}]})";
    };
    EXPECT_EQ(
        events_of(heard.bytes),
        (std::vector<std::string>{
            piece("x"), piece("é"), piece("y"),
            kStart + R"({"text":"","index":0,"finish_reason":"stop","logprobs":null}],)" + kUsage + "}", "[DONE]"}));
    EXPECT_FALSE(heard.end_came_late);
    Heard more;
    FimStream counted(kHead, {.include_usage = true, .usage_chunk = true}, more.outlet());
    tell_it(counted, false);
    const std::vector<std::string> events = events_of(more.bytes);
    ASSERT_EQ(events.size(), 6u);
    EXPECT_TRUE(events[0].ends_with(R"("logprobs":null}],"usage":null})"));
    EXPECT_EQ(events[4], kStart + "]," + kUsage + "}");
}

TEST(FimAnswer, Echo) {
    Heard whole;
    FimBody body(kHead, {.echo = "é("}, whole.outlet());
    tell_it(body, false);
    EXPECT_NE(whole.bytes.find(R"("text":"é(xéy")"), std::string::npos);
    Heard streamed;
    FimStream stream(kHead, {.echo = "é("}, streamed.outlet());
    tell_it(stream, false);
    EXPECT_NE(events_of(streamed.bytes).at(0).find(R"("text":"é(")"), std::string::npos);
    EXPECT_EQ(events_of(streamed.bytes).size(), 6u);
}

TEST(FimAnswer, Logprobs) {
    Heard whole;
    FimBody body(kHead, {.echo = "é(", .logprobs = &answers_tokenizer()}, whole.outlet());
    tell_it(body, true);
    EXPECT_NE(
        whole.bytes.find(
            R"("logprobs":{"text_offset":[2,3,4,4],"token_logprobs":[-2.0,-1.0,-0.5,-0.25],"tokens":["x","\\xc3","\\xa9","y"],)"
            R"("top_logprobs":[{"y":-0.125,"z":-8.0,"x":-2.0},{"y":-0.125,"z":-8.0,"\\xc3":-1.0},{"y":-0.125,"z":-8.0,"\\xa9":-0.5},)"
            R"({"y":-0.125,"z":-8.0}]})"),
        std::string::npos)
        << whole.bytes;
    Heard streamed;
    FimStream stream(kHead, {.logprobs = &answers_tokenizer()}, streamed.outlet());
    tell_it(stream, true);
    EXPECT_EQ(
        events_of(streamed.bytes).at(1),
        kStart +
            R"({"text":"é","index":0,"finish_reason":null,"logprobs":{"text_offset":[1,2],"token_logprobs":[-1.0,-0.5],)"
            R"("tokens":["\\xc3","\\xa9"],"top_logprobs":[{"y":-0.125,"z":-8.0,"\\xc3":-1.0},)"
            R"({"y":-0.125,"z":-8.0,"\\xa9":-0.5}]}}]})");
}

TEST(FimAnswer, Errors) {
    Heard early;
    FimStream first(kHead, {}, early.outlet());
    first.started(7, 0);
    first.finished(resource_exhausted("This model's maximum context length is 5 tokens."));
    ASSERT_TRUE(early.refused.has_value());
    EXPECT_EQ(early.refused->status, 400);
    Heard late;
    FimStream second(kHead, {}, late.outlet());
    second.started(7, 0);
    second.token(byte('x'));
    second.content("x");
    second.finished(resource_exhausted("no KV blocks are left"));
    EXPECT_NE(events_of(late.bytes).at(1).find(R"("finish_reason":"insufficient_system_resource")"), std::string::npos);
    Heard damaged;
    FimStream third(kHead, {}, damaged.outlet());
    third.content("x");
    third.finished(corrupt("/a/file"));
    EXPECT_EQ(events_of(damaged.bytes).at(1), error_body(internal_error()));
    Heard whole;
    FimBody fourth(kHead, {}, whole.outlet());
    fourth.finished(corrupt("/a/file"));
    EXPECT_EQ(*whole.refused, internal_error());
    EXPECT_EQ(whole.ends.at(0).status, 500);
}

}  // namespace
}  // namespace baleen::serve
