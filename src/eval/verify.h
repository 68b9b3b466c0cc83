// Compares the engine with golden files: every stored tensor of every file, in the measures and within the tolerances
// of the index beside them, discrete choices as the files' margins demand. Says how near the engine comes, and where it
// first leaves them in the order of computing.
//
//   cases   prompt, then the stored continuation fed token by token through the cache; logits, greedy ids, MTP logits.
//   In
//           tier C also a continuation that runs free.
//   traces  the whole chain from the ids ("chain"), and every layer from the golden streams of the layer before
//   ("layer").
//           Tier C stores streams at chosen positions only, so there just the first layer, whose input is the
//           embedding, can be fed; its chain is nearly as sharp as its layers (its tolerances differ by a factor
//           of 1.2).
//
// Owns an Engine while it runs, one tier after the other. One thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "eval/golden_index.h"
#include "eval/verify_measure.h"

namespace baleen::eval {

// How a value was reached.
enum class VerifyMode : std::uint8_t { layer, chain };
std::string_view name(VerifyMode mode);

// One tensor compared.
struct VerifyCheck {
    VerifyMode mode = VerifyMode::chain;
    int layer = 0;       // num_hidden_layers for logits, one more for the MTP block's
    int order = 0;       // of its step within the layer
    std::string tensor;  // as in the file
    bool set = false;    // chosen ids, which have no measures: `compared` positions, `left_out` may differ
    Comparison comparison;
    std::int64_t compared = 0;  // positions or entries
    std::int64_t left_out = 0;  // positions whose selection differs where it may
};

// Where the engine leaves the golden values.
struct Divergence {
    std::string file;
    Tier tier = Tier::a;
    VerifyMode mode = VerifyMode::chain;
    int layer = 0;
    int order = 0;
    std::string step;    // "4.4, 5-8: window entries"
    std::string tensor;  // as in the file
    std::string unit;    // what `position` counts: "position", "entry", "step"
    std::int64_t position = -1;
    std::int64_t element = -1;  // inside the row
    double here = 0, golden = 0;
    std::optional<Comparison> comparison;  // of the whole tensor; none for discrete choices
    std::string detail;                    // discrete choices: what was chosen here and there
};

struct VerifyFile {
    std::string file;
    Tier tier = Tier::a;
    bool trace = false;
    double seconds = 0;
    std::vector<VerifyCheck> checks;
    std::vector<Divergence> divergences;  // in the order of computing
    std::vector<std::string> notes;       // what was not compared, and why
    std::string error;                    // set when the file could not be used

    bool ok() const { return error.empty() && divergences.empty(); }
    // The check nearest to its border; null if nothing was measured.
    const VerifyCheck* nearest() const;
};

struct VerifyReport {
    std::string model;
    std::string golden;
    std::vector<std::string> signatures;  // of the engines that ran
    std::vector<VerifyFile> files;

    bool ok() const;
    // The first in the order of computing over all files; null if there is none.
    const Divergence* first() const;
};

struct VerifyOptions {
    std::optional<engine::Numerics> numerics;  // only this tier
    std::string isa;                           // kernel set, as in EngineOptions
    int threads = 0;
    // Called with every finished file.
    std::function<void(const VerifyFile&)> finished;
    // Runs on items that pass; all when unset. For tests that have little time.
    std::function<bool(const GoldenItem&)> wanted;
};

// Errors: the model cannot be opened, or nothing was left to compare. A file that cannot be used is in the report.
Result<VerifyReport> verify(const std::filesystem::path& model, const GoldenSet& golden, const VerifyOptions& options);

// The sets that belong to a model, by directory or, if none matches, by model id: of several sets only those made with
// it. One set alone belongs to whatever model is named.
Result<std::vector<GoldenSet>> sets_for(const std::filesystem::path& model, std::vector<GoldenSet> sets);

// The reports as text for people: a line per file, then the first divergence and a summary.
std::string print(const VerifyFile& file);
std::string print_summary(const std::vector<VerifyReport>& reports);

}  // namespace baleen::eval
