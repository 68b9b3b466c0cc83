#include "serve/api/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <string>

#include "base/json.h"
#include "serve/api/json_schema_nodes.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

constexpr std::size_t kNodesMax = 50'000;

std::string joined(std::string_view path, std::string_view name) {
    return path.empty() ? printable(name, 60) : fmt::format("{}.{}", path, printable(name, 60));
}

std::optional<unsigned> type_bit(std::string_view name) {
    if (name == "null") return kNullType;
    if (name == "boolean") return kBooleanType;
    if (name == "object") return kObjectType;
    if (name == "array") return kArrayType;
    if (name == "number") return kNumberType | kIntegerType;
    if (name == "integer") return kIntegerType;
    if (name == "string") return kStringType;
    return std::nullopt;
}

SchemaFormat format_named(std::string_view name) {
    if (name == "email") return SchemaFormat::email;
    if (name == "hostname") return SchemaFormat::hostname;
    if (name == "ipv4") return SchemaFormat::ipv4;
    if (name == "ipv6") return SchemaFormat::ipv6;
    if (name == "uuid") return SchemaFormat::uuid;
    return SchemaFormat::none;
}

// "a%20b~1c" as a reference spells a key "a b/c".
std::optional<std::string> unescaped(std::string_view token) {
    std::string out;
    for (std::size_t i = 0; i < token.size(); ++i) {
        if (token[i] == '~') {
            if (i + 1 >= token.size() || (token[i + 1] != '0' && token[i + 1] != '1')) return std::nullopt;
            out += token[++i] == '0' ? '~' : '/';
        } else if (token[i] == '%') {
            unsigned byte = 0;
            const char* from = token.data() + i + 1;
            if (i + 2 >= token.size() || std::from_chars(from, from + 2, byte, 16).ptr != from + 2) return std::nullopt;
            out += static_cast<char>(byte);
            i += 2;
        } else {
            out += token[i];
        }
    }
    return out;
}

// Turns schemas into nodes one after the other: a reference names a node that may be filled later, so neither loops nor
// long chains of references deepen the stack.
class Compiler {
  public:
    Compiler(const PythonJson& root, std::deque<SchemaNode>& nodes, JsonSchema::Options options)
        : root_(root), nodes_(nodes), options_(options) {}

    Result<void> run() {
        node(root_, "");
        for (std::size_t next = 0; next < places_.size(); ++next) {
            const Place place = places_[next];
            TRY(fill(*place.schema, place.path, *place.node));
            if (places_.size() > kNodesMax) return resource_exhausted(fmt::format("more than {} schemas", kNodesMax));
        }
        return Ok();
    }

  private:
    struct Place {
        const PythonJson* schema;
        std::string path;
        SchemaNode* node;
    };

    static Error wrong(std::string_view path, std::string_view what) {
        return invalid_argument(fmt::format("{}: {}", path.empty() ? "schema" : path, what));
    }

    const SchemaNode* node(const PythonJson& schema, std::string path) {
        const auto [known, is_new] = nodes_of_.try_emplace(&schema, nullptr);
        if (is_new) {
            known->second = &nodes_.emplace_back();
            places_.push_back({&schema, std::move(path), known->second});
        }
        return known->second;
    }

    // One keyword of one schema.
    struct Keyword {
        const PythonJson& schema;
        const std::string& key;
        const PythonJson& value;
        std::string path;  // of the value
    };

    Result<void> fill(const PythonJson& schema, const std::string& path, SchemaNode& node) {
        if (schema.kind == PythonJson::Kind::boolean) {
            node.never = !schema.boolean;
            return Ok();
        }
        if (!schema.is_object()) return wrong(path, "a schema is an object, true or false");
        for (const auto& [key, value] : schema.members) TRY(fill({schema, key, value, joined(path, key)}, node));
        if (options_.closed_objects && (!node.properties.empty() || node.types == kObjectType)) {
            node.required.clear();
            for (const auto& property : node.properties) node.required.push_back(property.first);
            if (node.additional == nullptr) node.additional = never();
        }
        return Ok();
    }

    const SchemaNode* never() {
        if (never_ == nullptr) {
            never_ = &nodes_.emplace_back();
            never_->never = true;
        }
        return never_;
    }

    Result<void> fill(const Keyword& keyword, SchemaNode& node) {
        const auto& [schema, key, value, path] = keyword;
        if (key == "$dynamicRef" || key == "$recursiveRef" || key == "unevaluatedProperties" ||
            key == "unevaluatedItems")
            return wrong(path, "is not supported");
        if (key == "$ref") return reference(keyword, node);
        if (key == "type") return types(keyword, node);
        if (key == "enum" || key == "const") return values(keyword, node);
        if (key == "required") return names(keyword, node.required);
        if (key == "pattern") {
            if (!value.is_string()) return wrong(path, "must be a string");
            TRY_ASSIGN(node.pattern, pattern(value.text, path));
            return Ok();
        }
        if (key == "format") {
            if (!value.is_string()) return wrong(path, "must be a string");
            node.format = format_named(value.text);
            return Ok();
        }
        if (key == "uniqueItems") {
            if (value.kind != PythonJson::Kind::boolean) return wrong(path, "must be true or false");
            node.unique_items = value.boolean;
            return Ok();
        }
        if (std::optional<double>* bound = number_of(key, node)) {
            if (!value.is_number()) return wrong(path, "must be a number");
            *bound = std::strtod(value.text.c_str(), nullptr);
            if (key == "multipleOf" && !(**bound > 0)) return wrong(path, "must be above 0");
            return Ok();
        }
        if (SchemaNode::Count* count = count_of(key, node)) {
            const double size = value.is_number() ? std::strtod(value.text.c_str(), nullptr) : -1;
            if (size < 0 || size > 1e15 || !is_whole(value)) return wrong(path, "must be a whole number of at least 0");
            *count = static_cast<std::uint64_t>(size);
            return Ok();
        }
        return fill_schemas(keyword, node);
    }

    Result<void> fill_schemas(const Keyword& keyword, SchemaNode& node) {
        const auto& [schema, key, value, path] = keyword;
        if (key == "properties") return schemas_by_name(keyword, node.properties);
        if (key == "dependentSchemas") return schemas_by_name(keyword, node.dependent_schemas);
        if (key == "dependentRequired" || key == "dependencies") return dependencies(keyword, node);
        if (key == "patternProperties") {
            if (!value.is_object()) return wrong(path, "must be an object");
            for (const auto& [name, inner] : value.members) {
                TRY_ASSIGN(SchemaPattern compiled, pattern(name, path));
                node.patterns.emplace_back(std::move(compiled), this->node(inner, joined(path, name)));
            }
            return Ok();
        }
        if (key == "prefixItems" || (key == "items" && value.is_array()))
            return schema_list(keyword, node.prefix_items);
        if (key == "allOf") return schema_list(keyword, node.all_of);
        if (key == "anyOf") return schema_list(keyword, node.any_of);
        if (key == "oneOf") return schema_list(keyword, node.one_of);
        if (key == "additionalItems") {  // before 2020: of what follows items as a list, and nothing without one
            const PythonJson* items = schema.find("items");
            if (items != nullptr && items->is_array()) node.items = this->node(value, path);
            return Ok();
        }
        if (const SchemaNode** inner = schema_of(key, node)) *inner = this->node(value, path);
        return Ok();
    }

    static Result<SchemaPattern> pattern(std::string_view text, const std::string& path) {
        Result<SchemaPattern> compiled = SchemaPattern::compile(text);
        if (!compiled.ok()) return with_context(path, compiled.error());
        return compiled;
    }

    Result<void> types(const Keyword& keyword, SchemaNode& node) {
        const std::vector<PythonJson> one = {keyword.value};
        for (const PythonJson& item : keyword.value.is_array() ? keyword.value.items : one) {
            if (!item.is_string()) return wrong(keyword.path, "must be the name of a type, or a list of them");
            const std::optional<unsigned> bit = type_bit(item.text);
            if (!bit) return wrong(keyword.path, fmt::format("there is no type '{}'", printable(item.text, 40)));
            node.types |= *bit;
        }
        if (node.types == 0) return wrong(keyword.path, "must name a type");
        return Ok();
    }

    Result<void> values(const Keyword& keyword, SchemaNode& node) {
        std::set<std::string> allowed;
        const auto allow = [&](const PythonJson& value) {
            std::string text;
            append_canonical(value, text);
            if (!node.values || node.values->contains(text)) allowed.insert(std::move(text));
        };
        if (keyword.key == "const") {
            allow(keyword.value);
        } else {
            if (!keyword.value.is_array()) return wrong(keyword.path, "must be a list");
            for (const PythonJson& value : keyword.value.items) allow(value);
        }
        node.values = std::move(allowed);  // both: what both allow
        return Ok();
    }

    Result<void> names(const Keyword& keyword, std::vector<std::string>& out) {
        if (!keyword.value.is_array()) return wrong(keyword.path, "must be a list of names");
        for (const PythonJson& name : keyword.value.items) {
            if (!name.is_string()) return wrong(keyword.path, "must be a list of names");
            out.push_back(name.text);
        }
        return Ok();
    }

    Result<void> schemas_by_name(const Keyword& keyword, std::vector<std::pair<std::string, const SchemaNode*>>& out) {
        if (!keyword.value.is_object()) return wrong(keyword.path, "must be an object");
        for (const auto& [name, schema] : keyword.value.members)
            out.emplace_back(name, node(schema, joined(keyword.path, name)));
        return Ok();
    }

    Result<void> schema_list(const Keyword& keyword, std::vector<const SchemaNode*>& out) {
        if (!keyword.value.is_array()) return wrong(keyword.path, "must be a list of schemas");
        const bool needs_one = keyword.key.ends_with("Of");
        if (needs_one && keyword.value.items.empty()) return wrong(keyword.path, "must not be empty");
        for (std::size_t i = 0; i < keyword.value.items.size(); ++i)
            out.push_back(node(keyword.value.items[i], fmt::format("{}[{}]", keyword.path, i)));
        return Ok();
    }

    // dependentRequired, and the older dependencies, which may also hold schemas.
    Result<void> dependencies(const Keyword& keyword, SchemaNode& node) {
        if (!keyword.value.is_object()) return wrong(keyword.path, "must be an object");
        for (const auto& [name, value] : keyword.value.members) {
            const std::string path = joined(keyword.path, name);
            if (keyword.key == "dependencies" && !value.is_array()) {
                node.dependent_schemas.emplace_back(name, this->node(value, path));
            } else {
                TRY(names({keyword.schema, keyword.key, value, path},
                          node.dependent_required.emplace_back(name, std::vector<std::string>()).second));
            }
        }
        return Ok();
    }

    Result<void> reference(const Keyword& keyword, SchemaNode& node) {
        if (!keyword.value.is_string()) return wrong(keyword.path, "must be a string");
        std::string_view pointer = keyword.value.text;
        const std::string shown = printable(pointer, 80);
        if (!pointer.starts_with('#') || (pointer.size() > 1 && pointer[1] != '/'))
            return wrong(keyword.path, fmt::format("'{}' is not a place in this schema, like #/$defs/name", shown));
        pointer.remove_prefix(1);
        const PythonJson* target = &root_;
        while (!pointer.empty() && target != nullptr) {
            pointer.remove_prefix(1);
            const std::size_t end = std::min(pointer.find('/'), pointer.size());
            const std::optional<std::string> token = unescaped(pointer.substr(0, end));
            target = token ? step(*target, *token) : nullptr;
            pointer.remove_prefix(end);
        }
        if (target == nullptr) return wrong(keyword.path, fmt::format("there is no '{}'", shown));
        node.reference = this->node(*target, shown);
        return Ok();
    }

    const PythonJson* step(const PythonJson& from, const std::string& token) {
        if (from.is_object()) {
            const auto [index, is_new] = members_of_.try_emplace(&from);
            if (is_new)
                for (const auto& [name, value] : from.members) index->second.emplace(name, &value);
            const auto found = index->second.find(token);
            return found == index->second.end() ? nullptr : found->second;
        }
        std::size_t index = 0;
        const auto read = std::from_chars(token.data(), token.data() + token.size(), index);
        const bool whole = read.ec == std::errc() && read.ptr == token.data() + token.size();
        return whole && index < from.items.size() ? &from.items[index] : nullptr;
    }

    static std::optional<double>* number_of(std::string_view key, SchemaNode& node) {
        if (key == "minimum") return &node.minimum;
        if (key == "maximum") return &node.maximum;
        if (key == "exclusiveMinimum") return &node.above;
        if (key == "exclusiveMaximum") return &node.below;
        if (key == "multipleOf") return &node.multiple_of;
        return nullptr;
    }
    static SchemaNode::Count* count_of(std::string_view key, SchemaNode& node) {
        if (key == "minLength") return &node.length_min;
        if (key == "maxLength") return &node.length_max;
        if (key == "minItems") return &node.items_min;
        if (key == "maxItems") return &node.items_max;
        if (key == "minContains") return &node.contains_min;
        if (key == "maxContains") return &node.contains_max;
        if (key == "minProperties") return &node.properties_min;
        if (key == "maxProperties") return &node.properties_max;
        return nullptr;
    }
    static const SchemaNode** schema_of(std::string_view key, SchemaNode& node) {
        if (key == "items") return &node.items;
        if (key == "additionalProperties") return &node.additional;
        if (key == "propertyNames") return &node.property_names;
        if (key == "contains") return &node.contains;
        if (key == "not") return &node.not_this;
        if (key == "if") return &node.condition;
        if (key == "then") return &node.then_this;
        if (key == "else") return &node.else_this;
        return nullptr;
    }

    const PythonJson& root_;
    std::deque<SchemaNode>& nodes_;
    JsonSchema::Options options_;
    std::map<const PythonJson*, SchemaNode*> nodes_of_;
    // Of objects that references lead through: finding a key in the tree itself is a linear search.
    std::map<const PythonJson*, std::map<std::string_view, const PythonJson*>> members_of_;
    std::vector<Place> places_;
    SchemaNode* never_ = nullptr;
};

}  // namespace

JsonSchema::JsonSchema(std::unique_ptr<const State> state) : state_(std::move(state)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

Result<JsonSchema> JsonSchema::compile(const PythonJson& schema, Options options) {
    auto state = std::make_unique<State>();
    TRY(Compiler(schema, state->nodes, options).run());
    return JsonSchema(std::move(state));
}

}  // namespace baleen::serve
