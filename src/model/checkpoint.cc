#include "model/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/json.h"
#include "io/read_file.h"
#include "model/placement.h"
#include "model/safetensors.h"
#include "model/shard_index.h"

namespace baleen::model {

namespace {

constexpr std::size_t kConfigBytesMax = 1 << 20;
constexpr std::size_t kWarningsMax = 24;
constexpr char kConfigName[] = "config.json";
constexpr char kIndexName[] = "model.safetensors.index.json";
constexpr char kSingleName[] = "model.safetensors";

}  // namespace

// The steps of Checkpoint::open.
class CheckpointReader {
  public:
    explicit CheckpointReader(const std::filesystem::path& directory) { checkpoint_->directory_ = directory; }

    Result<std::unique_ptr<Checkpoint>> read() {
        TRY(check_directory());
        TRY(read_config());
        if (checkpoint_->has_file(kIndexName)) {
            checkpoint_->indexed_ = true;
            TRY(read_by_index());
        } else if (checkpoint_->has_file(kSingleName)) {
            TRY(read_shard(kSingleName));
        } else {
            return not_found(
                fmt::format("{}: neither {} nor {}", checkpoint_->directory_.string(), kIndexName, kSingleName));
        }
        name_tensors();
        if (index_) TRY(check_index());
        add_warnings_summary();
        return std::move(checkpoint_);
    }

  private:
    Result<void> check_directory() const {
        std::error_code error;
        if (std::filesystem::is_directory(checkpoint_->directory_, error)) return Ok{};
        return not_found(fmt::format("{}: no such directory", checkpoint_->directory_.string()));
    }

    Result<void> read_config() {
        TRY_ASSIGN(const std::string text, io::read_file(checkpoint_->directory_ / kConfigName, kConfigBytesMax));
        TRY_ASSIGN(checkpoint_->config_, parse_config(text, kConfigName));
        return Ok{};
    }

    Result<void> read_by_index() {
        {
            TRY_ASSIGN(const std::string text, io::read_file(checkpoint_->directory_ / kIndexName, kIndexBytesMax));
            TRY_ASSIGN(index_, parse_shard_index(text, kIndexName));
        }
        for (const std::string& shard : index_->shards) TRY(read_shard(shard));
        return Ok{};
    }

    Result<void> read_shard(const std::string& name) {
        auto file = io::MappedFile::open(checkpoint_->directory_ / name);
        if (!file.ok()) {
            Error error = std::move(file).error();
            if (index_ && error.code == ErrorCode::not_found)
                return corrupt(fmt::format("{}: names shard {}, which is missing", kIndexName, name));
            return error;
        }
        TRY_ASSIGN(std::vector<SafetensorsEntry> entries,
                   parse_safetensors_header(file->bytes(), file->bytes().size(), name));
        const int shard = checkpoint_->shard_count();
        for (SafetensorsEntry& entry : entries)
            checkpoint_->tensors_.push_back({std::move(entry.name), entry.dtype.value_or(tensor::DType::u8),
                                             std::move(entry.foreign_dtype), std::move(entry.shape), entry.begin,
                                             entry.end - entry.begin, shard});
        checkpoint_->shards_.push_back({name, std::move(*file)});
        return Ok{};
    }

    // Fills the map of names. With an index, tensors it does not place in their shard are dropped with a warning.
    void name_tensors() {
        std::vector<TensorInfo>& tensors = checkpoint_->tensors_;
        if (index_) drop_unlisted(tensors);
        checkpoint_->by_name_.reserve(tensors.size());
        for (std::size_t i = 0; i < tensors.size(); ++i) checkpoint_->by_name_.emplace(tensors[i].name, i);
    }

    void drop_unlisted(std::vector<TensorInfo>& tensors) {
        std::unordered_map<std::string_view, int> listed;
        listed.reserve(index_->tensors.size());
        for (const ShardIndex::Entry& entry : index_->tensors) listed.emplace(entry.tensor, entry.shard);
        std::erase_if(tensors, [&](const TensorInfo& tensor) {
            const auto found = listed.find(tensor.name);
            if (found != listed.end() && found->second == tensor.shard) return false;
            warn(fmt::format("{}: tensor \"{}\" is not in the index and is ignored",
                             checkpoint_->shard_name(tensor.shard), printable(tensor.name)));
            return true;
        });
    }

    // Every index entry must have been found; unlisted tensors are gone already, so counts tell.
    Result<void> check_index() {
        if (checkpoint_->tensors_.size() != index_->tensors.size()) {
            for (const ShardIndex::Entry& entry : index_->tensors)
                if (!checkpoint_->has(entry.tensor))
                    return corrupt(fmt::format("{}: tensor \"{}\" is not in shard {}", kIndexName,
                                               printable(entry.tensor),
                                               index_->shards[static_cast<std::size_t>(entry.shard)]));
        }
        if (index_->total_size && *index_->total_size != checkpoint_->total_bytes())
            warn(fmt::format("{}: metadata.total_size is {}, the tensors have {} bytes", kIndexName,
                             *index_->total_size, checkpoint_->total_bytes()));
        return Ok{};
    }

    void warn(std::string text) {
        if (++warnings_ <= kWarningsMax) checkpoint_->warnings_.push_back(std::move(text));
    }
    void add_warnings_summary() {
        if (warnings_ > kWarningsMax)
            checkpoint_->warnings_.push_back(fmt::format("... and {} more such lines", warnings_ - kWarningsMax));
    }

    std::unique_ptr<Checkpoint> checkpoint_ = std::make_unique<Checkpoint>();
    std::optional<ShardIndex> index_;
    std::size_t warnings_ = 0;
};

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const std::filesystem::path& directory) {
    return CheckpointReader(directory).read();
}

Result<void> Checkpoint::make_resident(const std::function<void(std::uint64_t)>& progress, std::span<const int> nodes) {
    const bool several = std::any_of(nodes.begin(), nodes.end(), [&](int node) { return node != nodes[0]; });
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        Shard& shard = shards_[i];
        std::vector<int> placed;
        if (several) {
            std::vector<Stretch> stretches;
            for (const TensorInfo& tensor : tensors_)
                if (tensor.shard == static_cast<int>(i)) stretches.push_back({tensor.offset, tensor.bytes});
            placed = unit_nodes(stretches, shard.file.bytes().size(), io::MappedFile::kPlacedBytes, nodes);
        }
        TRY_ASSIGN(io::MappedFile file, io::MappedFile::read(directory_ / shard.name, progress, placed));
        if (file.bytes().size() != shard.file.bytes().size())
            return corrupt(fmt::format("{}: changed its size while the checkpoint was opened", shard.name));
        shard.file = std::move(file);
    }
    return Ok{};
}

void Checkpoint::populate(const std::function<void(std::uint64_t)>& progress) const {
    constexpr std::uint64_t kPiece = 16 << 20;
    std::vector<std::span<const std::byte>> pieces;
    for (const Shard& shard : shards_)
        for (auto rest = shard.file.bytes(); !rest.empty();) {
            pieces.push_back(rest.first(std::min<std::size_t>(rest.size(), kPiece)));
            rest = rest.subspan(pieces.back().size());
        }
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::vector<std::jthread> threads;
    for (int t = 0; t < std::min(io::reading_threads(), static_cast<int>(pieces.size())); ++t) {
        threads.emplace_back([&] {
            for (std::size_t i; (i = next.fetch_add(1)) < pieces.size();) {
                io::populate(pieces[i]);
                const std::lock_guard lock(mutex);
                if (progress) progress(pieces[i].size());
            }
        });
    }
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

const std::byte* Checkpoint::data(const TensorInfo& tensor) const {
    const auto bytes = shards_[static_cast<std::size_t>(tensor.shard)].file.bytes();
    DCHECK(tensor.offset + tensor.bytes <= bytes.size(), "{}", tensor.name);
    return bytes.data() + tensor.offset;
}

std::string_view Checkpoint::listing() const {
    return indexed_ ? kIndexName : kSingleName;
}

std::uint64_t Checkpoint::total_bytes() const {
    std::uint64_t sum = 0;
    for (const TensorInfo& tensor : tensors_) sum += tensor.bytes;
    return sum;
}

}  // namespace baleen::model
