#include "eval/kernel_speed.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/threads.h"
#include "base/topology.h"
#include "kernels/peak.h"

namespace baleen::eval {

namespace {

using kernels::Kernels;
using kernels::Peaks;
using tensor::WeightFormat;

constexpr std::size_t kFromMemory = std::size_t{200} << 20;  // beyond every cache
constexpr std::size_t kInCache = std::size_t{512} << 10;     // of each member: half of an L2
constexpr std::size_t kOfManyInputs = std::size_t{4} << 20;  // of all members
constexpr int kManyInputs = 512;
constexpr std::size_t kPage = 4096;
constexpr double kSmallSeconds = 0.015;  // for all rounds of one small kernel

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
    Bench(int threads, std::uint8_t* memory) : team_(threads), scratch_(static_cast<std::size_t>(team_.size())), memory_(memory) {
        std::uint64_t state = 1;
        for (std::size_t i = 0; i < kFromMemory; i += 8) {  // codes of every format that are ordinary numbers
            state = state * 6364136223846793005u + 1442695040888963407u;
            const std::uint64_t word = (state >> 3 & 0x3f3f3f3f3f3f3f3fu) | 0x2000200020002000u;
            std::memcpy(memory_ + i, &word, 8);
        }
        numbers_.resize(8 << 10);
        for (std::size_t i = 0; i < numbers_.size(); ++i)
            numbers_[i] = static_cast<float>(static_cast<int>(i * 7919 % 255) - 127) / 64;
    }

    std::vector<KernelResult> run(const Kernels& set, const std::function<void(std::string_view)>& progress) {
        results_.clear();
        const auto say = [&](std::string_view what) {
            if (progress) progress(fmt::format("{}: {}", set.name, what));
        };
        say("products of one input");
        for (const Format& f : kFormats) {
            one_input(set, f, kFromMemory, 10, "from memory");
            one_input(set, f, kInCache * static_cast<std::size_t>(team_.size()), 2000, "in L2");
        }
        say("products of a few inputs");
        for (const Format& f : kFormats)
            for (const int inputs : {2, 4, 8, 16}) few_inputs(set, f, inputs);
        say("products of many inputs");
        for (const Format& f : kFormats) many_inputs(set, f);
        say("attention");
        index_scores(set, 64);
        attend(set);
        say("small kernels");
        small(set);
        return std::move(results_);
    }

  private:
    // CPU seconds of the member that needed most for its range.
    template <class Body>
    double slowest(std::int64_t count, std::int64_t grain, Body&& body) {
        std::vector<double> times(static_cast<std::size_t>(team_.size()));
        team_.for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int member) {
            const double start = cpu_seconds();
            body(begin, end, member);
            times[static_cast<std::size_t>(member)] = cpu_seconds() - start;
        });
        return *std::max_element(times.begin(), times.end());
    }

    // Operations a second of all members, in 1e9.
    template <class Rounds>
    double peak_rate(Rounds rounds) {
        std::vector<double> operations(static_cast<std::size_t>(team_.size()));
        const double time = slowest(team_.size(), 1, [&](std::int64_t, std::int64_t, int member) {
            sink_ = sink_ + static_cast<std::uint64_t>(rounds(200000, &operations[static_cast<std::size_t>(member)]) > 0);
        });
        double all = 0;
        for (const double o : operations) all += o;
        return all / time * 1e-9;
    }

    double product(const Kernels& set, const tensor::MatrixView& w, int count) {
        std::vector<float> x(static_cast<std::size_t>(count * w.cols)), y(static_cast<std::size_t>(count * w.rows));
        std::vector<std::uint16_t> half(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = numbers_[i % numbers_.size()];
        set.narrow_bf16(x.data(), static_cast<std::int64_t>(x.size()), half.data());
        const kernels::Rows rows{x.data(), w.cols, half.data(), w.cols, count, w.cols};
        return slowest(w.rows, 64, [&](std::int64_t begin, std::int64_t end, int member) {
            matmul_for(set, w.format)(w, rows, begin, end, y.data(), w.rows, true, scratch_[static_cast<std::size_t>(member)]);
        });
    }

    tensor::MatrixView matrix(const Format& f, std::int64_t cols, std::size_t bytes) {
        tensor::MatrixView w{f.format, 0, cols, memory_};
        const std::int64_t grain = 64 * team_.size();
        w.rows = std::max<std::int64_t>(static_cast<std::int64_t>(bytes) / w.row_bytes() / grain, 1) * grain;
        w.scale_stride = f.format == WeightFormat::fp4 ? cols / 32 : cols / 128;
        scales_.assign(static_cast<std::size_t>(w.rows * w.scale_stride), 119);
        w.scales = scales_.data();
        return w;
    }

    void one_input(const Kernels& set, const Format& f, std::size_t wanted, int rounds, std::string_view where) {
        const tensor::MatrixView w = matrix(f, 4096, wanted);
        const Peaks peak = peaks(set);
        const auto bytes = static_cast<double>(w.bytes());
        const auto pages = static_cast<std::int64_t>(static_cast<std::size_t>(w.rows * w.row_bytes()) / kPage);
        double best = 1e9, ceiling = 0;
        for (int round = 0; round < rounds; ++round) {
            const double read = slowest(pages, 1, [&](std::int64_t begin, std::int64_t end, int) {
                sink_ = sink_ + peak.read_pass(memory_ + begin * std::int64_t{kPage}, static_cast<std::size_t>(end - begin) * kPage);
            });
            ceiling = std::max(ceiling, static_cast<double>(pages) * kPage / read * 1e-9);
            best = std::min(best, product(set, w, 1));
        }
        results_.push_back({std::string(set.name), fmt::format("matmul_{}", f.name), fmt::format("1 x 4096, {}", where), best * 1e6,
                            bytes / best * 1e-9, "GB/s", ceiling});
    }

    // From memory, beside the lower of what loads and what dot products allow.
    void few_inputs(const Kernels& set, const Format& f, int inputs) {
        if (set.name == "scalar") return;
        const tensor::MatrixView w = matrix(f, 4096, kFromMemory / 2);
        const Peaks peak = peaks(set);
        const auto bytes = static_cast<double>(w.bytes()), operations = 2.0 * inputs * static_cast<double>(w.rows * w.cols);
        const auto pages = static_cast<std::int64_t>(static_cast<std::size_t>(w.rows * w.row_bytes()) / kPage);
        double best = 1e9, read = 0, dot = 0;
        for (int round = 0; round < 8; ++round) {
            const double time = slowest(pages, 1, [&](std::int64_t begin, std::int64_t end, int) {
                sink_ = sink_ + peak.read_pass(memory_ + begin * std::int64_t{kPage}, static_cast<std::size_t>(end - begin) * kPage);
            });
            read = std::max(read, static_cast<double>(pages) * kPage / time * 1e-9);
            dot = std::max(dot, peak_rate(peak.dot_rounds));
            best = std::min(best, product(set, w, inputs));
        }
        results_.push_back({std::string(set.name), fmt::format("matmul_{}", f.name), fmt::format("{} x 4096, from memory", inputs), best * 1e6,
                            bytes / best * 1e-9, "GB/s", std::min(read, dot / operations * bytes)});
    }

    void many_inputs(const Kernels& set, const Format& f) {
        if (set.name == "scalar") return;  // minutes
        const tensor::MatrixView w = matrix(f, 4096, kOfManyInputs);
        const Peaks peak = peaks(set);
        double best = 1e9, ceiling = 0;
        for (int round = 0; round < 4; ++round) {
            ceiling = std::max(ceiling, peak_rate(peak.dot_rounds));
            best = std::min(best, product(set, w, kManyInputs));
        }
        results_.push_back({std::string(set.name), fmt::format("matmul_{}", f.name), fmt::format("{} x 4096", kManyInputs), best * 1e6,
                            2.0 * kManyInputs * static_cast<double>(w.rows * w.cols) / best * 1e-9, "Gop/s", ceiling});
    }

    // Flash's indexer: packed queries of 128 channels against 8,192 keys a member.
    void index_scores(const Kernels& set, int heads) {
        const tensor::KeyLayout layout{128, true};
        const std::int64_t keys = 8192, bytes = layout.bytes();
        std::vector<std::uint8_t> packed(static_cast<std::size_t>((keys + heads) * bytes));
        for (std::int64_t i = 0; i < keys + heads; ++i)
            set.pack_key(numbers_.data() + i * 31 % 8000, layout, packed.data() + i * bytes);
        const std::vector<float> weights(numbers_.begin(), numbers_.begin() + heads);
        const Peaks peak = peaks(set);
        std::vector<std::vector<float>> out(static_cast<std::size_t>(team_.size()), std::vector<float>(static_cast<std::size_t>(keys)));
        double best = 1e9, ceiling = 0;
        for (int round = 0; round < (set.name == "scalar" ? 1 : 20); ++round) {
            ceiling = std::max(ceiling, peak_rate(peak.byte_rounds));
            best = std::min(best, slowest(team_.size(), 1, [&](std::int64_t, std::int64_t, int member) {
                                set.index_scores({packed.data(), weights.data(), heads, packed.data() + heads * bytes, keys, layout,
                                                  out[static_cast<std::size_t>(member)].data()},
                                                 scratch_[static_cast<std::size_t>(member)]);
                            }));
        }
        results_.push_back({std::string(set.name), "index_scores", fmt::format("{} heads x 128, {} keys", heads, keys), best * 1e6,
                            2.0 * 128 * heads * static_cast<double>(keys) * team_.size() / best * 1e-9, "Gop/s", ceiling});
    }

    // Flash's attention: 64 heads over 640 entries of 512 channels.
    void attend(const Kernels& set) {
        const tensor::EntryLayout layout{512, 64, true};
        const int heads = 64, count = 640;
        std::vector<std::uint8_t> bytes(static_cast<std::size_t>(layout.bytes()) * count);
        std::vector<const std::uint8_t*> entries;
        for (int e = 0; e < count; ++e) {
            entries.push_back(bytes.data() + e * layout.bytes());
            set.pack_entry(numbers_.data() + e * 7 % 4000, layout, bytes.data() + e * layout.bytes());
        }
        std::vector<float> q(64 * 512), sink(64, 0.1f);
        for (std::size_t i = 0; i < q.size(); ++i) q[i] = numbers_[i % numbers_.size()];
        std::vector<std::vector<float>> out(static_cast<std::size_t>(team_.size()), std::vector<float>(q.size()));
        const Peaks peak = peaks(set);
        double best = 1e9, ceiling = 0;
        for (int round = 0; round < (set.name == "scalar" ? 1 : 10); ++round) {
            ceiling = std::max(ceiling, peak_rate(peak.dot_rounds));
            best = std::min(best, slowest(team_.size(), 1, [&](std::int64_t, std::int64_t, int member) {
                                set.attend({.q = q.data(), .entries = entries.data(), .count = count, .layout = layout, .sink = sink.data(),
                                            .scale = 0.0442f, .head_begin = 0, .head_end = heads,
                                            .out = out[static_cast<std::size_t>(member)].data(), .round = true},
                                           scratch_[static_cast<std::size_t>(member)]);
                            }));
        }
        results_.push_back({std::string(set.name), "attend", fmt::format("{} heads x 512, {} entries", heads, count), best * 1e6,
                            4.0 * heads * 512 * count * team_.size() / best * 1e-9, "Gop/s", ceiling});
    }

    // Time of a call of one member alone, best of some hundred.
    template <class Call>
    void timed(const Kernels& set, std::string_view kernel, std::string_view shape, Call&& call) {
        double best = 1e9;
        for (double spent = 0; spent < kSmallSeconds;) {
            constexpr int kCalls = 50;
            const double start = cpu_seconds();
            for (int i = 0; i < kCalls; ++i) call();
            const double took = cpu_seconds() - start;
            best = std::min(best, took / kCalls);
            spent += took;
        }
        results_.push_back({std::string(set.name), std::string(kernel), std::string(shape), best * 1e6, 0, "", 0});
    }

    void small(const Kernels& set) {
        const float* x = numbers_.data();
        std::vector<float> out(4 * 4096), streams(4 * 4096, 0.5f);
        std::vector<std::uint8_t> bytes(4096);
        const float post[4] = {0.1f, 0.2f, 0.3f, 0.4f};
        std::vector<float> comb(16, 0.25f), turn(64, 0.7f);
        const tensor::EntryLayout entry{512, 64, true};
        const tensor::KeyLayout key{128, true};
        timed(set, "rms_norm", "4096", [&] { set.rms_norm(x, x + 4096, 4096, 1e-6f, out.data(), true); });
        timed(set, "head_norm", "512", [&] { set.head_norm(x, 512, 1e-6f, out.data(), true); });
        timed(set, "round_bf16", "4096", [&] { set.round_bf16(out.data(), 4096); });
        timed(set, "quantise_fp8", "4096 by 128", [&] { set.quantise_fp8(x, 4096, 128, out.data()); });
        timed(set, "rope", "32 pairs", [&] { set.rope(out.data(), 32, turn.data(), turn.data() + 32, false, true); });
        timed(set, "hadamard", "128", [&] { set.hadamard(out.data(), 128, true); });
        timed(set, "swiglu", "2048", [&] { set.swiglu(x, x + 2048, 2048, 10.0f, 0.3f, out.data(), true); });
        timed(set, "hc_collapse", "4 x 4096", [&] { set.hc_collapse(streams.data(), post, 4, 4096, out.data(), true); });
        timed(set, "hc_expand", "4 x 4096", [&] { set.hc_expand(streams.data(), x, post, comb.data(), 4, 4096, true); });
        timed(set, "pack_entry", "512", [&] { set.pack_entry(x, entry, bytes.data()); });
        timed(set, "pack_key", "128", [&] { set.pack_key(x, key, bytes.data()); });
        const float* values[8];
        for (int i = 0; i < 8; ++i) values[i] = x + 512 * i;
        timed(set, "pool", "8 x 512", [&] { set.pool(values, values, 8, 512, out.data()); });
        std::vector<std::int32_t> found(4096);
        timed(set, "find_not_below", "4096", [&] { set.find_not_below(x, 4096, 1.9f, 0, found.data()); });
    }

    Team team_;
    std::vector<kernels::Scratch> scratch_;
    std::vector<std::uint8_t> scales_;
    std::vector<float> numbers_;
    std::vector<KernelResult> results_;
    std::uint8_t* memory_;
    volatile std::uint64_t sink_ = 0;
};

}  // namespace

Result<std::vector<KernelResult>> bench_kernels(const KernelBenchOptions& options) {
    std::vector<const Kernels*> sets;
    for (const std::string& name : options.sets) {
        TRY_ASSIGN(const Kernels* set, kernels::select(name));
        sets.push_back(set);
    }
    if (sets.empty())
        for (const Kernels* set : kernels::available())
            if (set->name != "scalar") sets.push_back(set);
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> memory(static_cast<std::uint8_t*>(std::aligned_alloc(kPage, kFromMemory + kPage)),
                                                                     &std::free);
    if (!memory) return resource_exhausted("no memory for matrices of 200 MB");
    Bench bench(options.threads > 0 ? options.threads : default_threads(), memory.get());
    std::vector<KernelResult> results;
    for (const Kernels* set : sets)
        for (KernelResult& result : bench.run(*set, options.progress)) results.push_back(std::move(result));
    return results;
}

}  // namespace baleen::eval
