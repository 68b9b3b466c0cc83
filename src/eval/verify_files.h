// The two kinds of golden files against one engine; inside of verify(). Results go into the report; an error means the
// file could not be used (it is damaged, or of another model).
#pragma once

#include <string>

#include "base/result.h"
#include "engine/engine.h"
#include "eval/golden_file.h"
#include "eval/golden_index.h"
#include "eval/verify.h"

namespace baleen::eval {

// Tokens of a golden prompt at most: traces keep every layer's score table, cases only rows.
inline constexpr std::int64_t kTracePromptMax = 4096;
inline constexpr std::int64_t kCasePromptMax = 65536;

// The engine must take the whole prompt of a trace in one step.
Result<void> verify_trace(engine::Engine& engine, const GoldenSet& set, GoldenFile& file, VerifyFile& report);
Result<void> verify_case(engine::Engine& engine, const GoldenSet& set, const GoldenItem& item, GoldenFile& file,
                         VerifyFile& report);

// Token ids of a tensor "input_ids" or "greedy_ids", each inside the vocabulary.
Result<std::vector<TokenId>> golden_tokens(GoldenFile& file, std::string_view tensor, std::int64_t vocab);
// Positions in ascending order, each below `limit`.
Result<GoldenInts> golden_positions(GoldenFile& file, std::string_view tensor, std::int64_t limit);
// The index's tolerance of a kind; an error if it has none.
Result<Tolerance> golden_tolerance(const GoldenSet& set, Tier tier, std::string_view kind);

}  // namespace baleen::eval
