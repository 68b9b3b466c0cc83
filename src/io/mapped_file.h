// A file mapped read-only into memory. Owns the mapping; movable; the bytes may be read from any thread. A file that is
// truncated by others while mapped raises SIGBUS on access, as with every mapping.
#pragma once

#include <cstddef>
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

}  // namespace baleen::io
