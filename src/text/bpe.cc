#include "text/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace baleen::text {

namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;  // 2^64 over the golden ratio: spreads neighbouring keys

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::uint64_t mix(std::uint64_t value) {
    value *= kGolden;
    return (value ^ value >> 32) * kGolden;
}

// Bytes eight at a time; the tail padded with zeros, the length mixed in.
std::uint64_t hash_bytes(std::string_view bytes) {
    std::uint64_t hash = bytes.size();
    std::size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data() + at, 8);
        hash = mix(hash ^ word);
    }
    std::uint64_t tail = 0;
    std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    return mix(hash ^ tail);
}

// Bits of a table that holds `count` entries at most half full.
int table_bits(std::size_t count) { return std::max(4, static_cast<int>(std::bit_width(count * 2))); }

}  // namespace

Result<Bpe> Bpe::make(std::span<const std::string_view> tokens, std::span<const Merge> merges) {
    Bpe bpe;
    bpe.tokens_ = tokens;
    std::fill(std::begin(bpe.byte_id_), std::end(bpe.byte_id_), -1);
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        if (tokens[id].size() == 1) bpe.byte_id_[static_cast<unsigned char>(tokens[id][0])] = static_cast<std::int32_t>(id);
    }
    for (int byte = 0; byte < 256; ++byte) {
        if (bpe.byte_id_[byte] < 0) return unsupported(fmt::format("no token for the byte 0x{:02x}", byte));
    }
    const int bits = table_bits(merges.size());
    bpe.slots_.resize(std::size_t{1} << bits);
    bpe.slot_shift_ = 64 - bits;
    std::uint32_t rank = 0;
    for (const Merge& merge : merges) {
        const std::uint64_t key = pair_key(merge.left, merge.right);
        std::size_t slot = mix(key) >> bpe.slot_shift_;
        while (bpe.slots_[slot].rank != kNoRank && bpe.slots_[slot].pair != key) slot = (slot + 1) & (bpe.slots_.size() - 1);
        bpe.slots_[slot] = {key, rank++, merge.joined};
    }
    bpe.index_whole_tokens();
    return bpe;
}

// Merges every token's own bytes once; those that come out as the token are found by look-up from then on.
void Bpe::index_whole_tokens() {
    const int bits = table_bits(tokens_.size());
    std::vector<std::int32_t> whole(std::size_t{1} << bits, -1);
    Scratch scratch;
    std::vector<TokenId> merged;
    std::size_t bytes_max = 0;
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
        if (tokens_[id].empty()) continue;
        merged.clear();
        encode(tokens_[id], merged, scratch);
        if (merged.size() != 1 || index(merged[0]) != static_cast<int>(id)) continue;
        std::size_t slot = hash_bytes(tokens_[id]) >> (64 - bits);
        while (whole[slot] >= 0) slot = (slot + 1) & (whole.size() - 1);
        whole[slot] = static_cast<std::int32_t>(id);
        bytes_max = std::max(bytes_max, tokens_[id].size());
    }
    whole_ = std::move(whole);  // only now: encode above must not see a part of it
    whole_shift_ = 64 - bits;
    whole_bytes_max_ = bytes_max;
}

Bpe::Found Bpe::find(std::int32_t left, std::int32_t right) const {
    const std::uint64_t key = pair_key(left, right);
    for (std::size_t slot = mix(key) >> slot_shift_;; slot = (slot + 1) & (slots_.size() - 1)) {
        if (slots_[slot].pair == key || slots_[slot].rank == kNoRank) return {slots_[slot].rank, slots_[slot].joined};
    }
}

std::int32_t Bpe::find_whole(std::string_view piece) const {
    if (piece.size() > whole_bytes_max_) return -1;
    for (std::size_t slot = hash_bytes(piece) >> whole_shift_;; slot = (slot + 1) & (whole_.size() - 1)) {
        if (whole_[slot] < 0 || tokens_[static_cast<std::size_t>(whole_[slot])] == piece) return whole_[slot];
    }
}

void Bpe::encode(std::string_view piece, std::vector<TokenId>& out, Scratch& scratch) const {
    if (piece.empty()) return;
    if (const std::int32_t id = find_whole(piece); id >= 0) {
        out.push_back(TokenId{id});
        return;
    }
    if (piece.size() <= kShort) merge_short(piece, out);
    else merge_long(piece, out, scratch);
}

void Bpe::merge_short(std::string_view piece, std::vector<TokenId>& out) const {
    std::int32_t ids[kShort];
    std::uint32_t ranks[kShort];  // of the pair of this symbol and the next
    std::int32_t joined[kShort];
    std::size_t count = piece.size();
    for (std::size_t i = 0; i < count; ++i) ids[i] = byte_id_[static_cast<unsigned char>(piece[i])];
    const auto look = [&](std::size_t i) {
        const Found found = find(ids[i], ids[i + 1]);
        ranks[i] = found.rank;
        joined[i] = found.joined;
    };
    for (std::size_t i = 0; i + 1 < count; ++i) look(i);
    while (count > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < count; ++i)
            if (ranks[i] < ranks[best]) best = i;
        if (ranks[best] == kNoRank) break;
        ids[best] = joined[best];
        --count;
        for (std::size_t i = best + 1; i < count; ++i) {
            ids[i] = ids[i + 1];
            ranks[i] = ranks[i + 1];  // the last one read is unset and never used
            joined[i] = joined[i + 1];
        }
        if (best + 1 < count) look(best);
        if (best > 0) look(best - 1);
    }
    for (std::size_t i = 0; i < count; ++i) out.push_back(TokenId{ids[i]});
}

void Bpe::merge_long(std::string_view piece, std::vector<TokenId>& out, Scratch& scratch) const {
    CHECK(piece.size() < kNoRank);
    constexpr std::uint32_t kNone = 0xffffffff;
    const auto count = static_cast<std::uint32_t>(piece.size());
    auto& symbols = scratch.symbols;
    auto& heap = scratch.heap;
    symbols.resize(count);
    heap.clear();
    for (std::uint32_t i = 0; i < count; ++i)
        symbols[i] = {byte_id_[static_cast<unsigned char>(piece[i])], i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};

    // The heap's top is the lowest rank, then the leftmost.
    const auto later = [](const Candidate& a, const Candidate& b) { return a.rank != b.rank ? a.rank > b.rank : a.left > b.left; };
    const auto candidate = [&](std::uint32_t left, std::uint32_t right) {
        const std::uint32_t rank = find(symbols[left].id, symbols[right].id).rank;
        return Candidate{rank, left, right, symbols[left].id, symbols[right].id};
    };
    for (std::uint32_t i = 0; i + 1 < count; ++i) {
        const Candidate pair = candidate(i, i + 1);
        if (pair.rank != kNoRank) heap.push_back(pair);
    }
    std::make_heap(heap.begin(), heap.end(), later);
    const auto push = [&](std::uint32_t left, std::uint32_t right) {
        const Candidate pair = candidate(left, right);
        if (pair.rank == kNoRank) return;
        heap.push_back(pair);
        std::push_heap(heap.begin(), heap.end(), later);
    };
    while (!heap.empty()) {
        std::pop_heap(heap.begin(), heap.end(), later);
        const Candidate pair = heap.back();
        heap.pop_back();
        Symbol& left = symbols[pair.left];
        Symbol& right = symbols[pair.right];
        if (left.id != pair.left_id || right.id != pair.right_id || left.after != pair.right) continue;
        left.id = find(pair.left_id, pair.right_id).joined;
        left.after = right.after;
        right.id = -1;
        if (left.after != kNone) {
            symbols[left.after].before = pair.left;
            push(pair.left, left.after);
        }
        if (left.before != kNone) push(left.before, pair.left);
    }
    for (std::uint32_t i = 0; i != kNone; i = symbols[i].after) out.push_back(TokenId{symbols[i].id});
    if (symbols.capacity() > (std::size_t{1} << 20)) scratch = {};  // a huge piece must not hold its memory for good
}

}  // namespace baleen::text
