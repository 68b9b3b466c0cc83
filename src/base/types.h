// Integer types that must not be mixed up. Each is a plain int32 in memory, so spans of them can be stored and
// compared byte for byte; conversions are spelt out: TokenId{5}, std::to_underlying(id).
#pragma once

#include <cstdint>

namespace baleen {

enum class TokenId : std::int32_t {};     // position in the vocabulary
enum class ExpertId : std::int32_t {};    // routed expert within one layer
enum class BlockId : std::int32_t {};     // slot of a KV block in the pool
enum class LayerIndex : std::int32_t {};  // backbone layers 0..L-1, then MTP blocks L, L+1, ...

constexpr int index(TokenId id) { return static_cast<int>(id); }
constexpr int index(ExpertId id) { return static_cast<int>(id); }
constexpr int index(BlockId id) { return static_cast<int>(id); }
constexpr int index(LayerIndex id) { return static_cast<int>(id); }

}  // namespace baleen
