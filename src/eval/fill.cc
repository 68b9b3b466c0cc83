#include "eval/fill.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "kv/sequence_cache.h"

namespace baleen::eval {

namespace {

using engine::Engine;
using engine::Sequence;

std::vector<TokenId> random_tokens(const Engine& engine, std::int64_t count, std::mt19937_64& random) {
    std::vector<TokenId> tokens;
    tokens.reserve(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) tokens.push_back(TokenId(random() % static_cast<std::uint64_t>(engine.config().vocab_size)));
    return tokens;
}

// The blocks of a filled sequence, given back when the sequence holds its own references.
class Blocks {
  public:
    explicit Blocks(kv::Pool& pool) : pool_(pool) {}
    ~Blocks() {
        for (const BlockId block : ids_) pool_.release(block);
    }
    Blocks(const Blocks&) = delete;
    Blocks& operator=(const Blocks&) = delete;

    void share(std::span<const BlockId> others) {
        for (const BlockId block : others) {
            pool_.retain(block);
            ids_.push_back(block);
        }
    }
    // One more block whose contents are drawn from the first `base` ones.
    Result<void> draw(std::size_t base, std::mt19937_64& random) {
        const std::optional<BlockId> block = pool_.allocate(ids_.back());
        if (!block) return resource_exhausted(fmt::format("the KV pool of {} blocks is full after {}", pool_.capacity(), ids_.size()));
        const kv::Shape& shape = pool_.shape();
        for (std::size_t i = 0; i < shape.layers.size(); ++i) {
            const kv::LayerShape& layer = shape.layers[i];
            if (layer.ratio == 0) continue;
            fill(LayerIndex(i), kv::Kind::entries, *block, layer.entry_bytes, 0, base, random);
            if (layer.ratio != 4) continue;
            // Codes of packed keys are any bits; plain ones are numbers and are copied whole.
            const std::int64_t codes = shape.key.packed ? shape.key.scale_offset() : 0;
            fill(LayerIndex(i), kv::Kind::keys, *block, layer.key_bytes, codes, base, random);
        }
        pool_.seal(*block);
        ids_.push_back(*block);
        return Ok{};
    }
    std::span<const BlockId> ids() const { return ids_; }

  private:
    void fill(LayerIndex layer, kv::Kind kind, BlockId block, std::int64_t unit, std::int64_t codes, std::size_t base, std::mt19937_64& random) {
        const std::span<std::uint8_t> out = pool_.writable(layer, kind, block);
        for (std::size_t at = 0; at < out.size(); at += static_cast<std::size_t>(unit)) {
            const std::span<const std::uint8_t> from = pool_.bytes(layer, kind, ids_[random() % base], 1);
            std::memcpy(out.data() + at, from.data() + random() % (from.size() / static_cast<std::size_t>(unit)) * static_cast<std::size_t>(unit),
                        static_cast<std::size_t>(unit));
            for (std::int64_t code = 0; code + 8 <= codes; code += 8) {
                const std::uint64_t bits = random();
                std::memcpy(out.data() + at + static_cast<std::size_t>(code), &bits, sizeof bits);
            }
        }
    }

    kv::Pool& pool_;
    std::vector<BlockId> ids_;
};

}  // namespace

Result<std::unique_ptr<Sequence>> filled_sequence(Engine& engine, std::int64_t depth, std::mt19937_64& random) {
    depth = depth / kv::kBlockTokens * kv::kBlockTokens;
    const std::int64_t computed = std::min(depth, kFillBase);
    TRY_ASSIGN(std::unique_ptr<Sequence> base, engine.start({.prompt = random_tokens(engine, std::max<std::int64_t>(computed, 1), random)}));
    if (computed > 0) TRY(engine.prefill(*base, {}));
    if (depth <= kFillBase) {
        if (computed > 0) TRY(base->append(random_tokens(engine, 1, random)[0]));
        return base;
    }
    Blocks blocks(engine.pool());
    blocks.share(base->cache().blocks());
    const std::size_t drawn_from = blocks.ids().size();
    while (static_cast<std::int64_t>(blocks.ids().size()) * kv::kBlockTokens < depth) TRY(blocks.draw(drawn_from, random));
    std::vector<std::byte> state = base->save();
    kv::SequenceCache::pretend_depth(state, depth);
    TRY_ASSIGN(std::unique_ptr<Sequence> filled, engine.start({.prompt = random_tokens(engine, depth + 1, random)}));
    TRY(filled->attach(blocks.ids(), state, depth));
    return filled;
}

}  // namespace baleen::eval
