// A checkpoint directory opened for reading: config.json plus safetensors shards (with index, or a single file), mapped
// and never copied to be parsed. Opening reads headers only and validates them completely: offsets, overlaps, overflow,
// duplicate names, files too short. Immutable after open; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "io/mapped_file.h"
#include "model/config.h"
#include "tensor/dtype.h"

namespace baleen::model {

struct TensorInfo {
    std::string name;
    tensor::DType dtype = tensor::DType::u8;
    std::string foreign_dtype;  // text of a dtype this program does not know; empty otherwise. Such bytes are opaque.
    std::vector<std::int64_t> shape;
    std::uint64_t offset = 0;  // from the start of the file
    std::uint64_t bytes = 0;
    int shard = 0;

    std::int64_t elements() const {
        std::int64_t n = 1;
        for (const std::int64_t dim : shape) n *= dim;
        return n;
    }
};

class Checkpoint {
  public:
    // Opens the directory. Errors: not_found (no such directory, no config.json, no safetensors), corrupt (names file and
    // tensor or field), unsupported (another architecture, named).
    static Result<std::unique_ptr<Checkpoint>> open(const std::filesystem::path& directory);

    const std::filesystem::path& directory() const { return directory_; }
    const Config& config() const { return config_; }

    // Tensors in the order of shards and, within a shard, of offsets.
    const std::vector<TensorInfo>& tensors() const { return tensors_; }
    const TensorInfo* find(std::string_view name) const;
    bool has(std::string_view name) const { return find(name) != nullptr; }
    // The tensor's bytes in the mapping.
    const std::byte* data(const TensorInfo& tensor) const;
    const std::string& shard_name(int shard) const { return shards_[static_cast<std::size_t>(shard)].name; }
    int shard_count() const { return static_cast<int>(shards_.size()); }
    std::uint64_t total_bytes() const;  // of all tensors

    // Reads every shard into memory of this process (MappedFile::read) in place of its mapping. Pointers that data() gave before are
    // void. To be called before others use the checkpoint; on an error it is as before or partly read, and usable either way. With
    // `nodes`, the memory nodes of the members of the team that will compute, each one's part of every tensor is put on its node.
    Result<void> make_resident(const std::function<void(std::uint64_t bytes)>& progress = {}, std::span<const int> nodes = {});

    // Brings every page of the tensors into the page cache and maps it now instead of at first touch; only an optimisation. `progress` gets
    // bytes as they come, from several threads in turn.
    void populate(const std::function<void(std::uint64_t bytes)>& progress = {}) const;

    // What was odd and did no harm: tensors the index leaves out, a wrong total_size. At most a few dozen lines.
    const std::vector<std::string>& warnings() const { return warnings_; }

    // Path of a side file (tokenizer.json, generation_config.json) if it exists.
    bool has_file(std::string_view name) const {
        std::error_code error;
        return std::filesystem::exists(directory_ / name, error);
    }
    // The file that lists the tensors, for messages: the index, or the only shard.
    std::string_view listing() const;

  private:
    friend class CheckpointReader;
    struct Shard {
        std::string name;
        io::MappedFile file;
    };
    std::filesystem::path directory_;
    Config config_;
    std::vector<Shard> shards_;
    std::vector<TensorInfo> tensors_;
    std::vector<std::string> warnings_;
    bool indexed_ = false;
    std::unordered_map<std::string_view, std::size_t> by_name_;  // views into tensors_[i].name
};

}  // namespace baleen::model
