// Speed of single kernels on made-up matrices, beside what the machine can do in the same rounds: products beside a loads-only
// pass over the same bytes (one input) or the set's dot-product rate (many inputs), index scores beside its rate of int8 products.
// Every number is the best of several rounds, since a shared machine only ever slows things down, and times are CPU times of the
// slowest member, so that other processes cost less. One call at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernels/kernels.h"

namespace baleen::eval {

struct KernelBenchOptions {
    int threads = 0;  // 0: one a core this process may use
    std::vector<std::string> sets;  // names; empty: all but scalar, which is written to be read
    std::function<void(std::string_view)> progress;
};

struct KernelResult {
    std::string set, kernel, shape;
    double microseconds = 0;  // of a call's share of one member
    double rate = 0;          // in `unit`; 0 where only the time counts
    std::string unit;         // "GB/s" of weights or keys, "Gop/s"
    double ceiling = 0;       // of the same unit; 0: none
};

// Errors name a set this CPU does not run, or the memory that is missing (260 MB).
Result<std::vector<KernelResult>> bench_kernels(const KernelBenchOptions& options);

}  // namespace baleen::eval
