#include "text/pre_tokenizer_regex.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/json.h"
#include "text/pre_tokenizer_classes.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {

namespace {

bool is_digit(std::uint32_t c) { return c >= '0' && c <= '9'; }
bool is_letter(std::uint32_t c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

std::string spelled(std::uint32_t code) {
    if (is_digit(code) || is_letter(code)) return std::string(1, static_cast<char>(code));
    return fmt::format("\\x{{{:x}}}", code);
}

std::string spelled(std::span<const CodeRange> ranges) {
    std::string out;
    for (const CodeRange& range : ranges) {
        out += spelled(range.first);
        if (range.last != range.first) out.append("-").append(spelled(range.last));
    }
    return out;
}

// Everything but the ranges, which are in order; surrogates are no characters and PCRE2 refuses them.
std::string spelled_complement(std::span<const CodeRange> ranges) {
    std::vector<CodeRange> rest;
    std::uint32_t next = 0;
    for (const CodeRange& range : ranges) {
        if (range.first > next) rest.push_back({next, range.first - 1});
        next = range.last + 1;
    }
    rest.push_back({next, 0xd7ff});
    rest.push_back({0xe000, 0x10ffff});
    return spelled(rest);
}

// What stands for a set of characters, as the inside of a PCRE2 class.
struct Set {
    std::string inside;
    bool negated;
};

class Translator {
  public:
    explicit Translator(std::string_view pattern) : pattern_(pattern) {}

    Result<std::string> run() {
        if (pattern_.size() > kPatternBytesMax) return resource_exhausted(fmt::format("a pattern of more than {} bytes", kPatternBytesMax));
        if (!is_utf8(pattern_)) return corrupt("the pattern is not UTF-8");
        while (at_ < pattern_.size()) TRY(item());
        if (!groups_.empty()) return corrupt("the pattern has an open group");
        return std::move(out_);
    }

  private:
    struct Group {
        bool caseless;    // of what follows the group
        bool look_around;
    };

    std::uint32_t peek(std::size_t ahead = 0) const {  // ASCII lookahead; 0 at the end
        return at_ + ahead < pattern_.size() ? static_cast<unsigned char>(pattern_[at_ + ahead]) : 0;
    }
    std::uint32_t take() {
        const Utf8Step step = utf8_step(pattern_.substr(at_));
        at_ += step.bytes;
        return step.code;
    }
    Error refuse(std::string_view what, std::size_t from) const {
        return unsupported(fmt::format("{} at byte {} of the pattern \"{}\"", what, from, printable(pattern_, 60)));
    }
    Error broken(std::string_view what, std::size_t from) const {
        return corrupt(fmt::format("{} at byte {} of the pattern \"{}\"", what, from, printable(pattern_, 60)));
    }

    Result<void> item() {
        const std::size_t from = at_;
        switch (peek()) {
            case '(': return open_group();
            case ')':
                if (groups_.empty()) return broken("a ) without a (", from);
                ++at_;
                out_ += ')';
                atom_ = !groups_.back().look_around;
                caseless_ = groups_.back().caseless;
                groups_.pop_back();
                last_literal_ = 0;
                return {};
            case '|':
                ++at_;
                out_ += '|';
                atom_ = false;
                last_literal_ = 0;
                return {};
            case '*':
            case '+':
            case '?':
            case '{': return quantifier();
            case '^':
            case '$': return refuse("an anchor", from);
            case '[': return character_class();
            case '.':
                ++at_;
                out_ += "[^\\x{a}]";
                set_atom();
                return {};
            case '\\': return escape();
            default: return literal(take(), from);
        }
    }

    void set_atom() {
        atom_ = true;
        last_literal_ = 0;
    }

    Result<void> literal(std::uint32_t code, std::size_t from) {
        if (caseless_) {
            // Oniguruma lets one character stand for two when it ignores case: "ss" also matches U+00DF.
            if (code >= 0x80) return refuse("a character beyond ASCII in a (?i:) group", from);
            const char pair[] = {static_cast<char>(last_literal_ | 0x20), static_cast<char>(code | 0x20)};
            for (const std::string_view folded : {"ss", "st", "ff", "fi", "fl"})
                if (std::string_view(pair, 2) == folded) return refuse("two letters with a ligature in a (?i:) group", from);
        }
        out_ += spelled(code);
        atom_ = true;
        last_literal_ = code;
        return {};
    }

    Result<void> open_group() {
        const std::size_t from = at_;
        if (groups_.size() >= kPatternDepthMax) return resource_exhausted(fmt::format("groups nested more than {} deep", kPatternDepthMax));
        struct Form {
            std::string_view text, written;
            bool look_around, caseless;
        };
        static constexpr Form kForms[] = {{"(?:", "(?:", false, false}, {"(?>", "(?>", false, false},  {"(?i:", "(?i:", false, true},
                                          {"(?=", "(?=", true, false},  {"(?!", "(?!", true, false},   {"(?<=", "(?<=", true, false},
                                          {"(?<!", "(?<!", true, false}};
        const Form* form = nullptr;
        for (const Form& known : kForms)
            if (pattern_.substr(at_).starts_with(known.text)) form = &known;
        if (form == nullptr && peek(1) == '?') return refuse("a group of this kind", from);
        groups_.push_back({caseless_, form != nullptr && form->look_around});
        if (form != nullptr && form->caseless) caseless_ = true;
        at_ += form != nullptr ? form->text.size() : 1;
        out_ += form != nullptr ? form->written : "(?:";
        atom_ = false;
        last_literal_ = 0;
        return {};
    }

    // Up to four digits; nothing if there is none.
    std::optional<int> number() {
        if (!is_digit(peek())) return std::nullopt;
        int value = 0;
        for (int digits = 0; digits < 4 && is_digit(peek()); ++digits) value = value * 10 + static_cast<int>(take() - '0');
        return value;
    }

    Result<void> quantifier() {
        const std::size_t from = at_;
        if (!atom_) return refuse("a repetition of nothing", from);
        atom_ = false;
        last_literal_ = 0;
        const std::uint32_t kind = take();
        if (kind != '{') {
            out_ += static_cast<char>(kind);
            if (peek() == '?' || peek() == '+') out_ += static_cast<char>(take());
            return {};
        }
        const std::optional<int> least = number();
        std::optional<int> most = least;
        const bool comma = peek() == ',';
        if (comma) {
            ++at_;
            most = number();
        }
        if (peek() != '}' || (!least && !most)) return refuse("a { that opens no repetition", from);
        ++at_;
        constexpr int kRepeatsMax = 1000;
        if (least.value_or(0) > kRepeatsMax || most.value_or(0) > kRepeatsMax) return refuse("more than 1000 repetitions", from);
        if (most && least.value_or(0) > *most) return refuse("a repetition whose bounds are reversed", from);
        if (peek() == '?' || peek() == '+') return refuse("a lazy or possessive {}", from);
        out_ += !comma ? fmt::format("{{{}}}", *least) : fmt::format("{{{},{}}}", least.value_or(0), most ? fmt::to_string(*most) : "");
        return {};
    }

    // A set named by an escape whose backslash is taken, or nothing if the escape names a character.
    Result<std::optional<Set>> named_set(std::size_t from) {
        switch (peek()) {
            case 's': ++at_; return std::optional(Set{spelled(white_space()), false});
            case 'S': ++at_; return std::optional(Set{spelled(white_space()), true});
            case 'd':
            case 'D': {
                const bool negated = take() == 'D';
                return std::optional(Set{"\\p{Nd}" + spelled(find_class("Nd")->newer), negated});
            }
            case 'p':
            case 'P': break;
            default: return std::optional<Set>();
        }
        bool negated = take() == 'P';
        if (peek() != '{') return refuse("\\p without {", from);
        ++at_;
        if (peek() == '^') {
            ++at_;
            negated = !negated;
        }
        const std::size_t close = pattern_.find('}', at_);
        if (close == std::string_view::npos) return broken("\\p{ without }", from);
        const std::string_view name = pattern_.substr(at_, close - at_);
        const CharacterClass* found = find_class(name);
        if (found == nullptr) return refuse(fmt::format("the class \\p{{{}}}", printable(name, 30)), from);
        at_ = close + 1;
        return std::optional(Set{fmt::format("\\p{{{}}}{}", name, spelled(found->newer)), negated});
    }

    // The character an escape names; its backslash is taken.
    Result<std::uint32_t> escaped_character(std::size_t from) {
        if (at_ == pattern_.size()) return broken("a \\ at the end", from);
        const std::uint32_t code = take();
        switch (code) {
            case 'n': return std::uint32_t{'\n'};
            case 'r': return std::uint32_t{'\r'};
            case 't': return std::uint32_t{'\t'};
            case 'f': return std::uint32_t{'\f'};
            case 'v': return std::uint32_t{'\v'};
            case 'a': return std::uint32_t{'\a'};
            case 'e': return std::uint32_t{0x1b};
            case 'u': return hexadecimal(4, 4, from);
            case 'x': {
                if (peek() != '{') return refuse("\\x without {", from);
                ++at_;
                TRY_ASSIGN(const std::uint32_t value, hexadecimal(1, 6, from));
                if (peek() != '}') return broken("\\x{ without }", from);
                ++at_;
                return value;
            }
            default: break;
        }
        if (code >= 0x80 || is_letter(code) || is_digit(code)) return refuse(fmt::format("the escape \\{}", printable(pattern_.substr(from + 1, at_ - from - 1))), from);
        return code;
    }

    Result<std::uint32_t> hexadecimal(int least, int most, std::size_t from) {
        std::uint32_t value = 0;
        int digits = 0;
        for (; digits < most; ++digits) {
            const std::uint32_t c = peek();
            if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) break;
            value = value << 4 | (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
            ++at_;
        }
        if (digits < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return broken("an escape that names no character", from);
        return value;
    }

    Result<void> escape() {
        const std::size_t from = at_++;
        TRY_ASSIGN(const std::optional<Set> set, named_set(from));
        if (!set) {
            TRY_ASSIGN(const std::uint32_t code, escaped_character(from));
            return literal(code, from);
        }
        out_ += fmt::format("[{}{}]", set->negated ? "^" : "", set->inside);
        set_atom();
        return {};
    }

    Result<void> character_class() {
        const std::size_t from = at_++;
        out_ += '[';
        if (peek() == '^') {
            ++at_;
            out_ += '^';
        }
        if (peek() == ']') return refuse("an empty class", from);
        while (at_ < pattern_.size() && peek() != ']') TRY(class_item());
        if (at_ == pattern_.size()) return broken("an open class", from);
        ++at_;
        out_ += ']';
        set_atom();
        return {};
    }

    Result<void> class_item() {
        const std::size_t from = at_;
        if (peek() == '[') return refuse("a class in a class", from);
        if (peek() == '&' && peek(1) == '&') return refuse("an intersection of classes", from);
        std::uint32_t first;
        if (peek() == '\\') {
            ++at_;
            TRY_ASSIGN(const std::optional<Set> set, named_set(from));
            if (set) return class_set(*set, from);
            TRY_ASSIGN(first, escaped_character(from));
        } else {
            first = take();
            const bool edge = pattern_[from - 1] == '[' || pattern_[from - 1] == '^' || peek() == ']';
            if (first == '-' && !edge) return refuse("a - in the middle of a class", from);
        }
        out_ += spelled(first);
        if (peek() != '-' || peek(1) == ']') return {};
        ++at_;
        std::uint32_t last;
        if (peek() == '\\') {
            ++at_;
            if (const std::uint32_t c = peek(); c == 's' || c == 'S' || c == 'd' || c == 'D' || c == 'p' || c == 'P') return refuse("a range up to a set", from);
            TRY_ASSIGN(last, escaped_character(at_ - 1));
        } else if (peek() == '[' || at_ == pattern_.size()) {
            return refuse("a range without an end", from);
        } else {
            last = take();
        }
        if (last < first) return broken("a range that runs backwards", from);
        out_.append("-").append(spelled(last));
        return {};
    }

    Result<void> class_set(const Set& set, std::size_t from) {
        if (!set.negated) out_ += set.inside;
        else if (peek() == '-' && peek(1) != ']') return refuse("a range from a set", from);
        else if (set.inside == spelled(white_space())) out_ += spelled_complement(white_space());
        else return refuse("a negated property inside a class", from);
        return {};
    }

    std::string_view pattern_;
    std::size_t at_ = 0;
    std::string out_;
    std::vector<Group> groups_;
    bool caseless_ = false;
    bool atom_ = false;                // what was written last can be repeated
    std::uint32_t last_literal_ = 0;   // the literal just before, 0 if there is none
};

}  // namespace

Result<std::string> translate_regex(std::string_view pattern) { return Translator(pattern).run(); }

std::string escape_regex(std::string_view literal) {
    std::string out;
    for (const char c : literal) {
        const auto code = static_cast<unsigned char>(c);
        if (code < 0x80 && !is_letter(code) && !is_digit(code)) out += '\\';
        out += c;
    }
    return out;
}

}  // namespace baleen::text
