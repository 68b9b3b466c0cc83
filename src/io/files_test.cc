// Aim: files are read whole or refused with their path; mappings show the bytes; a staged directory appears whole or
// not at all, and never replaces what is not its own.
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "io/mapped_file.h"
#include "io/output_file.h"
#include "io/read_file.h"
#include "io/staged_directory.h"

namespace baleen::io {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
  protected:
    Files() : root_(fs::temp_directory_path() / ("baleen-io-" + std::to_string(::getpid()))) {
        fs::remove_all(root_);
        fs::create_directory(root_);
    }
    ~Files() override { fs::remove_all(root_); }
    fs::path put(const char* name, const std::string& text) const {
        std::ofstream(root_ / name, std::ios::binary) << text;
        return root_ / name;
    }
    const fs::path root_;
};

TEST_F(Files, ReadWhole) {
    const std::string text(100'000, 'x');
    const fs::path file = put("a", text);
    EXPECT_EQ(*read_file(file, text.size()), text);
    const auto over = read_file(file, text.size() - 1);
    ASSERT_FALSE(over.ok());
    EXPECT_EQ(over.error().code, ErrorCode::resource_exhausted);
    EXPECT_NE(over.error().message.find(file.string()), std::string::npos);
    EXPECT_EQ(*read_file(put("empty", ""), 0), "");
    EXPECT_EQ(read_file(root_ / "none", 10).error().code, ErrorCode::not_found);
    EXPECT_EQ(read_file(root_, 10).error().code, ErrorCode::io);
    ASSERT_EQ(::mkfifo((root_ / "fifo").c_str(), 0600), 0);
    EXPECT_FALSE(read_file(root_ / "fifo", 10).ok()) << "a FIFO must not hang us";
    // Files whose size the system does not know are read to their end.
    const auto proc = read_file("/proc/self/status", 1 << 20);
    if (fs::exists("/proc/self/status")) {
        ASSERT_TRUE(proc.ok()) << proc.error().message;
        EXPECT_GT(proc->size(), 100u);
    }
}

TEST_F(Files, Mapped) {
    const auto bytes_of = [](const MappedFile& file) {
        return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    };
    auto mapped = MappedFile::open(put("a", "hello"));
    ASSERT_TRUE(mapped.ok());
    EXPECT_EQ(bytes_of(*mapped), "hello");
    MappedFile moved = std::move(*mapped);
    EXPECT_EQ(bytes_of(moved), "hello");
    EXPECT_EQ(mapped->bytes().size(), 0u);
    MappedFile other;
    other = std::move(moved);
    EXPECT_EQ(bytes_of(other), "hello");
    for (const auto access : {MappedFile::Access::normal, MappedFile::Access::random, MappedFile::Access::will_need})
        other.advise(access);
    const auto empty = MappedFile::open(put("empty", ""));
    ASSERT_TRUE(empty.ok());
    EXPECT_TRUE(empty->bytes().empty());
    EXPECT_EQ(MappedFile::open(root_ / "none").error().code, ErrorCode::not_found);
    EXPECT_EQ(MappedFile::open(root_).error().code, ErrorCode::io);
}

TEST_F(Files, OutputAtOffsets) {
    {
        const auto file = OutputFile::create(root_ / "o", 10);
        ASSERT_TRUE(file.ok());
        ASSERT_TRUE(file->write_at(6, std::as_bytes(std::span("tail", 4))).ok());
        ASSERT_TRUE(file->write_at(0, std::as_bytes(std::span("head", 4))).ok());
        ASSERT_TRUE(file->sync().ok());
    }
    EXPECT_EQ(*read_file(root_ / "o", 100), std::string("head\0\0tail", 10));
    EXPECT_FALSE(OutputFile::create(root_ / "o", 1).ok()) << "never overwrites";
    EXPECT_FALSE(OutputFile::create(root_ / "none" / "o", 1).ok());
    EXPECT_FALSE(write_file("/dev/full/x", "text").ok());
}

TEST_F(Files, StagedDirectoryIsAllOrNothing) {
    const fs::path target = root_ / "deep" / "target";
    {
        auto staged = StagedDirectory::create(target, Replace::no);
        ASSERT_TRUE(staged.ok()) << staged.error().message;
        ASSERT_TRUE(write_file(staged->path() / "config.json", "{}").ok());
        EXPECT_FALSE(fs::exists(target));
    }
    EXPECT_TRUE(fs::is_empty(root_ / "deep")) << "an abandoned one is gone";
    const auto fill = [&](const std::string& text, Replace replace) -> Result<void> {
        TRY_ASSIGN(StagedDirectory staged, StagedDirectory::create(target.string() + "/", replace));
        TRY(write_file(staged.path() / "config.json", text));
        return staged.commit();
    };
    ASSERT_TRUE(fill("one", Replace::no).ok());
    EXPECT_EQ(*read_file(target / "config.json", 10), "one");
    EXPECT_EQ(fill("two", Replace::no).error().code, ErrorCode::invalid_argument);
    ASSERT_TRUE(fill("two", Replace::yes).ok());
    EXPECT_EQ(*read_file(target / "config.json", 10), "two");
    fs::create_directory(target / "photos");
    EXPECT_EQ(fill("three", Replace::yes).error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(*read_file(target / "config.json", 10), "two");
    EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "deep"), fs::directory_iterator()), 1)
        << "nothing beside the target";
    put("file", "x");
    EXPECT_FALSE(StagedDirectory::create(root_ / "file", Replace::yes).ok());
    EXPECT_FALSE(StagedDirectory::create(root_ / "file" / "below", Replace::yes).ok());
    EXPECT_FALSE(StagedDirectory::create("/", Replace::yes).ok());
    EXPECT_TRUE(free_space(root_ / "not" / "yet").ok());
}

// Read in pieces by several threads: the same bytes at every size around pages and pieces, from a cached file and from one that is not.
TEST_F(Files, ReadIntoMemory) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{4095}, std::size_t{4096}, std::size_t{4097}, std::size_t{4} << 20, (std::size_t{9} << 20) + 12'345}) {
        std::string text(size, ' ');
        for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2'654'435'761u) >> 13);
        const fs::path file = put("whole", text);
        for (const bool cached : {true, false}) {
            if (!cached) {  // what the system may then have dropped from its cache
                const auto opened = open_for_reading(file);
                ASSERT_TRUE(opened.ok());
                ASSERT_EQ(::fsync(opened->get()), 0);
                ASSERT_EQ(::posix_fadvise(opened->get(), 0, 0, POSIX_FADV_DONTNEED), 0);
            }
            std::uint64_t told = 0;
            const auto read = MappedFile::read(file, [&](std::uint64_t bytes) { told += bytes; });
            ASSERT_TRUE(read.ok()) << read.error().message;
            EXPECT_EQ(told, size);
            ASSERT_EQ(read->bytes().size(), size);
            EXPECT_EQ(std::memcmp(read->bytes().data(), text.data(), size), 0) << size << (cached ? " cached" : " from disk");
        }
    }
    // For memory nodes, whether this machine has them or not; a list that ends early leaves the rest to anybody.
    const std::string text(std::size_t{11} << 20, 'n');
    const fs::path file = put("whole", text);
    for (const std::vector<int>& nodes : {std::vector<int>{0, 1, 1, 0, 0, 0}, std::vector<int>{7, 0}}) {
        std::uint64_t told = 0;
        const auto read = MappedFile::read(file, [&](std::uint64_t bytes) { told += bytes; }, nodes);
        ASSERT_TRUE(read.ok());
        EXPECT_EQ(told, text.size());
        EXPECT_EQ(std::memcmp(read->bytes().data(), text.data(), text.size()), 0);
    }
    EXPECT_TRUE(MappedFile::read(put("empty", ""))->bytes().empty());
    EXPECT_EQ(MappedFile::read(root_ / "none").error().code, ErrorCode::not_found);
    EXPECT_EQ(MappedFile::read(root_).error().code, ErrorCode::io);
}

TEST(AvailableMemory, IsKnownAndPossible) {
    EXPECT_GT(available_memory(), std::uint64_t{1} << 20);
    EXPECT_LE(available_memory(), static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace baleen::io
