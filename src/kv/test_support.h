// Histories for the tests of this folder: every row, entry and key is a pure function of (seed, layer, kind, position), so
// what a cache must hold after any sequence of steps can be written down without the cache. Tests only; any thread.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "kv/pool.h"
#include "kv/sequence_cache.h"

namespace baleen::kv {

// Every kind of layer, small: 0, 4, 128, 4 and one draft layer.
inline Shape small_shape(bool packed = true) {
    model::Config config = model::published_flash();
    config.num_hidden_layers = 4;
    config.compress_ratios = {0, 4, 128, 4, 0};
    config.head_dim = 128;
    config.qk_rope_head_dim = 64;
    config.index_head_dim = 64;
    return make_shape(config, packed, 1);
}

inline std::unique_ptr<Pool> make_pool(const Shape& shape, std::int64_t blocks) {
    auto pool = Pool::create(shape, blocks);
    EXPECT_TRUE(pool.ok());
    return std::move(pool).value();
}

class History {
  public:
    explicit History(std::uint64_t seed) : seed_(seed) {}

    // Reproducible bytes that differ in every argument. What: 0 window row, 1 main row, 2 index row, 3 entry, 4 key.
    void fill(void* out, std::int64_t bytes, std::size_t layer, int what, std::int64_t position) const {
        std::uint64_t state = seed_ * 0x9e3779b97f4a7c15u + layer * 0xbf58476d1ce4e5b9u + static_cast<std::uint64_t>(what) * 0x94d049bb133111ebu +
                              static_cast<std::uint64_t>(position) * 0xd6e8feb86659fd93u + 1;
        auto* to = static_cast<std::uint8_t*>(out);
        for (std::int64_t i = 0; i < bytes; i += 8) {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            const std::uint64_t value = state * 0x2545f4914f6cdd1du;
            std::memcpy(to + i, &value, static_cast<std::size_t>(std::min<std::int64_t>(8, bytes - i)));
        }
    }

    // Writes what a step writes for one position: rows of every layer, and what the position completes.
    void write(SequenceCache& cache, const Shape& shape, std::int64_t position) const {
        for (std::size_t i = 0; i < shape.layers.size(); ++i) {
            const LayerShape& layer = shape.layers[i];
            const auto at = LayerIndex(i);
            fill(cache.window_row(at, position), shape.entry.bytes(), i, 0, position);
            if (layer.ratio == 0) continue;
            fill(cache.compressor_row(at, Stream::main, position), layer.row_width * 8, i, 1, position);
            if (layer.ratio == 4) fill(cache.compressor_row(at, Stream::index, position), layer.index_row_width * 8, i, 2, position);
            if ((position + 1) % layer.ratio != 0) continue;
            const std::int64_t c = position / layer.ratio;
            if (cache.entry_exists(layer.ratio, c)) continue;
            fill(cache.writable_entry(at, c), layer.entry_bytes, i, 3, c);
            if (layer.ratio == 4) fill(cache.writable_key(at, c), layer.key_bytes, i, 4, c);
        }
    }

    // A step of n positions of which k are kept.
    Result<void> step(SequenceCache& cache, const Shape& shape, std::int64_t n, std::int64_t k) const {
        TRY(cache.begin(n));
        for (std::int64_t t = cache.computed(); t < cache.computed() + n; ++t) write(cache, shape, t);
        cache.commit(k);
        return {};
    }

    // Up to `tokens` tokens, `chunk` at a time.
    void run_to(SequenceCache& cache, const Shape& shape, std::int64_t tokens, std::int64_t chunk) const {
        while (cache.computed() < tokens) {
            const std::int64_t n = std::min(chunk, tokens - cache.computed());
            const Result<void> done = step(cache, shape, n, n);
            ASSERT_TRUE(done.ok()) << done.error().message;
        }
    }

    // Bytes of the state of `tokens` tokens behind the header, written from docs/formats/sequence_state.md.
    std::vector<std::byte> expected_state(const Shape& shape, std::int64_t tokens) const {
        std::vector<std::byte> out;
        const auto put = [&](std::int64_t bytes, std::size_t layer, int what, std::int64_t position) {
            out.resize(out.size() + static_cast<std::size_t>(bytes));
            fill(out.data() + out.size() - bytes, bytes, layer, what, position);
        };
        // The lo half of a row: the first half of its values and the first half of its gates.
        const auto put_lo = [&](std::int64_t width, std::size_t layer, int what, std::int64_t position) {
            std::vector<std::byte> row(static_cast<std::size_t>(width * 8));
            fill(row.data(), width * 8, layer, what, position);
            out.insert(out.end(), row.begin(), row.begin() + width * 2);
            out.insert(out.end(), row.begin() + width * 4, row.begin() + width * 6);
        };
        for (std::size_t i = 0; i < shape.backbone_layers; ++i) {
            const LayerShape& layer = shape.layers[i];
            for (std::int64_t t = std::max<std::int64_t>(0, tokens - shape.window); t < tokens; ++t) put(shape.entry.bytes(), i, 0, t);
            if (layer.ratio == 0) continue;
            const std::int64_t open = tokens - tokens % layer.ratio;
            for (const int stream : {1, 2}) {
                const std::int64_t width = stream == 1 ? layer.row_width : layer.index_row_width;
                if (width == 0) continue;
                for (std::int64_t t = open - 4; layer.ratio == 4 && t >= 0 && t < open; ++t) put_lo(width, i, stream, t);
                for (std::int64_t t = open; t < tokens; ++t) put(width * 8, i, stream, t);
            }
            for (std::int64_t c = tokens / 128 * layer.entries_per_block; c < tokens / layer.ratio; ++c) {
                put(layer.entry_bytes, i, 3, c);
                if (layer.ratio == 4) put(layer.key_bytes, i, 4, c);
            }
        }
        return out;
    }

    // All that must be readable at cache.computed(): window, compressor rows, entries and keys.
    void expect_holds(const SequenceCache& cache, const Shape& shape) const {
        const std::int64_t tokens = cache.computed();
        std::vector<std::byte> want;
        const auto same = [&](const void* have, std::int64_t bytes, std::size_t layer, int what, std::int64_t position) {
            want.resize(static_cast<std::size_t>(bytes));
            fill(want.data(), bytes, layer, what, position);
            ASSERT_EQ(std::memcmp(have, want.data(), want.size()), 0)
                << "seed " << seed_ << ", " << tokens << " tokens: layer " << layer << ", kind " << what << ", position " << position;
        };
        for (std::size_t i = 0; i < shape.backbone_layers; ++i) {
            const LayerShape& layer = shape.layers[i];
            const auto at = LayerIndex(i);
            for (std::int64_t t = std::max<std::int64_t>(0, tokens - shape.window); t < tokens; ++t)
                same(cache.window_row(at, t), shape.entry.bytes(), i, 0, t);
            if (layer.ratio == 0) continue;
            for (std::int64_t t = tokens - tokens % layer.ratio; t < tokens; ++t)
                same(cache.compressor_row(at, Stream::main, t), layer.row_width * 8, i, 1, t);
            for (std::int64_t c = 0; c < tokens / layer.ratio; ++c) {
                same(cache.entry(at, c), layer.entry_bytes, i, 3, c);
                if (layer.ratio == 4) same(cache.key(at, c), layer.key_bytes, i, 4, c);
            }
        }
    }

  private:
    std::uint64_t seed_;
};

inline std::vector<std::byte> saved(const SequenceCache& cache) {
    std::vector<std::byte> state(static_cast<std::size_t>(cache.state_bytes()));
    cache.save(state);
    return state;
}

constexpr std::size_t kHeaderBytes = 32;

}  // namespace baleen::kv
