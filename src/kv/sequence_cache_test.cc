// Aim: whatever the steps (any chunks, drafts taken back, truncation over block borders, forks), the cache holds exactly what
// the positions computed so far wrote, and a step that does not fit changes nothing. Rows are pure functions of their position
// (test_support.h), so the expectation never passes through the cache.
#include "kv/sequence_cache.h"

#include <random>

#include "kv/test_support.h"

namespace baleen::kv {
namespace {

TEST(SequenceCache, AnyChunksGiveTheSameRowsEntriesAndState) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 64);
    const History history(1);
    for (const std::int64_t tokens : {1, 3, 4, 5, 127, 128, 129, 300, 777}) {
        SequenceCache reference(*pool);
        history.run_to(reference, shape, tokens, 1);
        history.expect_holds(reference, shape);
        for (const std::int64_t chunk : {2, 3, 7, 64, 127, 128, 129, 512}) {
            SequenceCache cache(*pool);
            history.run_to(cache, shape, tokens, chunk);
            history.expect_holds(cache, shape);
            EXPECT_TRUE(saved(cache) == saved(reference)) << tokens << " tokens by " << chunk;
            EXPECT_EQ(cache.blocks().size(), static_cast<std::size_t>(tokens / kBlockTokens));
        }
    }
    EXPECT_EQ(pool->free_blocks(), pool->capacity()) << "blocks leaked";
}

TEST(SequenceCache, RingsKeepTheWindowAndTheDraftRows) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 8);
    SequenceCache cache(*pool);
    EXPECT_EQ(shape.window_rows(), 136);
    EXPECT_EQ(cache.compressor_rows(LayerIndex{1}), 16);
    EXPECT_EQ(cache.compressor_rows(LayerIndex{2}), 136);
    for (std::size_t i = 0; i < shape.layers.size(); ++i) {
        const auto layer = LayerIndex(i);
        for (std::int64_t t = 0; t < 300; ++t) {
            EXPECT_EQ(cache.window_row(layer, t), cache.window_row(layer, t + 136));
            EXPECT_NE(cache.window_row(layer, t), cache.window_row(layer, t + 135));
        }
        if (shape.layers[i].ratio == 0) continue;
        const std::int64_t kept = cache.compressor_rows(layer);
        EXPECT_EQ(cache.compressor_row(layer, Stream::main, 5), cache.compressor_row(layer, Stream::main, 5 + kept));
        EXPECT_NE(cache.compressor_row(layer, Stream::main, 5), cache.compressor_row(layer, Stream::main, 5 + kept - 1));
    }
}

TEST(SequenceCache, RejectedDraftsLeaveNoTrace) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(2), drafts(3);
    for (const std::int64_t tokens : {1, 4, 120, 121, 124, 126, 127, 128, 130, 250, 255, 256}) {
        SequenceCache plain(*pool);
        history.run_to(plain, shape, tokens, 512);
        for (int kept = 0; kept <= kDraftRows; ++kept) {
            SequenceCache cache(*pool);
            history.run_to(cache, shape, tokens - std::min<std::int64_t>(kept, tokens), 512);
            const std::int64_t accepted = tokens - cache.computed();
            ASSERT_TRUE(cache.begin(accepted + kDraftRows).ok());
            for (std::int64_t t = cache.computed(); t < tokens; ++t) history.write(cache, shape, t);
            for (std::int64_t t = tokens; t < tokens + kDraftRows; ++t) drafts.write(cache, shape, t);
            cache.commit(accepted);
            ASSERT_EQ(cache.computed(), tokens);
            history.expect_holds(cache, shape);
            EXPECT_TRUE(saved(cache) == saved(plain)) << tokens << " tokens, " << accepted << " accepted";
            EXPECT_EQ(cache.blocks().size(), static_cast<std::size_t>(tokens / kBlockTokens));
            history.run_to(cache, shape, tokens + 140, 9);
            history.expect_holds(cache, shape);
        }
    }
    EXPECT_EQ(pool->free_blocks(), pool->capacity()) << "blocks leaked";
}

TEST(SequenceCache, TruncatesByEightOverBlockBorders) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(4), other(5);
    for (const std::int64_t tokens : {1, 5, 120, 127, 128, 129, 132, 136, 256, 260, 264}) {
        SequenceCache plain(*pool);
        history.run_to(plain, shape, tokens, 512);
        for (std::int64_t back = 0; back <= kDraftRows; ++back) {
            SequenceCache cache(*pool);
            history.run_to(cache, shape, tokens, 512);
            for (std::int64_t i = 0; i < back; ++i) ASSERT_TRUE(other.step(cache, shape, 1, 1).ok());
            const auto fork = cache.fork();  // shares the blocks that truncation gives back
            ASSERT_TRUE(cache.truncate(tokens).ok());
            history.expect_holds(cache, shape);
            EXPECT_TRUE(saved(cache) == saved(plain)) << tokens << " tokens after taking back " << back;
            history.run_to(cache, shape, tokens + 200, 33);
            history.expect_holds(cache, shape);
            EXPECT_EQ(fork->computed(), tokens + back);
        }
    }
    EXPECT_EQ(pool->free_blocks(), pool->capacity()) << "blocks leaked";
}

TEST(SequenceCache, TruncatesOnlyAsFarAsRowsAreKept) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(6);
    SequenceCache cache(*pool);
    history.run_to(cache, shape, 300, 50);
    EXPECT_FALSE(cache.truncate(301).ok());
    EXPECT_FALSE(cache.truncate(291).ok());
    EXPECT_FALSE(cache.truncate(-1).ok());
    ASSERT_TRUE(cache.truncate(294).ok());
    EXPECT_FALSE(cache.truncate(291).ok()) << "rows below 292 - 128 were overwritten by positions up to 300";
    ASSERT_TRUE(cache.truncate(292).ok());
    EXPECT_FALSE(cache.truncate(291).ok());
    history.expect_holds(cache, shape);
    // Rejected drafts use up the same spare rows.
    SequenceCache drafted(*pool);
    history.run_to(drafted, shape, 300, 50);
    ASSERT_TRUE(history.step(drafted, shape, 8, 0).ok());
    EXPECT_FALSE(drafted.truncate(299).ok());
    ASSERT_TRUE(history.step(drafted, shape, 4, 4).ok());
    EXPECT_TRUE(drafted.truncate(300).ok());
    history.expect_holds(drafted, shape);
    // A restored sequence has only what the state held.
    SequenceCache restored(*pool);
    ASSERT_TRUE(restored.attach(cache.blocks(), saved(cache), 292).ok());
    EXPECT_FALSE(restored.truncate(291).ok());
    ASSERT_TRUE(history.step(restored, shape, 20, 20).ok());
    EXPECT_FALSE(restored.truncate(303).ok());
    EXPECT_TRUE(restored.truncate(304).ok());
    history.expect_holds(restored, shape);
}

TEST(SequenceCache, FullPoolIsAnErrorAndNothingChanged) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 3);
    const History history(7);
    SequenceCache other(*pool), cache(*pool);
    history.run_to(other, shape, 130, 64);
    history.run_to(cache, shape, 100, 64);
    const auto before = saved(cache);
    const Result<void> full = cache.begin(400);  // three blocks, two are free
    ASSERT_FALSE(full.ok());
    EXPECT_EQ(full.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(cache.computed(), 100);
    EXPECT_EQ(pool->free_blocks(), 2);
    EXPECT_TRUE(saved(cache) == before);
    history.run_to(cache, shape, 383, 100);  // what fits still fits
    history.expect_holds(cache, shape);
    history.expect_holds(other, shape);
    EXPECT_FALSE(cache.begin(1).ok());
    EXPECT_TRUE(cache.truncate(382).ok());
    ASSERT_TRUE(history.step(cache, shape, 1, 1).ok());
    history.expect_holds(cache, shape);
}

TEST(SequenceCache, CancelTakesTheStepBack) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 4);
    const History history(8);
    SequenceCache cache(*pool);
    history.run_to(cache, shape, 100, 64);
    const auto before = saved(cache);
    ASSERT_TRUE(cache.begin(300).ok());
    EXPECT_EQ(pool->free_blocks(), 1);
    cache.cancel();
    EXPECT_EQ(pool->free_blocks(), 4);
    EXPECT_TRUE(saved(cache) == before);
    history.run_to(cache, shape, 400, 64);
    history.expect_holds(cache, shape);
}

TEST(SequenceCache, ForksShareBlocksAndGoTheirOwnWays) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(9), left_way(10);
    SequenceCache cache(*pool);
    history.run_to(cache, shape, 300, 64);
    const std::int64_t free = pool->free_blocks();
    auto left = cache.fork();
    auto right = left->fork();
    EXPECT_EQ(pool->free_blocks(), free);
    EXPECT_TRUE(std::equal(left->blocks().begin(), left->blocks().end(), cache.blocks().begin(), cache.blocks().end()));
    history.run_to(*right, shape, 500, 64);
    left_way.run_to(*left, shape, 500, 64);
    history.expect_holds(*right, shape);
    history.run_to(cache, shape, 500, 1);
    EXPECT_TRUE(saved(cache) == saved(*right));
    EXPECT_FALSE(saved(cache) == saved(*left));
    history.expect_holds(cache, shape);
    left.reset();
    right.reset();
    history.expect_holds(cache, shape);
    EXPECT_EQ(pool->free_blocks(), 16 - 3);
}

TEST(SequenceCache, ReplayUsesExistingEntriesWithoutWritingThem) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 16);
    const History history(11);
    SequenceCache first(*pool);
    history.run_to(first, shape, 290, 64);
    for (const std::int64_t chunk : {1, 100, 128, 290}) {
        SequenceCache again(*pool);
        again.attach_entries(first.blocks());
        EXPECT_TRUE(again.entry_exists(4, 63));
        EXPECT_FALSE(again.entry_exists(4, 64));
        history.run_to(again, shape, 130, chunk);  // writing a sealed block would abort
        const auto fork = again.fork();
        history.run_to(again, shape, 290, chunk);
        history.run_to(*fork, shape, 290, 50);
        history.expect_holds(again, shape);
        EXPECT_TRUE(saved(again) == saved(first)) << chunk;
        EXPECT_TRUE(saved(*fork) == saved(first)) << chunk;
        EXPECT_EQ(again.blocks()[0], first.blocks()[0]);
        EXPECT_EQ(again.blocks()[1], first.blocks()[1]);
    }
}

TEST(SequenceCache, KeyRunsCoverAllKeysInOrder) {
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 64);
    const History history(12);
    SequenceCache cache(*pool);
    history.run_to(cache, shape, 128 * 20 + 50, 512);
    std::vector<kv::Run> runs{{nullptr, 5}};
    for (const std::int64_t count : {0, 1, 31, 32, 33, 511, 512, 513, 20 * 32, 20 * 32 + 12}) {
        cache.key_runs(LayerIndex{3}, count, runs);
        std::int64_t c = 0;
        for (const kv::Run& run : runs)
            for (std::int64_t i = 0; i < run.count; ++i, ++c)
                ASSERT_EQ(run.data + i * shape.layers[3].key_bytes, cache.key(LayerIndex{3}, c)) << c << " of " << count;
        ASSERT_EQ(c, count);
        EXPECT_LE(runs.size(), 3u) << "blocks of one sequence should lie together";
    }
}

// Random steps of three sequences over one tight pool; everything else is the tests above, mixed.
TEST(SequenceCache, RandomStepsOfManySequencesKeepTheirRows) {
    constexpr std::uint32_t kSeed = 99;
    const Shape shape = small_shape();
    auto pool = make_pool(shape, 12);
    std::mt19937 random(kSeed);
    std::vector<std::unique_ptr<SequenceCache>> caches(3);
    const History history(13), drafts(14);
    int refused = 0;
    for (int step = 0; step < 600; ++step) {
        auto& cache = caches[random() % 3];
        if (!cache || random() % 40 == 0) cache = std::make_unique<SequenceCache>(*pool);
        const std::int64_t n = random() % 5 == 0 ? 1 + random() % 200 : 1 + random() % 12;
        const std::int64_t rejected = std::min<std::int64_t>(n, random() % 2 == 0 ? random() % (kDraftRows + 1) : 0);
        if (!cache->begin(n).ok()) {
            ++refused;
            cache.reset();
            continue;
        }
        const std::int64_t at = cache->computed();
        for (std::int64_t t = at; t < at + n; ++t) (t < at + n - rejected ? history : drafts).write(*cache, shape, t);
        cache->commit(n - rejected);
        if (random() % 4 == 0) {
            const std::int64_t floor = std::max<std::int64_t>(cache->rewind_floor(), 0);
            ASSERT_TRUE(cache->truncate(floor + static_cast<std::int64_t>(random()) % (cache->computed() - floor + 1)).ok());
        }
        if (random() % 10 == 0) caches[random() % 3] = cache ? cache->fork() : nullptr;
        for (const auto& one : caches) {
            if (!one || step % 10 != 0) continue;
            SCOPED_TRACE("seed " + std::to_string(kSeed) + " step " + std::to_string(step));
            ASSERT_NO_FATAL_FAILURE(history.expect_holds(*one, shape));
        }
    }
    EXPECT_GT(refused, 0) << "the pool was never full: the test lost its point";
    caches.clear();
    EXPECT_EQ(pool->free_blocks(), pool->capacity());
}

}  // namespace
}  // namespace baleen::kv
