// What `baleen inspect` tells about a checkpoint, from its headers alone: nothing of the weights is read. Plain data,
// made in one call; any thread. Under a second for Pro's 145,116 tensors.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/plan.h"
#include "model/checkpoint.h"
#include "model/inventory.h"
#include "model/shape.h"

namespace baleen::cli {

struct InspectReport {
    std::string directory;
    model::Config config;
    model::Form form;
    int shards = 0;
    std::int64_t context = 0;

    // As found in the headers.
    std::int64_t tensors = 0;
    std::int64_t bytes = 0;
    std::array<model::Count, model::kKinds> kinds;  // of the backbone, by Kind
    model::Count draft;                             // all draft blocks
    model::Count ignored;                           // known and not used; parameters not counted
    model::Count unknown;                           // not known, or known and not as it must be

    // As the config implies.
    model::Account account;
    model::ParameterCounts parameters;
    model::DecodeBytes decode;
    model::KvBytes kv;
    double kv_bytes_per_token = 0;
    std::int64_t compressor_state_bytes = 0;
    std::vector<model::FlopLine> flops, v32_flops;
    engine::Plan plan;
    model::Comparison comparison;

    std::vector<std::string> warnings;
    bool usable = true;  // every tensor the engine needs is there with its shape

    std::int64_t state_bytes() const { return kv.windows + compressor_state_bytes; }
    double kv_ratio_v32() const;
    double flops_ratio_v32() const;  // FP8-equivalent
};

// `context` 0 stands for max_position_embeddings.
InspectReport inspect(const model::Checkpoint& checkpoint, std::int64_t context);

nlohmann::ordered_json to_json(const InspectReport& report);
std::string print(const InspectReport& report);

}  // namespace baleen::cli
