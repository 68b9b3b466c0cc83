// The machine's ceilings at this minute: a loads-only pass over the model's own pages, and dot products without loads.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "eval/bench.h"
#include "kernels/peak.h"

namespace baleen::eval {

namespace {

constexpr std::size_t kPassBytes = std::size_t{1} << 30;     // of the model read per pass, at most
constexpr std::size_t kLeastBytes = std::size_t{256} << 20;  // smaller models fit the caches: a private buffer stands in
constexpr std::int64_t kDotRounds = 1000000;

double seconds_of(Team& team, auto&& body) {
    const auto start = std::chrono::steady_clock::now();
    team.run(body);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Pages to read: the model's largest stretches of dense weights and experts in file order, or the stand-in.
std::vector<std::span<const std::byte>> pages(const engine::Engine& engine) {
    static void* stand_in = nullptr;
    const model::Checkpoint& checkpoint = engine.checkpoint();
    std::vector<std::span<const std::byte>> stretches;
    std::size_t total = 0;
    if (checkpoint.total_bytes() >= kLeastBytes) {
        for (const model::TensorInfo& tensor : checkpoint.tensors()) {
            if (tensor.bytes < (1 << 20) || total >= kPassBytes) continue;
            const auto address = reinterpret_cast<std::uintptr_t>(checkpoint.data(tensor));
            const std::uintptr_t begin = (address + 63) / 64 * 64, end = (address + tensor.bytes) / 1024 * 1024;
            const std::size_t bytes = (end - begin) / 1024 * 1024;
            stretches.emplace_back(reinterpret_cast<const std::byte*>(begin), bytes);
            total += bytes;
        }
        if (total >= kLeastBytes) return stretches;
    }
    if (stand_in == nullptr) {
        stand_in = mmap(nullptr, kLeastBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(stand_in != MAP_FAILED);
        std::memset(stand_in, 1, kLeastBytes);
    }
    return {{static_cast<const std::byte*>(stand_in), kLeastBytes}};
}

}  // namespace

Ceilings measure_ceilings(engine::Engine& engine) {
    Team& team = engine.team();
    const kernels::Peaks peaks = kernels::peaks(engine.kernels());
    const auto stretches = pages(engine);
    const auto members = static_cast<std::size_t>(team.size());
    std::vector<std::uint64_t> sink(members);
    double bytes = 0;
    for (const auto& stretch : stretches) bytes += static_cast<double>(stretch.size() / members / 1024 * 1024 * members);
    Ceilings result;
    const double read_seconds = seconds_of(team, [&](int member) {
        for (const auto& stretch : stretches) {
            const std::size_t share = stretch.size() / members / 1024 * 1024;
            sink[static_cast<std::size_t>(member)] ^= peaks.read_pass(stretch.data() + share * static_cast<std::size_t>(member), share);
        }
    });
    result.read_gb_s = bytes / read_seconds * 1e-9;

    std::vector<double> operations(members);
    std::vector<float> sums(members);
    const double dot_seconds = seconds_of(team, [&](int member) {
        const auto m = static_cast<std::size_t>(member);
        sums[m] = peaks.dot_rounds(kDotRounds, &operations[m]);
    });
    for (const double count : operations) result.dot_gflop_s += count / dot_seconds * 1e-9;
    return result;
}

}  // namespace baleen::eval
