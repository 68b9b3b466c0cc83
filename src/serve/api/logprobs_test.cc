// Aim: a token's log-probability comes with the text it first shows in, however text is held back, cut and dropped, and
// is written as the service writes it. Whole answers are compared with the service's own library in
// chat_answer_test.cc.
#include "serve/api/logprobs.h"

#include <limits>

#include "serve/api/answer_test_support.h"

namespace baleen::serve {
namespace {

TokenId byte(char c) {
    return TokenId{static_cast<unsigned char>(c)};
}
TokenId control(std::string_view text) {
    return answers_tokenizer().find(text).value();
}
sched::TokenLogprobs of(TokenId token, float logprob = -1) {
    return {token, logprob, {}, false};
}

struct Queue : LogprobQueue {
    Queue() : LogprobQueue(answers_tokenizer()) {}
    void add_bytes(std::string_view text) {
        for (const char c : text) add(of(byte(c)));
    }
    std::string take_text(std::string_view shown) {
        std::string text;
        for (const sched::TokenLogprobs& token : take(shown)) text += answers_tokenizer().bytes(token.token);
        return text;
    }
};

TEST(LogprobQueue, TextAsItComes) {
    Queue queue;
    queue.add_bytes("ab");
    EXPECT_EQ(queue.take_text("ab"), "ab");
    queue.add_bytes("c");
    EXPECT_EQ(queue.take_text("c"), "c");
    EXPECT_EQ(queue.take_text("d"), "");
}

TEST(LogprobQueue, WhatDoesNotShowIsDropped) {
    Queue queue;
    queue.add_bytes("\n");
    queue.add(of(control("</think>")));
    queue.add_bytes("\nt");
    EXPECT_EQ(queue.take_text("t"), "t");  // not the t of </think>
    queue.add_bytes("```json\n{");
    EXPECT_EQ(queue.take_text("{"), "{");
    queue.add_bytes("}\n");
    EXPECT_EQ(queue.take_text("}"), "}");
    queue.add_bytes("x");
    EXPECT_EQ(queue.take_text("x"), "x");
    queue.add_bytes("held");
    queue.drop();
    queue.add_bytes("y");
    EXPECT_EQ(queue.take_text("y"), "y");
}

TEST(LogprobQueue, WhatIsHeldBackWaits) {
    Queue queue;
    queue.add_bytes("aaa");
    EXPECT_EQ(queue.take_text("a"), "a");
    EXPECT_EQ(queue.take_text("aa"), "aa");
    const std::optional<TokenId> hello = [] {
        for (int id = 256; id < 400; ++id)
            if (answers_tokenizer().bytes(TokenId{id}) == "Hello") return std::optional(TokenId{id});
        return std::optional<TokenId>();
    }();
    ASSERT_TRUE(hello.has_value());
    queue.add(of(*hello));
    EXPECT_EQ(queue.take_text("Hel"), "Hello");  // with its first part, once
    queue.add_bytes("!");
    EXPECT_EQ(queue.take_text("lo!"), "!");
}

TEST(LogprobQueue, ControlTokensInTheText) {
    Queue queue;
    queue.add_bytes("a");
    queue.add(of(control("<｜User｜>")));
    queue.add_bytes("b");
    EXPECT_EQ(queue.take_text("a<｜User｜>b"), "a<｜User｜>b");
}

TEST(LogprobQueue, TextThatIsNotTheTokens) {
    Queue queue;
    queue.add_bytes("\xc3");
    queue.add_bytes("x");
    EXPECT_EQ(queue.take_text("\xef\xbf\xbdx"), "\xc3x");
    queue.add_bytes("talk");
    EXPECT_EQ(queue.take_text(" "), "talk");  // a blank in place of it
}

TEST(Logprobs, Numbers) {
    const std::pair<float, const char*> cases[] = {{-0.5F, "-0.5"},
                                                   {-1, "-1.0"},
                                                   {0, "0.0"},
                                                   {-0.0F, "0.0"},
                                                   {-16.801825F, "-16.801825"},
                                                   {-std::numeric_limits<float>::infinity(), "-9999.0"},
                                                   {std::numeric_limits<float>::quiet_NaN(), "-9999.0"}};
    for (const auto& [logprob, shown] : cases) EXPECT_EQ(logprob_json(logprob), shown);
}

TEST(Logprobs, Tokens) {
    const text::Tokenizer& tokenizer = answers_tokenizer();
    EXPECT_EQ(shown_token(tokenizer, byte('a')), "a");
    EXPECT_EQ(shown_token(tokenizer, byte('\xf0')), "\\xf0");
    EXPECT_EQ(shown_token(tokenizer, control("<｜end▁of▁sentence｜>")), "<｜｜end▁of▁sentence｜｜>");
    EXPECT_EQ(shown_token(tokenizer, control("｜DSML｜")), "｜｜DSML｜｜");
    EXPECT_EQ(shown_token(tokenizer, control("</think>")), "</think>");
    EXPECT_EQ(shown_token(tokenizer, TokenId{100000}), "");
    sched::TokenLogprobs token = of(byte('"'), -0.25F);
    token.top = {{control("<｜User｜>"), -0.25F}, {byte('\x80'), -3}};
    EXPECT_EQ(
        logprob_list_json(tokenizer, {token, of(byte('b'))}),
        R"([{"token":"\"","logprob":-0.25,"bytes":[34],"top_logprobs":[)"
        R"({"token":"<｜｜User｜｜>","logprob":-0.25,"bytes":null},{"token":"\\x80","logprob":-3.0,"bytes":[128]}]},)"
        R"({"token":"b","logprob":-1.0,"bytes":[98],"top_logprobs":[]}])");
    EXPECT_EQ(logprob_list_json(tokenizer, {}), "[]");
}

}  // namespace
}  // namespace baleen::serve
