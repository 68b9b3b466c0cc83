#include "serve/store/toml.h"

// Used as headers alone and without exceptions, whatever the distribution's library was built with.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <toml++/toml.h>

#include "base/check.h"
#include "base/json.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kBytesMax = std::size_t{1} << 20;  // a configuration, not data

using At = std::pair<toml::source_index, toml::source_index>;  // line, column
At place(const toml::source_region& source) { return {source.begin.line, source.begin.column}; }

Error error_at(std::string_view file, const toml::source_region& source, std::string_view what) {
    return invalid_argument(fmt::format("{}:{}: {}", file, source.begin.line, what));
}

std::string date_text(const toml::date& date) { return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day); }

std::string offset_text(const toml::time_offset& offset) {
    const int minutes = offset.minutes < 0 ? -offset.minutes : offset.minutes;
    return fmt::format("{}{:02}:{:02}", offset.minutes < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

// One node and what is below it; toml++ has already bounded the depth (256).
Result<TomlValue> convert(const toml::node& node, std::string_view file) {
    TomlValue value;
    value.line = static_cast<int>(node.source().begin.line);
    switch (node.type()) {
        case toml::node_type::boolean:
            value.kind = TomlValue::Kind::boolean;
            value.boolean = node.as_boolean()->get();
            return value;
        case toml::node_type::integer:
            value.kind = TomlValue::Kind::integer;
            value.integer = node.as_integer()->get();
            return value;
        case toml::node_type::floating_point:
            value.kind = TomlValue::Kind::real;
            value.real = node.as_floating_point()->get();
            return value;
        case toml::node_type::string:
            value.kind = TomlValue::Kind::string;
            value.text = node.as_string()->get();
            return value;
        case toml::node_type::date:
            value.kind = TomlValue::Kind::time;
            value.text = date_text(node.as_date()->get());
            return value;
        case toml::node_type::date_time: {
            const toml::date_time& time = node.as_date_time()->get();
            if (!time.offset.has_value())
                return error_at(file, node.source(), "a time without an offset from UTC; add Z or +08:00");
            value.kind = TomlValue::Kind::time;
            value.text = fmt::format("{}T{:02}:{:02}:{:02}.{:09}{}", date_text(time.date), time.time.hour, time.time.minute,
                                     time.time.second, time.time.nanosecond, offset_text(*time.offset));
            return value;
        }
        case toml::node_type::time:
            return error_at(file, node.source(), "a time of day without a date means nothing here");
        case toml::node_type::array:
            value.kind = TomlValue::Kind::array;
            for (const toml::node& item : *node.as_array()) {
                TRY_ASSIGN(TomlValue converted, convert(item, file));
                value.items.push_back(std::move(converted));
            }
            return value;
        case toml::node_type::table: {
            value.kind = TomlValue::Kind::table;
            std::vector<std::pair<At, TomlMember>> found;  // toml++ keeps members by name
            for (const auto& [key, member] : *node.as_table()) {
                TRY_ASSIGN(TomlValue converted, convert(member, file));
                found.emplace_back(place(key.source()), TomlMember{std::string(key.str()), std::move(converted)});
            }
            std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
            for (auto& [at, member] : found) value.members.push_back(std::move(member));
            return value;
        }
        case toml::node_type::none: break;
    }
    return error_at(file, node.source(), "a value of an unknown kind");
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
    for (const auto& [name, value] : members)
        if (name == key) return &value;
    return nullptr;
}

std::string_view name(TomlValue::Kind kind) {
    switch (kind) {
        case TomlValue::Kind::boolean: return "true or false";
        case TomlValue::Kind::integer: return "an integer";
        case TomlValue::Kind::real: return "a number with a point";
        case TomlValue::Kind::string: return "a string";
        case TomlValue::Kind::time: return "a date";
        case TomlValue::Kind::array: return "an array";
        case TomlValue::Kind::table: return "a table";
    }
    return "a value";
}

Result<TomlValue> parse_toml(std::string_view text, std::string_view file) {
    if (text.size() > kBytesMax)
        return invalid_argument(fmt::format("{}: {} bytes; a configuration has at most {}", file, text.size(), kBytesMax));
    const toml::parse_result parsed = toml::parse(text);
    if (!parsed) return error_at(file, parsed.error().source(), printable(parsed.error().description(), 300));
    return convert(parsed.table(), file);
}

std::string toml_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        else out += c;
    }
    return out + '"';
}

}  // namespace baleen::serve
