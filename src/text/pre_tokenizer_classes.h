// Character classes as the `tokenizers` library has them (its Oniguruma follows Unicode 16), for PCRE2, whose tables are of
// the version the system ships (10.42: Unicode 14) and whose \s takes U+180E. A class is PCRE2's own property and a list of
// the ranges assigned since; where PCRE2 is newer the list is merely redundant. Found by asking the library for every code
// point; tests/tokenizer_oracle.py asks again. Constants; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace baleen::text {

struct CodeRange {
    std::uint32_t first, last;
};

struct CharacterClass {
    std::string_view name;              // general category: L, Lu, N ...
    std::span<const CodeRange> newer;   // in the class since Unicode 14
};

// Null for a category that is not built.
const CharacterClass* find_class(std::string_view name);

// Unicode White_Space, in order.
std::span<const CodeRange> white_space();

}  // namespace baleen::text
