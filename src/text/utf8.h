// UTF-8 at the edges: is it valid, make it valid, take it apart. What is not UTF-8 becomes U+FFFD, one for each maximal
// piece that could have begun a character (Unicode 3.9, "substitution of maximal subparts"), which is what Rust's
// from_utf8_lossy and Python's errors="replace" do. Pure functions; any thread; ASCII runs at memory speed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace baleen::text {

inline constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// What the bytes at the front of `text` are. `text` must not be empty.
struct Utf8Step {
    enum class Kind : std::uint8_t { character, invalid, unfinished } kind;
    std::size_t bytes;  // of the character, of the piece to replace, or of what is there of a character cut at the end
};
Utf8Step utf8_step(std::string_view text);

bool valid_utf8(std::string_view text);
std::string replace_invalid_utf8(std::string_view text);

// The first character of valid, non-empty UTF-8.
char32_t first_character(std::string_view text, std::size_t& bytes);
void append_utf8(char32_t character, std::string& out);

}  // namespace baleen::text
