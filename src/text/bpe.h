// Byte-pair merging over bytes: a piece of text becomes token ids by joining, again and again, the neighbouring pair of
// lowest rank, the leftmost first among equals. Merges lie in one flat hash table by pair of ids; a piece that is a token by
// itself (most are) is found by one look-up. Pieces up to kShort symbols are scanned for each merge, longer ones kept in a
// heap, so that a piece of n bytes costs n log n. Immutable after make; any number of threads, each with its own Scratch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"

namespace baleen::text {

class Bpe {
  public:
    struct Merge {
        std::int32_t left, right, joined;  // token ids
    };
    struct Candidate {  // a pair that may be joined, in the heap of a long piece
        std::uint32_t rank, left, right;      // symbols by place
        std::int32_t left_id, right_id;       // as they were: outdated if a symbol has changed since
    };
    struct Symbol {
        std::int32_t id;
        std::uint32_t before, after;  // neighbours by place
    };
    struct Scratch {
        std::vector<Symbol> symbols;
        std::vector<Candidate> heap;
    };

    Bpe() = default;

    // `tokens` are the bytes of each id, empty for ids that text can never become; `merges` in order of rank. Needs a token
    // for each single byte. A pair that comes twice has the rank of the later one, as in the library. `tokens` must
    // outlive the object and stay in place.
    static Result<Bpe> make(std::span<const std::string_view> tokens, std::span<const Merge> merges);

    void encode(std::string_view piece, std::vector<TokenId>& out, Scratch& scratch) const;

  private:
    static constexpr std::size_t kShort = 64;
    static constexpr std::uint32_t kNoRank = 0xffffffff;

    struct Slot {  // 16 bytes, four to a cache line
        std::uint64_t pair = ~std::uint64_t{0};
        std::uint32_t rank = kNoRank;
        std::int32_t joined = -1;
    };
    struct Found {
        std::uint32_t rank;
        std::int32_t joined;
    };

    Found find(std::int32_t left, std::int32_t right) const;
    std::int32_t find_whole(std::string_view piece) const;
    void index_whole_tokens();
    void merge_short(std::string_view piece, std::vector<TokenId>& out) const;
    void merge_long(std::string_view piece, std::vector<TokenId>& out, Scratch& scratch) const;

    std::int32_t byte_id_[256] = {};
    std::span<const std::string_view> tokens_;
    std::vector<Slot> slots_;          // open addressing, a power of two, at most half full
    int slot_shift_ = 0;
    std::vector<std::int32_t> whole_;  // by hash of bytes: ids that their own bytes merge to, -1 free
    int whole_shift_ = 0;
    std::size_t whole_bytes_max_ = 0;
};

}  // namespace baleen::text
