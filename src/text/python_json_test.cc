// Aim: what Python reads and writes again comes out the same here, byte for byte; hostile text ends in an error with a
// position.
#include "text/python_json.h"

#include <gtest/gtest.h>

namespace baleen::text {
namespace {

std::string again(std::string_view text, bool constants = false) {
    PythonJsonLimits limits;
    limits.constants = constants;
    const Result<PythonJson> tree = parse_python_json(text, limits);
    return tree.ok() ? dump_python_json(*tree) : "error: " + tree.error().message;
}

TEST(PythonJson, Numbers) {
    const std::pair<const char*, const char*> cases[] = {{"1.50", "1.5"},
                                                         {"1e16", "1e+16"},
                                                         {"0.00001", "1e-05"},
                                                         {"1.5e-7", "1.5e-07"},
                                                         {"-0.0", "-0.0"},
                                                         {"-0", "0"},
                                                         {"12345678901234567890123", "12345678901234567890123"},
                                                         {"1e15", "1000000000000000.0"},
                                                         {"0.0001", "0.0001"},
                                                         {"123456789012345678.0", "1.2345678901234568e+17"},
                                                         {"1e400", "Infinity"},
                                                         {"-1e400", "-Infinity"},
                                                         {"1e-400", "0.0"},
                                                         {"5e-324", "5e-324"},
                                                         {"1.7976931348623157e308", "1.7976931348623157e+308"},
                                                         {"100.0", "100.0"},
                                                         {"0.1", "0.1"},
                                                         {"2.5E+3", "2500.0"},
                                                         {"9007199254740993.0", "9007199254740992.0"},
                                                         {"1e22", "1e+22"},
                                                         {"1234.5678", "1234.5678"},
                                                         {"0e0", "0.0"},
                                                         {"-1e-5", "-1e-05"},
                                                         {"1e100", "1e+100"}};
    for (const auto& [in, out] : cases) EXPECT_EQ(again(in), out) << in;
}

TEST(PythonJson, StringsAndOrder) {
    EXPECT_EQ(again(R"({"z":1,"a":[true,null,{}],"z":"\u00e9\ud83d\ude00\/","b":[]})"),
              "{\"z\": \"é😀/\", \"a\": [true, null, {}], \"b\": []}");
    EXPECT_EQ(again(R"("\u0000\u001f\u007f\u2028\b\f\n\r\t\"\\")"),
              "\"\\u0000\\u001f\x7f\u2028\\b\\f\\n\\r\\t\\\"\\\\\"");
    EXPECT_EQ(again(" [ 1 , 2 ] "), "[1, 2]");
    EXPECT_EQ(again("[NaN,-Infinity]", true), "[NaN, -Infinity]");
}

TEST(PythonJson, Refused) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "[1,]",
                             "{\"a\":1,}",
                             "01",
                             "1.",
                             "-",
                             "+1",
                             "1e",
                             "nul",
                             "\"\\x\"",
                             "\"\\ud800\"",
                             "\"\\udc00\"",
                             "\"\n\"",
                             "\"\xff\"",
                             "\"\xed\xa0\x80\"",
                             "\"\xc0\x80\"",
                             "{1:2}",
                             "[1 2]",
                             "1 2",
                             "NaN",
                             "'a'",
                             "\xef\xbb\xbf"
                             "1"})
        EXPECT_EQ(again(text).substr(0, 5), "error") << text;
    EXPECT_EQ(again("{\"a\":\n [1,\n x]}"), "error: expected value at line 3 column 1");
    EXPECT_EQ(again(std::string(127, '[') + std::string(127, ']')).front(), '[');
    EXPECT_EQ(again(std::string(128, '[') + std::string(128, ']')).substr(0, 32), "error: recursion limit exceeded ");
    EXPECT_EQ(again(std::string(1000000, '[')).substr(0, 5), "error");
    PythonJsonLimits few;
    few.values = 3;
    EXPECT_TRUE(parse_python_json("[1,2]", few).ok());
    EXPECT_FALSE(parse_python_json("[1,2,3]", few).ok());
    few.bytes = 4;
    EXPECT_FALSE(parse_python_json("[1,2]", few).ok());
}

TEST(PythonJson, Positions) {
    const Result<PythonJson> tree = parse_python_json("{\"a\": [10, \"x\"]}");
    ASSERT_TRUE(tree.ok());
    const PythonJson& list = *tree->find("a");
    EXPECT_EQ(list.begin, 6u);
    EXPECT_EQ(list.items[1].begin, 11u);
    EXPECT_EQ(list.items[1].end, 14u);
    EXPECT_EQ(line_and_column("ab\ncd", 4), (std::pair<std::size_t, std::size_t>(2, 1)));
}

TEST(PythonJson, ManyKeys) {
    std::string text = "{";
    for (int i = 0; i < 50000; ++i) text += "\"k" + std::to_string(i % 25000) + "\":" + std::to_string(i) + ",";
    text.back() = '}';
    const Result<PythonJson> tree = parse_python_json(text);
    ASSERT_TRUE(tree.ok());
    ASSERT_EQ(tree->members.size(), 25000u);
    EXPECT_EQ(tree->members[7].first, "k7");
    EXPECT_EQ(tree->members[7].second.text, "25007");
}

}  // namespace
}  // namespace baleen::text
