// Writes JSON the way Python's json.dumps(ensure_ascii=False) does, which is how the models have seen it (spec encoding 3).
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "base/check.h"
#include "text/json_tree.h"

namespace baleen::text {

std::string python_float(double value) {
    // Shortest digits that read back as the same number, from "-1.2345e-07".
    char buffer[40];
    const auto written = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
    CHECK(written.ec == std::errc());
    std::string_view text(buffer, static_cast<std::size_t>(written.ptr - buffer));
    std::string out;
    if (text.starts_with('-')) {
        out += '-';
        text.remove_prefix(1);
    }
    const std::size_t e = text.find('e');
    const int exponent = std::atoi(buffer + (text.data() - buffer) + e + 1);
    std::string digits(1, text[0]);
    if (e > 2) digits.append(text.substr(2, e - 2));

    if (exponent < -4 || exponent >= 16) {
        out += digits[0];
        if (digits.size() > 1) out.append(".").append(digits, 1, std::string::npos);
        return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
    }
    if (exponent < 0) return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
    return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

void dump_python_escaped(std::string_view text, std::string& out) {
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
                } else {
                    out += c;
                }
        }
    }
}

void dump_python_string(std::string_view text, std::string& out) {
    out += '"';
    dump_python_escaped(text, out);
    out += '"';
}

void dump_python(const Json& value, std::string& out) {
    switch (value.kind) {
        case Json::Kind::null: out += "null"; return;
        case Json::Kind::boolean: out += value.boolean ? "true" : "false"; return;
        case Json::Kind::integer: out += value.text == "-0" ? "0" : value.text; return;
        case Json::Kind::real: out += python_float(std::strtod(value.text.c_str(), nullptr)); return;
        case Json::Kind::string: dump_python_string(value.text, out); return;
        case Json::Kind::array:
            out += '[';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ", ";
                dump_python(value.items[i], out);
            }
            out += ']';
            return;
        case Json::Kind::object:
            out += '{';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ", ";
                dump_python_string(value.keys[i], out);
                out += ": ";
                dump_python(value.items[i], out);
            }
            out += '}';
            return;
    }
}

std::string dump_python(const Json& value) {
    std::string out;
    dump_python(value, out);
    return out;
}

}  // namespace baleen::text
