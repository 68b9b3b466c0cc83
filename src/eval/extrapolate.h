// What a full model would take for a token, from the operations measured on a reduced one: every operation's time times the ratio of
// its work in the two, whose basis is named: weight bytes where weights are read, multiply-adds where entries and keys are, layers
// times channels for the rest. It assumes that the full model's weights are resident too and read at the same rate. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "eval/bench.h"
#include "model/config.h"

namespace baleen::eval {

struct ExtrapolatedOperation {
    std::string name;
    std::string basis;       // "bytes", "multiply-adds", "channels", or of selection "bytes + scores"
    double measured_ms = 0;  // of the reduced model, scaled so that a step's operations add up to its median
    double ratio = 0;        // ms over measured_ms
    double ms = 0;
};

struct Extrapolation {
    std::string model;  // as given
    std::int64_t depth = 0;
    double ms = 0;
    double tok_s = 0;
    double of_first = 0;  // of the first depth extrapolated
    std::vector<ExtrapolatedOperation> operations;
};

// One for each decode test of `report` that has operations, in their order. Of the time of selection, what it takes at depth 0 goes
// by the indexer's weights and what is beyond it by its scores; without a test at depth 0 all of it goes by scores.
std::vector<Extrapolation> extrapolate(const BenchReport& report, const model::Config& measured, const model::Config& full, std::string_view name);

}  // namespace baleen::eval
