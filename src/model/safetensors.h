// The header of a safetensors file: 8 bytes of length, that many bytes of JSON (name -> dtype, shape, data_offsets, and
// __metadata__), then the data. Reading checks everything that can be checked without the data: lengths against the
// file, offsets against each other, sizes against shapes with overflow, names against each other. Data may start at any
// byte; nothing here looks at alignment. Also writes such headers. Stateless; any thread; about 20 ns a header byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"

namespace baleen::model {

struct SafetensorsEntry {
    std::string name;
    // Absent for a dtype this program does not know; its bytes are then taken as given.
    std::optional<tensor::DType> dtype;
    std::string foreign_dtype;  // the dtype's text in that case
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // from the start of the file
};

// `start` holds the file's first bytes, at least the whole header if the file is long enough; `file_bytes` is the size
// of the file. Entries come back sorted by offset. Errors are `corrupt`, name `file` and, where there is one, the
// tensor.
Result<std::vector<SafetensorsEntry>> parse_safetensors_header(std::span<const std::byte> start,
                                                               std::uint64_t file_bytes, std::string_view file);

// The bytes before the data: length and JSON, padded with spaces to a multiple of 8. Entries in the order given; begin
// and end count from the start of the data here.
std::string write_safetensors_header(std::span<const SafetensorsEntry> entries);

}  // namespace baleen::model
