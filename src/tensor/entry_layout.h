// Layout of one KV entry and one index key in memory (spec architecture 6.1). In the packed form the bytes hold
// exactly the numbers the reference keeps in its bf16 cache; in the plain form (weights-only numerics) an entry is
// head_dim float32.
//
//   packed entry, head_dim = nope + rope:
//     [nope x E4M3][rope x BF16][nope/64 x UE8M0][zero pad to a multiple of 8]      Flash: 448 + 128 + 7 + 1 = 584
//   packed index key:
//     [index_head_dim/2 bytes of E2M1 pairs, low nibble first][index_head_dim/32 x UE8M0]          Flash: 64 + 4 = 68
#pragma once

#include <cstdint>

namespace baleen::tensor {

struct EntryLayout {
    int head_dim = 0;
    int rope_dim = 0;
    bool packed = true;

    int nope_dim() const { return head_dim - rope_dim; }
    int groups() const { return nope_dim() / 64; }
    int rope_offset() const { return nope_dim(); }
    int scale_offset() const { return nope_dim() + 2 * rope_dim; }
    std::int64_t bytes() const { return packed ? (scale_offset() + groups() + 7) / 8 * 8 : 4 * std::int64_t{head_dim}; }
    bool operator==(const EntryLayout&) const = default;
};

struct KeyLayout {
    int head_dim = 0;
    bool packed = true;

    int scale_offset() const { return head_dim / 2; }
    std::int64_t bytes() const { return packed ? head_dim / 2 + head_dim / 32 : 4 * std::int64_t{head_dim}; }
    bool operator==(const KeyLayout&) const = default;
};

}  // namespace baleen::tensor
