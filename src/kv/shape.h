// Sizes of everything a sequence keeps, derived from the config (spec architecture 4.3, 6.1, 6.2; prefix 3.3, 6). One
// block covers 128 source tokens, the least common multiple of the compression ratios. Pure data; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "tensor/entry_layout.h"

namespace baleen::kv {

constexpr int kBlockTokens = 128;
// Rows of drafted tokens that may be taken back without loss (spec experts 11.7).
constexpr int kDraftRows = 8;

// Rows of compressor inputs kept per layer: the group being filled, for ratio 4 the group before it too, and the draft rows.
constexpr int kept_compressor_rows(int ratio) { return (ratio == 4 ? 8 : ratio) + kDraftRows; }

// What one layer keeps. Layers behind the backbone's last are MTP blocks (window only).
struct LayerShape {
    int ratio = 0;              // 0, 4 or 128
    int entries_per_block = 0;  // 32 for ratio 4, 1 for ratio 128
    std::int64_t entry_bytes = 0;
    std::int64_t key_bytes = 0;  // index keys, ratio 4 only
    int row_width = 0;           // compressor columns: 2 * head_dim for ratio 4, head_dim for ratio 128
    int index_row_width = 0;     // 2 * index_head_dim for ratio 4

    std::int64_t block_entry_bytes() const { return entries_per_block * entry_bytes; }
    std::int64_t block_key_bytes() const { return ratio == 4 ? entries_per_block * key_bytes : 0; }
};

struct Shape {
    tensor::EntryLayout entry;
    tensor::KeyLayout key;
    int window = 0;  // sliding_window: tokens a query sees, itself included
    std::vector<LayerShape> layers;   // backbone layers, then draft layers
    std::size_t backbone_layers = 0;

    int window_rows() const { return window + kDraftRows; }

    // Pool bytes of one block over all layers.
    std::int64_t block_bytes() const;
    // Growing bytes per token (Flash 3,514.25).
    double bytes_per_token() const { return static_cast<double>(block_bytes()) / kBlockTokens; }
    // Bytes one sequence holds outside the pool while it is live (rings, open block), fixed.
    std::int64_t live_state_bytes() const;
    // Identifies the layout of entries and states: equal numbers mean bytes can be exchanged.
    std::uint64_t fingerprint() const;
};

// `packed`: official numerics (584-byte entries); otherwise float32 entries. `draft_layers` MTP blocks are appended.
Shape make_shape(const model::Config& config, bool packed, int draft_layers);

}  // namespace baleen::kv
