// What the tokenizer's tests share: V4's tokenizer, krill's, random text. Test programs only.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {

inline constexpr const char* kNoV4 = "build/tokenizer-v4/tokenizer.json is not there; scripts/fetch_tokenizer makes it";

inline std::vector<int> plain(const std::vector<TokenId>& ids) {
    std::vector<int> numbers;
    for (const TokenId id : ids) numbers.push_back(index(id));
    return numbers;
}

inline std::string bytes_of(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
    std::string bytes;
    for (const TokenId id : ids) bytes += tokenizer.bytes(id);
    return bytes;
}

// Null, and said loudly, if the file has not been made.
inline const Tokenizer* v4_tokenizer() {
    static const std::unique_ptr<Tokenizer> tokenizer = []() -> std::unique_ptr<Tokenizer> {
        auto loaded = Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "build/tokenizer-v4");
        if (loaded.ok()) return std::make_unique<Tokenizer>(std::move(*loaded));
        std::printf("*** NOT CHECKED against V4's tokenizer: %s (%s)\n", kNoV4, loaded.error().message.c_str());
        return nullptr;
    }();
    return tokenizer.get();
}

// krill's, which every clone has.
inline const Tokenizer& krill_tokenizer() {
    static const Tokenizer tokenizer = [] {
        auto loaded = Tokenizer::load(std::filesystem::path(BALEEN_SOURCE_DIR) / "models/krill/tokenizer.json");
        if (!loaded.ok()) {
            std::printf("krill's tokenizer: %s\n", loaded.error().message.c_str());
            std::abort();
        }
        return std::move(*loaded);
    }();
    return tokenizer;
}

// Random characters of mixed scripts, with the runs of blanks, digits and line ends that splits care about.
inline std::string random_text(std::mt19937_64& random, int characters) {
    static constexpr struct {
        std::uint32_t first, last;
    } kRanges[] = {{'a', 'z'},         {'A', 'Z'},         {'0', '9'},         {' ', ' '},           {'\t', '\r'},        {'!', '/'},
                   {':', '@'},         {0x80, 0x24f},      {0x300, 0x36f},     {0x400, 0x4ff},       {0x5d0, 0x6ff},      {0x900, 0xdff},
                   {0x1100, 0x11ff},   {0x2000, 0x206f},   {0x3000, 0x30ff},   {0x4e00, 0x9fff},     {0xac00, 0xd7a3},    {0xfe00, 0xffff},
                   {0x1f300, 0x1faff}, {0x1, 0x10ffff}};
    std::string text;
    while (characters > 0) {
        const auto& range = kRanges[random() % std::size(kRanges)];
        for (auto run = 1 + random() % 6; run > 0 && characters > 0; --run, --characters) {
            const std::uint32_t code = range.first + static_cast<std::uint32_t>(random() % (range.last - range.first + 1));
            append_utf8(code >= 0xd800 && code < 0xe000 ? 0xfffd : code, text);
        }
    }
    return text;
}

}  // namespace baleen::text
