// Aim: every way of loading is measured, beside a ceiling, as often as asked; a missing checkpoint is named.
#include "eval/load_speed.h"

#include <gtest/gtest.h>

#include "io/page_cache.h"

namespace baleen::eval {
namespace {

const std::filesystem::path kTiny = std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint";

TEST(LoadSpeed, EveryWayBesideItsCeiling) {
    std::vector<std::string> said;
    const auto results = bench_load(kTiny, {.threads = 2, .repetitions = 2, .progress = [&](std::string_view what) { said.emplace_back(what); }});
    if (!results.ok() && results.error().code == ErrorCode::unsupported) GTEST_SKIP() << results.error().message;
    ASSERT_TRUE(results.ok()) << results.error().message;
    ASSERT_EQ(results->size(), 3u);
    for (const LoadResult& r : *results) {
        EXPECT_EQ(r.shares.size(), 2u) << r.way;
        EXPECT_GT(r.seconds, 0) << r.way;
        EXPECT_GT(r.ceiling_gb_s, 0) << r.way;
        EXPECT_GT(r.share, 0) << r.way;
    }
    EXPECT_EQ((*results)[0].way, "cold");
    EXPECT_GT((*results)[0].share_of_fresh, 0);
    EXPECT_EQ(said.size(), 4u);
    EXPECT_EQ(said[3], "loading from the page cache, 2 of 2");
}

TEST(LoadSpeed, NamesWhatIsNotThere) {
    const auto results = bench_load("/nonexistent", {});
    ASSERT_FALSE(results.ok());
    EXPECT_NE(results.error().message.find("/nonexistent"), std::string::npos);
}

TEST(PageCache, ReadDroppedAndCounted) {
    const auto file = kTiny / "config.json";
    ASSERT_TRUE(io::read_into_cache(file).ok());
    EXPECT_EQ(*io::cached_share(file), 1.0);
    ASSERT_TRUE(io::drop_cached(file).ok());
    const double left = *io::cached_share(file);
    EXPECT_TRUE(left == 0 || left == 1) << left;  // one page, gone or kept by a file system in memory
    EXPECT_FALSE(io::cached_share(kTiny / "none").ok());
}

}  // namespace
}  // namespace baleen::eval
