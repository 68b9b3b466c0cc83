// Machines written to a folder as the kernel describes them.
#include "base/topology.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "base/threads.h"

namespace baleen {
namespace {

class Machine {
  public:
    Machine() {
        std::string name = (std::filesystem::temp_directory_path() / "baleen-topology-XXXXXX").string();
        root_ = mkdtemp(name.data());
    }
    ~Machine() { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) {
        std::filesystem::create_directories((root_ / path).parent_path());
        std::ofstream(root_ / path) << text << "\n";
    }
    // `nodes` x `cores` with two hyper-threads each, numbered as servers do: all first threads, then all second ones.
    void two_threads_a_core(int nodes, int cores) {
        const int all = nodes * cores;
        for (int id = 0; id < 2 * all; ++id)
            write(fmt::format("cpu/cpu{}/topology/thread_siblings_list", id), fmt::format("{},{}", id % all, id % all + all));
        for (int node = 0; node < nodes; ++node) {
            const auto range = [&](int first) { return fmt::format("{}-{}", first, first + cores - 1); };
            write(fmt::format("node/node{}/cpulist", node), fmt::format("{},{}", range(node * cores), range(all + node * cores)));
        }
    }
    Topology read(const std::vector<int>& allowed) const { return read_topology(root_.string(), allowed); }
    Topology read(int cpus) const {
        std::vector<int> allowed(static_cast<std::size_t>(cpus));
        std::iota(allowed.begin(), allowed.end(), 0);
        return read(allowed);
    }

  private:
    std::filesystem::path root_;
};

std::vector<int> ids(const std::vector<Cpu>& cpus) {
    std::vector<int> out;
    for (const Cpu& cpu : cpus) out.push_back(cpu.id);
    return out;
}

TEST(Topology, TwoNodesOfHyperThreads) {
    Machine machine;
    machine.two_threads_a_core(2, 4);
    const Topology topology = machine.read(16);
    EXPECT_EQ(topology.cores(), 8);
    EXPECT_EQ(topology.nodes(), 2);
    EXPECT_EQ(topology.cpus[5], (Cpu{5, 5, 1}));
    EXPECT_EQ(topology.cpus[13], (Cpu{13, 5, 1}));
}

TEST(Topology, MembersTakeCoresBeforeHyperThreadsAndNodesEvenly) {
    Machine machine;
    machine.two_threads_a_core(2, 4);
    const Topology topology = machine.read(16);
    EXPECT_EQ(ids(place_members(topology, 1)), (std::vector<int>{4}));
    EXPECT_EQ(ids(place_members(topology, 2)), (std::vector<int>{0, 4}));
    EXPECT_EQ(ids(place_members(topology, 8)), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(ids(place_members(topology, 10)), (std::vector<int>{0, 1, 2, 3, 8, 4, 5, 6, 7, 12}));  // nodes side by side
    EXPECT_EQ(place_members(topology, 16).size(), 16u);
    EXPECT_TRUE(place_members(topology, 17).empty());
    EXPECT_TRUE(place_members(topology, 0).empty());
}

TEST(Topology, TheMaskCounts) {
    Machine machine;
    machine.two_threads_a_core(2, 4);
    const Topology topology = machine.read({6, 14, 7, 0});  // one core whole, one half, one on the other node
    EXPECT_EQ(topology.cores(), 3);
    EXPECT_EQ(ids(place_members(topology, 3)), (std::vector<int>{0, 6, 7}));
    EXPECT_EQ(ids(place_members(topology, 4)), (std::vector<int>{0, 6, 7, 14}));
}

TEST(Topology, AMachineThatSaysNothingIsSimple) {
    const Topology topology = read_topology("/nonexistent", {0, 1, 5});
    EXPECT_EQ(topology.cores(), 3);
    EXPECT_EQ(topology.nodes(), 1);
}

TEST(Topology, DamagedListsDoNoHarm) {
    Machine machine;
    machine.write("cpu/cpu0/topology/thread_siblings_list", "x");
    machine.write("cpu/cpu1/topology/thread_siblings_list", "1-");
    machine.write("cpu/cpu2/topology/thread_siblings_list", "2-99999999999999");
    machine.write("node/node0/cpulist", "0-,,");
    machine.write("node/nodeX/cpulist", "0-2");
    EXPECT_EQ(machine.read(3).cores(), 3);
}

TEST(Topology, ThisMachine) {
    EXPECT_GE(machine().cores(), 1);
    EXPECT_GE(default_threads(), 1);
    EXPECT_LE(default_threads(), usable_cpus());
    EXPECT_EQ(place_members(machine(), machine().cores()).size(), static_cast<std::size_t>(machine().cores()));
}

TEST(Topology, ATeamOnCpusComputesTheSame) {
    const int cpu = machine().cpus[0].id;
    for (const std::vector<int>& cpus : {std::vector<int>{}, std::vector<int>{cpu, cpu, cpu}}) {
        Team team(3, cpus);
        std::vector<int> seen(1000);
        team.for_ranges(1000, 1, [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)] = static_cast<int>(i);
        });
        for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
    }
}

}  // namespace
}  // namespace baleen
