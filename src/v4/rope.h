// Rotary embedding of V4 (spec architecture 3.6): adjacent pairs of the last dims; base 10000 on window-only layers, base
// 160000 with YaRN frequency blending on compressed layers; no amplitude factor. Angles are float32 products of the
// float32 position and frequency, as in the reference. Immutable; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace baleen::v4 {

class RopeTable {
  public:
    RopeTable(const model::Config& config, bool compressed);

    int pairs() const { return static_cast<int>(frequencies_.size()); }
    const std::vector<float>& frequencies() const { return frequencies_; }
    // cos and sin of all pairs at a position, [pairs] each.
    void angles(std::int64_t position, float* cos, float* sin) const;

  private:
    std::vector<float> frequencies_;
};

// Angles of the rows of a batch, computed once per step.
struct Rotation {
    std::vector<float> cos, sin;  // [rows, pairs]
    int pairs = 0;
    const float* cos_row(std::int64_t row) const { return cos.data() + row * pairs; }
    const float* sin_row(std::int64_t row) const { return sin.data() + row * pairs; }
};

}  // namespace baleen::v4
