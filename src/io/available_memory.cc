#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "io/mapped_file.h"
#include "io/read_file.h"

namespace baleen::io {

namespace {

constexpr std::size_t kTextMax = 1 << 16;

// The number behind `key` in lines such as "MemAvailable:   12345 kB" or "anon 678".
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view key) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.starts_with(key)) continue;
        line.remove_prefix(key.size());
        line.remove_prefix(std::min(line.find_first_not_of(": "), line.size()));
        std::uint64_t value = 0;
        if (std::from_chars(line.data(), line.data() + line.size(), value).ec == std::errc{}) return value;
    }
    return std::nullopt;
}

// What the control group (version 2) still allows: its limit less the memory that cannot be taken back.
std::optional<std::uint64_t> allowed_by_group() {
    const auto groups = read_file("/proc/self/cgroup", kTextMax);
    if (!groups.ok() || !groups->starts_with("0::/")) return std::nullopt;
    const std::string group = "/sys/fs/cgroup" + groups->substr(3, groups->find('\n') - 3);
    const auto limit = read_file(group + "/memory.max", kTextMax);
    const auto use = read_file(group + "/memory.stat", kTextMax);
    if (!limit.ok() || !use.ok()) return std::nullopt;
    const auto bytes = number_after(*limit, "");
    if (!bytes) return std::nullopt;  // "max"
    return *bytes - std::min(*bytes, number_after(*use, "anon ").value_or(0) + number_after(*use, "slab_unreclaimable ").value_or(0));
}

}  // namespace

std::uint64_t available_memory() {
    const auto info = read_file("/proc/meminfo", kTextMax);
    const std::uint64_t machine = info.ok() ? number_after(*info, "MemAvailable").value_or(0) * 1024 : 0;
    const auto group = allowed_by_group();
    return group && machine > 0 ? std::min(machine, *group) : machine;
}

}  // namespace baleen::io
