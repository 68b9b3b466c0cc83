// A file being written at offsets, by several threads at once if they like. Owns the descriptor; the file keeps its
// name on destruction, complete or not: see StagedDirectory for all-or-nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"
#include "io/read_file.h"

namespace baleen::io {

class OutputFile {
  public:
    // A new file of `bytes` bytes, all hole. Fails if the name is taken.
    static Result<OutputFile> create(const std::filesystem::path& path, std::uint64_t bytes);

    Result<void> write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;
    // Waits until the data is on the drive.
    Result<void> sync() const;

  private:
    OutputFile(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
    Descriptor file_;
    std::string name_;
};

// Creates, writes and syncs a small file.
Result<void> write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace baleen::io
