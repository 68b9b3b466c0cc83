// Aim: stop sequences and JSON mode give the same answer wherever the output is cut, and end it at the right byte.
#include "text/output_filter.h"

#include <gtest/gtest.h>

#include <random>

namespace baleen::text {
namespace {

template <class Filter>
std::string filtered(Filter filter, const std::vector<std::string_view>& pieces) {
    std::string out;
    for (const std::string_view piece : pieces) filter.push(piece, out);
    filter.flush(out);
    return out;
}

template <class Make>
std::string all_splits(const Make& make, std::string_view text) {
    const std::string whole = filtered(make(), {text});
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bytes.push_back(text.substr(i, 1));
        EXPECT_EQ(filtered(make(), {text.substr(0, i), text.substr(i)}), whole) << "split at " << i << " of " << text;
    }
    EXPECT_EQ(filtered(make(), bytes), whole) << text;
    return whole;
}

std::string stop(std::string_view text, const std::vector<std::string>& sequences) {
    return all_splits([&] { return StopFilter(sequences); }, text);
}

TEST(StopFilter, Cases) {
    EXPECT_EQ(stop("abcSTOPdef", {"STOP"}), "abc");
    EXPECT_EQ(stop("aaSTaSTOP", {"STOP", "aST"}), "a");
    EXPECT_EQ(stop("abcSTO", {"STOP"}), "abcSTO");
    EXPECT_EQ(stop("aababaabc", {"abaabc"}), "aab");
    EXPECT_EQ(stop("xabc", {"bc", "abc"}), "x");  // both end at the same byte: the longer one counts
    EXPECT_EQ(stop("ab\n\ncd", {"\n\n"}), "ab");
    EXPECT_EQ(stop("é😀x", {"😀"}), "é");
    EXPECT_EQ(stop("abc", {}), "abc");
    EXPECT_EQ(stop("abc", {""}), "abc");
    EXPECT_EQ(stop("", {"a"}), "");
    StopFilter filter({"abc"});
    std::string out;
    EXPECT_FALSE(filter.push("xxab", out));
    EXPECT_EQ(out, "xx");
    EXPECT_FALSE(filter.push("d", out));
    EXPECT_EQ(out, "xxabd");
    EXPECT_TRUE(filter.push("abcd", out));
    EXPECT_EQ(filter.matched(), "abc");
    EXPECT_EQ(out, "xxabd");
}

// Against a plain search, on texts of few letters.
TEST(StopFilter, LikeASearch) {
    std::mt19937_64 random(7);
    const auto letters = [&](std::size_t most) {
        std::string text(random() % most, 'a');
        for (char& c : text) c = static_cast<char>('a' + random() % 2);
        return text;
    };
    for (int round = 0; round < 2000; ++round) {
        const std::string text = letters(30);
        const std::vector<std::string> sequences = {"b" + letters(5), letters(6), letters(4)};
        std::size_t begin = text.size(), end = std::string::npos;
        for (const std::string& s : sequences) {
            const std::size_t at = s.empty() ? std::string::npos : text.find(s);
            if (at == std::string::npos) continue;
            if (at + s.size() < end || (at + s.size() == end && at < begin)) begin = at, end = at + s.size();
        }
        ASSERT_EQ(stop(text, sequences), text.substr(0, begin)) << round << " " << text;
    }
}

std::string json(std::string_view text) {
    return all_splits([] { return JsonFilter(); }, text);
}

TEST(JsonFilter, Cases) {
    EXPECT_EQ(json("{\"a\": 1}"), "{\"a\": 1}");
    EXPECT_EQ(json("Here: ```json\n{\"a\": 1}\n``` ok"), " {\"a\": 1} ");
    EXPECT_EQ(json("```json\n{\"a\": \"```\"}\n```"), "{\"a\": \"```\"}");
    EXPECT_EQ(json("```\n[1,2]\n```\nmore"), "[1,2] ");
    EXPECT_EQ(json("x {\"a\": [1,{\"b\":\"}\\\"\"}]} tail"), " {\"a\": [1,{\"b\":\"}\\\"\"}]} ");
    EXPECT_EQ(json("no json"), " ");
    EXPECT_EQ(json("\n\n{ \n\"a\":1}\n\n"), "{ \n\"a\":1}");
    EXPECT_EQ(json("{oops} [see] {\"a\":1}"), " {\"a\":1}");
    EXPECT_EQ(json("{\"a\": 1"), "{\"a\": 1");
    EXPECT_EQ(json("{ "), "{ ");
    EXPECT_EQ(json("{}{}"), "{} ");
    EXPECT_EQ(json("`x` {\"é\":\"[\"}"), " {\"é\":\"[\"}");
}

CollectedOutput answer(std::string_view text, AnswerOptions options, std::string_view& reason, std::size_t cut_at) {
    Answer answer(std::move(options));
    OutputEvents out;
    if (!answer.push(text.substr(0, cut_at), out)) answer.push(text.substr(cut_at), out);
    answer.finish(out);
    reason = answer.finish_reason(false);
    return collect(out);
}

TEST(Answer, StopIsForTextOnly) {
    const std::string call =
        "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"x\" "
        "string=\"true\">STOP</｜DSML｜parameter>\n"
        "</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
    AnswerOptions options;
    options.parser.start = OutputStart::reasoning;
    options.stop = {"STOP", "DSML", "b\n"};
    const std::string text = "a STOP</think>b" + call;
    const std::string stopped = "a STOP</think>bSTOP" + call;
    std::string_view reason;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const CollectedOutput got = answer(text, options, reason, i);
        EXPECT_EQ(got.reasoning, "a STOP");
        EXPECT_EQ(got.content, "b");
        ASSERT_EQ(got.tool_calls.size(), 1u) << i;
        EXPECT_EQ(got.tool_calls[0].arguments, "{\"x\": \"STOP\"}");
        EXPECT_EQ(reason, "tool_calls");
        const CollectedOutput end = answer(stopped, options, reason, i);
        EXPECT_EQ(end.content, "b");
        EXPECT_TRUE(end.tool_calls.empty());
        EXPECT_EQ(reason, "stop");
    }
}

TEST(Answer, JsonAndStop) {
    AnswerOptions options;
    options.json = true;
    options.parser.parse_tools = false;
    options.stop = {"```", "END"};
    std::string_view reason;
    const std::string text = "```json\n{\"a\": \"xENDy\"}\n```";
    for (std::size_t i = 0; i <= text.size(); ++i)
        EXPECT_EQ(answer(text, options, reason, i).content, "{\"a\": \"x") << i;
}

}  // namespace
}  // namespace baleen::text
