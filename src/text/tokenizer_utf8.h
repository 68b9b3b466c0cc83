// UTF-8 one character at a time, from bytes of unknown honesty. What is broken becomes U+FFFD, one for each maximal
// subpart (Unicode, "U+FFFD substitution of maximal subparts"), which is also what the `tokenizers` library shows when it
// decodes. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace baleen::text {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

struct Utf8Step {
    enum class Kind : std::uint8_t {
        character,   // `bytes` bytes make the code point `code`
        broken,      // `bytes` bytes (1 to 3) can be no part of a character, whatever follows
        incomplete,  // the text ends inside a character that could still become whole
    };
    Kind kind;
    std::uint8_t bytes;   // at least 1
    std::uint32_t code;
};

// The step at the start of a text that is not empty.
Utf8Step utf8_step(std::string_view text);

void append_utf8(std::uint32_t code, std::string& out);

bool is_utf8(std::string_view text);

// The text with everything that is not UTF-8 replaced.
std::string replace_broken(std::string_view text);

}  // namespace baleen::text
