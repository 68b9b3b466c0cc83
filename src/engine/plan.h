// What a model will need in memory, from the config alone, before anything is loaded (spec architecture 6; experts 11.10).
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kv/shape.h"
#include "model/config.h"

namespace baleen::engine {

struct PlanLine {
    std::string what;
    std::int64_t bytes = 0;
};

struct Plan {
    std::int64_t context = 0;        // tokens of one sequence
    std::int64_t pool_blocks = 0;    // of 128 tokens
    std::int64_t weights_bytes = 0;  // mapped checkpoint bytes in use
    std::int64_t pool_bytes = 0;     // KV of pool_blocks blocks
    std::int64_t state_bytes = 0;    // per live sequence, outside the pool
    std::int64_t workspace_bytes = 0;  // buffers of a step of rows_per_step rows
    double kv_bytes_per_token = 0;
    std::vector<PlanLine> lines;     // the above with a few more, in the order to print

    std::int64_t total() const { return weights_bytes + pool_bytes + state_bytes + workspace_bytes; }
};

struct PlanRequest {
    std::int64_t context = 0;          // 0: max_position_embeddings
    std::int64_t kv_budget_bytes = 0;  // 0: one sequence of full context
    int rows_per_step = 512;
    bool packed = true;
    int draft_layers = 0;
    std::int64_t weights_bytes = 0;
};

Plan make_plan(const model::Config& config, const PlanRequest& request);

// The lines as a table for people.
std::string print(const Plan& plan);

}  // namespace baleen::engine
