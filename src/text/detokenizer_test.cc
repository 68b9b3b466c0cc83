// Aim: a stream gives, token by token, whole characters only, and together what decoding everything at once gives.
#include "text/detokenizer.h"

#include <gtest/gtest.h>

#include "text/tokenizer_test_support.h"

namespace baleen::text {
namespace {

TEST(Detokenizer, RandomIdsEqualDecodingAtOnce) {
    const Tokenizer& tokenizer = krill_tokenizer();
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        std::mt19937_64 random(seed);
        Detokenizer stream(tokenizer);
        std::string bytes, text;
        for (int i = 0; i < 60; ++i) {
            // Mostly single bytes, which is where characters break.
            const auto range = random() % 4 == 0 ? static_cast<std::uint64_t>(tokenizer.vocab_size()) : std::uint64_t{262};
            const TokenId id{static_cast<std::int32_t>(random() % range)};
            bytes += tokenizer.bytes(id);
            stream.push(id, text);
            ASSERT_TRUE(is_utf8(text)) << "seed " << seed;
            ASSERT_LE(stream.waiting(), 3u);
        }
        stream.flush(text);
        ASSERT_EQ(text, replace_broken(bytes)) << "seed " << seed;
        EXPECT_EQ(stream.waiting(), 0u);
    }
}

TEST(Detokenizer, TextComesBackWhole) {
    const Tokenizer& tokenizer = krill_tokenizer();
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        std::mt19937_64 random(seed);
        const std::string text = random_text(random, 200);
        std::vector<TokenId> ids;
        tokenizer.encode(text, ids);
        Detokenizer stream(tokenizer);
        std::string got;
        for (const TokenId id : ids) {
            stream.push(id, got);
            ASSERT_TRUE(is_utf8(got));
        }
        EXPECT_EQ(got, text) << "seed " << seed;  // nothing waits at the end of whole text
    }
}

TEST(Detokenizer, ControlTokensSpelledOrSkipped) {
    const Tokenizer& tokenizer = krill_tokenizer();
    std::vector<TokenId> ids;
    tokenizer.encode_with_special("a<｜User｜>b", ids);
    for (const auto& [controls, expected] : {std::pair{Detokenizer::ControlTokens::spelled, "a<｜User｜>b"}, {Detokenizer::ControlTokens::skipped, "ab"}}) {
        Detokenizer stream(tokenizer, controls);
        std::string text;
        for (const TokenId id : ids) stream.push(id, text);
        stream.flush(text);
        EXPECT_EQ(text, expected);
    }
}

TEST(Detokenizer, BrokenCharacterBeforeAControlToken) {
    const Tokenizer& tokenizer = krill_tokenizer();
    std::vector<TokenId> face;
    tokenizer.encode("\xf0\x9f\x98\x80", face);
    ASSERT_GT(face.size(), 1u) << "krill spells emoji in several tokens";
    Detokenizer stream(tokenizer);
    std::string text;
    stream.push(face[0], text);
    EXPECT_EQ(text, "");
    stream.push(*tokenizer.find("</think>"), text);
    EXPECT_EQ(text, "\xef\xbf\xbd</think>");
    stream.push(TokenId{-1}, text);
    stream.push(face[0], text);
    stream.flush(text);
    EXPECT_EQ(text, "\xef\xbf\xbd</think>\xef\xbf\xbd");
}

}  // namespace
}  // namespace baleen::text
