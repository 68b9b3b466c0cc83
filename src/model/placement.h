// Where weights should lie on a machine of several memory nodes. Members of a team compute the rows of every matrix in equal, contiguous
// parts (base/threads.h), so each part belongs on the node of the member that reads it. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace baleen::model {

// The bytes of one tensor in its file.
struct Stretch {
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

// The node for every `unit` bytes of a file: that whose members read most of them; the first member's where nobody reads. `nodes` has
// the node of each member, at least one.
std::vector<int> unit_nodes(std::span<const Stretch> tensors, std::uint64_t file_bytes, std::uint64_t unit, std::span<const int> nodes);

}  // namespace baleen::model
