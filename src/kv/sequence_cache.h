// Everything one sequence remembers: its blocks in the pool, the open block's entries, the raw window rows and the last
// compressor inputs of every layer (spec architecture 4.3; prefix 3.3 and 12). Rows are addressed by absolute position;
// rings have kDraftRows spare rows, so drafted positions can be taken back.
//
// A step is begin(n), writes for positions [computed, computed + n), commit(k) with n - k <= kDraftRows. Between steps the
// cache is always valid: it can be saved, forked, truncated by a few tokens or dropped. One allocation at construction,
// none afterwards except the growth of the block table. Engine thread; during a step the team writes disjoint rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "kv/pool.h"
#include "kv/shape.h"

namespace baleen::kv {

// The two compressors of a ratio-4 layer; ratio-128 layers have `main` only.
enum class Stream : std::uint8_t { main, index };

// Consecutive entries or keys in memory.
struct Run {
    const std::uint8_t* data = nullptr;
    std::int64_t count = 0;
};

class SequenceCache {
  public:
    explicit SequenceCache(Pool& pool);
    // Makes room to name the blocks of so many tokens, so that steps up to there take no memory.
    void expect(std::int64_t tokens) { blocks_.reserve(static_cast<std::size_t>(tokens / kBlockTokens + 2)); }
    ~SequenceCache();
    SequenceCache(const SequenceCache&) = delete;
    SequenceCache& operator=(const SequenceCache&) = delete;

    // Tokens whose state is complete in all layers.
    std::int64_t computed() const { return computed_; }
    std::span<const BlockId> blocks() const { return blocks_; }

    // ---- one step
    // Makes room for n more positions; resource_exhausted if the pool has no blocks left, and nothing changed then.
    Result<void> begin(std::int64_t n);
    // The first k of the begun positions are now part of the sequence; n - k <= kDraftRows.
    void commit(std::int64_t k);
    // Takes begin() back; allowed while no row has been written.
    void cancel();
    // Takes back committed positions, down to rewind_floor(): rows below it may be overwritten or were never restored.
    Result<void> truncate(std::int64_t tokens);
    // kDraftRows below the highest position ever begun; after attach() the attached position.
    std::int64_t rewind_floor() const { return rewind_floor_; }

    // ---- rows, by layer and absolute position; a row is valid while it is among the last window_rows() (kept rows)
    const std::uint8_t* window_row(LayerIndex layer, std::int64_t position) const;
    std::uint8_t* window_row(LayerIndex layer, std::int64_t position);
    // Compressor inputs: values at [0, width), gates at [width, 2 * width) of the row.
    const float* compressor_row(LayerIndex layer, Stream stream, std::int64_t position) const;
    float* compressor_row(LayerIndex layer, Stream stream, std::int64_t position);
    // How many rows of compressor inputs a layer keeps.
    std::int64_t compressor_rows(LayerIndex layer) const;

    // ---- entries and keys, by layer and entry number c (tokens [ratio * c, ratio * c + ratio))
    const std::uint8_t* entry(LayerIndex layer, std::int64_t c) const;
    std::uint8_t* writable_entry(LayerIndex layer, std::int64_t c);
    const std::uint8_t* key(LayerIndex layer, std::int64_t c) const;
    std::uint8_t* writable_key(LayerIndex layer, std::int64_t c);
    // The first `count` keys as stretches of consecutive memory, in order; `runs` is overwritten.
    void key_runs(LayerIndex layer, std::int64_t count, std::vector<Run>& runs) const;

    // ---- the state beside the blocks, in canonical bytes: equal histories give equal bytes. Draft layers are left out:
    // they change no output, and a sequence without them drafts again once its window has filled.
    std::int64_t state_bytes() const;  // what save() writes now
    static std::int64_t state_bytes(const Shape& shape, std::int64_t tokens);
    void save(std::span<std::byte> out) const;
    // Makes saved bytes claim another depth, for measurements at depths nobody computed: the rows stay those of the old one. Both
    // depths are whole blocks and reach over the window.
    static void pretend_depth(std::span<std::byte> state, std::int64_t tokens);
    // Becomes the sequence of `tokens` tokens whose full blocks are `blocks` (sealed; retained here) and whose remaining
    // state is `state`. Only on a cache that has computed nothing. Validates before anything changes.
    Result<void> attach(std::span<const BlockId> blocks, std::span<const std::byte> state, std::int64_t tokens);
    // Entries of the first blocks.size() * 128 tokens exist already and are used but not written, while rows are computed
    // again from the start (replay, spec prefix 12.8). Only on a cache that has computed nothing; the blocks are retained.
    void attach_entries(std::span<const BlockId> blocks);
    bool entry_exists(int ratio, std::int64_t c) const { return (c + 1) * ratio <= existing_tokens_; }
    // The same sequence again, sharing all full blocks.
    std::unique_ptr<SequenceCache> fork() const;

  private:
    struct LayerPlace {  // offsets into memory_
        std::int64_t window = 0, rows = 0, index_rows = 0, open_entries = 0, open_keys = 0;
        int kept = 0;
    };
    // Calls visit(pointer, bytes) for every piece of the state of `tokens` tokens, in canonical order.
    template <class Self, class Visit>
    static void for_each_piece(Self& self, std::int64_t tokens, Visit&& visit);
    const std::uint8_t* stored(LayerIndex layer, Kind kind, std::int64_t c) const;
    std::uint8_t* writable(LayerIndex layer, Kind kind, std::int64_t c);
    void copy_open(BlockId block, std::int64_t tokens, bool to_block);
    void drop_unsealed(std::size_t keep);
    const LayerShape& shape_of(LayerIndex layer) const {
        return pool_.shape().layers[static_cast<std::size_t>(index(layer))];
    }
    const LayerPlace& place(LayerIndex layer) const { return places_[static_cast<std::size_t>(index(layer))]; }

    Pool& pool_;
    std::vector<LayerPlace> places_;
    std::unique_ptr<std::uint8_t[]> memory_;
    std::vector<BlockId> blocks_;  // sealed ones, then those in writing during a step
    std::int64_t computed_ = 0;
    std::int64_t begun_ = 0;
    std::int64_t rewind_floor_ = 0;
    std::int64_t existing_tokens_ = 0;  // attach_entries()
};

}  // namespace baleen::kv
