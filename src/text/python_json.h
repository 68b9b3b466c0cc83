// A JSON tree that forgets nothing a prompt depends on: the order of members and the exact spelling of numbers. It is
// read from outside bytes within bounds (bytes, depth, values) and written as Python's json.dumps(ensure_ascii=False)
// writes what json.loads read, which is the form the models saw in training (spec encoding 3). Plain values; any
// thread. Members are found by linear search, so this is for schemas, arguments and request bodies, not for large
// tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace baleen::text {

struct PythonJson {
    enum class Kind { null, boolean, number, string, array, object };
    using Member = std::pair<std::string, PythonJson>;

    PythonJson();  // defined below the class, where Member is complete: clang 14 wants it so
    ~PythonJson();
    PythonJson(const PythonJson&);
    PythonJson(PythonJson&&) noexcept;
    PythonJson& operator=(const PythonJson&);
    PythonJson& operator=(PythonJson&&) noexcept;

    Kind kind = Kind::null;
    bool boolean = false;
    std::string text;               // string: decoded UTF-8; number: as it was spelt
    std::vector<PythonJson> items;  // array
    std::vector<Member> members;    // object; a repeated key keeps its first place and its last value
    std::size_t begin = 0;          // bytes of the source this value was read from: [begin, end)
    std::size_t end = 0;

    bool is_null() const { return kind == Kind::null; }
    bool is_string() const { return kind == Kind::string; }
    bool is_array() const { return kind == Kind::array; }
    bool is_object() const { return kind == Kind::object; }
    bool is_number() const { return kind == Kind::number; }
    bool is_integer() const;                             // a number without fraction and exponent
    const PythonJson* find(std::string_view key) const;  // nullptr if there is none, or if this is no object

    static PythonJson make_string(std::string value);
    static PythonJson make_object();
    void add(std::string key, PythonJson value);  // at the end; the key must be new
};

inline PythonJson::PythonJson() = default;
inline PythonJson::~PythonJson() = default;
inline PythonJson::PythonJson(const PythonJson&) = default;
inline PythonJson::PythonJson(PythonJson&&) noexcept = default;
inline PythonJson& PythonJson::operator=(const PythonJson&) = default;
inline PythonJson& PythonJson::operator=(PythonJson&&) noexcept = default;

struct PythonJsonLimits {
    std::size_t bytes = std::size_t{64} << 20;
    int depth = 127;  // open arrays and objects
    std::size_t values = std::size_t{1} << 20;
    bool constants = false;  // also NaN, Infinity and -Infinity, as Python reads them
};

// Where reading failed, for callers that word their own message.
struct JsonFailure {
    std::string reason;
    std::size_t offset = 0;
};

// The whole text as one value; the error names line and column. `failure`, if given, is filled as well.
Result<PythonJson> parse_python_json(std::string_view text, const PythonJsonLimits& limits = {},
                                     JsonFailure* failure = nullptr);

// True if the text is one JSON value (white space around it allowed) by RFC 8259.
bool is_json(std::string_view text);

// json.dumps(value, ensure_ascii=False): ", " and ": ", floats in Python's shortest form, integers as they were spelt.
std::string dump_python_json(const PythonJson& value);
void append_python_json(const PythonJson& value, std::string& out);
void append_json_string(std::string_view text, std::string& out);  // with the quotes
void append_json_escaped(std::string_view text,
                         std::string& out);  // without; works byte by byte, so on any piece of a string

// A number as Python would print it after reading: 1.50 -> 1.5, 1e16 -> 1e+16, -0 -> 0.
std::string python_number(std::string_view spelling);

// 1-based line, and the count of bytes of that line before the offset: serde's way of saying where it stood.
std::pair<std::size_t, std::size_t> line_and_column(std::string_view text, std::size_t offset);

}  // namespace baleen::text
