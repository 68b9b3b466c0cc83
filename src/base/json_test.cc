// Aim: the reader takes exactly RFC 8259, refuses what must be refused with a position, and holds its limits.
#include "base/json.h"

#include <gtest/gtest.h>

namespace baleen {
namespace {

std::string error_of(std::string_view text, const JsonLimits& limits = {}) {
    const auto parsed = parse_json(text, limits);
    const auto ordered = parse_ordered_json(text, limits);
    EXPECT_EQ(parsed.ok(), ordered.ok()) << text;
    return parsed.ok() ? "" : parsed.error().message;
}

TEST(Json, TakesWhatIsJson) {
    for (const char* text :
         {"null", "true", " [] ", "{}", "-0", "0.5e-3", "1e308", "18446744073709551615", "-9223372036854775808",
          R"("\u00e9\ud83d\ude00\n")", R"({"a":[1,2,{"b":null}],"c":"d"})", "\"\xc3\xa9\xf0\x9f\x98\x80\"", "\t\r\n 7"})
        EXPECT_EQ(error_of(text), "") << text;
}

TEST(Json, ValuesAndOrder) {
    const auto tree = parse_json(R"({"b":[1,-2,2.5,true,null,"x"],"a":{"k":{}}})");
    ASSERT_TRUE(tree.ok());
    EXPECT_EQ(tree->dump(), R"({"a":{"k":{}},"b":[1,-2,2.5,true,null,"x"]})");
    EXPECT_TRUE((*tree)["b"][0].is_number_unsigned());
    EXPECT_TRUE((*tree)["b"][1].is_number_integer());
    EXPECT_TRUE((*tree)["b"][2].is_number_float());
    const auto ordered = parse_ordered_json(R"({"z":1,"a":{"y":[{"q":1,"b":2}],"c":3},"m":4})");
    ASSERT_TRUE(ordered.ok());
    EXPECT_EQ(ordered->dump(), R"({"z":1,"a":{"y":[{"q":1,"b":2}],"c":3},"m":4})");
}

TEST(Json, RefusesWhatIsNot) {
    using namespace std::string_view_literals;
    for (const std::string_view text :
         {""sv, " "sv, "{"sv, "[1,]"sv, "{\"a\":1,}"sv, "[1 2]"sv, "01"sv, "+1"sv, ".5"sv, "1."sv, "NaN"sv,
          "Infinity"sv, "-"sv, "1e"sv, "0x1"sv, "'a'"sv, "\"a"sv, "\"\t\""sv, "\"\\x\""sv, "\"\\ud800\""sv,
          "\"\\udc00\""sv, "\"\\ud800\\u0041\""sv, "{a:1}"sv, "{1:1}"sv, "// c\n1"sv, "/**/1"sv, "1 1"sv, "{}x"sv,
          "tru"sv, "nullx"sv, "\xef\xbb\xbf{}"sv, "{}\0{"sv, "\"a\0b\""sv, "\0"sv,
          // not UTF-8: stray continuation, overlong, surrogate, beyond U+10FFFF, cut short
          "\"\x80\""sv, "\"\xc0\x80\""sv, "\"\xe0\x80\x80\""sv, "\"\xed\xa0\x80\""sv, "\"\xf4\x90\x80\x80\""sv,
          "\"\xc3\""sv, "\"\xff\""sv, "1e999"sv, "]"sv, "}"sv, "[}"sv, "{\"a\"}"sv, "{\"a\":}"sv})
        EXPECT_NE(error_of(text), "") << printable(text);
}

TEST(Json, ErrorsHavePositions) {
    EXPECT_EQ(error_of("{\n  \"a\": 1,\n  \"a\": 2\n}").substr(0, 36), "line 3, column 5: duplicate key \"a\"");
    EXPECT_TRUE(error_of("[1,\n  x]").starts_with("line 2, column 3: ")) << error_of("[1,\n  x]");
    EXPECT_TRUE(error_of(std::string_view("[1,\n\0]", 6)).starts_with("line 2, column 1: NUL"))
        << error_of(std::string_view("[1,\n\0]", 6));
}

TEST(Json, DuplicateKeys) {
    EXPECT_NE(error_of(R"({"a":1,"b":2,"a":3})"), "");
    EXPECT_NE(error_of(R"({"x":{"a":1,"a":1}})"), "");
    EXPECT_NE(error_of(R"({"a":1,"\u0061":1})"), "") << "the same key written in two ways";
    EXPECT_EQ(error_of(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"), "");
    // The set of keys changes its form when there are many.
    for (const int count : {11, 12, 13, 14, 200}) {
        std::string text = "{";
        for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":0,";
        EXPECT_EQ(error_of(text + "\"last\":0}"), "") << count;
        for (const int again : {0, 11, 12, count - 1})
            if (again < count) {
                EXPECT_NE(error_of(text + "\"k" + std::to_string(again) + "\":0}"), "") << count << " " << again;
            }
        EXPECT_EQ(error_of("[" + text + "\"last\":0}," + text + "\"last\":0}]"), "") << count;
    }
}

TEST(Json, Limits) {
    const auto code = [](std::string_view text, const JsonLimits& limits) {
        const auto parsed = parse_json(text, limits);
        return parsed.ok() ? -1 : static_cast<int>(parsed.error().code);
    };
    const int exhausted = static_cast<int>(ErrorCode::resource_exhausted);
    EXPECT_EQ(code("[1]", {.bytes = 3}), -1);
    EXPECT_EQ(code("[1] ", {.bytes = 3}), exhausted);
    EXPECT_EQ(code("[[[]]]", {.depth = 3}), -1);
    EXPECT_EQ(code("[[[[]]]]", {.depth = 3}), exhausted);
    EXPECT_EQ(code(R"({"a":{"b":{}}})", {.depth = 2}), exhausted);
    EXPECT_EQ(code("[[],[],[[]],[]]", {.depth = 3}), -1) << "depth goes down again";
    EXPECT_EQ(code(R"([{"a":1},{"b":2}])", {.keys = 2}), -1);
    EXPECT_EQ(code(R"([{"a":1},{"b":2},{"c":3}])", {.keys = 2}), exhausted);
    EXPECT_EQ(code("[1,2,3]", {.values = 4}), -1);
    EXPECT_EQ(code("[1,2,3,4]", {.values = 4}), exhausted);
    const std::string deep(1'000'000, '[');
    EXPECT_EQ(code(deep, {}), exhausted) << "no recursion on hostile depth";
}

class Counter : public JsonEvents {
  public:
    std::string log;
    Result<void> start_object() override { return log += '{', Ok{}; }
    Result<void> end_object() override { return log += '}', Ok{}; }
    Result<void> start_array() override { return log += '[', Ok{}; }
    Result<void> end_array() override { return log += ']', Ok{}; }
    Result<void> key(std::string& text) override { return log += text + ':', Ok{}; }
    Result<void> string(std::string& text) override {
        if (text == "stop") return invalid_argument("had enough");
        return log += text, Ok{};
    }
    Result<void> integer(std::int64_t) override { return log += 'i', Ok{}; }
    Result<void> unsigned_integer(std::uint64_t) override { return log += 'u', Ok{}; }
    Result<void> real(double) override { return log += 'r', Ok{}; }
    Result<void> boolean(bool) override { return log += 'b', Ok{}; }
    Result<void> null() override { return log += 'n', Ok{}; }
};

TEST(Json, EventsComeInOrderAndMayStop) {
    Counter counter;
    ASSERT_TRUE(stream_json(R"({"a":[1,-1,1.0,18446744073709551616],"b":{"c":null,"d":true}})", {}, counter).ok());
    EXPECT_EQ(counter.log, "{a:[uirr]b:{c:nd:b}}");
    Counter stopped;
    const auto result = stream_json("[\"go\",\n\"stop\",\"go\"]", {}, stopped);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(result.error().message, "line 2, column 6: had enough");
}

TEST(Json, PrintableEscapes) {
    EXPECT_EQ(printable("a\n\x1b[31m\xff"), "a\\x0a\\x1b[31m\\xff");
    EXPECT_EQ(printable(std::string(200, 'x'), 10), "xxxxxxxxxx...");
}

}  // namespace
}  // namespace baleen
