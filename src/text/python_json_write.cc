// The writing half of python_json.h.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "text/python_json.h"

namespace baleen::text {

namespace {

// Python's repr(float): the fewest digits that read back, as an exponent below 1e-4 and from 1e16 on.
std::string python_float(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
    std::string_view text(buffer, static_cast<std::size_t>(end - buffer));  // -d.ddde-xx
    std::string result;
    if (text.front() == '-') {
        result = "-";
        text.remove_prefix(1);
    }
    const std::size_t e = text.find('e');
    const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
    std::string digits(text.substr(0, 1));
    if (e > 2) digits += text.substr(2, e - 2);
    const int count = static_cast<int>(digits.size());
    if (exponent < -4 || exponent >= 16) {
        result += digits[0];
        if (count > 1) result += "." + digits.substr(1);
        result += exponent < 0 ? "e-" : "e+";
        const std::string size = std::to_string(std::abs(exponent));
        return result + (size.size() < 2 ? "0" + size : size);
    }
    if (exponent < 0) return result + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    if (count <= exponent + 1)
        return result + digits + std::string(static_cast<std::size_t>(exponent + 1 - count), '0') + ".0";
    return result + digits.substr(0, static_cast<std::size_t>(exponent) + 1) + "." +
           digits.substr(static_cast<std::size_t>(exponent) + 1);
}

}  // namespace

std::string python_number(std::string_view spelling) {
    if (spelling == "NaN" || spelling == "Infinity" || spelling == "-Infinity") return std::string(spelling);
    if (spelling.find_first_of(".eE") == std::string_view::npos) return spelling == "-0" ? "0" : std::string(spelling);
    double value = 0;
    const auto read = std::from_chars(spelling.data(), spelling.data() + spelling.size(), value);
    // Out of range is decided by strtod: it gives 0, a subnormal or infinity as Python does.
    if (read.ec != std::errc()) value = std::strtod(std::string(spelling).c_str(), nullptr);
    return python_float(value);
}

void append_json_escaped(std::string_view text, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\b':
                out += "\\b";
                break;
            case '\f':
                out += "\\f";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20) {
                    out += "\\u00";
                    out += kHex[static_cast<unsigned char>(c) >> 4];
                    out += kHex[static_cast<unsigned char>(c) & 15];
                } else {
                    out += c;
                }
        }
    }
}

void append_json_string(std::string_view text, std::string& out) {
    out += '"';
    append_json_escaped(text, out);
    out += '"';
}

// Recursion is bounded by the depth the tree was read with.
void append_python_json(const PythonJson& value, std::string& out) {
    switch (value.kind) {
        case PythonJson::Kind::null:
            out += "null";
            return;
        case PythonJson::Kind::boolean:
            out += value.boolean ? "true" : "false";
            return;
        case PythonJson::Kind::number:
            out += python_number(value.text);
            return;
        case PythonJson::Kind::string:
            append_json_string(value.text, out);
            return;
        case PythonJson::Kind::array: {
            out += '[';
            for (std::size_t i = 0; i < value.items.size(); ++i) {
                if (i > 0) out += ", ";
                append_python_json(value.items[i], out);
            }
            out += ']';
            return;
        }
        case PythonJson::Kind::object: {
            out += '{';
            for (std::size_t i = 0; i < value.members.size(); ++i) {
                if (i > 0) out += ", ";
                append_json_string(value.members[i].first, out);
                out += ": ";
                append_python_json(value.members[i].second, out);
            }
            out += '}';
            return;
        }
    }
}

std::string dump_python_json(const PythonJson& value) {
    std::string out;
    append_python_json(value, out);
    return out;
}

}  // namespace baleen::text
