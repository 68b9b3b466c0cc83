#include "text/json_tree.h"

#include <fmt/format.h>

#include <cmath>
#include <unordered_map>
#include <utility>

#include "text/utf8.h"

namespace baleen::text {

namespace {

// Objects beyond this many members find duplicates through a hash table.
constexpr std::size_t kFewKeys = 16;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
  public:
    Reader(std::string_view text, const JsonTreeLimits& limits) : text_(text), limits_(limits) {}

    JsonTree read() {
        JsonTree tree;
        if (text_.size() > limits_.bytes) {
            limit(fmt::format("JSON of {} bytes, more than the limit of {}", text_.size(), limits_.bytes));
        } else if (value(tree.root, 0)) {
            blanks();
            if (at_ != text_.size()) fail_next("trailing characters");
        }
        tree.error = std::move(error_);
        return tree;
    }

  private:
    bool more() const { return at_ < text_.size(); }
    void blanks() {
        while (more() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
    }

    // Errors seen at the byte that comes next count it as read; the others do not.
    bool fail_next(std::string message) {
        error_ = JsonTreeError{std::move(message), std::min(at_ + 1, text_.size())};
        return false;
    }
    bool fail(std::string message) {
        error_ = JsonTreeError{std::move(message), at_};
        return false;
    }
    bool limit(std::string message) {
        error_ = JsonTreeError{std::move(message), at_, true};
        return false;
    }

    bool value(Json& out, int depth) {
        blanks();
        if (!more()) return fail("EOF while parsing a value");
        if (++values_ > limits_.values) return limit(fmt::format("more than {} JSON values", limits_.values));
        out.begin = at_;
        const bool good = one(out, depth);
        out.end = at_;
        return good;
    }
    bool one(Json& out, int depth) {
        switch (text_[at_]) {
            case 'n': return word("null") && (out.kind = Json::Kind::null, true);
            case 't': return word("true") && (out.kind = Json::Kind::boolean, out.boolean = true);
            case 'f': return word("false") && (out.kind = Json::Kind::boolean, out.boolean = false, true);
            case '"': out.kind = Json::Kind::string; return ++at_, string(out.text);
            case '[': return array(out, depth);
            case '{': return object(out, depth);
            default:
                if (text_[at_] == '-' || is_digit(text_[at_])) return number(out);
                return fail_next("expected value");
        }
    }
    bool word(std::string_view expected) {
        for (std::size_t i = 0; i < expected.size(); ++i) {
            if (!more()) return fail("EOF while parsing a value");
            if (text_[at_++] != expected[i]) return fail("expected ident");
        }
        return true;
    }
    bool array(Json& out, int depth) {
        if (depth >= limits_.depth) return fail_next("recursion limit exceeded");
        out.kind = Json::Kind::array;
        ++at_;
        for (;;) {
            blanks();
            if (!more()) return fail("EOF while parsing a list");
            if (text_[at_] == ']') {
                if (!out.items.empty()) return fail_next("trailing comma");
                break;
            }
            out.items.emplace_back();
            if (!value(out.items.back(), depth + 1)) return false;
            blanks();
            if (!more()) return fail("EOF while parsing a list");
            if (text_[at_] == ']') break;
            if (text_[at_] != ',') return fail_next("expected `,` or `]`");
            ++at_;
        }
        ++at_;
        return true;
    }
    bool object(Json& out, int depth) {
        if (depth >= limits_.depth) return fail_next("recursion limit exceeded");
        out.kind = Json::Kind::object;
        std::unordered_map<std::string, std::size_t> places;
        ++at_;
        for (;;) {
            blanks();
            if (!more()) return fail("EOF while parsing an object");
            if (text_[at_] == '}') {
                if (!out.items.empty()) return fail_next("trailing comma");
                break;
            }
            if (text_[at_] != '"') return fail_next("key must be a string");
            ++at_;
            std::string key;
            if (!string(key)) return false;
            blanks();
            if (!more()) return fail("EOF while parsing an object");
            if (text_[at_] != ':') return fail_next("expected `:`");
            ++at_;
            Json member;
            if (!value(member, depth + 1)) return false;
            put(out, places, std::move(key), std::move(member));
            blanks();
            if (!more()) return fail("EOF while parsing an object");
            if (text_[at_] == '}') break;
            if (text_[at_] != ',') return fail_next("expected `,` or `}`");
            ++at_;
        }
        ++at_;
        return true;
    }
    static void put(Json& object, std::unordered_map<std::string, std::size_t>& places, std::string key, Json member) {
        const std::size_t count = object.keys.size();
        std::size_t place = count;
        if (count < kFewKeys) {
            for (place = 0; place < count && object.keys[place] != key; ++place) {}
        } else {
            if (places.empty())
                for (std::size_t i = 0; i < count; ++i) places.emplace(object.keys[i], i);
            place = places.emplace(key, count).first->second;
        }
        if (place < count) {
            object.items[place] = std::move(member);
            return;
        }
        object.keys.push_back(std::move(key));
        object.items.push_back(std::move(member));
    }

    bool number(Json& out) {
        const std::size_t begin = at_;
        if (text_[at_] == '-') ++at_;
        if (!more()) return fail("EOF while parsing a value");
        if (text_[at_] == '0') {
            ++at_;
            if (more() && is_digit(text_[at_])) return fail_next("invalid number");
        } else if (!digits()) {
            return false;
        }
        out.kind = Json::Kind::integer;
        if (more() && text_[at_] == '.') {
            out.kind = Json::Kind::real;
            ++at_;
            if (!digits()) return false;
        }
        if (more() && (text_[at_] == 'e' || text_[at_] == 'E')) {
            out.kind = Json::Kind::real;
            ++at_;
            if (more() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
            if (!digits()) return false;
        }
        out.text.assign(text_.substr(begin, at_ - begin));
        if (out.kind == Json::Kind::real && !std::isfinite(std::strtod(out.text.c_str(), nullptr)))
            return fail("number out of range");
        return true;
    }
    bool digits() {
        if (!more()) return fail("EOF while parsing a value");
        if (!is_digit(text_[at_])) return fail_next("invalid number");
        while (more() && is_digit(text_[at_])) ++at_;
        return true;
    }

    bool string(std::string& out) {
        const std::size_t begin = at_;
        for (;;) {
            const std::size_t run = at_;
            while (more() && text_[at_] != '"' && text_[at_] != '\\' && static_cast<unsigned char>(text_[at_]) >= 0x20) ++at_;
            out.append(text_.substr(run, at_ - run));
            if (!more()) return fail("EOF while parsing a string");
            const char c = text_[at_++];
            if (c == '"') break;
            if (c != '\\') return fail("control character (\\u0000-\\u001F) found while parsing a string");
            if (!escape(out)) return false;
        }
        // A quote cannot be inside a character, so the raw bytes can be judged as a whole.
        if (!valid_utf8(text_.substr(begin, at_ - begin - 1))) return fail("invalid unicode code point");
        return true;
    }
    bool escape(std::string& out) {
        if (!more()) return fail("EOF while parsing a string");
        switch (const char c = text_[at_++]; c) {
            case '"':
            case '\\':
            case '/': out += c; return true;
            case 'b': out += '\b'; return true;
            case 'f': out += '\f'; return true;
            case 'n': out += '\n'; return true;
            case 'r': out += '\r'; return true;
            case 't': out += '\t'; return true;
            case 'u': return escaped_unit(out);
            default: return fail("invalid escape");
        }
    }
    bool escaped_unit(std::string& out) {
        std::uint32_t unit = 0;
        if (!hex4(unit)) return false;
        if (unit >= 0xdc00 && unit <= 0xdfff) return fail("lone leading surrogate in hex escape");
        if (unit >= 0xd800 && unit <= 0xdbff) {
            if (text_.substr(at_, 2) != "\\u") return fail("unexpected end of hex escape");
            at_ += 2;
            std::uint32_t low = 0;
            if (!hex4(low)) return false;
            if (low < 0xdc00 || low > 0xdfff) return fail("lone leading surrogate in hex escape");
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        append_utf8(unit, out);
        return true;
    }
    bool hex4(std::uint32_t& unit) {
        for (int i = 0; i < 4; ++i) {
            if (!more()) return fail("EOF while parsing a string");
            const char c = text_[at_++];
            if (is_digit(c)) {
                unit = unit * 16 + static_cast<std::uint32_t>(c - '0');
            } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
                unit = unit * 16 + static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
            } else {
                return fail("invalid escape");
            }
        }
        return true;
    }

    std::string_view text_;
    const JsonTreeLimits& limits_;
    std::size_t at_ = 0;
    std::size_t values_ = 0;
    std::optional<JsonTreeError> error_;
};

}  // namespace

const Json* Json::find(std::string_view key) const {
    for (std::size_t i = 0; i < keys.size(); ++i)
        if (keys[i] == key) return &items[i];
    return nullptr;
}

JsonTree parse_json_tree(std::string_view text, const JsonTreeLimits& limits) { return Reader(text, limits).read(); }

std::string at_position(std::string_view text, std::size_t offset) {
    offset = std::min(offset, text.size());
    std::size_t line = 1;
    std::size_t line_begin = 0;
    for (std::size_t i = 0; i < offset; ++i) {
        if (text[i] != '\n') continue;
        ++line;
        line_begin = i + 1;
    }
    return fmt::format(" at line {} column {}", line, offset - line_begin);
}

}  // namespace baleen::text
