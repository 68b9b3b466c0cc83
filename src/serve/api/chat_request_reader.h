// Reads fields of a parsed body and words errors the way the service does, serde's: what was found, what was expected,
// and where. Null counts as absent. For the readers of all API families.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/python_json.h"

namespace baleen::serve {

class BodyReader {
  public:
    explicit BodyReader(std::string_view body) : body_(body) {}

    // "Failed to deserialize the JSON body into the target type: PATH: REASON at line L column C".
    Error fail(std::string_view path, std::string_view reason, std::size_t offset) const;
    Error wrong_type(std::string_view path, const text::PythonJson& value, std::string_view expected) const;
    Error missing(std::string_view path, const text::PythonJson& object, std::string_view name) const;
    Error unknown_variant(std::string_view path, const text::PythonJson& value, std::string_view expected) const;

    // nullptr if absent or null.
    static const text::PythonJson* get(const text::PythonJson& object, std::string_view name);

    // Absent fields are nullopt; required_string wants the field.
    Result<std::optional<bool>> boolean(const text::PythonJson& object, std::string_view name,
                                        std::string_view path) const;
    Result<std::optional<double>> number(const text::PythonJson& object, std::string_view name,
                                         std::string_view path) const;
    Result<std::optional<std::uint64_t>> whole(const text::PythonJson& object, std::string_view name,
                                               std::string_view path, std::string_view type, std::uint64_t most) const;
    Result<std::optional<std::string>> string(const text::PythonJson& object, std::string_view name,
                                              std::string_view path) const;
    Result<std::string> required_string(const text::PythonJson& object, std::string_view name,
                                        std::string_view path) const;

  private:
    std::string_view body_;
};

}  // namespace baleen::serve
