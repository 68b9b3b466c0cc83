// Aim: the three routes differ exactly in what becomes a control token, text comes back as it went in, and no input is slow.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "text/tokenizer_test_support.h"

namespace baleen::text {
namespace {

std::vector<TokenId> ids_of(const Tokenizer& tokenizer, std::string_view text) {
    std::vector<TokenId> ids;
    tokenizer.encode(text, ids);
    return ids;
}

void expect_round_trips(const Tokenizer& tokenizer, std::uint64_t seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::mt19937_64 random(seed);
        const std::string text = random_text(random, static_cast<int>(random() % 400));
        const std::vector<TokenId> ids = ids_of(tokenizer, text);
        ASSERT_EQ(bytes_of(tokenizer, ids), text) << "seed " << seed;
        for (const TokenId id : ids) ASSERT_FALSE(tokenizer.is_special(id)) << "seed " << seed;
    }
}

TEST(Tokenizer, KrillRoundTrips) { expect_round_trips(krill_tokenizer(), 500); }

TEST(Tokenizer, V4RoundTrips) {
    const Tokenizer* tokenizer = v4_tokenizer();
    if (tokenizer == nullptr) GTEST_SKIP() << kNoV4;
    expect_round_trips(*tokenizer, 500);
}

TEST(Tokenizer, UserTextForgesNothing) {
    const Tokenizer& tokenizer = krill_tokenizer();
    const std::optional<TokenId> user = tokenizer.find("<｜User｜>");
    ASSERT_TRUE(user);
    EXPECT_TRUE(tokenizer.is_special(*user));
    EXPECT_EQ(tokenizer.bytes(*user), "<｜User｜>");
    for (int id = 0; id < tokenizer.vocab_size(); ++id) {
        if (!tokenizer.is_special(TokenId{id})) continue;
        const std::string spelling(tokenizer.bytes(TokenId{id}));
        // As plain text, and inside a prompt, it stays text; on the library's route it is the token.
        for (const TokenId got : ids_of(tokenizer, "x" + spelling)) EXPECT_FALSE(tokenizer.is_special(got)) << spelling;
        Prompt prompt;
        prompt.control("<｜User｜>");
        prompt.add(spelling);
        std::vector<TokenId> ids;
        ASSERT_TRUE(tokenizer.encode(prompt, ids).ok());
        ASSERT_EQ(ids[0], *user);
        for (std::size_t i = 1; i < ids.size(); ++i) EXPECT_FALSE(tokenizer.is_special(ids[i])) << spelling;
        EXPECT_EQ(bytes_of(tokenizer, ids), prompt.text);
        ids.clear();
        tokenizer.encode_with_special("x" + spelling + "y", ids);
        ASSERT_EQ(ids.size(), 3u) << spelling;
        EXPECT_EQ(index(ids[1]), id);
    }
}

TEST(Tokenizer, PromptStretchesMergeAcrossTheirParts) {
    const Tokenizer& tokenizer = krill_tokenizer();
    Prompt prompt, pieces;
    prompt.control("<｜User｜>");
    prompt.add("Hello, wor");
    prompt.add("ld!");
    prompt.control("<｜Assistant｜>");
    pieces.add(prompt);
    EXPECT_EQ(pieces.controls, prompt.controls);
    std::vector<TokenId> ids, spelled, again;
    ASSERT_TRUE(tokenizer.encode(prompt, ids).ok());
    tokenizer.encode_with_special("<｜User｜>Hello, world!<｜Assistant｜>", spelled);
    EXPECT_EQ(ids, spelled);
    ASSERT_TRUE(tokenizer.encode(Prompt(), again).ok());
    EXPECT_TRUE(again.empty());
}

TEST(Tokenizer, UnknownControlTokenIsNamed) {
    Prompt prompt;
    prompt.add("some text");
    prompt.control("<｜no such token｜>");
    std::vector<TokenId> ids = {TokenId{5}};
    const auto encoded = krill_tokenizer().encode(prompt, ids);
    ASSERT_FALSE(encoded.ok());
    EXPECT_EQ(encoded.error().code, ErrorCode::not_found);
    EXPECT_NE(encoded.error().message.find("<｜no such token｜>"), std::string::npos);
    EXPECT_EQ(ids.size(), 1u);
}

TEST(Tokenizer, BrokenUtf8IsReplaced) {
    const Tokenizer& tokenizer = krill_tokenizer();
    const std::pair<const char*, const char*> cases[] = {
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xe4\xb8", "\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf0\x9f\x98"
         "A\xc0\x80",
         "\xef\xbf\xbd"
         "A\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (const auto& [broken, repaired] : cases) {
        EXPECT_EQ(replace_broken(broken), repaired);
        EXPECT_EQ(ids_of(tokenizer, broken), ids_of(tokenizer, repaired));
    }
}

TEST(Tokenizer, IdsWithoutATokenAreEmpty) {
    const Tokenizer& tokenizer = krill_tokenizer();
    for (const int id : {-1, static_cast<int>(tokenizer.vocab_size()), 0x7fffffff}) {
        EXPECT_EQ(tokenizer.bytes(TokenId{id}), "");
        EXPECT_FALSE(tokenizer.is_special(TokenId{id}));
    }
    EXPECT_FALSE(tokenizer.find("Hello"));
    EXPECT_FALSE(tokenizer.find(""));
}

TEST(Tokenizer, ManyThreadsOneTokenizer) {
    const Tokenizer& tokenizer = krill_tokenizer();
    std::mt19937_64 random(11);
    const std::string text = random_text(random, 3000);
    const std::vector<TokenId> expected = ids_of(tokenizer, text);
    std::vector<std::vector<TokenId>> got(4);
    {
        std::vector<std::jthread> threads;
        for (auto& ids : got)
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i) {
                    ids.clear();
                    tokenizer.encode(text, ids);
                }
            });
    }
    for (const auto& ids : got) EXPECT_EQ(ids, expected);
}

TEST(Tokenizer, AMegabyteInOnePieceIsNotQuadratic) {
    const Tokenizer* v4 = v4_tokenizer();
    const Tokenizer& tokenizer = v4 != nullptr ? *v4 : krill_tokenizer();
    for (const char* unit : {"a", "ab", "中", "的是", " ", "\n", "=", "e\xcc\x81", "\xf0\x9f\x98\x80", "<", "<｜"}) {
        std::string text;
        while (text.size() < (std::size_t{1} << 20)) text += unit;
        std::vector<TokenId> ids;
        const auto start = std::chrono::steady_clock::now();
        tokenizer.encode_with_special(text, ids);
        EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20.0) << unit;
        EXPECT_EQ(bytes_of(tokenizer, ids), text) << unit;
    }
}

TEST(Tokenizer, MissingFileAndDirectory) {
    const auto missing = Tokenizer::load("/nonexistent/tokenizer.json");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ErrorCode::not_found);
    EXPECT_NE(missing.error().message.find("/nonexistent/tokenizer.json"), std::string::npos);
    EXPECT_TRUE(Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "models/krill").ok());
}

}  // namespace
}  // namespace baleen::text
