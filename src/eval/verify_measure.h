// How far a tensor is from its golden one, in the three measures of the golden files: the largest difference and the
// rms of the differences, both over the rms of the golden tensor, and the share of elements that differ by more than a
// hundredth of that rms. All must stay within the tolerance. Sums in double. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>

namespace baleen::eval {

struct Measures {
    double max = 0, rms = 0, share = 0;
};
using Tolerance = Measures;

struct Comparison {
    Measures measures;
    Tolerance tolerance;
    // The largest measure as a share of its tolerance; 1 is the border. Infinite where the tolerance is 0, or for NaN.
    double worst = 0;
    bool ok = true;
    // When not ok: the first element that differs by more than tolerance.max allows, or else the one that differs most.
    std::int64_t element = -1;
    double rms_golden = 0;
};

// NaN in either differs infinitely unless it is never compared; an all-zero golden tensor allows no difference.
Comparison compare(std::span<const float> here, std::span<const float> golden, const Tolerance& tolerance);

}  // namespace baleen::eval
