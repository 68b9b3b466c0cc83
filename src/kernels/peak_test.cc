// Ceilings: every byte of a pass is read, and operations are counted as documented.
#include "kernels/peak.h"

#include <gtest/gtest.h>

#include <vector>

namespace baleen::kernels {
namespace {

TEST(Peaks, ReadEveryWord) {
    for (const Kernels* set : available()) {
        const Peaks peak = peaks(*set);
        alignas(64) static std::uint8_t data[4096 + 1024];
        const std::uint64_t nothing = peak.read_pass(data, sizeof data);
        bool seen_by_some_lane = false;
        for (std::size_t i = 0; i < sizeof data; i += 64) {  // the result shows one lane; move through all of a line
            data[i] = 1;
            seen_by_some_lane |= peak.read_pass(data, sizeof data) != nothing;
            data[i] = 0;
        }
        EXPECT_TRUE(seen_by_some_lane) << set->name;
        EXPECT_EQ(peak.read_pass(data, sizeof data), nothing) << set->name;
    }
}

TEST(Peaks, CountOperations) {
    const std::vector<std::pair<std::string_view, double>> lanes{
        {"scalar", 1}, {"avx2", 8}, {"avx512", 16}, {"avx512vnni", 16}, {"avx512bf16", 32}};
    for (const Kernels* set : available())
        for (const auto& [name, width] : lanes) {
            if (name != set->name) continue;
            double operations = 0;
            EXPECT_GT(peaks(*set).dot_rounds(1000, &operations), 0) << name;
            EXPECT_EQ(operations, 2 * 12 * 1000 * width) << name;
            const double bytes = name == "scalar" ? 1 : name == "avx2" ? 32 : 64;
            EXPECT_NE(peaks(*set).byte_rounds(1000, &operations), 0) << name;
            EXPECT_EQ(operations, 2 * 12 * 1000 * bytes) << name;
        }
}

}  // namespace
}  // namespace baleen::kernels
