// What the kernel says about this process. Any thread.
#pragma once

#include <cstdint>

namespace baleen {

// Bytes of memory in use, mapped files' pages included; 0 where the kernel does not say (/proc/self/statm).
std::int64_t process_resident_bytes();

}  // namespace baleen
