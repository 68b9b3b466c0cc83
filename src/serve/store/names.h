// The known name nearest to a mistyped one, for messages that end in "did you mean". Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace baleen::serve {

// Insertions, deletions, replacements and swaps of neighbours that make one word of the other. Case counts.
int edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, the first among equals, if it can have been meant: at most two edits, or a third of the word, away.
// Else a name that begins with the word, or whose part behind a point it is.
std::optional<std::string_view> nearest_name(std::string_view word, std::span<const std::string_view> known);

// ", did you mean 'x'?", or what is known if nothing is near.
std::string name_advice(std::string_view word, std::span<const std::string_view> known);

}  // namespace baleen::serve
