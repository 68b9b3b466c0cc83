#include "eval/load_speed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/threads.h"
#include "base/topology.h"
#include "eval/median.h"
#include "io/mapped_file.h"
#include "io/page_cache.h"
#include "io/read_file.h"
#include "kernels/peak.h"
#include "model/checkpoint.h"

namespace baleen::eval {

namespace {

using model::Checkpoint;

constexpr std::size_t kPiece = 4 << 20, kHugePage = 2 << 20;
constexpr int kRepetitions = 5;
constexpr const char* kWays[] = {"cold", "cold, mapped", "cached", "mapped"};
constexpr double kDropped = 0.01;  // share of a file that may stay in the page cache: somebody may just have looked into it

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Anonymous memory, in huge pages where the system gives them.
class Memory {
  public:
    static Result<Memory> reserve(std::size_t bytes) {
        Memory memory;
        memory.size_ = bytes + kHugePage;
        memory.data_ = static_cast<std::byte*>(::mmap(nullptr, memory.size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (memory.data_ == MAP_FAILED) {
            memory.data_ = nullptr;
            return resource_exhausted(fmt::format("no memory for {} bytes", bytes));
        }
        (void)::madvise(memory.data_, memory.size_, MADV_HUGEPAGE);  // a wish
        return memory;
    }
    Memory(Memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(other.size_) {}
    Memory& operator=(Memory&&) = delete;
    ~Memory() {
        if (data_ != nullptr) ::munmap(data_, size_);
    }
    std::byte* begin() const {
        return reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(data_) + kHugePage - 1) / kHugePage * kHugePage);
    }

  private:
    Memory() = default;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

class LoadBench {
  public:
    LoadBench(const std::filesystem::path& directory, int threads, const kernels::Kernels& set)
        : directory_(directory), team_(threads), peaks_(kernels::peaks(set)) {}

    Result<std::vector<LoadResult>> run(const LoadBenchOptions& options) {
        {
            TRY_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(directory_));
            for (int i = 0; i < checkpoint->shard_count(); ++i) files_.push_back(directory_ / checkpoint->shard_name(i));
            bytes_ = checkpoint->total_bytes();
        }
        if (const std::uint64_t available = io::available_memory(); available > 0 && 2 * bytes_ > available) {
            return resource_exhausted(fmt::format("loading needs {:.1f} GB, the weights in the page cache and once more, of {:.1f} GB that are free",
                                                  2e-9 * static_cast<double>(bytes_), 1e-9 * static_cast<double>(available)));
        }
        std::vector<LoadResult> results(std::size(kWays));
        std::vector<Samples> samples(results.size());
        const int repetitions = options.repetitions > 0 ? options.repetitions : kRepetitions;
        for (int r = 0; r < repetitions; ++r) {
            const auto say = [&](std::string_view what) {
                if (options.progress) options.progress(fmt::format("{}, {} of {}", what, r + 1, repetitions));
            };
            say("loading from cold files");
            TRY(cold(samples[0], samples[1], r));
            say("loading from the page cache");
            for (const auto& file : files_) TRY(io::read_into_cache(file));
            TRY(from_cache(samples[2], [](Checkpoint& checkpoint) { return checkpoint.make_resident(); }));
            TRY(from_cache(samples[3], [](Checkpoint& checkpoint) -> Result<void> {
                checkpoint.populate();
                return {};
            }));
        }
        for (std::size_t i = 0; i < results.size(); ++i) {
            results[i].way = kWays[i];
            results[i].seconds = median(samples[i].seconds);
            results[i].gb_s = gb_s(results[i].seconds);
            results[i].ceiling_gb_s = median(samples[i].ceilings);
            results[i].share = median(samples[i].shares);
            results[i].shares = samples[i].shares;
            results[i].fresh_gb_s = median(samples[i].fresh);
            results[i].share_of_fresh = median(samples[i].shares_of_fresh);
        }
        return results;
    }

  private:
    struct Samples {
        std::vector<double> seconds, ceilings, shares, fresh, shares_of_fresh;
    };

    double gb_s(double seconds) const { return static_cast<double>(bytes_) / seconds * 1e-9; }

    void note(Samples& samples, double seconds, double ceiling) const {
        samples.seconds.push_back(seconds);
        samples.ceilings.push_back(ceiling);
        samples.shares.push_back(gb_s(seconds) / ceiling);
    }

    Result<void> drop() const {
        for (const auto& file : files_) {
            TRY(io::drop_cached(file));
            TRY_ASSIGN(const double share, io::cached_share(file));
            if (share > kDropped) {
                return unsupported(fmt::format("{}: {:.0f} % stay in the page cache, does another process have it mapped? A cold load cannot be measured so",
                                               file.string(), 100 * share));
            }
        }
        return {};
    }

    // Those that take memory change places, and the one that does not stands between them: a system is slow to give what was just freed.
    Result<void> cold(Samples& samples, Samples& mapped, int repetition) {
        double kept_nowhere = 0, kept = 0, load = 0, map = 0;
        for (int turn = 0; turn < 4; ++turn) {
            TRY(drop());
            if (turn == 1) {
                TRY_ASSIGN(kept_nowhere, plain_read(false));
            } else if (turn == 3) {
                const double start = now();
                TRY_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(directory_));
                checkpoint->populate();
                map = now() - start;
            } else if ((turn == 0) == (repetition % 2 == 0)) {
                TRY_ASSIGN(kept, plain_read(true));
            } else {
                const double start = now();
                TRY_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(directory_));
                TRY(checkpoint->make_resident());
                load = now() - start;
            }
        }
        note(samples, load, gb_s(kept_nowhere));
        note(mapped, map, gb_s(kept_nowhere));
        samples.fresh.push_back(gb_s(kept));
        samples.shares_of_fresh.push_back(kept / load);
        return {};
    }

    template <class Load>
    Result<void> from_cache(Samples& samples, Load&& load) {
        const double start = now();
        TRY_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(directory_));
        TRY(load(*checkpoint));
        const double seconds = now() - start;
        note(samples, seconds, read_pass(*checkpoint));
        return {};
    }

    // GB/s of loads over all tensors.
    double read_pass(const Checkpoint& checkpoint) {
        constexpr std::size_t kUnit = 1024;
        const auto members = static_cast<std::size_t>(team_.size());
        std::vector<std::uint64_t> sinks(members);
        double read = 0;
        const double start = now();
        for (const model::TensorInfo& tensor : checkpoint.tensors()) {
            if (tensor.bytes < kUnit * members * 2) continue;
            const auto address = reinterpret_cast<std::uintptr_t>(checkpoint.data(tensor)), begin = (address + 63) / 64 * 64;
            const std::size_t share = (address + tensor.bytes - begin) / members / kUnit * kUnit;
            team_.run([&](int member) {
                const auto m = static_cast<std::size_t>(member);
                sinks[m] ^= peaks_.read_pass(reinterpret_cast<const std::byte*>(begin) + m * share, share);
            });
            read += static_cast<double>(share * members);
        }
        const double seconds = now() - start;
        sink_ = sinks[0];
        return read / seconds * 1e-9;
    }

    // Seconds to read all files past the page cache: into fresh memory for all of it, or into one buffer a thread, touched before.
    Result<double> plain_read(bool keep) const {
        const auto threads = static_cast<std::size_t>(io::reading_threads());
        TRY_ASSIGN(Memory buffers, Memory::reserve(threads * kPiece));
        std::memset(buffers.begin(), 1, threads * kPiece);
        std::vector<Memory> held;
        const double start = now();
        for (const auto& path : files_) {
            const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT));
            if (!file.valid()) return unsupported(fmt::format("{}: cannot be read past the page cache (O_DIRECT): {}", path.string(), std::strerror(errno)));
            const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
            std::byte* whole = nullptr;
            if (keep) {
                TRY_ASSIGN(Memory memory, Memory::reserve((size + kPiece - 1) / kPiece * kPiece));
                whole = memory.begin();
                held.push_back(std::move(memory));
            }
            std::atomic<std::size_t> next{0};
            std::atomic<int> error{0};
            std::vector<std::jthread> readers;
            for (std::size_t i = 0; i < threads; ++i) {
                readers.emplace_back([&, i] {
                    for (std::size_t begin; error == 0 && (begin = next.fetch_add(kPiece)) < size;) {
                        std::byte* const place = keep ? whole + begin : buffers.begin() + i * kPiece;
                        ssize_t got = 0;
                        do got = ::pread(file.get(), place, kPiece, static_cast<off_t>(begin));
                        while (got < 0 && errno == EINTR);
                        if (got < 0) error = errno;
                        else if (static_cast<std::size_t>(got) < std::min(kPiece, size - begin)) error = EIO;  // a ceiling of less work is none
                    }
                });
            }
            readers.clear();  // joined
            if (error != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(error)));
        }
        return now() - start;
    }

    const std::filesystem::path& directory_;
    Team team_;
    const kernels::Peaks peaks_;
    std::vector<std::filesystem::path> files_;
    std::uint64_t bytes_ = 0;
    volatile std::uint64_t sink_ = 0;
};

}  // namespace

Result<std::vector<LoadResult>> bench_load(const std::filesystem::path& directory, const LoadBenchOptions& options) {
    TRY_ASSIGN(const kernels::Kernels* set, kernels::select(""));
    return LoadBench(directory, options.threads > 0 ? options.threads : default_threads(), *set).run(options);
}

}  // namespace baleen::eval
