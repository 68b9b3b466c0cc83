// What the service allows in the parameters of a strict tool (spec api 8.1), and its words for what it does not.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "serve/api/json_schema.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

constexpr std::string_view kTypes[] = {"object", "string", "number", "integer", "boolean", "array", "null"};
constexpr std::string_view kFormats[] = {"email", "hostname", "ipv4", "ipv6", "uuid"};

Error bad_schema(std::string_view reason) {
    return invalid_argument(fmt::format("Invalid tool parameters schema : {}", reason));
}

template <std::size_t kCount>
Result<void> one_of(const PythonJson& value, const std::string_view (&names)[kCount]) {
    std::string list;
    for (const std::string_view name : names) {
        if (value.is_string() && value.text == name) return Ok();
        list += fmt::format("{}`{}`", list.empty() ? "" : ", ", name);
    }
    return bad_schema(fmt::format("unknown variant `{}`, expected one of {}", printable(value.text, 60), list));
}

Result<void> check_list(const PythonJson& list) {
    for (const PythonJson& item : list.items) TRY(check_strict_parameters(item));
    return Ok();
}

// Every property is required and there are no others, said or unsaid.
Result<void> check_object(const PythonJson& schema) {
    const PythonJson* additional = schema.find("additionalProperties");
    if (additional != nullptr && !additional->is_null() &&
        (additional->kind != PythonJson::Kind::boolean || additional->boolean))
        return invalid_argument("additionalProperties should not be true");
    const PythonJson* properties = schema.find("properties");
    std::set<std::string> names;
    if (properties != nullptr && !properties->is_null()) {
        if (!properties->is_object()) return bad_schema("`properties` must be a map");
        for (const auto& [name, inner] : properties->members) {
            names.insert(name);
            TRY(check_strict_parameters(inner));
        }
    }
    const PythonJson* required = schema.find("required");
    if (required == nullptr || required->is_null()) return Ok();
    std::set<std::string> listed;
    for (const PythonJson& name : required->items) listed.insert(name.text);
    if (!required->is_array() || listed != names)
        return invalid_argument("Required properties must match all properties in the object");
    return Ok();
}

Result<void> check_type(const PythonJson& schema, const PythonJson& type) {
    const auto is = [&](std::string_view name) {
        const auto names_it = [&](const PythonJson& item) { return item.is_string() && item.text == name; };
        return names_it(type) || std::any_of(type.items.begin(), type.items.end(), names_it);
    };
    if (type.is_array()) {
        for (const PythonJson& item : type.items) TRY(one_of(item, kTypes));
    } else {
        TRY(one_of(type, kTypes));
    }
    if (is("object")) TRY(check_object(schema));
    if (is("array")) {
        const PythonJson* items = schema.find("items");
        if (items == nullptr) return bad_schema("missing field `items`");
        TRY(check_strict_parameters(*items));
    }
    if (is("string")) {
        const PythonJson* format = schema.find("format");
        if (format != nullptr && !format->is_null()) TRY(one_of(*format, kFormats));
    }
    return Ok();
}

}  // namespace

// Recursion is bounded by the depth the tree was read with.
Result<void> check_strict_parameters(const PythonJson& schema) {
    for (const char* definitions : {"$def", "$defs"})
        if (const PythonJson* list = schema.find(definitions); list != nullptr && list->is_object())
            for (const auto& definition : list->members) TRY(check_strict_parameters(definition.second));
    if (const PythonJson* type = schema.find("type")) return check_type(schema, *type);
    if (const PythonJson* any = schema.find("anyOf"); any != nullptr && any->is_array()) return check_list(*any);
    if (const PythonJson* reference = schema.find("$ref"); reference != nullptr && reference->is_string()) return Ok();
    return bad_schema("one of `type`, `anyOf`, `$ref` field is required");
}

}  // namespace baleen::serve
