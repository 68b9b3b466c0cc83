// How near the products come to what the machine can do: fp8, fp4 and bf16 weights (200 MB) times one input, beside a
// loads-only pass over the same bytes, and a matrix in cache times 512 inputs, beside the set's dot-product rate. Every
// number is the best of several rounds, and ceilings are taken in the same rounds, since shared machines change speed
// from second to second; times are CPU times of the slowest member, so that other processes cost less. Not built:
//   g++ -std=c++23 -O2 -Isrc src/kernels/kernels_bench.cc build/release/libbaleen_kernels.a
//       build/release/libbaleen_tensor.a build/release/libbaleen_base.a -lfmt -lpthread -o kernels_bench
//   kernels_bench [threads] [set] [KiB of weights]      512 stay in L2: what the arithmetic alone allows
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/threads.h"
#include "kernels/kernels.h"
#include "kernels/peak.h"

namespace {

using namespace baleen;
using namespace baleen::kernels;
using tensor::WeightFormat;

double cpu_seconds() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Format {
    const char* name;
    WeightFormat format;
};
constexpr Format kFormats[] = {{"fp8", WeightFormat::fp8}, {"fp4", WeightFormat::fp4}, {"bf16", WeightFormat::bf16}};

class Bench {
  public:
    Bench(int threads, std::size_t bytes) : bytes_(bytes), team_(threads), scratch_(static_cast<std::size_t>(threads)) {
        memory_ = static_cast<std::uint8_t*>(std::aligned_alloc(4096, std::max(bytes_, kCached)));
        std::uint64_t state = 1;
        for (std::size_t i = 0; i < std::max(bytes_, kCached); i += 8) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            const std::uint64_t word = state >> 3 & 0x3f3f3f3f3f3f3f3fu;
            std::memcpy(memory_ + i, &word, 8);
        }
    }
    ~Bench() { std::free(memory_); }

    void run(const Kernels& set) {
        for (const Format& f : kFormats)
            for (const std::int64_t cols : {4096, 2048}) one_input(set, f, cols);
        for (const Format& f : kFormats) many_inputs(set, f);
    }

  private:
    static constexpr std::size_t kCached = 4 << 20;  // of the products of many inputs

    // CPU seconds of the member that needed most for its range.
    template <class Body>
    double slowest(std::int64_t count, std::int64_t grain, Body&& body) {
        std::vector<double> times(static_cast<std::size_t>(team_.size()));
        team_.for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int member) {
            const double start = cpu_seconds();
            body(begin, end, member);
            times[member] = cpu_seconds() - start;
        });
        return *std::max_element(times.begin(), times.end());
    }

    double product(const Kernels& set, const tensor::MatrixView& w, int count) {
        std::vector<float> x(static_cast<std::size_t>(count * w.cols)), y(static_cast<std::size_t>(count * w.rows));
        std::vector<std::uint16_t> half(x.size());
        for (std::size_t i = 0; i < x.size(); ++i)
            x[i] = static_cast<float>(static_cast<int>(i * 7919 % 255) - 127) / 64;
        set.narrow_bf16(x.data(), static_cast<std::int64_t>(x.size()), half.data());
        const Rows rows{x.data(), w.cols, half.data(), w.cols, count, w.cols};
        return slowest(w.rows, 128, [&](std::int64_t begin, std::int64_t end, int member) {
            matmul_for(set, w.format)(w, rows, begin, end, y.data(), w.rows, true, scratch_[member]);
        });
    }

    tensor::MatrixView matrix(const Format& f, std::int64_t cols, std::size_t bytes) {
        tensor::MatrixView w{f.format, 0, cols, memory_};
        w.rows = static_cast<std::int64_t>(bytes) / w.row_bytes() / 64 * 64;
        w.scale_stride = f.format == WeightFormat::fp4 ? cols / 32 : cols / 128;
        scales_.assign(static_cast<std::size_t>(w.rows * w.scale_stride), 119);
        w.scales = scales_.data();
        return w;
    }

    void one_input(const Kernels& set, const Format& f, std::int64_t cols) {
        const tensor::MatrixView w = matrix(f, cols, bytes_);
        const Peaks peak = peaks(set);
        const auto bytes = static_cast<double>(w.bytes());
        double best = 0, ceiling = 0;
        const int rounds = bytes_ < kCached ? 3000 : 12;
        for (int round = 0; round < rounds; ++round) {
            const double read = slowest(static_cast<std::int64_t>(bytes_ / 4096), 1, [&](std::int64_t begin, std::int64_t end, int) {
                sink_ = peak.read_pass(memory_ + begin * 4096, static_cast<std::size_t>(end - begin) * 4096);
            });
            ceiling = std::max(ceiling, static_cast<double>(bytes_) / read * 1e-9);
            best = std::max(best, bytes / product(set, w, 1) * 1e-9);
        }
        fmt::print("{:<10} {:<4} x 1    K={}: {:5.1f} GB/s of {:5.1f}  {:3.0f} %\n", set.name, f.name, cols, best,
                   ceiling, 100 * best / ceiling);
    }

    void many_inputs(const Kernels& set, const Format& f) {
        if (set.name == "scalar") return;
        const tensor::MatrixView w = matrix(f, 4096, kCached);
        const Peaks peak = peaks(set);
        double best = 0, ceiling = 0;
        for (int round = 0; round < 4; ++round) {
            std::vector<double> operations(static_cast<std::size_t>(team_.size()));
            const double time = slowest(team_.size(), 1, [&](std::int64_t, std::int64_t, int member) {
                sink_ = peak.dot_rounds(300000, &operations[member]) > 0;
            });
            double all = 0;
            for (const double o : operations) all += o;
            ceiling = std::max(ceiling, all / time * 1e-9);
            best = std::max(best, 2.0 * 512 * static_cast<double>(w.rows * w.cols) / product(set, w, 512) * 1e-9);
        }
        fmt::print("{:<10} {:<4} x 512  K=4096: {:5.0f} Gop/s of {:5.0f}  {:3.0f} %\n", set.name, f.name, best, ceiling,
                   100 * best / ceiling);
    }

    const std::size_t bytes_;
    Team team_;
    std::vector<Scratch> scratch_;
    std::vector<std::uint8_t> scales_;
    std::uint8_t* memory_;
    volatile std::uint64_t sink_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    Bench bench(argc > 1 ? std::atoi(argv[1]) : usable_cpus(), argc > 3 ? static_cast<std::size_t>(std::atoll(argv[3])) << 10 : std::size_t{200} << 20);
    for (const Kernels* set : available())
        if (argc > 2 ? set->name == argv[2] : set->name != "scalar") bench.run(*set);
}
