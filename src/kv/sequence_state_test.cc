// Aim: a saved state has the sizes the design computes for Flash and Pro, the bytes its format page says
// (docs/formats/sequence_state.md), survives save and attach at every kind of position, and is refused before anything changes
// when a field is wrong.
#include <limits>

#include "kv/sequence_cache.h"
#include "kv/test_support.h"

namespace baleen::kv {
namespace {

constexpr std::int64_t kHeader = kHeaderBytes;

TEST(SequenceState, SizesOfThePublishedModels) {
    const Shape flash = make_shape(model::published_flash(), true, 0);
    EXPECT_EQ(flash.entry.bytes(), 584);
    EXPECT_EQ(flash.key.bytes(), 68);
    EXPECT_EQ(flash.block_bytes(), 449824);
    EXPECT_DOUBLE_EQ(flash.bytes_per_token(), 3514.25);
    EXPECT_EQ(SequenceCache::state_bytes(flash, 1024), kHeader + 3644416);
    EXPECT_EQ(SequenceCache::state_bytes(flash, 1024 + 127), kHeader + 3644416 + 3 * 215040 + 127 * 81920 + 31 * 13692);

    const Shape pro = make_shape(model::published_pro(), true, 0);
    EXPECT_DOUBLE_EQ(pro.bytes_per_token(), 5031.4375);
    EXPECT_EQ(SequenceCache::state_bytes(pro, 1024), kHeader + 5174272);
    EXPECT_EQ(SequenceCache::state_bytes(pro, 1024 + 127), kHeader + 5174272 + 3 * 307200 + 127 * 126976 + 31 * 19560);

    for (const Shape& shape : {flash, pro}) {
        std::int64_t largest = 0, at = 0;
        for (std::int64_t t = 1024; t < 1024 + 128; ++t) {
            if (SequenceCache::state_bytes(shape, t) <= largest) continue;
            largest = SequenceCache::state_bytes(shape, t);
            at = t;
        }
        EXPECT_EQ(at % 128, 127);
    }
}

TEST(SequenceState, BytesAreThoseOfTheFormatPage) {
    for (const bool packed : {true, false}) {
        const Shape shape = small_shape(packed);
        auto pool = make_pool(shape, 16);
        const History history(21);
        SequenceCache cache(*pool);
        for (const std::int64_t tokens : {0, 1, 3, 4, 5, 7, 8, 127, 128, 129, 131, 132, 300, 777}) {
            history.run_to(cache, shape, tokens, 50);
            const std::vector<std::byte> state = saved(cache);
            EXPECT_EQ(static_cast<std::int64_t>(state.size()), SequenceCache::state_bytes(shape, tokens)) << tokens;
            const std::vector<std::byte> expected = history.expected_state(shape, tokens);
            ASSERT_EQ(state.size(), expected.size() + kHeaderBytes) << tokens;
            EXPECT_TRUE(std::equal(expected.begin(), expected.end(), state.begin() + kHeader)) << tokens;
            const std::uint64_t header[4] = {0x1'53534c42u, shape.fingerprint(), static_cast<std::uint64_t>(tokens), 0};
            EXPECT_EQ(std::memcmp(state.data(), header, sizeof header), 0) << tokens;
        }
    }
}

TEST(SequenceState, RestoredEqualsLiveAtEveryKindOfPosition) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 40);
    auto elsewhere = make_pool(shape, 40);  // another pool, as after a restart
    const History history(22);
    for (const std::int64_t tokens : {0, 1, 3, 4, 5, 127, 128, 129, 300, 777}) {
        SequenceCache live(*pool);
        history.run_to(live, shape, tokens, 512);
        const std::vector<std::byte> state = saved(live);
        SequenceCache same(*pool);
        ASSERT_TRUE(same.attach(live.blocks(), state, tokens).ok());
        EXPECT_TRUE(saved(same) == state) << tokens;
        history.expect_holds(same, shape);

        std::vector<BlockId> copies;
        for (const BlockId block : live.blocks()) {
            const BlockId copy = *elsewhere->allocate(copies.empty() ? std::nullopt : std::optional(copies.back()));
            for (std::size_t i = 0; i < shape.layers.size(); ++i)
                for (const Kind kind : {Kind::entries, Kind::keys}) {
                    const auto from = pool->bytes(LayerIndex(i), kind, block, 1);
                    std::copy(from.begin(), from.end(), elsewhere->writable(LayerIndex(i), kind, copy).begin());
                }
            elsewhere->seal(copy);
            copies.push_back(copy);
        }
        SequenceCache moved(*elsewhere);
        ASSERT_TRUE(moved.attach(copies, state, tokens).ok());
        for (const BlockId block : copies) elsewhere->release(block);
        history.expect_holds(moved, shape);
        for (SequenceCache* cache : {&live, &same, &moved}) history.run_to(*cache, shape, tokens + 261, 19);
        history.expect_holds(same, shape);
        history.expect_holds(moved, shape);
        EXPECT_TRUE(saved(same) == saved(live)) << tokens;
        EXPECT_TRUE(saved(moved) == saved(live)) << tokens;
    }
    EXPECT_EQ(pool->free_blocks(), pool->capacity());
    EXPECT_EQ(elsewhere->free_blocks(), elsewhere->capacity());
}

TEST(SequenceState, StaleRowsAndDraftLayersDoNotEnter) {
    const Shape shape = small_shape(), without = [] {
        Shape s = small_shape();
        s.layers.pop_back();
        return s;
    }();
    auto pool = make_pool(shape, 8), plain = make_pool(without, 8);
    const History history(23), drafts(24);
    SequenceCache cache(*pool), other(*plain);
    history.run_to(cache, shape, 250, 64);
    ASSERT_TRUE(drafts.step(cache, shape, 8, 0).ok());
    history.run_to(other, without, 250, 1);
    EXPECT_TRUE(saved(cache) == saved(other));
}

// A refused state leaves a cache that works as if nothing had been tried, and takes no reference.
void expect_refused(Pool& pool, std::span<const BlockId> blocks, std::span<const std::byte> state, std::int64_t tokens,
                    ErrorCode code, const std::string& what) {
    SequenceCache cache(pool);
    const std::int64_t free = pool.free_blocks();
    const Result<void> attached = cache.attach(blocks, state, tokens);
    ASSERT_FALSE(attached.ok()) << what;
    EXPECT_EQ(attached.error().code, code) << what << ": " << attached.error().message;
    EXPECT_EQ(cache.computed(), 0) << what;
    EXPECT_TRUE(cache.blocks().empty()) << what;
    EXPECT_EQ(pool.free_blocks(), free) << what;
    SequenceCache untouched(pool);
    EXPECT_TRUE(saved(cache) == saved(untouched)) << what;
    const History history(25);
    history.run_to(cache, pool.shape(), 20, 3);
    history.expect_holds(cache, pool.shape());
}

TEST(SequenceState, EveryFieldIsCheckedBeforeAnythingChanges) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(26);
    SequenceCache live(*pool);
    history.run_to(live, shape, 300, 64);
    const std::vector<std::byte> good = saved(live);
    const std::vector<BlockId> blocks(live.blocks().begin(), live.blocks().end());

    const struct {
        std::size_t begin, end;
        ErrorCode code;
        const char* field;
    } fields[] = {{0, 4, ErrorCode::corrupt, "magic"},
                  {4, 8, ErrorCode::corrupt, "version"},
                  {8, 16, ErrorCode::invalid_argument, "fingerprint"},
                  {16, 24, ErrorCode::invalid_argument, "tokens"},
                  {24, 32, ErrorCode::corrupt, "reserved"}};
    for (const auto& field : fields)
        for (std::size_t i = field.begin; i < field.end; ++i)
            for (int bit = 0; bit < 8; ++bit) {
                std::vector<std::byte> bad = good;
                bad[i] ^= std::byte(1 << bit);
                expect_refused(*pool, blocks, bad, 300, field.code, std::string(field.field) + " byte " + std::to_string(i));
            }

    const auto sized = [&](std::size_t size) {
        std::vector<std::byte> state = good;
        state.resize(size);
        return state;
    };
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{31}, kHeaderBytes, good.size() - 1, good.size() + 1})
        expect_refused(*pool, blocks, sized(size), 300, ErrorCode::corrupt, "size " + std::to_string(size));

    for (const std::int64_t tokens : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{299}, std::int64_t{301},
                                      std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
        expect_refused(*pool, blocks, good, tokens, ErrorCode::invalid_argument, "tokens " + std::to_string(tokens));
    // A header that agrees with an absurd caller still fails at the size.
    std::vector<std::byte> absurd = good;
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    std::memcpy(absurd.data() + 16, &most, 8);
    expect_refused(*pool, blocks, absurd, most, ErrorCode::corrupt, "tokens beyond all bounds");
}

TEST(SequenceState, BlocksMustBeSealedAndAsManyAsTheTokensNeed) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(27);
    SequenceCache live(*pool);
    history.run_to(live, shape, 300, 64);
    const std::vector<std::byte> state = saved(live);
    const BlockId first = live.blocks()[0], second = live.blocks()[1];
    const BlockId writing = *pool->allocate({});
    const auto refused = [&](std::vector<BlockId> blocks, const std::string& what) {
        expect_refused(*pool, blocks, state, 300, ErrorCode::invalid_argument, what);
    };
    refused({}, "no blocks");
    refused({first}, "one block");
    refused({first, second, second}, "three blocks");
    refused({first, writing}, "a block in writing");
    refused({first, BlockId{15}}, "a free block");
    refused({first, BlockId{-1}}, "a negative block");
    refused({first, BlockId{16}}, "a block behind the pool");
    pool->discard(writing);
}

TEST(SequenceState, OtherShapesAndNumericsAreRefused) {
    const Shape shape = small_shape(), plain = small_shape(false);
    auto pool = make_pool(shape, 4), other = make_pool(plain, 4);
    const History history(28);
    SequenceCache live(*pool);
    history.run_to(live, shape, 50, 50);
    expect_refused(*other, {}, saved(live), 50, ErrorCode::invalid_argument, "float32 entries");
    EXPECT_NE(shape.fingerprint(), plain.fingerprint());
    EXPECT_NE(make_shape(model::published_flash(), true, 0).fingerprint(), make_shape(model::published_pro(), true, 0).fingerprint());
    EXPECT_EQ(make_shape(model::published_flash(), true, 0).fingerprint(), make_shape(model::published_flash(), true, 1).fingerprint());
}

}  // namespace
}  // namespace baleen::kv
