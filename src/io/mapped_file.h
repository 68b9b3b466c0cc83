// A file's bytes in memory, read-only: mapped through the page cache, or read into memory of this process. Owns them; movable; the
// bytes may be read from any thread. A file that is truncated by others while mapped raises SIGBUS on access, as with every mapping;
// one that was read is independent of its file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "base/result.h"

namespace baleen::io {

class MappedFile {
  public:
    static Result<MappedFile> open(const std::filesystem::path& path);

    // Reads the whole file into anonymous memory, in huge pages where the system gives them. Several threads read at once: what is in
    // the page cache from there, the rest past it (O_DIRECT where the file system has it), so that nothing is held twice.
    // `progress` gets the bytes read since it was last called, from any of the threads, one call at a time. `nodes`, if not empty, has
    // the memory node for every kPlacedBytes of the file: threads of that node read them, so that the system puts them there. Errors: as
    // open(); resource_exhausted without memory; corrupt if the file became shorter meanwhile.
    static constexpr std::uint64_t kPlacedBytes = 2 << 20;  // a huge page
    static Result<MappedFile> read(const std::filesystem::path& path, const std::function<void(std::uint64_t)>& progress = {},
                                   std::span<const int> nodes = {});

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

// Bytes of memory the system could give to this process now, within the limit of its control group; 0 if unknown.
std::uint64_t available_memory();

}  // namespace baleen::io
