#include "serve/api/chat_request_reader.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "base/json.h"

namespace baleen::serve {

using text::PythonJson;

namespace {

// serde's name for what was found.
std::string found(const PythonJson& value) {
    switch (value.kind) {
        case PythonJson::Kind::null:
            return "null";
        case PythonJson::Kind::boolean:
            return fmt::format("boolean `{}`", value.boolean);
        case PythonJson::Kind::number:
            return fmt::format("{} `{}`", value.is_integer() ? "integer" : "floating point", printable(value.text, 40));
        case PythonJson::Kind::string:
            return fmt::format("string \"{}\"", printable(value.text, 60));
        case PythonJson::Kind::array:
            return "sequence";
        case PythonJson::Kind::object:
            return "map";
    }
    return "value";
}

// Path of a member: serde writes none for the body itself.
std::string member(std::string_view path, std::string_view name) {
    return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

// serde stands after a scalar, and before a container it did not enter.
std::size_t position(const PythonJson& value) {
    return value.is_array() || value.is_object() ? value.begin : value.end;
}

}  // namespace

Error BodyReader::fail(std::string_view path, std::string_view reason, std::size_t offset) const {
    const auto [line, column] = text::line_and_column(body_, offset);
    return invalid_argument(
        fmt::format("Failed to deserialize the JSON body into the target type: {}{}{} at line {} column {}", path,
                    path.empty() ? "" : ": ", reason, line, column));
}

Error BodyReader::wrong_type(std::string_view path, const PythonJson& value, std::string_view expected) const {
    return fail(path, fmt::format("invalid type: {}, expected {}", found(value), expected), position(value));
}

Error BodyReader::missing(std::string_view path, const PythonJson& object, std::string_view name) const {
    return fail(path, fmt::format("missing field `{}`", name), object.end);
}

Error BodyReader::unknown_variant(std::string_view path, const PythonJson& value, std::string_view expected) const {
    return fail(path, fmt::format("unknown variant `{}`, expected {}", printable(value.text, 60), expected), value.end);
}

const PythonJson* BodyReader::get(const PythonJson& object, std::string_view name) {
    const PythonJson* value = object.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::optional<bool>> BodyReader::boolean(const PythonJson& object, std::string_view name,
                                                std::string_view path) const {
    const PythonJson* value = get(object, name);
    if (value == nullptr) return std::optional<bool>();
    if (value->kind != PythonJson::Kind::boolean) return wrong_type(member(path, name), *value, "a boolean");
    return std::optional<bool>(value->boolean);
}

Result<std::optional<double>> BodyReader::number(const PythonJson& object, std::string_view name,
                                                 std::string_view path) const {
    const PythonJson* value = get(object, name);
    if (value == nullptr) return std::optional<double>();
    if (!value->is_number()) return wrong_type(member(path, name), *value, "f32");
    return std::optional<double>(std::strtod(value->text.c_str(), nullptr));
}

Result<std::optional<std::uint64_t>> BodyReader::whole(const PythonJson& object, std::string_view name,
                                                       std::string_view path, std::string_view type,
                                                       std::uint64_t most) const {
    const PythonJson* value = get(object, name);
    if (value == nullptr) return std::optional<std::uint64_t>();
    if (!value->is_integer()) return wrong_type(member(path, name), *value, type);
    std::uint64_t result = 0;
    const std::string& digits = value->text == "-0" ? "0" : value->text;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), result);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || result > most)
        return fail(member(path, name), fmt::format("invalid value: {}, expected {}", found(*value), type), value->end);
    return std::optional<std::uint64_t>(result);
}

Result<std::optional<std::string>> BodyReader::string(const PythonJson& object, std::string_view name,
                                                      std::string_view path) const {
    const PythonJson* value = get(object, name);
    if (value == nullptr) return std::optional<std::string>();
    if (!value->is_string()) return wrong_type(member(path, name), *value, "a string");
    return std::optional<std::string>(value->text);
}

Result<std::string> BodyReader::required_string(const PythonJson& object, std::string_view name,
                                                std::string_view path) const {
    const PythonJson* value = object.find(name);
    if (value == nullptr) return missing(path, object, name);
    if (!value->is_string()) return wrong_type(member(path, name), *value, "a string");
    return value->text;
}

}  // namespace baleen::serve
