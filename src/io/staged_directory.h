// A directory that appears whole or not at all: it is filled under a temporary name beside its target and renamed by
// commit(). Destroyed before that, it removes what was written. One owner, one thread. A kill -9 can leave the
// temporary directory behind, named "<target>.partial-<pid>"; never a half-written target.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/result.h"

namespace baleen::io {

enum class Replace : bool { no, yes };

class StagedDirectory {
  public:
    // The target must not exist, or be an empty directory, or, with Replace::yes, hold nothing but the plain files of a
    // checkpoint (config.json, *.safetensors, tokenizer files): then it is replaced on commit.
    static Result<StagedDirectory> create(const std::filesystem::path& target, Replace replace);

    StagedDirectory(StagedDirectory&& other) noexcept;
    StagedDirectory& operator=(StagedDirectory&&) = delete;
    ~StagedDirectory();

    const std::filesystem::path& path() const { return staging_; }
    Result<void> commit();

  private:
    StagedDirectory(std::filesystem::path target, std::filesystem::path staging)
        : target_(std::move(target)), staging_(std::move(staging)) {}
    std::filesystem::path target_;
    std::filesystem::path staging_;  // empty once committed
};

// Bytes that may still be written in the file system that holds `path` (or its nearest existing parent).
Result<std::uint64_t> free_space(const std::filesystem::path& path);

}  // namespace baleen::io
