// Runs one generation by itself: reads the prompt, then a step per token. What the commands use; the server drives many
// generations in shared batches instead. Engine thread only.
#pragma once

#include <functional>

#include "base/result.h"
#include "sched/generation.h"
#include "sched/timeline.h"

namespace baleen::sched {

struct RunHooks {
    std::function<void(std::int64_t done, std::int64_t total)> progress;  // of reading the prompt, between steps
    std::function<bool()> cancelled;                                      // asked between steps
};

// Answers the prompt the timeline was opened with. Cancelled is an outcome, not an error: what was drawn so far stands. On an
// error (no KV blocks left) the generation has been cancelled, so that its sink holds everything there was.
Result<Outcome> run(Timeline& timeline, Generation& generation, const RunHooks& hooks);

}  // namespace baleen::sched
