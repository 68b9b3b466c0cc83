// Speed of a loaded model, always beside what the machine can do at that minute: between repetitions the memory bus and the
// kernel set's dot products are measured with the same threads, and shares are medians of paired ratios. Engine thread only.
//
// Shares of one ceiling take a step for a single product. With a few rows it is not: the head and routed experts wait for memory while
// the FP8 products of the same step wait for arithmetic, and neither can be done during the other. `share_of_parts` sets the step beside
// the sum of what head, other dense products and routed experts each need: bytes over the read ceiling or operations over the dot ceiling, the longer one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "v4/profile.h"

namespace baleen::eval {

// prefill:N   a prompt of N random tokens, in steps of rows_per_step
// decode:D    single tokens after D random ones; several depths take turns, step by step
// batch:B     one token each of B sequences a step, distinct contexts
// slice:D     one full step (rows_per_step tokens) of a prompt after D random tokens; several depths take turns, slice by slice
struct BenchTest {
    enum class Kind : std::uint8_t { prefill, decode, batch, slice };
    Kind kind = Kind::decode;
    std::int64_t value = 0;

    // Whether `value` is a depth; such tests take turns, so that a machine that changes speed changes it for all of them.
    bool at_depth() const { return kind == Kind::decode || kind == Kind::slice; }
};

// "prefill:512,2048" -> two tests. Errors name the text.
Result<std::vector<BenchTest>> parse_tests(std::string_view text);

// What the machine can do, all threads of the engine's team together.
struct Ceilings {
    double read_gb_s = 0;    // loads only, over the model's own pages
    double dot_gflop_s = 0;  // the kernel set's best dot product
};

// Part of a step's time, mean of a few steps.
struct OperationResult {
    std::string name;
    double ms = 0;
    std::int64_t bytes = 0;  // of weights; of keys in selection
    double share = 0;        // of the step
};

struct BenchResult {
    std::string test;       // "prefill:2048"
    std::int64_t tokens = 0;  // computed per repetition of the measured part
    std::int64_t depth = 0;   // tokens before it
    std::int64_t batch = 0;   // sequences
    double ms = 0;            // median of one repetition: the whole prompt, or one step
    double tok_s = 0;
    std::int64_t bytes = 0;   // official weight bytes of the repetition: dense ones once a step, experts that were touched
    double gb_s = 0;
    double gflop_s = 0;       // of the products with weights
    double share_of_read = 0;  // gb_s of a repetition over the read ceiling measured next to it, median
    double share_of_dot = 0;
    double share_of_parts = 0;  // time the parts of a step need at their own ceilings, one after the other, over the time taken; median
    double experts_per_layer = 0;  // distinct routed experts a layer and step, mean
    double of_first = 0;  // decode, slice: time of a step over that of the run's first depth next to it, median; 0 for other tests
    std::int64_t kv_resident = 0;  // memory in use that grew while the sequences came to their depth; 0 if none stay
    int repetitions = 0;
    std::vector<OperationResult> operations;  // if asked for, of `ms`
};

struct BenchReport {
    std::vector<BenchResult> results;
    Ceilings ceilings;  // medians over the run
    std::int64_t resident = 0;  // memory in use after loading, bytes; of mapped weights only what was touched
    std::string signature;
    int threads = 0;
};

struct BenchOptions {
    // Whether depths above kFillBase are drawn instead of computed (fill.h).
    bool fill_random = false;
    bool operations = false;  // measure them too
    int repetitions = 0;  // 0: by kind, 5 prompts or slices, or 30 steps
    std::uint64_t seed = 1;
    std::function<void(std::string_view)> progress;
};

Result<BenchReport> run_bench(engine::Engine& engine, const std::vector<BenchTest>& tests, const BenchOptions& options);

// Ceilings of this minute.
Ceilings measure_ceilings(engine::Engine& engine);

// Official bytes of everything a step reads but routed experts: every dense matrix with its scales, and the head.
std::int64_t dense_bytes(const model::Weights& weights);
// Multiply-adds of one row through all products, and of one row through the head.
std::int64_t row_macs(const model::Config& config, const model::Weights& weights);
std::int64_t head_macs(const model::Weights& weights);

}  // namespace baleen::eval
