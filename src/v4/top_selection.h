// The k largest of a stream of scores without sorting or keeping them all: candidates that reach the k-th best so far are
// collected, and thinned out when they have become many. Ties go to the lower index, so the choice does not depend on how the
// scores were cut among several selections. Owned by one thread at a time; allocates when k grows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace baleen::v4 {

class TopSelection {
  public:
    // Forgets everything; k >= 1.
    void start(std::int64_t k);
    // scores[i] belongs to index first + i, below 2^31. -0 and +0 are alike; no NaN.
    void offer(const kernels::Kernels& kernels, std::span<const float> scores, std::int64_t first);
    // Takes over what another selection of the same k has found.
    void take(const TopSelection& other);
    // Writes the chosen indices in ascending order: k of them, or all there were.
    void write(std::int32_t* out);

  private:
    void add(std::uint64_t candidate);
    void thin();

    std::size_t k_ = 1;
    std::uint64_t least_ = 0;  // candidates must be above
    float least_score_ = 0;
    std::vector<std::uint64_t> candidates_;  // order of the score, then of the index: larger is better
};

}  // namespace baleen::v4
