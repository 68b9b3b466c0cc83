// Where the time of a step goes: wall time by operation, and bytes of weights and index keys, for benchmarks. Whoever wants it
// points Context::profile at one; an operation ends where lap() is called and began where the last one ended, so that the
// operations of a step add up to it. Engine thread only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace baleen::v4 {

enum class Operation : std::uint8_t {
    prepare,            // rotations, embedding
    hyper_connections,  // mixes, Sinkhorn, collapse, expand
    norms,              // in front of the sublayers, with rounding of inputs
    input_products,     // wq_a, wkv, the compressors' wkv and wgate
    queries,            // window entries; wq_b with the norms and rotations before and after
    compression,        // pooled entries and index keys
    selection,          // the indexer: its products, scores, choice
    attention,
    output_products,  // wo_a, wo_b
    gate,
    shared_expert,
    routed_experts,
    combine,
    head,
    other,  // whatever is between steps and layers
};
inline constexpr int kOperations = static_cast<int>(Operation::other) + 1;
inline constexpr std::string_view kOperationNames[kOperations] = {
    "prepare", "hyper connections", "norms", "input products", "queries", "compression", "selection", "attention",
    "output products", "gate", "shared expert", "routed experts", "combine", "head", "other"};

struct Profile {
    struct Entry {
        double seconds = 0;
        std::int64_t bytes = 0;
    };
    std::array<Entry, kOperations> entries{};
    std::int64_t pending_bytes = 0;  // read since the last lap
    std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();

    void lap(Operation operation) {
        const auto now = std::chrono::steady_clock::now();
        Entry& entry = entries[static_cast<std::size_t>(operation)];
        entry.seconds += std::chrono::duration<double>(now - last).count();
        entry.bytes += pending_bytes;
        pending_bytes = 0;
        last = now;
    }
};

}  // namespace baleen::v4
