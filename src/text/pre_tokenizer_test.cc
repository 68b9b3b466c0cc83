// Aim: patterns split as the library's engine does, and what the two engines read differently is refused by name.
#include "text/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>

#include "text/pre_tokenizer_classes.h"
#include "text/pre_tokenizer_regex.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {
namespace {

// Spec encoding 1.1.
const std::vector<std::string> kV4 = {
    R"(\p{N}{1,3})", "[一-龥぀-ゟ゠-ヿ]+",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};

std::vector<std::string> pieces_of(const std::vector<std::string>& patterns, std::string_view text) {
    const auto made = PreTokenizer::make(patterns);
    EXPECT_TRUE(made.ok()) << made.error().message;
    if (!made.ok()) return {};
    PreTokenizer::Scratch scratch(*made);
    std::vector<std::string> pieces;
    EXPECT_TRUE(made->split(text, scratch, [&](std::string_view piece) { pieces.emplace_back(piece); }));
    return pieces;
}

using Pieces = std::vector<std::string>;

TEST(PreTokenizer, V4Pieces) {
    EXPECT_EQ(pieces_of(kV4, ""), Pieces());
    EXPECT_EQ(pieces_of(kV4, "Hello, world!"), (Pieces{"Hello", ",", " world", "!"}));
    EXPECT_EQ(pieces_of(kV4, "1234567890"), (Pieces{"123", "456", "789", "0"}));
    EXPECT_EQ(pieces_of(kV4, "中文12345英文カナx"), (Pieces{"中文", "123", "45", "英文カナ", "x"}));
    EXPECT_EQ(pieces_of(kV4, "a  b\n\n  c \t\n"), (Pieces{"a", " ", " b", "\n\n", " ", " c", " \t\n"}));
    EXPECT_EQ(pieces_of(kV4, "_name x.y()\n"), (Pieces{"_name", " x", ".y", "()\n"}));
    EXPECT_EQ(pieces_of(kV4, "e\xcc\x81t\xc3\xa9"), (Pieces{"e\xcc\x81t\xc3\xa9"}));
    // Look-ahead ends at the piece: the digits have been cut off before, so the blank run is whole.
    EXPECT_EQ(pieces_of(kV4, "a  1"), (Pieces{"a", "  ", "1"}));
}

TEST(PreTokenizer, WhiteSpaceIsUnicodes) {
    EXPECT_EQ(pieces_of({R"(\s+)"}, "a\xe1\xa0\x8e"  // U+180E is none
                                    "b"),
              (Pieces{"a\xe1\xa0\x8e"
                      "b"}));
    for (const CodeRange& range : white_space()) {
        for (std::uint32_t code = range.first; code <= range.last; ++code) {
            std::string text = "a";
            append_utf8(code, text);
            text += 'b';
            EXPECT_EQ(pieces_of({R"(\s)"}, text).size(), 3u) << code;
            EXPECT_EQ(pieces_of({R"(\S+)"}, text).size(), 3u) << code;
            EXPECT_EQ(pieces_of({R"([x\S]+)"}, text).size(), 3u) << code;
        }
    }
}

TEST(PreTokenizer, CategoriesAreUnicode16) {
    const struct {
        const char* pattern;
        std::uint32_t code;
    } newer[] = {{R"(\p{L}+)", 0x323af}, {R"([\p{Lo}]+)", 0x31350}, {R"(\p{M})", 0x11f00}, {R"(\p{N})", 0x16d70}, {R"(\p{P})", 0x1b4e},
                 {R"(\p{S})", 0x1fae9}, {R"(\p{Lu})", 0x1c89},   {R"(\p{Ll})", 0x1c8a},  {R"(\d)", 0x1e4f0},    {R"(\P{^N})", 0x1ccf0}};
    for (const auto& one : newer) {
        std::string text = "\x01";
        append_utf8(one.code, text);
        EXPECT_EQ(pieces_of({one.pattern}, text).size(), 2u) << one.pattern;
    }
}

TEST(PreTokenizer, EmptyMatchesSeparate) {
    EXPECT_EQ(pieces_of({"x*"}, "axxb"), (Pieces{"a", "xx", "b"}));
    EXPECT_EQ(pieces_of({"(?=b)"}, "abab"), (Pieces{"a", "ba", "b"}));
    EXPECT_EQ(pieces_of({"(?=[äö])"}, "äaö"), (Pieces{"äa", "ö"}));
}

TEST(PreTokenizer, OtherForms) {
    EXPECT_EQ(pieces_of({}, "whole text"), (Pieces{"whole text"}));
    EXPECT_EQ(pieces_of({escape_regex("a.b*")}, "xa.b*aXb"), (Pieces{"x", "a.b*", "aXb"}));
    EXPECT_EQ(pieces_of({"(?i:'s|'ve)"}, "it'S we'Ve"), (Pieces{"it", "'S", " we", "'Ve"}));
    EXPECT_EQ(pieces_of({R"((?<=a)\u0062++(?!c)|\x{63}{2})"}, "abbcabbacc"), (Pieces{"abbca", "bb", "a", "cc"}));
    EXPECT_EQ(pieces_of({"[-a]+"}, "b-ab"), (Pieces{"b", "-a", "b"}));
}

TEST(PreTokenizer, RefusesByName) {
    const struct {
        const char *pattern, *named;
    } refused[] = {{"^a", "anchor"},           {"a$", "anchor"},          {R"(\w+)", R"(\w)"},           {R"(\bx)", R"(\b)"},
                   {R"(\p{Han})", "Han"},      {R"(\pL)", "without {"},   {"[a[b]]", "class in a class"}, {"[a&&b]", "intersection"},
                   {"(?<n>a)", "group"},       {"(?i)a", "group"},        {"a{1,2}+", "possessive"},     {"*a", "repetition of nothing"},
                   {"a**", "repetition of nothing"}, {"a{2000}", "1000"}, {"a{x", "opens no repetition"}, {R"([\P{L}])", "negated property"},
                   {R"((a)\1)", R"(\1)"},      {"(?i:ss)", "ligature"},   {"[]a]", "empty class"},       {R"(\Ka)", R"(\K)"},
                   {"(?i:ä)", "beyond ASCII"}, {R"(\G)", R"(\G)"},        {"a{3,2}", "reversed"}};
    for (const auto& one : refused) {
        const auto made = translate_regex(one.pattern);
        ASSERT_FALSE(made.ok()) << one.pattern << " -> " << *made;
        EXPECT_NE(made.error().message.find(one.named), std::string::npos) << one.pattern << ": " << made.error().message;
    }
    for (const char* broken : {"(a", "a)", "[a", "a\\", R"(\p{L)", R"(\u12)", R"(\ud800)", R"(\x{110000})", "[b-a]", "\xff"})
        EXPECT_FALSE(translate_regex(broken).ok()) << broken;
    EXPECT_FALSE(translate_regex(std::string(kPatternBytesMax + 1, 'a')).ok());
    EXPECT_FALSE(translate_regex(std::string(100, '(')).ok());
    EXPECT_FALSE(PreTokenizer::make(std::vector<std::string>(PreTokenizer::kStepsMax + 1, "a")).ok());
    EXPECT_FALSE(PreTokenizer::make({"(?<=a+)b"}).ok());  // a look-behind PCRE2 does not take
}

TEST(PreTokenizer, EndlessBacktrackingStops) {
    const auto made = PreTokenizer::make({"(a*)*b"});
    ASSERT_TRUE(made.ok());
    PreTokenizer::Scratch scratch(*made);
    std::string text(100, 'a'), joined;
    const bool whole = made->split(text, scratch, [&](std::string_view piece) { joined += piece; });
    EXPECT_EQ(joined, text);
    (void)whole;  // PCRE2 may see through this one; the text must be whole either way
}

// Long runs of one kind are where backtracking would show.
TEST(PreTokenizer, MegabytesOfOneKind) {
    const auto made = PreTokenizer::make(kV4);
    ASSERT_TRUE(made.ok());
    PreTokenizer::Scratch scratch(*made);
    for (const char* unit : {"a", " ", "\n", "7", ".", "中", "\xcc\x81", "\x01", " \n", "a ", "é", "\xe2\x80\x89", "!a", " .", "\r\n "}) {
        std::string text;
        while (text.size() < (std::size_t{1} << 20)) text += unit;
        std::size_t bytes = 0;
        const auto start = std::chrono::steady_clock::now();
        EXPECT_TRUE(made->split(text, scratch, [&](std::string_view piece) { bytes += piece.size(); })) << unit;
        EXPECT_EQ(bytes, text.size()) << unit;
        EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20.0) << unit;
    }
}

}  // namespace
}  // namespace baleen::text
