#include "kv/pool.h"

#include <sys/mman.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace baleen::kv {

Result<std::unique_ptr<Pool>> Pool::create(Shape shape, std::int64_t blocks) {
    CHECK(blocks >= 1, "blocks={}", blocks);
    if (blocks > std::numeric_limits<std::int32_t>::max())
        return resource_exhausted(fmt::format("KV pool: {} blocks are more than block numbers; use a smaller --context", blocks));
    std::unique_ptr<Pool> pool(new Pool(std::move(shape)));
    pool->references_.assign(static_cast<std::size_t>(blocks), kFree);
    pool->extent_used_.assign(static_cast<std::size_t>((blocks + kExtentBlocks - 1) / kExtentBlocks), 0);
    pool->free_ = blocks;
    for (const LayerShape& layer : pool->shape_.layers) {
        for (const std::int64_t block_bytes : {layer.block_entry_bytes(), layer.block_key_bytes()}) {
            Arena arena;
            arena.block_bytes = block_bytes;
            if (block_bytes > 0) {
                arena.mapped = static_cast<std::size_t>(block_bytes * blocks);
                void* data = mmap(nullptr, arena.mapped, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                if (data == MAP_FAILED) {
                    return resource_exhausted(fmt::format("KV pool: cannot reserve {} bytes for {} blocks ({}); use a "
                                                          "smaller --context",
                                                          arena.mapped, blocks, std::strerror(errno)));
                }
                arena.data = static_cast<std::uint8_t*>(data);
            }
            pool->arenas_.push_back(arena);
        }
    }
    return pool;
}

Pool::~Pool() {
    for (const Arena& arena : arenas_)
        if (arena.data != nullptr) munmap(arena.data, arena.mapped);
}

std::optional<BlockId> Pool::find_free(std::optional<BlockId> after) const {
    if (free_ == 0) return std::nullopt;
    const auto count = references_.size();
    if (after) {
        const std::size_t next = slot(*after) + 1;
        if (next < count && next % kExtentBlocks != 0 && references_[next] == kFree) return BlockId(next);
    }
    // A sequence that starts, or whose extent is full, gets an extent of its own while there are any.
    const auto empty = std::find(extent_used_.begin(), extent_used_.end(), 0);
    if (empty != extent_used_.end()) return BlockId((empty - extent_used_.begin()) * kExtentBlocks);
    const auto any = std::find(references_.begin(), references_.end(), kFree);
    return BlockId(any - references_.begin());
}

std::optional<BlockId> Pool::allocate(std::optional<BlockId> after) {
    std::optional<BlockId> block = find_free(after);
    if (!block && give_back_ && give_back_(1)) block = find_free(after);
    if (!block) return std::nullopt;
    references_[slot(*block)] = kWriting;
    ++extent_used_[slot(*block) / kExtentBlocks];
    --free_;
    return block;
}

void Pool::seal(BlockId block) {
    CHECK(references_[slot(block)] == kWriting, "block {} is not in writing", index(block));
    references_[slot(block)] = 1;
}

void Pool::discard(BlockId block) {
    CHECK(references_[slot(block)] == kWriting, "block {} is not in writing", index(block));
    references_[slot(block)] = kFree;
    --extent_used_[slot(block) / kExtentBlocks];
    ++free_;
}

void Pool::retain(BlockId block) {
    CHECK(references_[slot(block)] > 0, "block {} is not sealed", index(block));
    ++references_[slot(block)];
}

void Pool::release(BlockId block) {
    CHECK(references_[slot(block)] > 0, "block {} is not sealed", index(block));
    if (--references_[slot(block)] > 0) return;
    references_[slot(block)] = kFree;
    --extent_used_[slot(block) / kExtentBlocks];
    ++free_;
}

std::span<const std::uint8_t> Pool::bytes(LayerIndex layer, Kind kind, BlockId first, std::int64_t count) const {
    const Arena& from = arena(layer, kind);
    DCHECK(index(first) + count <= capacity());
    return {from.data + index(first) * from.block_bytes, static_cast<std::size_t>(count * from.block_bytes)};
}

std::span<std::uint8_t> Pool::writable(LayerIndex layer, Kind kind, BlockId block) {
    CHECK(references_[slot(block)] == kWriting, "block {} is not in writing", index(block));
    const Arena& from = arena(layer, kind);
    return {from.data + index(block) * from.block_bytes, static_cast<std::size_t>(from.block_bytes)};
}

}  // namespace baleen::kv
