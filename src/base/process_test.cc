// Aim: memory that is used counts, memory that is only reserved does not.
#include "base/process.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

namespace baleen {
namespace {

TEST(Process, ResidentBytesAreThoseInUse) {
    constexpr std::int64_t kBytes = 64 << 20;
    const std::int64_t before = process_resident_bytes();
    ASSERT_GT(before, 0);
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    EXPECT_LT(process_resident_bytes(), before + kBytes / 2);
    std::memset(memory, 1, kBytes);
    EXPECT_GT(process_resident_bytes(), before + kBytes / 2);
    ::munmap(memory, kBytes);
    EXPECT_LT(process_resident_bytes(), before + kBytes / 2);
}

}  // namespace
}  // namespace baleen
