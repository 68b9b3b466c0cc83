// From the regular expressions of a tokenizer.json to PCRE2 patterns that match the same. The library reads them as
// Oniguruma does (Ruby's syntax), so a pattern is parsed here and written anew: characters as code points, \s and \p{..}
// written out (pre_tokenizer_classes.h), groups without capture. What is not built, or means different things to the two
// engines, is refused by name. Pure; any thread.
//
// Built: literals; escapes \n \r \t \f \v \a \e, \uHHHH, \x{H..}, \ before punctuation; classes with ranges; \s \S \d \D;
// \p{X} \P{X} \p{^X} for the categories of pre_tokenizer_classes.h; . ; ( ) (?: ) (?> ) (?i: ) (?= ) (?! ) (?<= ) (?<! ); | ;
// * + ? each also lazy or possessive; {n} {n,} {n,m} {,m}. Not built: anchors, back references, nested classes and
// intersections, option switches other than (?i: ), \w, \b, \h and the like.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen::text {

inline constexpr std::size_t kPatternBytesMax = 16 << 10;
inline constexpr int kPatternDepthMax = 32;

Result<std::string> translate_regex(std::string_view pattern);

// Every character that means something in a regular expression escaped: a pattern for the text itself.
std::string escape_regex(std::string_view literal);

}  // namespace baleen::text
