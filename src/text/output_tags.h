// Recognises DSML marks at the front of a text that may not be complete. Internal to output_parser.cc.
#pragma once

#include <cstddef>
#include <string_view>

namespace baleen::text {

enum class Match { no, partial, yes };  // partial: may become one when more bytes come

struct TagMatch {
    Match match = Match::no;
    std::size_t size = 0;  // bytes, if yes
};

// The literal at the front of the text.
TagMatch match_literal(std::string_view text, std::string_view literal);

// "<" or "</", then the DSML mark. If tolerant, the bars may be doubled, ASCII, U+2016 or backslashes.
TagMatch match_mark(std::string_view text, bool closing, bool tolerant);

// "</", mark, "parameter" with or without a blank before it, ">".
TagMatch match_parameter_end(std::string_view text, bool tolerant);

}  // namespace baleen::text
