// What json_schema.cc compiles a schema to and json_schema_check.cc walks. Internal to the two.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "serve/api/json_schema.h"
#include "serve/api/schema_pattern.h"

namespace baleen::serve {

enum class SchemaFormat { none, email, hostname, ipv4, ipv6, uuid };
bool has_format(std::string_view text, SchemaFormat format);

// A type of JSON Schema as one bit; a whole number is both integer and number.
enum SchemaType : unsigned {
    kNullType = 1,
    kBooleanType = 2,
    kObjectType = 4,
    kArrayType = 8,
    kNumberType = 16,
    kIntegerType = 32,
    kStringType = 64,
};
std::string_view article_and_name(unsigned type);  // "an object"
bool is_whole(const text::PythonJson& number);     // 1, 1.0 and 1e3, not 1.5

// A text that two values share exactly if they are equal.
void append_canonical(const text::PythonJson& value, std::string& out);

struct SchemaNode {
    using Node = const SchemaNode*;  // null: no such keyword
    using Count = std::optional<std::uint64_t>;

    bool never = false;                           // the schema `false`
    unsigned types = 0;                           // of SchemaType; 0 is any
    std::optional<std::set<std::string>> values;  // enum and const, canonical

    std::vector<std::pair<std::string, Node>> properties;
    std::vector<std::pair<SchemaPattern, Node>> patterns;
    Node additional = nullptr;
    Node property_names = nullptr;
    std::vector<std::string> required;
    std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
    std::vector<std::pair<std::string, Node>> dependent_schemas;
    Count properties_min, properties_max;

    std::vector<Node> prefix_items;
    Node items = nullptr;  // of what follows prefix_items
    Node contains = nullptr;
    Count contains_min, contains_max;
    Count items_min, items_max;
    bool unique_items = false;

    Count length_min, length_max;
    std::optional<SchemaPattern> pattern;
    SchemaFormat format = SchemaFormat::none;

    std::optional<double> minimum, maximum, above, below, multiple_of;

    std::vector<Node> all_of, any_of, one_of;
    Node not_this = nullptr;
    Node condition = nullptr, then_this = nullptr, else_this = nullptr;
    Node reference = nullptr;
};

struct JsonSchema::State {
    std::deque<SchemaNode> nodes;  // the first is the schema itself; a deque, because nodes point to each other
};

}  // namespace baleen::serve
