#include "io/page_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "io/mapped_file.h"
#include "io/read_file.h"

namespace baleen::io {

Result<void> drop_cached(const std::filesystem::path& path) {
    TRY_ASSIGN(const Descriptor file, open_for_reading(path));
    if (::fdatasync(file.get()) != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));  // only clean pages can go
    if (const int error = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED); error != 0)
        return io_error(fmt::format("{}: {}", path.string(), std::strerror(error)));
    return {};
}

Result<void> read_into_cache(const std::filesystem::path& path) {
    TRY_ASSIGN(const Descriptor file, open_for_reading(path));
    std::vector<char> buffer(4 << 20);
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
        if (got == 0) return {};
    }
}

Result<double> cached_share(const std::filesystem::path& path) {
    TRY_ASSIGN(const MappedFile file, MappedFile::open(path));
    if (file.bytes().empty()) return 1.0;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    std::vector<unsigned char> there((file.bytes().size() + page - 1) / page);
    if (::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(), there.data()) != 0)
        return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    const auto cached = std::count_if(there.begin(), there.end(), [](unsigned char flags) { return (flags & 1) != 0; });
    return static_cast<double>(cached) / static_cast<double>(there.size());
}

}  // namespace baleen::io
