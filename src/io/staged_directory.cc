#include "io/staged_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "io/read_file.h"

namespace baleen::io {

namespace fs = std::filesystem;

namespace {

bool checkpoint_file(const fs::directory_entry& entry) {
    std::error_code error;
    const fs::file_type type = entry.symlink_status(error).type();
    if (type != fs::file_type::regular && type != fs::file_type::symlink) return false;
    const std::string name = entry.path().filename().string();
    return name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json") || name == "config.json" ||
           name == "generation_config.json" || name.starts_with("tokenizer") || name == "special_tokens_map.json";
}

// Whether the target may be replaced.
Result<void> check_target(const fs::path& target, Replace replace) {
    std::error_code error;
    const fs::file_status status = fs::symlink_status(target, error);
    if (status.type() == fs::file_type::not_found) return Ok{};
    if (error) return io_error(fmt::format("{}: {}", target.string(), error.message()));
    if (status.type() != fs::file_type::directory)
        return invalid_argument(fmt::format("{}: exists and is not a directory", target.string()));
    fs::directory_iterator files(target, error);
    if (error) return io_error(fmt::format("{}: {}", target.string(), error.message()));
    for (; files != fs::directory_iterator(); files.increment(error)) {
        if (error) return io_error(fmt::format("{}: {}", target.string(), error.message()));
        if (replace == Replace::no)
            return invalid_argument(fmt::format("{}: exists and is not empty; --force replaces it", target.string()));
        if (!checkpoint_file(*files))
            return invalid_argument(fmt::format("{}: holds {}, which is no part of a checkpoint; not replaced",
                                                target.string(), files->path().filename().string()));
    }
    return Ok{};
}

Result<void> move_directory(const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::rename(from, to, error);
    if (error) return io_error(fmt::format("{}: cannot become {}: {}", from.string(), to.string(), error.message()));
    return Ok{};
}

}  // namespace

Result<StagedDirectory> StagedDirectory::create(const fs::path& given, Replace replace) {
    std::error_code error;
    fs::path target = fs::absolute(given, error).lexically_normal();
    if (!target.has_filename()) target = target.parent_path();  // "dir/" names dir
    if (error || target.empty() || !target.has_filename())
        return invalid_argument(fmt::format("\"{}\" is not a directory to write to", given.string()));
    TRY(check_target(target, replace));
    fs::path staging = target;
    staging += fmt::format(".partial-{}", ::getpid());
    fs::create_directories(target.parent_path(), error);
    if (!error) fs::create_directory(staging, error);
    if (error) return io_error(fmt::format("{}: {}", staging.string(), error.message()));
    return StagedDirectory(std::move(target), std::move(staging));
}

StagedDirectory::StagedDirectory(StagedDirectory&& other) noexcept
    : target_(std::move(other.target_)), staging_(std::exchange(other.staging_, fs::path())) {}

StagedDirectory::~StagedDirectory() {
    std::error_code error;
    if (!staging_.empty()) fs::remove_all(staging_, error);
}

Result<void> StagedDirectory::commit() {
    std::error_code error;
    fs::path old = target_;
    old += fmt::format(".old-{}", ::getpid());
    const bool replacing = fs::exists(target_, error);
    if (replacing) TRY(move_directory(target_, old));
    if (auto renamed = move_directory(staging_, target_); !renamed.ok()) {
        if (replacing) fs::rename(old, target_, error);  // put it back
        return renamed;
    }
    staging_.clear();
    if (replacing) fs::remove_all(old, error);
    // The new name itself must be on the drive too.
    TRY_ASSIGN(const Descriptor parent, open_for_reading(target_.parent_path()));
    if (::fsync(parent.get()) != 0)
        return io_error(fmt::format("{}: {}", target_.parent_path().string(), std::strerror(errno)));
    return Ok{};
}

Result<std::uint64_t> free_space(const fs::path& path) {
    std::error_code error;
    fs::path at = fs::absolute(path, error);
    while (!at.empty() && at != at.parent_path() && !fs::exists(at, error)) at = at.parent_path();
    struct statvfs status {};
    if (::statvfs(at.c_str(), &status) != 0) return io_error(fmt::format("{}: {}", at.string(), std::strerror(errno)));
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace baleen::io
