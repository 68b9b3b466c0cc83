// Sequences at depths that would take hours to compute, for measuring the speed of steps there. Engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <random>

#include "base/result.h"
#include "engine/engine.h"

namespace baleen::eval {

// What a sequence of random content computes itself before the rest is drawn from it; a whole number of blocks that covers the
// sliding window of every published model.
inline constexpr std::int64_t kFillBase = 512;

// A sequence of `depth` tokens, rounded down to whole blocks of 128, with one more pending. Its first kFillBase tokens are random and
// computed; every further entry is a copy of a random one of those, every further index key has the scales of a random one and
// random codes. So formats and magnitudes are right, scores are spread, every byte is in memory of its own, and what a step says
// means nothing. Depths up to kFillBase are computed. resource_exhausted if the pool is too small.
Result<std::unique_ptr<engine::Sequence>> filled_sequence(engine::Engine& engine, std::int64_t depth, std::mt19937_64& random);

}  // namespace baleen::eval
