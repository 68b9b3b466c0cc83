// MappedFile::read: a file into memory of this process, at the speed of the disk or of the page cache.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/threads.h"
#include "base/topology.h"
#include "io/mapped_file.h"
#include "io/read_file.h"

namespace baleen::io {

namespace {

constexpr std::size_t kHugePage = 2 << 20;
constexpr std::size_t kAlignment = 4096;       // of a direct read's place, offset and length
constexpr std::size_t kPiece = 4 << 20;        // bytes one thread takes at a time

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Anonymous memory of at least `bytes` whose begin is aligned for huge pages.
std::byte* reserve(std::size_t bytes) {
    const std::size_t wanted = bytes + kHugePage;
    void* const data = ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) return nullptr;
    auto* const begin = static_cast<std::byte*>(data);
    const std::size_t before = round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
    if (before > 0) ::munmap(begin, before);
    if (wanted - before > bytes) ::munmap(begin + before + bytes, wanted - before - bytes);
    if (bytes >= kHugePage) (void)::madvise(begin + before, bytes, MADV_HUGEPAGE);  // a wish
    return begin + before;
}

// This thread on the CPUs of a node from here on; nothing where the machine has no such node.
void stay_near(int node) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const Cpu& cpu : machine().cpus)
        if (cpu.node == node) CPU_SET(cpu.id, &set);
    if (CPU_COUNT(&set) > 0) (void)::sched_setaffinity(0, sizeof set, &set);
}

struct Piece {
    std::size_t begin, end;
};

// The pieces of a file of `size` bytes by the node that shall hold them; all under -1 where none is named.
std::map<int, std::vector<Piece>> pieces_by_node(std::size_t size, std::span<const int> nodes) {
    const auto node_at = [&](std::size_t byte) {
        const std::size_t unit = byte / MappedFile::kPlacedBytes;
        return unit < nodes.size() ? nodes[unit] : -1;
    };
    std::map<int, std::vector<Piece>> out;
    for (std::size_t begin = 0; begin < size;) {
        const int node = node_at(begin);
        std::size_t end = begin + kPiece;
        if (!nodes.empty())
            for (end = begin + MappedFile::kPlacedBytes; end < begin + kPiece && node_at(end) == node;) end += MappedFile::kPlacedBytes;
        end = std::min(end, size);
        out[node].push_back({begin, end});
        begin = end;
    }
    return out;
}

class Reading {
  public:
    Reading(const std::filesystem::path& path, Descriptor file, std::byte* memory, std::size_t size,
            const std::function<void(std::uint64_t)>& progress)
        : path_(path), file_(std::move(file)), direct_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT)), memory_(memory), size_(size),
          progress_(progress) {}

    Result<void> run(std::span<const int> nodes) {
        std::vector<Queue> queues;
        for (auto& [node, pieces] : pieces_by_node(size_, nodes)) queues.emplace_back(node, std::move(pieces));
        const auto wanted = static_cast<std::size_t>(reading_threads());
        const std::size_t each = (wanted + queues.size() - 1) / queues.size();
        std::vector<std::jthread> threads;
        for (Queue& queue : queues)
            for (std::size_t i = 0; i < std::min(queue.pieces.size(), each); ++i) threads.emplace_back([this, &queue] { work(queue); });
        threads.clear();  // joined
        if (error_) return std::move(*error_);
        return {};
    }

  private:
    struct Queue {
        Queue(int node, std::vector<Piece> pieces) : node(node), pieces(std::move(pieces)) {}
        Queue(Queue&& other) noexcept : node(other.node), pieces(std::move(other.pieces)) {}
        int node;
        std::vector<Piece> pieces;
        std::atomic<std::size_t> next{0};
    };

    void work(Queue& queue) {
        if (queue.node >= 0) stay_near(queue.node);
        for (std::size_t i; (i = queue.next.fetch_add(1)) < queue.pieces.size() && !failed_;) {
            const Piece piece = queue.pieces[i];
            Result<void> done = read_piece(piece.begin, piece.end);
            const std::lock_guard lock(mutex_);
            if (!done.ok()) {
                if (!error_) error_ = std::move(done).error();
                failed_ = true;
            } else if (progress_) {
                progress_(piece.end - piece.begin);
            }
        }
    }

    Result<void> read_piece(std::size_t begin, std::size_t end) {
        // The cached beginning of the piece is copied; from the first page that is not there the disk is asked.
        while (begin < end) {
            const iovec place{memory_ + begin, end - begin};
            const ssize_t got = ::preadv2(file_.get(), &place, 1, static_cast<off_t>(begin), RWF_NOWAIT);
            if (got <= 0) break;
            begin += static_cast<std::size_t>(got);
        }
        if (begin < end && direct_.valid()) {
            std::size_t at = begin / kAlignment * kAlignment;
            while (at < end) {  // the memory goes on to a page's end, so that the file's last page may be asked whole
                const ssize_t got = ::pread(direct_.get(), memory_ + at, round_up(end, kAlignment) - at, static_cast<off_t>(at));
                if (got < 0 && errno == EINTR) continue;
                if (got <= 0) break;  // refused, or another alignment is wanted: read plainly
                at += static_cast<std::size_t>(got);
                if (at % kAlignment != 0) break;
            }
            begin = std::max(begin, std::min(at, end));
        }
        while (begin < end) {
            const ssize_t got = ::pread(file_.get(), memory_ + begin, end - begin, static_cast<off_t>(begin));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return io_error(fmt::format("{}: {}", path_.string(), std::strerror(errno)));
            if (got == 0) return corrupt(fmt::format("{}: became shorter while it was read", path_.string()));
            begin += static_cast<std::size_t>(got);
        }
        return {};
    }

    const std::filesystem::path& path_;
    const Descriptor file_, direct_;
    std::byte* const memory_;
    const std::size_t size_;
    const std::function<void(std::uint64_t)>& progress_;
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::optional<Error> error_;
};

}  // namespace

Result<MappedFile> MappedFile::read(const std::filesystem::path& path, const std::function<void(std::uint64_t)>& progress,
                                   std::span<const int> nodes) {
    TRY_ASSIGN(Descriptor file, open_for_reading(path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    if (!S_ISREG(status.st_mode)) return io_error(fmt::format("{}: not a regular file", path.string()));
    const auto size = static_cast<std::size_t>(status.st_size);
    MappedFile loaded;
    if (size == 0) return loaded;
    std::byte* const memory = reserve(round_up(size, kAlignment));
    if (memory == nullptr) return resource_exhausted(fmt::format("{}: no memory for its {} bytes", path.string(), size));
    loaded.data_ = memory;
    loaded.size_ = size;
    TRY(Reading(path, std::move(file), memory, size, progress).run(nodes));
    (void)::mprotect(memory, round_up(size, kAlignment), PROT_READ);
    return loaded;
}

}  // namespace baleen::io
