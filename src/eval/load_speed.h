// Speed of bringing a checkpoint's weights into memory, beside what the machine can do in the same rounds:
//   cold    read into memory of this process, nothing in the page cache; beside threads that read the same files past the page cache
//           (O_DIRECT) into one buffer each and keep nothing, and beside the same threads reading into fresh memory that holds it all:
//           the second is what the system's giving of memory costs, which in a virtual machine may be more than the disk
//   cold, mapped   the files mapped and their pages brought in (--mmap), nothing in the page cache; beside the first of these
//   cached  the same with all of it in the page cache; beside a loads-only pass over the loaded weights
//   mapped  the page cache's own pages mapped (--mmap), beside the same pass
// Drops the files' pages from the page cache, and needs memory for the weights twice. One call at a time.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace baleen::eval {

struct LoadBenchOptions {
    int threads = 0;      // 0: one a core this process may use
    int repetitions = 0;  // 0: 5
    std::function<void(std::string_view)> progress;
};

struct LoadResult {
    std::string way;          // cold; cold, mapped; cached; mapped
    double seconds = 0;       // median, from opening the checkpoint to its last byte in memory
    double gb_s = 0;          // median
    double ceiling_gb_s = 0;  // median
    double share = 0;         // gb_s over the ceiling measured next to it, median
    std::vector<double> shares;  // of each repetition, in order
    double fresh_gb_s = 0;        // cold: the plain read into fresh memory, median; otherwise 0
    double share_of_fresh = 0;    // gb_s over it, median of pairs
};

// Errors: as Checkpoint::open; resource_exhausted if memory cannot hold the weights twice; unsupported if the page cache keeps the files'
// pages (another process has them mapped) or the file system has no O_DIRECT.
Result<std::vector<LoadResult>> bench_load(const std::filesystem::path& directory, const LoadBenchOptions& options);

}  // namespace baleen::eval
