#include "text/python_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace baleen::text {

namespace {

// Length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned b = byte(0);
    if (b < 0x80) return 1;
    if (b >= 0xC2 && b <= 0xDF) return follows(1) ? 2 : 0;
    if (b >= 0xE0 && b <= 0xEF) {
        if (!follows(1) || !follows(2)) return 0;
        if (b == 0xE0 && byte(1) < 0xA0) return 0;  // overlong
        if (b == 0xED && byte(1) > 0x9F) return 0;  // surrogate
        return 3;
    }
    if (b >= 0xF0 && b <= 0xF4) {
        if (!follows(1) || !follows(2) || !follows(3)) return 0;
        if (b == 0xF0 && byte(1) < 0x90) return 0;
        if (b == 0xF4 && byte(1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

void append_utf8(unsigned code, std::string& out) {
    const auto put = [&](unsigned byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)),
            put(0x80 | (code & 0x3F));
    }
}

// Recursive descent; the depth limit bounds the recursion, here and in the destructor of the tree.
class Reader {
  public:
    Reader(std::string_view text, const PythonJsonLimits& limits) : text_(text), limits_(limits) {}

    bool read(PythonJson& out) {
        if (text_.size() > limits_.bytes) return fail("more bytes than allowed");
        skip_space();
        if (!value(out, 0)) return false;
        skip_space();
        if (at_ != text_.size()) return fail("trailing characters");
        return true;
    }
    JsonFailure failure() const { return {reason_, at_}; }

  private:
    bool fail(const char* reason) {
        if (reason_.empty()) reason_ = reason;
        return false;
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool done() const { return at_ >= text_.size(); }
    void skip_space() {
        while (!done() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
    }
    bool take(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return false;
        at_ += word.size();
        return true;
    }

    bool value(PythonJson& out, int depth) {
        if (++values_ > limits_.values) return fail("more values than allowed");
        out.begin = at_;
        const bool ok = value_inside(out, depth);
        out.end = at_;
        return ok;
    }
    bool value_inside(PythonJson& out, int depth) {
        if (done()) return fail("EOF while parsing a value");
        switch (peek()) {
            case '{':
                return object(out, depth + 1);
            case '[':
                return array(out, depth + 1);
            case '"':
                out.kind = PythonJson::Kind::string;
                return string(out.text);
            case 't':
                return word("true", PythonJson::Kind::boolean, true, out);
            case 'f':
                return word("false", PythonJson::Kind::boolean, false, out);
            case 'n':
                return word("null", PythonJson::Kind::null, false, out);
            default:
                return number(out);
        }
    }
    bool word(std::string_view spelling, PythonJson::Kind kind, bool truth, PythonJson& out) {
        if (!take(spelling)) return fail("expected ident");
        out.kind = kind;
        out.boolean = truth;
        return true;
    }

    bool object(PythonJson& out, int depth) {
        if (depth > limits_.depth) return fail("recursion limit exceeded");
        out.kind = PythonJson::Kind::object;
        ++at_;
        skip_space();
        if (peek() == '}' && !done()) return ++at_, true;
        std::unordered_map<std::string, std::size_t> places;
        while (true) {
            skip_space();
            if (done()) return fail("EOF while parsing an object");
            if (peek() != '"') return fail("key must be a string");
            std::string key;
            if (!string(key)) return false;
            skip_space();
            if (done()) return fail("EOF while parsing an object");
            if (peek() != ':') return fail("expected `:`");
            ++at_;
            skip_space();
            PythonJson member;
            if (!value(member, depth)) return false;
            const auto [place, fresh] = places.emplace(key, out.members.size());
            if (fresh)
                out.members.emplace_back(std::move(key), std::move(member));
            else
                out.members[place->second].second = std::move(member);
            skip_space();
            if (done()) return fail("EOF while parsing an object");
            if (peek() == '}') return ++at_, true;
            if (peek() != ',') return fail("expected `,` or `}`");
            ++at_;
        }
    }
    bool array(PythonJson& out, int depth) {
        if (depth > limits_.depth) return fail("recursion limit exceeded");
        out.kind = PythonJson::Kind::array;
        ++at_;
        skip_space();
        if (peek() == ']' && !done()) return ++at_, true;
        while (true) {
            skip_space();
            out.items.emplace_back();
            if (!value(out.items.back(), depth)) return false;
            skip_space();
            if (done()) return fail("EOF while parsing a list");
            if (peek() == ']') return ++at_, true;
            if (peek() != ',') return fail("expected `,` or `]`");
            ++at_;
        }
    }

    bool number(PythonJson& out) {
        const std::size_t start = at_;
        out.kind = PythonJson::Kind::number;
        if (limits_.constants && (take("NaN") || take("Infinity") || take("-Infinity"))) {
            out.text = text_.substr(start, at_ - start);
            return true;
        }
        const auto digit = [&] { return peek() >= '0' && peek() <= '9'; };
        if (peek() == '-') ++at_;
        if (!digit()) return fail(at_ == start ? "expected value" : "invalid number");
        if (peek() == '0')
            ++at_;
        else
            while (digit()) ++at_;
        if (digit()) return fail("invalid number");
        if (peek() == '.') {
            ++at_;
            if (!digit()) return fail("invalid number");
            while (digit()) ++at_;
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            if (!digit()) return fail("invalid number");
            while (digit()) ++at_;
        }
        out.text = text_.substr(start, at_ - start);
        return true;
    }

    bool string(std::string& out) {
        ++at_;
        while (true) {
            if (done()) return fail("EOF while parsing a string");
            const auto c = static_cast<unsigned char>(text_[at_]);
            if (c == '"') return ++at_, true;
            if (c < 0x20) return fail("control character (\\u0000-\\u001F) found while parsing a string");
            if (c == '\\') {
                if (!escape(out)) return false;
                continue;
            }
            const std::size_t length = utf8_length(text_.substr(at_));
            if (length == 0) return fail("invalid unicode code point");
            out.append(text_, at_, length);
            at_ += length;
        }
    }
    bool escape(std::string& out) {
        ++at_;
        if (done()) return fail("EOF while parsing a string");
        const char c = text_[at_++];
        switch (c) {
            case '"':
            case '\\':
            case '/':
                out.push_back(c);
                return true;
            case 'b':
                out.push_back('\b');
                return true;
            case 'f':
                out.push_back('\f');
                return true;
            case 'n':
                out.push_back('\n');
                return true;
            case 'r':
                out.push_back('\r');
                return true;
            case 't':
                out.push_back('\t');
                return true;
            case 'u':
                break;
            default:
                return fail("invalid escape");
        }
        unsigned code = 0;
        if (!hex4(code)) return false;
        if (code >= 0xDC00 && code <= 0xDFFF) return fail("lone leading surrogate in hex escape");
        if (code >= 0xD800 && code <= 0xDBFF) {
            unsigned low = 0;
            if (!take("\\u")) return fail("unexpected end of hex escape");
            if (!hex4(low)) return false;
            if (low < 0xDC00 || low > 0xDFFF) return fail("lone leading surrogate in hex escape");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(code, out);
        return true;
    }
    bool hex4(unsigned& code) {
        for (int i = 0; i < 4; ++i, ++at_) {
            const char c = peek();
            unsigned digit = 0;
            if (c >= '0' && c <= '9')
                digit = static_cast<unsigned>(c - '0');
            else if (c >= 'a' && c <= 'f')
                digit = static_cast<unsigned>(c - 'a') + 10;
            else if (c >= 'A' && c <= 'F')
                digit = static_cast<unsigned>(c - 'A') + 10;
            else
                return fail("invalid escape");
            code = code << 4 | digit;
        }
        return true;
    }

    std::string_view text_;
    const PythonJsonLimits& limits_;
    std::size_t at_ = 0;
    std::size_t values_ = 0;
    std::string reason_;
};

}  // namespace

bool PythonJson::is_integer() const {
    return kind == Kind::number && text.find_first_not_of("-0123456789") == std::string::npos;
}

const PythonJson* PythonJson::find(std::string_view key) const {
    for (const Member& member : members)
        if (member.first == key) return &member.second;
    return nullptr;
}

PythonJson PythonJson::make_string(std::string value) {
    PythonJson result;
    result.kind = Kind::string;
    result.text = std::move(value);
    return result;
}

PythonJson PythonJson::make_object() {
    PythonJson result;
    result.kind = Kind::object;
    return result;
}

void PythonJson::add(std::string key, PythonJson value) {
    members.emplace_back(std::move(key), std::move(value));
}

Result<PythonJson> parse_python_json(std::string_view text, const PythonJsonLimits& limits, JsonFailure* failure) {
    PythonJson result;
    Reader reader(text, limits);
    if (reader.read(result)) return result;
    const JsonFailure found = reader.failure();
    if (failure != nullptr) *failure = found;
    const auto [line, column] = line_and_column(text, found.offset);
    return invalid_argument(fmt::format("{} at line {} column {}", found.reason, line, column));
}

bool is_json(std::string_view text) {
    return parse_python_json(text).ok();
}

std::pair<std::size_t, std::size_t> line_and_column(std::string_view text, std::size_t offset) {
    const std::string_view before = text.substr(0, std::min(offset, text.size()));
    const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t last = before.rfind('\n');
    return {lines + 1, last == std::string_view::npos ? before.size() : before.size() - last - 1};
}

}  // namespace baleen::text
