// A file's pages in the page cache, for measurements that need them there or not there. Stateless; any thread.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace baleen::io {

// Asks the system to write the file's pages out and to forget them; those that somebody has mapped stay.
Result<void> drop_cached(const std::filesystem::path& path);

// Reads the file so that its pages are in the page cache.
Result<void> read_into_cache(const std::filesystem::path& path);

// Share of the file's pages that are in the page cache, 0 to 1; 1 of an empty file.
Result<double> cached_share(const std::filesystem::path& path);

}  // namespace baleen::io
