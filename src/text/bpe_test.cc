// Aim: merging equals the plain definition (lowest rank first, then leftmost) on short and long pieces alike, and the time
// for a long piece grows with its length, not with the square.
#include "text/bpe.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

namespace baleen::text {
namespace {

// A random vocabulary over few letters, so that merges overlap as much as they can.
struct Table {
    std::vector<std::string> tokens;
    std::vector<Bpe::Merge> merges;
    std::vector<std::string_view> views;
};

Table random_table(std::uint64_t seed, int letters, int merges) {
    std::mt19937_64 random(seed);
    Table table;
    std::map<std::string, int> ids;
    for (int byte = 0; byte < 256; ++byte) {
        table.tokens.emplace_back(1, static_cast<char>(byte));
        ids[table.tokens.back()] = byte;
    }
    std::vector<int> usable;
    for (int i = 0; i < letters; ++i) usable.push_back('a' + i);
    for (int i = 0; i < merges; ++i) {
        const int left = usable[random() % usable.size()], right = usable[random() % usable.size()];
        const std::string joined = table.tokens[static_cast<std::size_t>(left)] + table.tokens[static_cast<std::size_t>(right)];
        auto [found, fresh] = ids.try_emplace(joined, static_cast<int>(table.tokens.size()));
        if (fresh) {
            table.tokens.push_back(joined);
            usable.push_back(found->second);
        }
        table.merges.push_back({left, right, found->second});
    }
    table.views.assign(table.tokens.begin(), table.tokens.end());
    return table;
}

// The definition, one merge at a time.
std::vector<int> by_definition(const Table& table, const std::string& piece) {
    std::map<std::pair<int, int>, std::pair<int, int>> ranks;  // pair -> rank, joined; a later rank replaces an earlier one
    for (int rank = 0; const Bpe::Merge& merge : table.merges) ranks[{merge.left, merge.right}] = {rank++, merge.joined};
    std::vector<int> ids;
    for (const char c : piece) ids.push_back(static_cast<unsigned char>(c));
    for (;;) {
        std::size_t best = 0;
        int best_rank = -1, joined = 0;
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            const auto found = ranks.find({ids[i], ids[i + 1]});
            if (found == ranks.end() || (best_rank >= 0 && found->second.first >= best_rank)) continue;
            best = i;
            best_rank = found->second.first;
            joined = found->second.second;
        }
        if (best_rank < 0) return ids;
        ids[best] = joined;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

std::vector<int> encode(const Bpe& bpe, const std::string& piece) {
    Bpe::Scratch scratch;
    std::vector<TokenId> out;
    bpe.encode(piece, out, scratch);
    std::vector<int> ids;
    for (const TokenId id : out) ids.push_back(index(id));
    return ids;
}

TEST(Bpe, EqualsTheDefinition) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const int letters = 1 + static_cast<int>(seed % 4);
        const Table table = random_table(seed, letters, 60);
        const auto bpe = Bpe::make(table.views, table.merges);
        ASSERT_TRUE(bpe.ok()) << bpe.error().message;
        std::mt19937_64 random(seed);
        for (const int length : {0, 1, 2, 3, 7, 20, 63, 64, 65, 66, 100, 300}) {
            std::string piece;
            for (int i = 0; i < length; ++i) piece += static_cast<char>(random() % 10 == 0 ? 'z' : 'a' + random() % static_cast<unsigned>(letters));
            ASSERT_EQ(encode(*bpe, piece), by_definition(table, piece)) << "seed " << seed << ", piece " << piece;
        }
    }
}

TEST(Bpe, NeedsEveryByte) {
    Table table = random_table(1, 2, 5);
    table.views[0x41] = {};
    const auto bpe = Bpe::make(table.views, table.merges);
    ASSERT_FALSE(bpe.ok());
    EXPECT_NE(bpe.error().message.find("0x41"), std::string::npos) << bpe.error().message;
}

double seconds(const Bpe& bpe, const std::string& piece) {
    const auto start = std::chrono::steady_clock::now();
    encode(bpe, piece);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(Bpe, LongPiecesAreNotQuadratic) {
    const Table table = random_table(7, 2, 200);
    const auto bpe = Bpe::make(table.views, table.merges);
    ASSERT_TRUE(bpe.ok());
    std::mt19937_64 random(3);
    std::string piece;
    for (int i = 0; i < (1 << 20); ++i) piece += static_cast<char>('a' + random() % 2);
    // Every pair of a megabyte at n^2/2 would be 5e11 steps, minutes; n log n is well below a second.
    EXPECT_LT(seconds(*bpe, piece), 20.0);
    EXPECT_LT(seconds(*bpe, std::string(std::size_t{1} << 20, 'a')), 20.0);
}

}  // namespace
}  // namespace baleen::text
