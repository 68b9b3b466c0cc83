#include "sched/run.h"

#include <chrono>

namespace baleen::sched {

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

Result<Outcome> run(Timeline& timeline, Generation& generation, const RunHooks& hooks) {
    const auto stop = [&] { return hooks.cancelled && hooks.cancelled(); };
    const auto start = Clock::now();
    Outcome& outcome = generation.outcome();
    outcome.usage.cached_tokens = timeline.reused();
    if (hooks.progress) hooks.progress(timeline.reused(), static_cast<std::int64_t>(timeline.sequence().tokens().size()));

    auto logits = timeline.prefill([&](std::int64_t done, std::int64_t total) {
        if (hooks.progress) hooks.progress(done, total);
        return !stop();
    });
    const auto read = Clock::now();
    outcome.timing.prompt_seconds = seconds(start, read);
    auto first = read, last = read;
    while (logits.ok() && !generation.ended()) {
        if (stop()) {
            generation.cancel();
            break;
        }
        const std::optional<TokenId> token = generation.next(*logits);
        last = Clock::now();
        if (outcome.timing.first_token_seconds == 0) {
            first = last;
            outcome.timing.first_token_seconds = seconds(start, first);
        }
        if (!token) break;
        logits = timeline.advance(*token);
    }
    outcome.timing.answer_seconds = seconds(first, last);
    generation.cancel();  // no effect once ended
    if (!logits.ok() && logits.error().code != ErrorCode::cancelled) return std::move(logits).error();
    return outcome;
}

}  // namespace baleen::sched
