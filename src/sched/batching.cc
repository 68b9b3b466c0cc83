#include "sched/batching.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace baleen::sched {

namespace {

constexpr double kWeight = 0.25;      // of the newest observation
constexpr double kWeightBelow = 0.5;  // of a faster step of streams: others are slowed by what is not ours
constexpr double kOutlier = 1.5;      // one observation counts as at most this many times the mean: machines hiccup
constexpr int kFirstSteps = 3;        // that streams alone are measured by at first
constexpr int kStaleSteps = 64;       // one step in so many runs without prompts, to measure the streams: 1.5 % of reading
constexpr int kFirstRows[] = {8, 1};  // on a machine nothing is known of: without, beside streams
constexpr double kLeastSeconds = 1e-9;
constexpr double kOverdraft = 1.5;    // of a step's budget that one row may take without being saved up for
constexpr int kMostSaving = 7;        // steps

double learned(double mean, double observed, double weight_below) {
    if (mean == 0) return observed;
    if (observed < mean) return mean + weight_below * (observed - mean);
    return mean + kWeight * (std::min(observed, kOutlier * mean) - mean);
}

}  // namespace

std::size_t StepSpeed::bucket(int rows) { return static_cast<std::size_t>(std::bit_width(static_cast<unsigned>(rows)) - 1); }

void StepSpeed::observe(int stream_rows, int prompt_rows, double seconds) {
    seconds = std::max(seconds, kLeastSeconds);
    if (prompt_rows == 0) {
        if (stream_rows == 0) return;
        ++steps_alone_;
        Mean& mean = streams_[bucket(stream_rows)];
        if (mean.steps < kFirstSteps) mean.seconds = mean.steps == 0 ? seconds : std::min(mean.seconds, seconds);
        else mean.seconds = learned(mean.seconds, seconds, kWeightBelow);
        mean.steps = std::min(mean.steps + 1, kFirstSteps);
        mean.steps_since = 0;
        return;
    }
    const bool beside = stream_rows > 0;
    const double own = beside ? seconds - stream_seconds(stream_rows) : seconds;
    // A slice cannot be free: at least what its rows take if all rows of the step cost the same.
    const double least = seconds / (stream_rows + prompt_rows) / 2;
    prompt_row_[beside] = learned(prompt_row_[beside], std::max(own / prompt_rows, least), kWeight);
    last_rows_[beside] = prompt_rows;
    if (!beside) return;
    ++streams_[bucket(stream_rows)].steps_since;
    steps_alone_ = 0;
}

double StepSpeed::stream_seconds(int rows) const {
    if (rows == 0) return 0;
    const std::size_t at = bucket(rows);
    // The next smaller number is a lower bound; a larger one is cut down in proportion, lower still.
    for (std::size_t i = at + 1; i-- > 0;)
        if (streams_[i].seconds > 0) return streams_[i].seconds;
    for (std::size_t i = at + 1; i < streams_.size(); ++i)
        if (streams_[i].seconds > 0) return std::ldexp(streams_[i].seconds, static_cast<int>(at) - static_cast<int>(i));
    return 0;
}

bool StepSpeed::stale(int stream_rows) const {
    if (stream_rows == 0) return false;
    const Mean& mean = streams_[bucket(stream_rows)];
    return mean.steps < kFirstSteps || mean.steps_since >= kStaleSteps;
}

int prompt_rows(const BatchLimits& limits, const StepSpeed& speed, int stream_rows) {
    const int room = limits.rows_max - stream_rows;
    if (room <= 0 || speed.stale(stream_rows)) return 0;
    const bool beside = stream_rows > 0;
    const double shared = std::clamp(limits.share * speed.stream_seconds(stream_rows), limits.share_least, limits.share_most);
    const double budget = beside ? shared : limits.alone_seconds;
    const double row = speed.prompt_row_seconds(beside);
    if (row == 0) return std::min(room, kFirstRows[beside]);
    const int saved = std::min(speed.steps_alone(), kMostSaving);
    if (beside && row > kOverdraft * budget && row > (saved + 1) * budget && saved < kMostSaving) return 0;
    const double most = std::min<double>(room, 2.0 * speed.last_prompt_rows(beside));
    return static_cast<int>(std::clamp(budget / row, 1.0, std::max(most, 1.0)));
}

namespace {

struct Share {
    int key = 0;
    std::vector<int> streams;  // oldest first
    std::int64_t wanted = 0;
    std::int64_t given = 0;
};

// Prompts by key, in order of the keys' oldest prompts.
std::vector<Share> prompts_by_key(std::span<const StreamView> streams) {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < streams.size(); ++i) {
        const StreamView& stream = streams[i];
        if (stream.writing || stream.paused || stream.pending == 0) continue;
        auto share = std::find_if(shares.begin(), shares.end(), [&](const Share& s) { return s.key == stream.key; });
        if (share == shares.end()) {
            shares.push_back({stream.key, {}, 0, 0});
            share = shares.end() - 1;
        }
        share->streams.push_back(static_cast<int>(i));
        share->wanted += stream.most();
    }
    return shares;
}

// Equal parts for all, what one cannot use for the others.
void share_equally(std::vector<Share>& shares, std::int64_t rows, std::uint64_t turn) {
    while (rows > 0) {
        std::vector<Share*> open;
        for (Share& share : shares)
            if (share.given < share.wanted) open.push_back(&share);
        if (open.empty()) return;
        const auto count = static_cast<std::int64_t>(open.size());
        if (rows < count) {  // a row each, as far as they go, the first by turn
            for (std::int64_t i = 0; i < rows; ++i) ++open[(turn + static_cast<std::uint64_t>(i)) % open.size()]->given;
            return;
        }
        const std::int64_t part = rows / count;
        for (Share* share : open) {
            const std::int64_t more = std::min(part, share->wanted - share->given);
            share->given += more;
            rows -= more;
        }
    }
}

void share_within(const Share& share, std::span<const StreamView> streams, std::uint64_t turn, std::vector<int>& rows) {
    std::int64_t left = share.given;
    const auto give = [&](int stream, std::int64_t most) {
        const auto at = static_cast<std::size_t>(stream);
        const std::int64_t more = std::min({left, most, streams[at].most() - rows[at]});
        rows[at] += static_cast<int>(more);
        left -= more;
    };
    give(share.streams.front(), left / 2 + (turn % 2 == 0 ? left % 2 : 0));
    std::vector<int> shortest = share.streams;
    std::stable_sort(shortest.begin(), shortest.end(), [&](int a, int b) {
        return streams[static_cast<std::size_t>(a)].pending < streams[static_cast<std::size_t>(b)].pending;
    });
    for (const int stream : shortest) give(stream, left);
}

}  // namespace

std::vector<int> plan_step(std::span<const StreamView> streams, int rows, std::uint64_t turn) {
    std::vector<int> plan(streams.size(), 0);
    for (std::size_t i = 0; i < streams.size(); ++i)
        if (streams[i].writing && !streams[i].paused && streams[i].pending > 0) plan[i] = 1;
    std::vector<Share> shares = prompts_by_key(streams);
    share_equally(shares, rows, turn);
    // The parity within a key must not follow the turn of keys: with two keys, one of them would always have the same half.
    const std::uint64_t round = shares.empty() ? turn : turn / shares.size();
    for (const Share& share : shares) share_within(share, streams, round, plan);
    return plan;
}

BlockPlan fit_blocks(std::span<const BlockView> streams, std::int64_t available, int block_tokens) {
    BlockPlan plan;
    plan.rows.assign(streams.size(), 0);
    const auto blocks = [&](const BlockView& stream, std::int64_t rows) {
        return (stream.computed + rows) / block_tokens - stream.computed / block_tokens;
    };
    // Writing streams first: a prompt must not take the block that a running answer needs.
    for (const bool writing : {true, false}) {
        for (std::size_t i = 0; i < streams.size(); ++i) {
            const BlockView& stream = streams[i];
            if (stream.writing != writing || stream.rows == 0) continue;
            std::int64_t rows = stream.rows;
            const std::int64_t left = available - plan.blocks;
            if (blocks(stream, rows) > left) {
                if (writing) {
                    plan.park = streams.size() > 1;
                    if (plan.park) return plan;
                }
                rows = std::min(rows, (stream.computed / block_tokens + left + 1) * block_tokens - 1 - stream.computed);
            }
            plan.rows[i] = static_cast<int>(rows);
            plan.blocks += blocks(stream, rows);
        }
    }
    const bool wanted = std::any_of(streams.begin(), streams.end(), [](const BlockView& s) { return s.rows > 0; });
    const bool some = std::any_of(plan.rows.begin(), plan.rows.end(), [](int rows) { return rows > 0; });
    plan.park = wanted && !some && streams.size() > 1;
    return plan;
}

}  // namespace baleen::sched
