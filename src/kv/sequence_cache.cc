#include "kv/sequence_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace baleen::kv {

namespace {

// Leads a saved state, little-endian like everything we write.
struct StateHeader {
    std::uint32_t magic = kMagic;
    std::uint32_t version = 1;
    std::uint64_t fingerprint = 0;  // Shape::fingerprint()
    std::uint64_t tokens = 0;
    std::uint64_t reserved = 0;     // zero

    static constexpr std::uint32_t kMagic = 0x53534c42;  // "BLSS"
};
static_assert(sizeof(StateHeader) == 32);

LayerIndex layer_at(std::size_t i) { return LayerIndex(i); }

}  // namespace

SequenceCache::SequenceCache(Pool& pool) : pool_(pool) {
    const Shape& shape = pool.shape();
    std::int64_t size = 0;
    const auto take = [&size](std::int64_t bytes) {
        const std::int64_t at = size;
        size += (bytes + 63) / 64 * 64;
        return at;
    };
    for (const LayerShape& layer : shape.layers) {
        LayerPlace place;
        place.window = take(shape.window_rows() * shape.entry.bytes());
        if (layer.ratio != 0) {
            place.kept = kept_compressor_rows(layer.ratio);
            place.rows = take(std::int64_t{place.kept} * 2 * layer.row_width * 4);
            place.index_rows = take(std::int64_t{place.kept} * 2 * layer.index_row_width * 4);
            place.open_entries = take(layer.block_entry_bytes());
            place.open_keys = take(layer.block_key_bytes());
        }
        places_.push_back(place);
    }
    memory_ = std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(size) + 64);
}

SequenceCache::~SequenceCache() {
    for (const BlockId block : blocks_) {
        if (pool_.sealed(block)) pool_.release(block);
        else pool_.discard(block);
    }
}

// ---- steps

Result<void> SequenceCache::begin(std::int64_t n) {
    CHECK(begun_ == 0 && n >= 1, "begun={} n={}", begun_, n);
    const std::size_t sealed = blocks_.size();
    const auto complete = static_cast<std::size_t>((computed_ + n) / kBlockTokens);
    while (blocks_.size() < complete) {
        const auto after = blocks_.empty() ? std::nullopt : std::optional<BlockId>(blocks_.back());
        const std::optional<BlockId> block = pool_.allocate(after);
        if (!block) {
            const std::size_t wanted = complete - sealed;
            drop_unsealed(sealed);
            return resource_exhausted(fmt::format("KV pool is full: {} more blocks of {} tokens wanted, {} of {} free",
                                                  wanted, kBlockTokens, pool_.free_blocks(), pool_.capacity()));
        }
        blocks_.push_back(*block);
    }
    // The open block is the first new one, unless its entries existed already.
    if (blocks_.size() > sealed && sealed == static_cast<std::size_t>(computed_ / kBlockTokens))
        copy_open(blocks_[sealed], computed_, true);
    begun_ = n;
    return {};
}

void SequenceCache::commit(std::int64_t k) {
    CHECK(k >= 0 && k <= begun_ && begun_ - k <= kDraftRows, "k={} begun={}", k, begun_);
    const auto sealed = static_cast<std::size_t>(computed_ / kBlockTokens);
    rewind_floor_ = std::max(rewind_floor_, computed_ + begun_ - kDraftRows);
    computed_ += k;
    begun_ = 0;
    const auto complete = static_cast<std::size_t>(computed_ / kBlockTokens);
    for (std::size_t i = sealed; i < complete; ++i)
        if (!pool_.sealed(blocks_[i])) pool_.seal(blocks_[i]);
    // Rejected drafts had completed one block more: it is the open one again.
    if (blocks_.size() > complete && !pool_.sealed(blocks_.back())) {
        copy_open(blocks_[complete], computed_, false);
        drop_unsealed(complete);
    }
}

void SequenceCache::cancel() {
    begun_ = 0;
    drop_unsealed(static_cast<std::size_t>(computed_ / kBlockTokens));
}

// Gives back blocks in writing behind the first `keep`.
void SequenceCache::drop_unsealed(std::size_t keep) {
    while (blocks_.size() > keep && !pool_.sealed(blocks_.back())) {
        pool_.discard(blocks_.back());
        blocks_.pop_back();
    }
}

Result<void> SequenceCache::truncate(std::int64_t tokens) {
    CHECK(begun_ == 0, "inside a step");
    if (tokens < rewind_floor_ || tokens > computed_) {
        return invalid_argument(fmt::format("cannot go back from {} tokens to {}: nothing below {} can be taken back", computed_,
                                            tokens, rewind_floor_));
    }
    if (tokens < existing_tokens_) return invalid_argument("cannot take back tokens whose entries are being replayed");
    const auto complete = static_cast<std::size_t>(tokens / kBlockTokens);
    if (blocks_.size() > complete) {
        copy_open(blocks_[complete], tokens, false);
        pool_.release(blocks_.back());
        blocks_.pop_back();
    }
    computed_ = tokens;
    return {};
}

// Entries and keys of the block that `tokens` is inside of, between the open buffers and a pool block.
void SequenceCache::copy_open(BlockId block, std::int64_t tokens, bool to_block) {
    const std::int64_t inside = tokens % kBlockTokens;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        const LayerShape& layer = pool_.shape().layers[i];
        if (layer.ratio == 0) continue;
        const std::int64_t count = inside / layer.ratio;
        const auto copy = [&](Kind kind, std::int64_t open_at, std::int64_t element_bytes) {
            if (count == 0 || element_bytes == 0) return;
            std::uint8_t* open = memory_.get() + open_at;
            const auto bytes = static_cast<std::size_t>(count * element_bytes);
            if (to_block) std::memcpy(pool_.writable(layer_at(i), kind, block).data(), open, bytes);
            else std::memcpy(open, pool_.bytes(layer_at(i), kind, block, 1).data(), bytes);
        };
        copy(Kind::entries, places_[i].open_entries, layer.entry_bytes);
        copy(Kind::keys, places_[i].open_keys, layer.key_bytes);
    }
}

// ---- rows

const std::uint8_t* SequenceCache::window_row(LayerIndex layer, std::int64_t position) const {
    const Shape& shape = pool_.shape();
    return memory_.get() + place(layer).window + position % shape.window_rows() * shape.entry.bytes();
}

std::uint8_t* SequenceCache::window_row(LayerIndex layer, std::int64_t position) {
    return const_cast<std::uint8_t*>(std::as_const(*this).window_row(layer, position));
}

const float* SequenceCache::compressor_row(LayerIndex layer, Stream stream, std::int64_t position) const {
    const LayerPlace& at = place(layer);
    const LayerShape& shape = shape_of(layer);
    const int width = stream == Stream::main ? shape.row_width : shape.index_row_width;
    const std::int64_t base = stream == Stream::main ? at.rows : at.index_rows;
    return reinterpret_cast<const float*>(memory_.get() + base) + position % at.kept * 2 * width;
}

float* SequenceCache::compressor_row(LayerIndex layer, Stream stream, std::int64_t position) {
    return const_cast<float*>(std::as_const(*this).compressor_row(layer, stream, position));
}

std::int64_t SequenceCache::compressor_rows(LayerIndex layer) const { return place(layer).kept; }

// ---- entries and keys

const std::uint8_t* SequenceCache::stored(LayerIndex layer, Kind kind, std::int64_t c) const {
    const LayerShape& shape = shape_of(layer);
    const std::int64_t element_bytes = kind == Kind::entries ? shape.entry_bytes : shape.key_bytes;
    const auto block = static_cast<std::size_t>(c / shape.entries_per_block);
    const std::int64_t inside = c % shape.entries_per_block;
    if (block < blocks_.size()) return pool_.bytes(layer, kind, blocks_[block], 1).data() + inside * element_bytes;
    const LayerPlace& at = place(layer);
    return memory_.get() + (kind == Kind::entries ? at.open_entries : at.open_keys) + inside * element_bytes;
}

std::uint8_t* SequenceCache::writable(LayerIndex layer, Kind kind, std::int64_t c) {
    DCHECK(begun_ > 0);
    DCHECK(static_cast<std::size_t>(c / shape_of(layer).entries_per_block) >= blocks_.size() ||
               !pool_.sealed(blocks_[static_cast<std::size_t>(c / shape_of(layer).entries_per_block)]),
           "entry {} is sealed", c);
    return const_cast<std::uint8_t*>(stored(layer, kind, c));
}

const std::uint8_t* SequenceCache::entry(LayerIndex layer, std::int64_t c) const { return stored(layer, Kind::entries, c); }
std::uint8_t* SequenceCache::writable_entry(LayerIndex layer, std::int64_t c) { return writable(layer, Kind::entries, c); }
const std::uint8_t* SequenceCache::key(LayerIndex layer, std::int64_t c) const { return stored(layer, Kind::keys, c); }
std::uint8_t* SequenceCache::writable_key(LayerIndex layer, std::int64_t c) { return writable(layer, Kind::keys, c); }

void SequenceCache::key_runs(LayerIndex layer, std::int64_t count, std::vector<Run>& runs) const {
    runs.clear();
    const LayerShape& shape = shape_of(layer);
    for (std::int64_t c = 0; c < count; c += shape.entries_per_block) {
        const std::int64_t here = std::min<std::int64_t>(shape.entries_per_block, count - c);
        const std::uint8_t* data = key(layer, c);
        if (!runs.empty() && runs.back().data + runs.back().count * shape.key_bytes == data) runs.back().count += here;
        else runs.push_back({data, here});
    }
}

// ---- state

template <class Self, class Visit>
void SequenceCache::for_each_piece(Self& self, std::int64_t tokens, Visit&& visit) {
    const Shape& shape = self.pool_.shape();
    for (std::size_t i = 0; i < shape.backbone_layers; ++i) {
        const LayerIndex layer = layer_at(i);
        const LayerShape& kind = shape.layers[i];
        for (std::int64_t t = std::max<std::int64_t>(0, tokens - shape.window); t < tokens; ++t)
            visit(self.window_row(layer, t), shape.entry.bytes());
        if (kind.ratio == 0) continue;
        const auto rows = [&](Stream stream, int width) {
            const std::int64_t group = tokens / kind.ratio * kind.ratio;  // first token of the open group
            if (kind.ratio == 4) {  // the lo halves of the last complete group
                for (std::int64_t t = std::max<std::int64_t>(0, group - 4); t < group; ++t) {
                    visit(self.compressor_row(layer, stream, t), std::int64_t{width} / 2 * 4);
                    visit(self.compressor_row(layer, stream, t) + width, std::int64_t{width} / 2 * 4);
                }
            }
            for (std::int64_t t = group; t < tokens; ++t) visit(self.compressor_row(layer, stream, t), std::int64_t{width} * 8);
        };
        rows(Stream::main, kind.row_width);
        if (kind.ratio == 4) rows(Stream::index, kind.index_row_width);
        const std::int64_t first = tokens / kBlockTokens * kind.entries_per_block;
        for (std::int64_t c = first; c < tokens / kind.ratio; ++c) {
            visit(self.entry(layer, c), kind.entry_bytes);
            if (kind.ratio == 4) visit(self.key(layer, c), kind.key_bytes);
        }
    }
}

std::int64_t SequenceCache::state_bytes() const {
    std::int64_t sum = sizeof(StateHeader);
    for_each_piece(*this, computed_, [&](const void*, std::int64_t bytes) { sum += bytes; });
    return sum;
}

std::int64_t SequenceCache::state_bytes(const Shape& shape, std::int64_t tokens) {
    std::int64_t sum = sizeof(StateHeader);
    for (std::size_t i = 0; i < shape.backbone_layers; ++i) {
        const LayerShape& layer = shape.layers[i];
        sum += std::min<std::int64_t>(tokens, shape.window) * shape.entry.bytes();
        if (layer.ratio == 0) continue;
        const std::int64_t width = layer.row_width + layer.index_row_width;
        if (layer.ratio == 4 && tokens >= 4) sum += 4 * width * 4;
        sum += tokens % layer.ratio * width * 8;
        sum += tokens % kBlockTokens / layer.ratio * (layer.entry_bytes + layer.key_bytes);
    }
    return sum;
}

void SequenceCache::save(std::span<std::byte> out) const {
    CHECK(static_cast<std::int64_t>(out.size()) == state_bytes(), "out has {} bytes", out.size());
    StateHeader header;
    header.fingerprint = pool_.shape().fingerprint();
    header.tokens = static_cast<std::uint64_t>(computed_);
    std::memcpy(out.data(), &header, sizeof header);
    std::byte* at = out.data() + sizeof header;
    for_each_piece(*this, computed_, [&](const void* piece, std::int64_t bytes) {
        std::memcpy(at, piece, static_cast<std::size_t>(bytes));
        at += bytes;
    });
}

void SequenceCache::pretend_depth(std::span<std::byte> state, std::int64_t tokens) {
    StateHeader header;
    CHECK(state.size() >= sizeof header, "state has {} bytes", state.size());
    std::memcpy(&header, state.data(), sizeof header);
    CHECK(header.tokens % kBlockTokens == 0 && tokens % kBlockTokens == 0, "{} and {} tokens", header.tokens, tokens);
    header.tokens = static_cast<std::uint64_t>(tokens);
    std::memcpy(state.data(), &header, sizeof header);
}

Result<void> SequenceCache::attach(std::span<const BlockId> blocks, std::span<const std::byte> state, std::int64_t tokens) {
    CHECK(computed_ == 0 && begun_ == 0 && blocks_.empty(), "attach to a sequence that has computed {}", computed_);
    StateHeader header;
    if (state.size() < sizeof header) return corrupt("sequence state: shorter than its header");
    std::memcpy(&header, state.data(), sizeof header);
    if (header.magic != StateHeader::kMagic || header.version != 1 || header.reserved != 0)
        return corrupt("sequence state: not a state of version 1");
    if (header.fingerprint != pool_.shape().fingerprint())
        return invalid_argument("sequence state: saved with another model shape or other numerics");
    if (tokens < 0 || header.tokens != static_cast<std::uint64_t>(tokens))
        return invalid_argument(fmt::format("sequence state: holds {} tokens, not {}", header.tokens, tokens));
    if (static_cast<std::int64_t>(state.size()) != state_bytes(pool_.shape(), tokens))
        return corrupt(fmt::format("sequence state: {} bytes, {} expected", state.size(), state_bytes(pool_.shape(), tokens)));
    if (static_cast<std::int64_t>(blocks.size()) != tokens / kBlockTokens)
        return invalid_argument(fmt::format("{} blocks for {} tokens", blocks.size(), tokens));
    for (const BlockId block : blocks) {
        if (index(block) < 0 || index(block) >= pool_.capacity() || !pool_.sealed(block))
            return invalid_argument(fmt::format("block {} is not a sealed block", index(block)));
    }
    for (const BlockId block : blocks) {
        pool_.retain(block);
        blocks_.push_back(block);
    }
    const std::byte* at = state.data() + sizeof header;
    for_each_piece(*this, tokens, [&](const void* piece, std::int64_t bytes) {
        std::memcpy(const_cast<void*>(piece), at, static_cast<std::size_t>(bytes));
        at += bytes;
    });
    computed_ = tokens;
    rewind_floor_ = tokens;
    return {};
}

void SequenceCache::attach_entries(std::span<const BlockId> blocks) {
    CHECK(computed_ == 0 && begun_ == 0 && blocks_.empty(), "attach to a sequence that has computed {}", computed_);
    for (const BlockId block : blocks) {
        pool_.retain(block);
        blocks_.push_back(block);
    }
    existing_tokens_ = static_cast<std::int64_t>(blocks.size()) * kBlockTokens;
}

std::unique_ptr<SequenceCache> SequenceCache::fork() const {
    CHECK(begun_ == 0, "inside a step");
    auto copy = std::make_unique<SequenceCache>(pool_);
    std::vector<std::byte> state(static_cast<std::size_t>(state_bytes()));
    save(state);
    const std::span<const BlockId> all = blocks_;
    const auto complete = static_cast<std::size_t>(computed_ / kBlockTokens);
    const Result<void> attached = copy->attach(all.first(complete), state, computed_);
    CHECK(attached.ok(), "{}", attached.ok() ? "" : attached.error().message);
    for (const BlockId block : all.subspan(complete)) {  // in the middle of a replay
        pool_.retain(block);
        copy->blocks_.push_back(block);
    }
    copy->existing_tokens_ = existing_tokens_;
    return copy;
}

}  // namespace baleen::kv
