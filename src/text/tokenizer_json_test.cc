// Aim: every form of the file that is built loads, every other is refused with a message that names it, and hostile files
// stay within bounds.
#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "text/tokenizer_test_support.h"

namespace baleen::text {
namespace {

using nlohmann::json;

// A whole tokenizer in small: 256 bytes, three merges, one added token.
json small_file() {
    json vocab = json::object();
    for (int byte = 0, next = 0x100; byte < 256; ++byte) {
        const bool visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        std::string entry;
        append_utf8(static_cast<std::uint32_t>(visible ? byte : next++), entry);
        vocab[entry] = byte;
    }
    vocab["ab"] = 256;
    vocab["abc"] = 257;
    vocab["Ġab"] = 258;
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"normalizer", nullptr},
            {"added_tokens", {{{"id", 259}, {"content", "<x>"}, {"special", true}}}},
            {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
            {"decoder", {{"type", "ByteLevel"}}},
            {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", {"a b", "ab c", "Ġ ab"}}}}};
}

std::vector<int> encoded(const json& file, std::string_view text) {
    const auto tokenizer = Tokenizer::parse(file.dump(), "small");
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    std::vector<TokenId> ids;
    if (tokenizer.ok()) tokenizer->encode_with_special(text, ids);
    return plain(ids);
}

using Ids = std::vector<int>;

TEST(TokenizerJson, FormsThatAreBuilt) {
    json file = small_file();
    EXPECT_EQ(encoded(file, "abc ab<x>b"), (Ids{257, 258, 259, 'b'}));
    file["model"]["merges"] = json::parse(R"([["a", "b"], ["ab", "c"], ["Ġ", "ab"]])");
    EXPECT_EQ(encoded(file, "abc ab"), (Ids{257, 258}));
    file["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array()}};
    file["post_processor"] = {{"type", "TemplateProcessing"}};
    file["model"]["dropout"] = nullptr;
    EXPECT_EQ(encoded(file, "abc"), (Ids{257}));
    // GPT-2's own splits.
    file["pre_tokenizer"]["use_regex"] = true;
    EXPECT_EQ(encoded(file, "ab ab"), (Ids{256, 258}));
    // A literal pattern; a Split in a Sequence.
    file["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers",
                              {{{"type", "Split"}, {"pattern", {{"String", "bc"}}}, {"behavior", "Isolated"}, {"invert", false}},
                               {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    EXPECT_EQ(encoded(file, "abcab"), (Ids{'a', 'b', 'c', 256}));
    file.erase("added_tokens");
    EXPECT_EQ(encoded(file, "<x>"), (Ids{'<', 'x', '>'}));
}

TEST(TokenizerJson, AddedTokensLongestFirst) {
    json file = small_file();
    file["added_tokens"] = {{{"id", 300}, {"content", "<x>"}}, {{"id", 301}, {"content", "<x>>"}}, {{"id", 302}, {"content", "<x"}}, {{"id", 303}, {"content", "x>>>"}}};
    EXPECT_EQ(encoded(file, "<x>>>"), (Ids{301, '>'}));
    EXPECT_EQ(encoded(file, "<x>a"), (Ids{300, 'a'}));
    EXPECT_EQ(encoded(file, "<xa<<x"), (Ids{302, 'a', '<', 302}));
    EXPECT_EQ(encoded(file, "x>>>x>"), (Ids{303, 'x', '>'}));
    const auto tokenizer = Tokenizer::parse(file.dump(), "small");
    ASSERT_TRUE(tokenizer.ok());
    EXPECT_EQ(tokenizer->vocab_size(), 304);
    EXPECT_EQ(tokenizer->bytes(TokenId{299}), "");
}

TEST(TokenizerJson, RefusedByName) {
    const struct {
        const char* named;
        std::function<void(json&)> spoil;
    } cases[] = {
        {"model type \"WordPiece\"", [](json& f) { f["model"]["type"] = "WordPiece"; }},
        {"model type", [](json& f) { f.erase("model"); }},
        {"byte_fallback", [](json& f) { f["model"]["byte_fallback"] = true; }},
        {"ignore_merges", [](json& f) { f["model"]["ignore_merges"] = true; }},
        {"ignore_merges", [](json& f) { f["model"]["ignore_merges"] = "no"; }},
        {"dropout", [](json& f) { f["model"]["dropout"] = 0.1; }},
        {"end_of_word_suffix", [](json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }},
        {"normalizer (NFC)", [](json& f) { f["normalizer"] = {{"type", "NFC"}}; }},
        {"truncation", [](json& f) { f["truncation"] = json::object(); }},
        {"decoder", [](json& f) { f["decoder"] = nullptr; }},
        {"pre-tokenizer \"Digits\"", [](json& f) { f["pre_tokenizer"] = {{"type", "Digits"}}; }},
        {"pre-tokenizer", [](json& f) { f["pre_tokenizer"] = nullptr; }},
        {"without ByteLevel", [](json& f) { f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", json::array()}}; }},
        {"not a list", [](json& f) { f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", 1}}; }},
        {"add_prefix_space", [](json& f) { f["pre_tokenizer"].erase("add_prefix_space"); }},
        {"after ByteLevel", [](json& f) { f["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {f["pre_tokenizer"], f["pre_tokenizer"]}}}; }},
        {"split behavior \"Removed\"", [](json& f) { f["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Removed"}}; }},
        {"without a pattern", [](json& f) { f["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", ""}}}, {"behavior", "Isolated"}}; }},
        {"inverted", [](json& f) { f["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"String", "a"}}}, {"behavior", "Isolated"}, {"invert", true}}; }},
        {"byte 0x61", [](json& f) { f["model"]["vocab"].erase("a"); f["model"]["merges"] = json::array(); }},
        {"merges[0]", [](json& f) { f["model"]["vocab"].erase("ab"); }},
        {"merges[1] is not a pair", [](json& f) { f["model"]["merges"][1] = "a b c"; }},
        {"merges[1] is not a pair", [](json& f) { f["model"]["merges"][1] = "ab"; }},
        {"merges[1] is not a pair", [](json& f) { f["model"]["merges"][1] = {"a", 1}; }},
        {"merges is not a list", [](json& f) { f["model"]["merges"] = "a b"; }},
        {"vocab is not an object", [](json& f) { f["model"]["vocab"] = json::array(); }},
        {"comes twice", [](json& f) { f["model"]["vocab"]["ab"] = 5; }},
        {"no token id", [](json& f) { f["model"]["vocab"]["ab"] = -1; }},
        {"no token id", [](json& f) { f["model"]["vocab"]["ab"] = 1.5; }},
        {"no token id", [](json& f) { f["model"]["vocab"]["ab"] = kTokenIdsMax; }},
        {"no token id", [](json& f) { f["model"]["vocab"]["ab"] = 18446744073709551615u; }},
        {"an entry of", [](json& f) { f["model"]["vocab"][std::string(kTokenBytesMax + 1, 'a')] = 400; }},
        {"added_tokens[0]", [](json& f) { f["added_tokens"][0]["id"] = 256; }},
        {"added_tokens[0].id", [](json& f) { f["added_tokens"][0]["id"] = "259"; }},
        {"added_tokens[0].content", [](json& f) { f["added_tokens"][0]["content"] = ""; }},
        {"added_tokens[0].lstrip", [](json& f) { f["added_tokens"][0]["lstrip"] = true; }},
        {"added_tokens[0].single_word", [](json& f) { f["added_tokens"][0]["single_word"] = true; }},
        {"comes twice", [](json& f) { f["added_tokens"].push_back({{"id", 260}, {"content", "<x>"}}); }},
        {"disagree", [](json& f) { f["added_tokens"].push_back({{"id", 259}, {"content", "<y>"}}); }},
        {"disagree", [](json& f) { f["added_tokens"].push_back({{"id", 260}, {"content", "ab"}}); }},
        {"added_tokens is not a list", [](json& f) { f["added_tokens"] = json::object(); }},
        {"not a JSON object", [](json& f) { f = json::array(); }},
    };
    for (const auto& one : cases) {
        json file = small_file();
        one.spoil(file);
        const auto tokenizer = Tokenizer::parse(file.dump(), "some/file.json");
        ASSERT_FALSE(tokenizer.ok()) << one.named;
        EXPECT_NE(tokenizer.error().message.find(one.named), std::string::npos) << one.named << " against: " << tokenizer.error().message;
        EXPECT_NE(tokenizer.error().message.find("some/file.json"), std::string::npos) << tokenizer.error().message;
    }
}

TEST(TokenizerJson, CutShortAnywhere) {
    const std::string text = small_file().dump();
    for (std::size_t length = 0; length < text.size(); length += 7) EXPECT_FALSE(Tokenizer::parse(std::string_view(text).substr(0, length), "cut").ok()) << length;
    EXPECT_TRUE(Tokenizer::parse(text, "whole").ok());
}

// A later merge of the same pair replaces the earlier one's rank, as in the library.
TEST(TokenizerJson, RepeatedMergeHasItsLastRank) {
    json file = small_file();
    file["model"]["vocab"]["bc"] = 260;
    file["model"]["merges"] = {"a b", "b c", "a b"};
    EXPECT_EQ(encoded(file, "abc"), (Ids{'a', 260}));
}

}  // namespace
}  // namespace baleen::text
