// Any bytes as a file: no crash; entries that come back lie in the file, in order, without overlap, with matching
// sizes; and what was read can be written and read again.
#include <cstdlib>

#include "model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace baleen::model;
    const auto parsed = parse_safetensors_header(std::as_bytes(std::span(data, size)), size, "fuzz");
    if (!parsed.ok()) return 0;
    std::uint64_t at = 0;
    bool known = true;
    std::vector<SafetensorsEntry> again = *parsed;
    for (SafetensorsEntry& entry : again) {
        if (entry.end > size || entry.begin > entry.end || (entry.end > entry.begin && entry.begin < at)) std::abort();
        at = std::max(at, entry.end);
        known &= entry.dtype.has_value();
        if (!entry.dtype) continue;
        std::uint64_t bytes = static_cast<std::uint64_t>(baleen::tensor::element_bytes(*entry.dtype));
        for (const std::int64_t dimension : entry.shape) bytes *= static_cast<std::uint64_t>(dimension);
        if (bytes != entry.end - entry.begin) std::abort();
    }
    if (!known) return 0;
    const std::string header =
        write_safetensors_header(again);  // offsets now count from the data: shifted, still valid
    const auto second = parse_safetensors_header(std::as_bytes(std::span(header)), header.size() + size, "again");
    if (!second.ok() || second->size() != again.size()) std::abort();
    return 0;
}
