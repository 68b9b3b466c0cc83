// Aim: blocks go free -> writing -> sealed -> free and nowhere else, counted exactly; neighbours in a sequence are neighbours in
// memory where the pool allows it; no two blocks share a byte. Checked by hand and against a naive pool of maps.
#include "kv/pool.h"

#include <map>
#include <random>

#include "kv/test_support.h"

namespace baleen::kv {
namespace {

TEST(Pool, ASequenceFillsExtentsOfSixteenInOrder) {
    auto pool = make_pool(small_shape(), 40);
    std::optional<BlockId> a, b;
    std::vector<int> first, second;
    for (int i = 0; i < 18; ++i) {  // two sequences grow in turn
        a = pool->allocate(a);
        first.push_back(index(*a));
        if (i < 4) second.push_back(index(*(b = pool->allocate(b))));
    }
    for (int i = 0; i < 16; ++i) EXPECT_EQ(first[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(second, (std::vector{16, 17, 18, 19}));
    EXPECT_EQ(first[16], 32);  // the next whole extent, not the rest of the other's
    EXPECT_EQ(first[17], 33);
    EXPECT_EQ(pool->free_blocks(), 40 - 22);
}

TEST(Pool, EveryBlockCanBeUsedAndNoneTwice) {
    auto pool = make_pool(small_shape(), 37);  // the last extent is short
    std::vector<bool> seen(37);
    std::optional<BlockId> last;
    for (int i = 0; i < 37; ++i) {
        const auto block = pool->allocate(i % 3 == 0 ? std::nullopt : last);
        ASSERT_TRUE(block.has_value()) << i;
        ASSERT_FALSE(seen[static_cast<std::size_t>(index(*block))]) << index(*block);
        seen[static_cast<std::size_t>(index(*block))] = true;
        last = block;
    }
    EXPECT_EQ(pool->free_blocks(), 0);
    EXPECT_FALSE(pool->allocate({}).has_value());
}

TEST(Pool, BlocksOfALayerLieSideBySideAndShareNoByte) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 20);
    std::vector<BlockId> blocks;
    for (int i = 0; i < 20; ++i) blocks.push_back(*pool->allocate(blocks.empty() ? std::nullopt : std::optional(blocks.back())));
    for (std::size_t layer = 0; layer < shape.layers.size(); ++layer)
        for (const Kind kind : {Kind::entries, Kind::keys})
            for (const BlockId block : blocks) {
                const auto bytes = pool->writable(LayerIndex(layer), kind, block);
                std::fill(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(7 * index(block) + 31 * static_cast<int>(layer) + (kind == Kind::keys)));
            }
    for (std::size_t layer = 0; layer < shape.layers.size(); ++layer)
        for (const Kind kind : {Kind::entries, Kind::keys}) {
            const std::int64_t one = kind == Kind::entries ? shape.layers[layer].block_entry_bytes() : shape.layers[layer].block_key_bytes();
            const auto all = pool->bytes(LayerIndex(layer), kind, BlockId{0}, 20);
            ASSERT_EQ(static_cast<std::int64_t>(all.size()), one * 20);
            for (std::size_t i = 0; i < all.size(); ++i) {
                const int block = static_cast<int>(static_cast<std::int64_t>(i) / one);
                ASSERT_EQ(all[i], static_cast<std::uint8_t>(7 * block + 31 * static_cast<int>(layer) + (kind == Kind::keys)));
            }
        }
}

TEST(Pool, SealedBlocksLiveAsLongAsTheirReferences) {
    auto pool = make_pool(small_shape(), 2);
    const BlockId block = *pool->allocate({});
    EXPECT_FALSE(pool->sealed(block));
    pool->seal(block);
    EXPECT_TRUE(pool->sealed(block));
    pool->retain(block);
    pool->release(block);
    EXPECT_TRUE(pool->sealed(block));
    EXPECT_EQ(pool->free_blocks(), 1);
    pool->release(block);
    EXPECT_FALSE(pool->sealed(block));
    EXPECT_EQ(pool->free_blocks(), 2);
    pool->discard(*pool->allocate({}));
    EXPECT_EQ(pool->free_blocks(), 2);
}

TEST(Pool, AsksTheOwnerOfCachedBlocksOnceWhenFull) {
    auto pool = make_pool(small_shape(), 2);
    std::vector<BlockId> cached{*pool->allocate({}), *pool->allocate({})};
    for (const BlockId block : cached) pool->seal(block);
    int asked = 0;
    pool->on_pressure([&](std::int64_t wanted) {
        EXPECT_EQ(wanted, 1);
        ++asked;
        if (cached.empty()) return false;
        pool->release(cached.back());
        cached.pop_back();
        return true;
    });
    EXPECT_TRUE(pool->allocate({}).has_value());
    EXPECT_EQ(asked, 1);
    EXPECT_TRUE(pool->allocate({}).has_value());
    EXPECT_EQ(asked, 2);
    EXPECT_FALSE(pool->allocate({}).has_value());
    EXPECT_EQ(asked, 3);
    // One that says yes without giving anything back.
    pool->on_pressure([](std::int64_t) { return true; });
    EXPECT_FALSE(pool->allocate({}).has_value());
}

using PoolDeathTest = ::testing::Test;

TEST(PoolDeathTest, WrongTransitionsAreOurOwnBugs) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto pool = make_pool(small_shape(), 3);
    const BlockId writing = *pool->allocate({});
    const BlockId sealed = *pool->allocate({});
    pool->seal(sealed);
    EXPECT_DEATH(pool->seal(sealed), "not in writing");
    EXPECT_DEATH(pool->discard(sealed), "not in writing");
    EXPECT_DEATH(pool->writable(LayerIndex{1}, Kind::entries, sealed), "not in writing");
    EXPECT_DEATH(pool->retain(writing), "not sealed");
    EXPECT_DEATH(pool->release(BlockId{2}), "not sealed");
}

TEST(Pool, RefusesMoreThanTheAddressSpace) {
    const auto pool = Pool::create(small_shape(), std::int64_t{1} << 31);
    ASSERT_FALSE(pool.ok());
    EXPECT_EQ(pool.error().code, ErrorCode::resource_exhausted);
}

// The pool against maps that copy everything.
TEST(Pool, AgreesWithANaivePool) {
    constexpr std::uint32_t kSeed = 20261;
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 50);
    struct Block {
        int references = 0;  // 0 in writing
        std::uint8_t fill = 0;
    };
    std::map<int, Block> naive;
    std::mt19937 random(kSeed);
    const auto pick = [&](bool sealed) {
        std::vector<int> from;
        for (const auto& [id, block] : naive)
            if ((block.references > 0) == sealed) from.push_back(id);
        return from.empty() ? -1 : from[random() % from.size()];
    };
    for (int step = 0; step < 30000; ++step) {
        switch (random() % 5) {
            case 0: {
                const int neighbour = pick(random() % 2 == 0);
                const auto block = pool->allocate(neighbour < 0 ? std::nullopt : std::optional(BlockId{neighbour}));
                ASSERT_EQ(block.has_value(), naive.size() < 50) << "seed " << kSeed << " step " << step;
                if (!block) break;
                ASSERT_EQ(naive.count(index(*block)), 0u) << "seed " << kSeed << " step " << step;
                if (neighbour >= 0 && (neighbour + 1) % Pool::kExtentBlocks != 0 && neighbour + 1 < 50 && naive.count(neighbour + 1) == 0) {
                    ASSERT_EQ(index(*block), neighbour + 1) << "seed " << kSeed << " step " << step;
                }
                const Block made{0, static_cast<std::uint8_t>(random())};
                const auto bytes = pool->writable(LayerIndex{1}, Kind::keys, *block);
                std::fill(bytes.begin(), bytes.end(), made.fill);
                naive[index(*block)] = made;
                break;
            }
            case 1:
                if (const int id = pick(false); id >= 0) {
                    pool->seal(BlockId{id});
                    naive[id].references = 1;
                }
                break;
            case 2:
                if (const int id = pick(false); id >= 0 && random() % 4 == 0) {
                    pool->discard(BlockId{id});
                    naive.erase(id);
                }
                break;
            case 3:
                if (const int id = pick(true); id >= 0) {
                    pool->release(BlockId{id});
                    if (--naive[id].references == 0) naive.erase(id);
                }
                break;
            default:
                if (const int id = pick(true); id >= 0 && random() % 3 == 0) {
                    pool->retain(BlockId{id});
                    ++naive[id].references;
                }
        }
        ASSERT_EQ(pool->free_blocks(), 50 - static_cast<std::int64_t>(naive.size())) << "seed " << kSeed << " step " << step;
        if (const int id = pick(true); id >= 0) {
            ASSERT_TRUE(pool->sealed(BlockId{id}));
            for (const std::uint8_t byte : pool->bytes(LayerIndex{1}, Kind::keys, BlockId{id}, 1))
                ASSERT_EQ(byte, naive[id].fill) << "seed " << kSeed << " step " << step << " block " << id;
        }
    }
}

}  // namespace
}  // namespace baleen::kv
