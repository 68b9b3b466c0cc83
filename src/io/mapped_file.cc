#include "io/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "io/read_file.h"

namespace baleen::io {

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
    TRY_ASSIGN(const Descriptor file, open_for_reading(path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    if (!S_ISREG(status.st_mode)) return io_error(fmt::format("{}: not a regular file", path.string()));

    MappedFile mapped;
    mapped.size_ = static_cast<std::size_t>(status.st_size);
    if (mapped.size_ == 0) return mapped;  // an empty mapping is not allowed
    void* const data = ::mmap(nullptr, mapped.size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (data == MAP_FAILED) {
        mapped.size_ = 0;
        return io_error(fmt::format("{}: cannot be mapped: {}", path.string(), std::strerror(errno)));
    }
    mapped.data_ = static_cast<const std::byte*>(data);
    return mapped;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::advise(Access access) const {
    if (data_ == nullptr) return;
    int advice = MADV_NORMAL;
    switch (access) {
        case Access::normal:
            advice = MADV_NORMAL;
            break;
        case Access::sequential:
            advice = MADV_SEQUENTIAL;
            break;
        case Access::random:
            advice = MADV_RANDOM;
            break;
        case Access::will_need:
            advice = MADV_WILLNEED;
            break;
    }
    (void)::madvise(const_cast<std::byte*>(data_), size_, advice);  // a hint; refusal changes nothing
}

bool populate(std::span<const std::byte> mapped) {
    constexpr int kPopulateRead = 22;  // MADV_POPULATE_READ, Linux 5.14
    if (mapped.empty()) return true;
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(mapped.data()) / page * page;
    const std::uintptr_t end =
        (reinterpret_cast<std::uintptr_t>(mapped.data()) + mapped.size() + page - 1) / page * page;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);  // what is on disk is asked for at once, not by faults
    return ::madvise(reinterpret_cast<void*>(begin), end - begin, kPopulateRead) == 0;
}

}  // namespace baleen::io
