// What golden files there are for a model, and how near one must come: the index.json beside them. Finds the files
// behind a path a user gives, reads the index (hostile like every JSON from outside: bounds, paths that stay inside the
// folder), and knows no arithmetic. Plain data; any thread.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "eval/verify_measure.h"

namespace baleen::eval {

// A: every rounding of the reference (official numerics). C: no rounding of activations (weights-only numerics).
enum class Tier : unsigned char { a, c };
constexpr char letter(Tier tier) {
    return tier == Tier::a ? 'A' : 'C';
}

struct GoldenItem {
    std::string name;  // path inside the folder, for messages
    Tier tier = Tier::a;
    bool trace = false;            // inner values of one prompt; else logits of a case
    std::vector<int> greedy_firm;  // cases: steps whose argmax must be the stored id; tier C: every step
};

// The golden files of one model.
struct GoldenSet {
    std::filesystem::path folder;
    std::filesystem::path checkpoint;  // of the model they were made with; may be absent
    std::map<std::string, Tolerance, std::less<>>
        tolerance[2];               // by tier; "logits", "chain: kv", "layer: streams", ...
    std::vector<GoldenItem> items;  // traces first

    std::optional<Tolerance> find_tolerance(Tier tier, std::string_view kind) const;
};

// An index that lies in `folder`; errors name `file` and where in it. Python's NaN and Infinity are taken for null.
Result<GoldenSet> parse_golden_index(std::string_view text, const std::string& file,
                                     const std::filesystem::path& folder);

// Behind `path`: a model's folder with index.json, a folder holding several of those, one of its sub-folders of files,
// or one file, whose index.json lies in a folder above it. Never empty. Errors: not_found, corrupt (names file and
// field).
Result<std::vector<GoldenSet>> find_golden(const std::filesystem::path& path);

}  // namespace baleen::eval
