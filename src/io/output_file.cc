#include "io/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace baleen::io {

Result<OutputFile> OutputFile::create(const std::filesystem::path& path, std::uint64_t bytes) {
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!file.valid()) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        return io_error(fmt::format("{}: {} bytes: {}", path.string(), bytes, std::strerror(errno)));
    return OutputFile(std::move(file), path.string());
}

Result<void> OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t wrote = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return io_error(fmt::format("{}: {}", name_, std::strerror(wrote < 0 ? errno : ENOSPC)));
        bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        offset += static_cast<std::uint64_t>(wrote);
    }
    return Ok{};
}

Result<void> OutputFile::sync() const {
    if (::fsync(file_.get()) != 0) return io_error(fmt::format("{}: {}", name_, std::strerror(errno)));
    return Ok{};
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
    TRY_ASSIGN(const OutputFile file, OutputFile::create(path, 0));
    TRY(file.write_at(0, std::as_bytes(std::span(text))));
    return file.sync();
}

}  // namespace baleen::io
