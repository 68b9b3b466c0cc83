// One layer of a trace against what the engine computed for it: every stored tensor in the order of computing, choices
// as sets, values where the choices before them are equal. Inside of verify().
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "eval/golden_file.h"
#include "eval/golden_index.h"
#include "eval/verify.h"
#include "eval/verify_capture.h"

namespace baleen::eval {

// A layer that has run over the whole prompt, filled `capture` and the sequence's cache.
struct LayerRun {
    engine::Engine& engine;
    const GoldenSet& set;
    GoldenFile& file;
    VerifyFile& report;
    const std::vector<std::int32_t>& positions;
    std::int64_t length = 0;  // of the prompt
    VerifyMode mode = VerifyMode::chain;
    int layer = 0;
    const LayerCapture& capture;
    engine::Sequence& sequence;
};
Result<void> verify_layer(const LayerRun& run);

}  // namespace baleen::eval
