// TOML text as a tree that remembers lines, so that a message about a value can say where it stands. Wraps toml++, which is
// included nowhere else. Members are in the order of the file. Nothing is thrown; the text may be hostile. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baleen::serve {

struct TomlMember;

struct TomlValue {
    enum class Kind { boolean, integer, real, string, time, array, table };
    Kind kind = Kind::table;
    int line = 0;
    bool boolean = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;              // string; time as written in RFC 3339, a date alone or with time and offset
    std::vector<TomlValue> items;  // array
    std::vector<TomlMember> members;  // table

    const TomlValue* find(std::string_view key) const;  // member of a table; null if there is none
};
struct TomlMember {
    std::string key;
    TomlValue value;
};
std::string_view name(TomlValue::Kind kind);  // "a string", "an integer", ...

// The whole document, a table. Errors begin with "FILE:LINE: ". Times without an offset are refused.
Result<TomlValue> parse_toml(std::string_view text, std::string_view file);

// A string as TOML: quoted, escaped.
std::string toml_string(std::string_view text);

}  // namespace baleen::serve
