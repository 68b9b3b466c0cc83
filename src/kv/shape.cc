#include "kv/shape.h"

namespace baleen::kv {

std::int64_t Shape::block_bytes() const {
    std::int64_t sum = 0;
    for (const LayerShape& layer : layers) sum += layer.block_entry_bytes() + layer.block_key_bytes();
    return sum;
}

std::int64_t Shape::live_state_bytes() const {
    std::int64_t sum = 0;
    for (const LayerShape& layer : layers) {
        sum += window_rows() * entry.bytes();
        if (layer.ratio == 0) continue;
        sum += std::int64_t{kept_compressor_rows(layer.ratio)} * 2 * (layer.row_width + layer.index_row_width) * 4;
        sum += layer.block_entry_bytes() + layer.block_key_bytes();
    }
    return sum;
}

std::uint64_t Shape::fingerprint() const {
    std::uint64_t hash = 1469598103934665603u;  // FNV-1a
    const auto mix = [&](std::uint64_t value) {
        for (int i = 0; i < 8; ++i) hash = (hash ^ (value >> (8 * i) & 255)) * 1099511628211u;
    };
    mix(1);  // layout version
    for (const int value : {entry.head_dim, entry.rope_dim, int{entry.packed}, key.head_dim, int{key.packed}, window})
        mix(static_cast<std::uint64_t>(value));
    for (std::size_t i = 0; i < backbone_layers; ++i) mix(static_cast<std::uint64_t>(layers[i].ratio));
    return hash;
}

Shape make_shape(const model::Config& config, bool packed, int draft_layers) {
    Shape shape;
    shape.entry = config.entry_layout(packed);
    shape.key = config.key_layout(packed);
    shape.window = config.sliding_window;
    shape.backbone_layers = static_cast<std::size_t>(config.num_hidden_layers);
    for (int i = 0; i < config.num_hidden_layers + draft_layers; ++i) {
        LayerShape layer;
        layer.ratio = i < config.num_hidden_layers ? config.compress_ratio(i) : 0;
        if (layer.ratio != 0) {
            layer.entries_per_block = kBlockTokens / layer.ratio;
            layer.entry_bytes = shape.entry.bytes();
            layer.row_width = layer.ratio == 4 ? 2 * config.head_dim : config.head_dim;
        }
        if (layer.ratio == 4) {
            layer.key_bytes = shape.key.bytes();
            layer.index_row_width = 2 * config.index_head_dim;
        }
        shape.layers.push_back(layer);
    }
    return shape;
}

}  // namespace baleen::kv
