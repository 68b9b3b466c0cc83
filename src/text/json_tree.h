// JSON whose exact form matters: trees that become part of a prompt, and request bodies whose errors name line and column.
// Against base/json.h it keeps what that one drops: members in their order, numbers as they were written (an integer of
// 300 digits stays one), where in the text each value stood; and it takes duplicate keys as the official encoders do, last
// value at the first place (spec encoding 3). Otherwise RFC 8259 and valid UTF-8 only. Words of errors and what counts as
// "line L column C" follow serde_json, which clients of the hosted service see. Plain values; any thread; about 5 ns a byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baleen::text {

struct Json {
    enum class Kind : std::uint8_t { null, boolean, integer, real, string, array, object };

    Kind kind = Kind::null;
    bool boolean = false;
    std::string text;               // the string, or the number as written
    std::vector<std::string> keys;  // of an object, beside items; each once
    std::vector<Json> items;        // of an array or object
    std::size_t begin = 0;          // byte offsets in the text that was read
    std::size_t end = 0;

    bool is(Kind k) const { return kind == k; }
    const Json* find(std::string_view key) const;  // nullptr if absent or not an object; linear
};

struct JsonTreeLimits {
    std::size_t bytes = std::size_t{64} << 20;
    int depth = 128;                            // open arrays and objects, as serde_json has it
    std::size_t values = std::size_t{1} << 20;  // about 140 bytes each
};

struct JsonTreeError {
    std::string message;     // "expected value"
    std::size_t offset = 0;  // bytes read when it was seen
    bool limit = false;      // a limit of ours, not a fault of the text
};

// A tree, or what is wrong and where.
struct JsonTree {
    Json root;
    std::optional<JsonTreeError> error;
};
JsonTree parse_json_tree(std::string_view text, const JsonTreeLimits& limits = {});

// " at line 2 column 7" for an offset, as serde_json counts: the column is the number of bytes read on that line.
std::string at_position(std::string_view text, std::size_t offset);

// What Python's json.dumps(value, ensure_ascii=False) gives: ", " and ": ", floats as repr, the rest as it is.
void dump_python(const Json& value, std::string& out);
std::string dump_python(const Json& value);
void dump_python_string(std::string_view text, std::string& out);
void dump_python_escaped(std::string_view text, std::string& out);  // without the quotes, for pieces of a string
std::string python_float(double value);                             // repr(); finite only

}  // namespace baleen::text
