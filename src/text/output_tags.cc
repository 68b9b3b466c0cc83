#include "text/output_tags.h"

#include <algorithm>

namespace baleen::text {

namespace {

struct Bars {
    std::string_view mark;
    bool official;
};
constexpr Bars kMarks[] = {{"｜DSML｜", true},  {"｜｜DSML｜｜", false}, {"|DSML|", false},
                           {"||DSML||", false}, {"‖DSML‖", false},       {"\\DSML\\", false}};

}  // namespace

TagMatch match_literal(std::string_view text, std::string_view literal) {
    const std::size_t size = std::min(text.size(), literal.size());
    if (text.substr(0, size) != literal.substr(0, size)) return {};
    if (size < literal.size()) return {Match::partial, 0};
    return {Match::yes, size};
}

TagMatch match_mark(std::string_view text, bool closing, bool tolerant) {
    const TagMatch open = match_literal(text, closing ? "</" : "<");
    if (open.match != Match::yes) return open;
    TagMatch best;
    for (const Bars& bars : kMarks) {
        if (!bars.official && !tolerant) continue;
        const TagMatch mark = match_literal(text.substr(open.size), bars.mark);
        if (mark.match == Match::yes) return {Match::yes, open.size + mark.size};
        if (mark.match == Match::partial) best = mark;
    }
    return best;
}

TagMatch match_parameter_end(std::string_view text, bool tolerant) {
    const TagMatch mark = match_mark(text, true, tolerant);
    if (mark.match != Match::yes) return mark;
    TagMatch best;
    for (const std::string_view name : {"parameter>", " parameter>"}) {
        const TagMatch tail = match_literal(text.substr(mark.size), name);
        if (tail.match == Match::yes) return {Match::yes, mark.size + tail.size};
        if (tail.match == Match::partial) best = tail;
    }
    return best;
}

}  // namespace baleen::text
