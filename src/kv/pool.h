// Memory of finished KV blocks, shared by all sequences (spec prefix 6, 12.5). Layer-major: one arena per layer and kind,
// all indexed by the same block slot, so that scoring a long context streams through keys and never touches entries.
// Slots are handed out in extents of 16 consecutive ones where possible (a run of keys is then at least 32 KiB on Flash).
//
// A block is free, then in writing (one owner, may be filled), then sealed (immutable, counted references). Arenas are
// reserved address space, touched as blocks come into use. Engine thread only, except that bytes may be read by the team.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "kv/shape.h"

namespace baleen::kv {

enum class Kind : std::uint8_t { entries, keys };

class Pool {
  public:
    static constexpr int kExtentBlocks = 16;

    // Reserves address space for `blocks` blocks; fails if the system refuses.
    static Result<std::unique_ptr<Pool>> create(Shape shape, std::int64_t blocks);
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    const Shape& shape() const { return shape_; }
    std::int64_t capacity() const { return static_cast<std::int64_t>(references_.size()); }
    std::int64_t free_blocks() const { return free_; }

    // A free block, now in writing; after `after` in memory if that slot is free. When none is left, the owner of cached
    // blocks is asked once to give some back; nothing if that does not help.
    std::optional<BlockId> allocate(std::optional<BlockId> after);
    // writing -> sealed with one reference.
    void seal(BlockId block);
    // writing -> free.
    void discard(BlockId block);
    void retain(BlockId block);
    // The last reference frees the block.
    void release(BlockId block);
    bool sealed(BlockId block) const { return references_[slot(block)] > 0; }

    // Called when allocate() finds nothing: (blocks wanted) -> whether some were released.
    void on_pressure(std::function<bool(std::int64_t)> give_back) { give_back_ = std::move(give_back); }

    // Bytes of `count` consecutive blocks of one layer and kind.
    std::span<const std::uint8_t> bytes(LayerIndex layer, Kind kind, BlockId first, std::int64_t count) const;
    // The same for a block in writing.
    std::span<std::uint8_t> writable(LayerIndex layer, Kind kind, BlockId block);

  private:
    explicit Pool(Shape shape) : shape_(std::move(shape)) {}
    static std::size_t slot(BlockId block) { return static_cast<std::size_t>(index(block)); }
    std::optional<BlockId> find_free(std::optional<BlockId> after) const;

    struct Arena {
        std::uint8_t* data = nullptr;
        std::int64_t block_bytes = 0;
        std::size_t mapped = 0;
    };
    const Arena& arena(LayerIndex layer, Kind kind) const {
        return arenas_[static_cast<std::size_t>(index(layer)) * 2 + (kind == Kind::keys)];
    }

    static constexpr std::int32_t kFree = -1;
    static constexpr std::int32_t kWriting = 0;

    Shape shape_;
    std::vector<Arena> arenas_;             // [layer][kind]
    std::vector<std::int32_t> references_;  // per slot: kFree, kWriting or the count
    std::vector<std::uint8_t> extent_used_;  // blocks in use per extent
    std::int64_t free_ = 0;
    std::function<bool(std::int64_t)> give_back_;
};

}  // namespace baleen::kv
