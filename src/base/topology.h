// The CPUs this process may use and how they lie: hyper-threads of one core share its arithmetic, and each memory node is near to
// some cores. Read from the kernel's description of the machine, within the process's affinity mask; another description (of a test)
// can be given. Plain data; any thread.
#pragma once

#include <string>
#include <vector>

namespace baleen {

struct Cpu {
    int id = 0;
    int core = 0;  // lowest CPU id of the core's hyper-threads
    int node = 0;  // of memory
    bool operator==(const Cpu&) const = default;
};

struct Topology {
    std::vector<Cpu> cpus;  // ascending ids

    int cores() const;
    int nodes() const;
};

// The machine that `root` (/sys/devices/system) describes, as far as the CPUs in `allowed` go. What is not described is taken as
// simple: a CPU of no known core is a core, one of no known node is on node 0.
Topology read_topology(const std::string& root, const std::vector<int>& allowed);
// This machine, as this process saw it first.
const Topology& machine();

// A CPU for each of `threads` members of a team, members of a node side by side: every node gets members by its cores, each core one
// member before any gets a second. Empty if there are more members than CPUs.
std::vector<Cpu> place_members(const Topology& topology, int threads);

// How many threads computing pays for: one a core, at most what the control group's quota allows, at least one.
int default_threads();
// Whether a quota of the control group grants less than all CPUs; which ones, the kernel decides then.
bool has_cpu_quota();

}  // namespace baleen
