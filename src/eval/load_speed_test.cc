// Aim: every way of loading is measured, beside a ceiling, as often as asked; pages just written are dropped too; a missing checkpoint
// is named.
#include "eval/load_speed.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "io/page_cache.h"
#include "io/read_file.h"
#include "model/checkpoint.h"

namespace baleen::eval {
namespace {

namespace fs = std::filesystem;

// A copy of the tiny checkpoint that nobody else has mapped, its pages not written out yet.
class LoadSpeed : public testing::Test {
  protected:
    LoadSpeed() : copy_(fs::current_path() / ("load-speed-" + std::to_string(::getpid()))) {
        fs::remove_all(copy_);
        fs::copy(fs::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint", copy_, fs::copy_options::recursive);
    }
    ~LoadSpeed() override { fs::remove_all(copy_); }

    // Asked of the system itself, so that an error of the code under test is not taken for a file system that cannot do it.
    bool on_disk() const {
        constexpr decltype(std::declval<struct statfs>().f_type) kTmpfs = 0x01021994;
        struct statfs system {};
        if (::statfs(copy_.c_str(), &system) != 0 || system.f_type == kTmpfs) return false;
        return io::Descriptor(::open((copy_ / "config.json").c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT)).valid();
    }
    const fs::path copy_;
};

TEST_F(LoadSpeed, EveryWayBesideItsCeiling) {
    if (!on_disk()) GTEST_SKIP() << "NOT RUN: " << copy_ << " lies in memory or cannot be read past the page cache";
    std::vector<std::string> said;
    const auto results = bench_load(copy_, {.threads = 2, .repetitions = 2, .progress = [&](std::string_view what) { said.emplace_back(what); }});
    ASSERT_TRUE(results.ok()) << results.error().message;
    ASSERT_EQ(results->size(), 4u);
    for (const LoadResult& r : *results) {
        EXPECT_EQ(r.shares.size(), 2u) << r.way;
        EXPECT_GT(r.seconds, 0) << r.way;
        EXPECT_GT(r.ceiling_gb_s, 0) << r.way;
        EXPECT_GT(r.share, 0) << r.way;
    }
    EXPECT_EQ((*results)[0].way, "cold");
    EXPECT_GT((*results)[0].share_of_fresh, 0);
    EXPECT_EQ((*results)[1].way, "cold, mapped");
    EXPECT_EQ(said.size(), 4u);
    EXPECT_EQ(said[3], "loading from the page cache, 2 of 2");
}

TEST_F(LoadSpeed, PopulatingBringsEverythingIn) {
    if (!on_disk()) GTEST_SKIP() << "NOT RUN: " << copy_ << " lies in memory or cannot be read past the page cache";
    const auto checkpoint = model::Checkpoint::open(copy_);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    std::vector<fs::path> shards;
    std::uint64_t size = 0, told = 0;
    for (int i = 0; i < (*checkpoint)->shard_count(); ++i) {
        shards.push_back(copy_ / (*checkpoint)->shard_name(i));
        size += fs::file_size(shards.back());
        ASSERT_TRUE(io::drop_cached(shards.back()).ok());
    }
    ASSERT_LT(*io::cached_share(shards.back()), 0.5);
    (*checkpoint)->populate([&](std::uint64_t bytes) { told += bytes; });
    EXPECT_EQ(told, size);
    for (const fs::path& shard : shards) EXPECT_EQ(*io::cached_share(shard), 1) << shard;
}

TEST_F(LoadSpeed, NamesWhatIsNotThere) {
    const auto results = bench_load("/nonexistent", {});
    ASSERT_FALSE(results.ok());
    EXPECT_NE(results.error().message.find("/nonexistent"), std::string::npos);
}

TEST_F(LoadSpeed, PagesAreReadDroppedAndCounted) {
    const fs::path file = copy_ / "config.json";
    ASSERT_TRUE(io::read_into_cache(file).ok());
    EXPECT_EQ(*io::cached_share(file), 1.0);
    EXPECT_FALSE(io::cached_share(copy_ / "none").ok());
    if (!on_disk()) GTEST_SKIP() << "NOT RUN: " << copy_ << " lies in memory or cannot be read past the page cache";
    ASSERT_TRUE(io::drop_cached(file).ok());
    EXPECT_EQ(*io::cached_share(file), 0.0);
}

}  // namespace
}  // namespace baleen::eval
