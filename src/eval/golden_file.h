// One file of golden tensors: a safetensors file, mapped, whose tensors are read as float32 or int32 with their shapes
// checked. Its bytes are as hostile as a checkpoint's: the header is validated whole before anything is read. Owns the
// mapping; plain data afterwards. Any thread, one at a time (it notes which tensors were asked for).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/mapped_file.h"
#include "model/safetensors.h"

namespace baleen::eval {

template <class T>
struct GoldenTensor {
    std::vector<std::int64_t> shape;
    std::vector<T> values;

    std::int64_t rows() const { return shape.empty() ? 1 : shape[0]; }
    // Elements of one row, all dimensions but the first.
    std::int64_t width() const {
        std::int64_t n = 1;
        for (std::size_t i = 1; i < shape.size(); ++i) n *= shape[i];
        return n;
    }
    std::span<const T> row(std::int64_t i) const {
        return {values.data() + i * width(), static_cast<std::size_t>(width())};
    }
};
using GoldenFloats = GoldenTensor<float>;
using GoldenInts = GoldenTensor<std::int32_t>;

class GoldenFile {
  public:
    static constexpr std::int64_t kAny = -1;  // a dimension that may have any size

    // `name` is what errors call the file.
    static Result<GoldenFile> open(const std::filesystem::path& path, std::string name);

    const std::string& name() const { return name_; }
    bool has(std::string_view tensor) const { return find(tensor) != nullptr; }
    // F32 or BF16; int32. Errors name file and tensor, what was found and what was expected.
    Result<GoldenFloats> floats(std::string_view tensor, std::span<const std::int64_t> shape);
    Result<GoldenInts> ints(std::string_view tensor, std::span<const std::int64_t> shape);
    // The size of a tensor's first dimension without reading it.
    Result<std::int64_t> length(std::string_view tensor) const;

    // Tensors nobody has asked for; `seen` marks one that needs no reading.
    std::vector<std::string> unread() const;
    void seen(std::string_view tensor);

  private:
    const model::SafetensorsEntry* find(std::string_view tensor) const;
    Result<const model::SafetensorsEntry*> checked(std::string_view tensor, std::span<const std::int64_t> shape);

    std::string name_;
    io::MappedFile file_;
    std::vector<model::SafetensorsEntry> entries_;
    std::vector<bool> read_;
};

}  // namespace baleen::eval
