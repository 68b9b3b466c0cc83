#include "base/topology.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "base/threads.h"

namespace baleen {

namespace {

// "0-3,8" as the kernel writes lists of CPUs. What cannot be read ends it.
std::vector<int> read_list(const std::string& path) {
    constexpr int kMost = 1 << 16;
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    std::vector<int> out;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        int first = 0, last = 0;
        auto [next, error] = std::from_chars(at, end, first);
        if (error != std::errc{} || first < 0) break;
        last = first;
        if (next < end && *next == '-') {
            const auto [after, wrong] = std::from_chars(next + 1, end, last);
            if (wrong != std::errc{}) break;
            next = after;
        }
        for (int id = first; id <= std::min(last, kMost); ++id) out.push_back(id);
        at = next < end && *next == ',' ? next + 1 : end;
    }
    return out;
}

std::vector<int> allowed_cpus() {
    std::vector<int> out;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
    for (int id = 0; id < CPU_SETSIZE; ++id)
        if (CPU_ISSET(id, &set)) out.push_back(id);
    return out;
}

}  // namespace

int Topology::cores() const {
    std::set<int> seen;
    for (const Cpu& cpu : cpus) seen.insert(cpu.core);
    return static_cast<int>(seen.size());
}

int Topology::nodes() const {
    std::set<int> seen;
    for (const Cpu& cpu : cpus) seen.insert(cpu.node);
    return static_cast<int>(seen.size());
}

Topology read_topology(const std::string& root, const std::vector<int>& allowed) {
    std::map<int, int> node_of;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(root + "/node", ignored)) {
        const std::string name = entry.path().filename().string();
        int node = 0;
        if (!name.starts_with("node") || std::from_chars(name.data() + 4, name.data() + name.size(), node).ec != std::errc{}) continue;
        for (const int id : read_list(entry.path().string() + "/cpulist")) node_of[id] = node;
    }
    Topology out;
    for (const int id : allowed) {
        const std::vector<int> siblings = read_list(fmt::format("{}/cpu/cpu{}/topology/thread_siblings_list", root, id));
        const auto node = node_of.find(id);
        out.cpus.push_back({id, siblings.empty() ? id : *std::min_element(siblings.begin(), siblings.end()), node == node_of.end() ? 0 : node->second});
    }
    std::sort(out.cpus.begin(), out.cpus.end(), [](const Cpu& a, const Cpu& b) { return a.id < b.id; });
    return out;
}

const Topology& machine() {
    static const Topology kMachine = read_topology("/sys/devices/system", allowed_cpus());
    return kMachine;
}

std::vector<Cpu> place_members(const Topology& topology, int threads) {
    if (threads < 1 || threads > static_cast<int>(topology.cpus.size())) return {};
    // By node: first threads of all cores, then second ones.
    std::map<int, std::vector<Cpu>> first, second;
    std::set<int> taken;
    for (const Cpu& cpu : topology.cpus) (taken.insert(cpu.core).second ? first : second)[cpu.node].push_back(cpu);
    const int cores = static_cast<int>(taken.size());
    std::map<int, std::vector<Cpu>> chosen;
    // Of `count` members as many on each node as its share of `all`: the k-th border is where its CPUs end, scaled.
    const auto share = [&](std::map<int, std::vector<Cpu>>& from, int count, int all) {
        int passed = 0, given = 0;
        for (auto& [node, cpus] : from) {
            passed += static_cast<int>(cpus.size());
            const int until = static_cast<int>(static_cast<long>(count) * passed / all);
            chosen[node].insert(chosen[node].end(), cpus.begin(), cpus.begin() + (until - given));
            given = until;
        }
    };
    share(first, std::min(threads, cores), cores);
    if (threads > cores) share(second, threads - cores, static_cast<int>(topology.cpus.size()) - cores);
    std::vector<Cpu> out;
    for (const auto& [node, cpus] : chosen) out.insert(out.end(), cpus.begin(), cpus.end());
    return out;
}

int default_threads() { return std::max(1, std::min(machine().cores(), usable_cpus())); }

bool has_cpu_quota() { return usable_cpus() < static_cast<int>(machine().cpus.size()); }

}  // namespace baleen
