#include "io/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/threads.h"

namespace baleen::io {

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

int reading_threads() { return std::clamp(2 * usable_cpus(), 4, 16); }

Result<Descriptor> open_for_reading(const std::filesystem::path& path) {
    int fd = -1;
    // O_NONBLOCK: a FIFO in the place of a file must not hang us; it means nothing for regular files.
    do fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd < 0 && errno == EINTR);
    if (fd >= 0) return Descriptor(fd);
    const int error = errno;
    std::string message = fmt::format("{}: {}", path.string(), std::strerror(error));
    return error == ENOENT || error == ENOTDIR ? not_found(std::move(message)) : io_error(std::move(message));
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t bytes_max) {
    TRY_ASSIGN(const Descriptor file, open_for_reading(path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    if (!S_ISREG(status.st_mode)) return io_error(fmt::format("{}: not a regular file", path.string()));

    // The size is a hint: the file may change while it is read.
    std::string text;
    std::size_t used = 0;
    text.resize(std::min(static_cast<std::size_t>(status.st_size), bytes_max) + 1);
    for (;;) {
        const ssize_t got = ::read(file.get(), text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        if (used > bytes_max)
            return resource_exhausted(fmt::format("{}: larger than the limit of {} bytes", path.string(), bytes_max));
        if (used == text.size()) text.resize(std::min(2 * used, bytes_max + 1));
    }
    text.resize(used);
    return text;
}

}  // namespace baleen::io
