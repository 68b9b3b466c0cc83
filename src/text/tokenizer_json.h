// Reads a tokenizer.json of the byte-level BPE kind (spec encoding 1.1, 1.2) into plain data. Hostile bytes: every count and
// length is bounded, every cross-reference checked, and a construct that would change ids and is not built is refused by
// name, never skipped. Pure; any thread. Costs about 200 ns a byte, 0.9 s for V4's 4.4 MB.
//
// Taken: model BPE with a vocabulary and merges ("a b" or ["a", "b"]); no normalizer; pre_tokenizer Split (Isolated) and
// ByteLevel, alone or in a Sequence with ByteLevel last; decoder ByteLevel; added_tokens without strip or single_word.
// Ignored, since nothing is ever added to a text: post_processor, trim_offsets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/bpe.h"

namespace baleen::text {

inline constexpr std::size_t kTokenizerFileBytesMax = std::size_t{64} << 20;
inline constexpr std::int64_t kTokenIdsMax = std::int64_t{1} << 20;  // V4 has 129,280
inline constexpr std::size_t kTokenBytesMax = 4096;                  // of one token

struct TokenizerFile {
    struct Token {
        std::string bytes;     // what it decodes to; empty if the id has no token
        bool from_text = false;  // plain text can become it
        bool added = false;      // a control token, matched by its whole spelling
        bool special = false;    // an added token the file marks special
    };
    std::vector<Token> tokens;          // by id, without end of gaps: the last one is there
    std::vector<Bpe::Merge> merges;     // in order of rank
    std::vector<std::string> patterns;  // splits in order, in the file's syntax
};

Result<TokenizerFile> parse_tokenizer_json(std::string_view json);

}  // namespace baleen::text
