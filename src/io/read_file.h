// Opening files and reading small ones whole. Errors carry the path; a missing file is not_found, the rest is io.
// Stateless; any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"

namespace baleen::io {

// Owns a POSIX file descriptor.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor();

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

// How many threads read large files at once: more than CPUs, since they wait for the disk.
int reading_threads();

Result<Descriptor> open_for_reading(const std::filesystem::path& path);

// The whole file; resource_exhausted if it is longer than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max);

}  // namespace baleen::io
