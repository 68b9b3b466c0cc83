#include "base/process.h"

#include <unistd.h>

#include <cstdio>

namespace baleen {

std::int64_t process_resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr) return 0;
    long long whole = 0, resident = 0;
    const bool read = std::fscanf(file, "%lld %lld", &whole, &resident) == 2;
    std::fclose(file);
    return read ? std::int64_t{resident} * ::sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace baleen
