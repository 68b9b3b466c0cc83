// Aim: a TOML text becomes a tree with the right values, order and lines, or an error that names the line.
#include "serve/store/toml.h"

#include <gtest/gtest.h>

namespace baleen::serve {
namespace {

TEST(Toml, KeepsValuesOrderAndLines) {
    const auto parsed = parse_toml("zeta = 1\nalpha = \"two\"\n\n[table]\nyes = true\nreal = 0.5\nday = 2026-08-17\n"
                                   "time = 2026-08-17 01:02:03.25-03:30\nlist = [\n  'a',\n  'b',\n]\n[[many]]\nx = 1\n[[many]]\nx = 2\n",
                                   "f.toml");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    std::string order;
    for (const auto& [key, value] : parsed->members) order += key + ":" + std::to_string(value.line) + " ";
    EXPECT_EQ(order, "zeta:1 alpha:2 table:4 many:13 ");
    const TomlValue& table = *parsed->find("table");
    EXPECT_TRUE(table.find("yes")->boolean);
    EXPECT_EQ(table.find("real")->real, 0.5);
    EXPECT_EQ(table.find("real")->kind, TomlValue::Kind::real);
    EXPECT_EQ(table.find("day")->text, "2026-08-17");
    EXPECT_EQ(table.find("time")->text, "2026-08-17T01:02:03.250000000-03:30");
    EXPECT_EQ(table.find("list")->items.at(1).text, "b");
    EXPECT_EQ(table.find("list")->items.at(1).line, 11);
    EXPECT_EQ(parsed->find("many")->items.at(1).find("x")->integer, 2);
    EXPECT_EQ(parsed->find("many")->items.at(1).find("x")->line, 16);
    EXPECT_EQ(parsed->find("none"), nullptr);
}

TEST(Toml, ErrorsNameFileAndLine) {
    for (const char* text : {"a = 1\nb = \n", "a = 1\na = 2\n", "a = 1\n[b\n", "a = 1\nb = 2026-08-17T00:00:00\n", "a = 1\nb = 12:00:00\n"}) {
        const auto parsed = parse_toml(text, "f.toml");
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_TRUE(parsed.error().message.starts_with("f.toml:2: ")) << parsed.error().message;
    }
    EXPECT_FALSE(parse_toml(std::string(2'000'000, '#'), "f").ok());
    EXPECT_FALSE(parse_toml("a = " + std::string(100'000, '['), "f").ok());
    EXPECT_FALSE(parse_toml("a = \"\xff\"", "f").ok());
    EXPECT_TRUE(parse_toml("", "f")->members.empty());
}

// What toml++ asserts or calls unreachable (found by fuzzing).
TEST(Toml, WhatTheLibraryDoesNotExpectIsAnError) {
    EXPECT_FALSE(parse_toml("[\n", "f").ok());
    EXPECT_FALSE(parse_toml("K\xef\xb9\xbf", "f").ok());
    EXPECT_FALSE(parse_toml("\xef\xb7\xbf = 1", "f").ok());
}

TEST(Toml, StringsComeBack) {
    std::string text;
    for (int c = 1; c < 128; ++c) text += static_cast<char>(c);
    text += "\xc3\xa4\xe9\xb2\xb8";
    const auto parsed = parse_toml("a = " + toml_string(text), "f");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->find("a")->text, text);
}

}  // namespace
}  // namespace baleen::serve
