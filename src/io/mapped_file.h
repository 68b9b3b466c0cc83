// A file mapped read-only into memory. Owns the mapping; movable; the bytes may be read from any thread. A file that is
// truncated by others while mapped raises SIGBUS on access, as with every mapping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"

namespace baleen::io {

class MappedFile {
  public:
    static Result<MappedFile> open(const std::filesystem::path& path);

    MappedFile() = default;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();

    std::span<const std::byte> bytes() const { return {data_, size_}; }

    enum class Access { normal, sequential, random, will_need };
    void advise(Access access) const;

  private:
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

// Brings the pages of a mapped stretch into memory and maps them, so that reading it later takes no faults; blocks until they
// are there. False if the system cannot (it is only an optimisation). Different threads may populate different stretches.
bool populate(std::span<const std::byte> mapped);

// Bytes of memory the system could give to page cache and programs now; 0 if unknown.
std::uint64_t available_memory();

}  // namespace baleen::io
