#include "sched/engine_lane.h"

#include <algorithm>

#include "base/check.h"

namespace baleen::sched {

namespace {

constexpr int kStreamsMost = 256;       // a row each in a step, with rows left for prompts
constexpr double kPausedSeconds = 0.005;  // between looks at readers that are all behind

int streams_of(const engine::Engine& engine, const EngineLaneOptions& options) {
    const int rows = engine.options().rows_per_step;
    std::int64_t streams = options.streams_max;
    if (streams == 0) streams = std::min<std::int64_t>(kStreamsMost, options.state_bytes_max / std::max<std::int64_t>(engine.plan().state_bytes, 1));
    return static_cast<int>(std::clamp<std::int64_t>(streams, 1, std::max(rows - 1, 1)));
}

}  // namespace

EngineLane::EngineLane(engine::Engine& engine, const text::Tokenizer* tokenizer, EngineLaneOptions options)
    : engine_(engine), tokenizer_(tokenizer), options_(options), streams_max_(streams_of(engine, options)),
      warm_(engine, options.warm) {
    options_.batch.rows_max = engine.options().rows_per_step;
}

std::int64_t EngineLane::context() const {
    // The last tokens of a sequence may be in its open block, which is outside the pool.
    return std::min(engine_.options().context, engine_.pool().capacity() * kv::kBlockTokens + kv::kBlockTokens - 1);
}

// Pool blocks of streams, by slot.
std::vector<bool> EngineLane::in_use() const {
    std::vector<bool> used(static_cast<std::size_t>(engine_.pool().capacity()), false);
    for (const Stream& stream : streams_)
        for (const BlockId block : stream.sequence->cache().blocks()) used[static_cast<std::size_t>(index(block))] = true;
    return used;
}

Room EngineLane::room() const {
    Room room;
    room.running = static_cast<int>(streams_.size());
    room.streams = streams_max_ - room.running;
    room.blocks_free = engine_.pool().free_blocks();
    for (const Stream& stream : streams_) {  // promised to prompts that are being read
        const auto tokens = static_cast<std::int64_t>(stream.sequence->tokens().size());
        room.blocks_free -= tokens / kv::kBlockTokens - stream.sequence->computed() / kv::kBlockTokens;
    }
    room.blocks_reclaimable = warm_.reclaimable(in_use());
    return room;
}

Demand EngineLane::demand(const StreamRequest& request, bool exact) const {
    Demand demand;
    demand.blocks_new = static_cast<std::int64_t>(request.tokens.size()) / kv::kBlockTokens;
    if (!exact) return demand;
    const WarmSequences::Found found = warm_.find(request.space, request.tokens);
    demand.blocks_new -= found.restart / kv::kBlockTokens;
    demand.blocks_held = warm_.reclaimable_of(found.point, in_use());
    return demand;
}

Result<std::int64_t> EngineLane::open(StreamId id, StreamRequest request, double) {
    const auto found = request.keep ? warm_.find(request.space, request.tokens) : WarmSequences::Found{};
    Stream stream;
    TRY_ASSIGN(stream.sequence, warm_.start(request.space, std::move(request.tokens), found));
    stream.id = id;
    stream.keep = request.keep;
    if (found.maker != static_cast<std::uint64_t>(id)) stream.before = found.maker;
    if (request.keep) {
        stream.captures = choose_captures(request.prompt_tokens, found.restart, found.match, request.hints, kv::kBlockTokens);
        if (!stream.captures.empty()) stream.header = stream.captures.back();
    }
    KeyNumber& key = keys_[request.key];
    if (key.streams++ == 0) key.number = next_key_++;
    stream.key = std::move(request.key);
    stream.key_number = key.number;
    streams_.push_back(std::move(stream));
    return found.restart;
}

EngineLane::Stream& EngineLane::find(StreamId id) {
    const auto stream = std::find_if(streams_.begin(), streams_.end(), [&](const Stream& s) { return s.id == id; });
    CHECK(stream != streams_.end(), "stream {} is not open", std::to_underlying(id));
    return *stream;
}

void EngineLane::push(StreamId id, TokenId token) {
    const Result<void> appended = find(id).sequence->append(token);
    CHECK(appended.ok(), "{}", appended.ok() ? "" : appended.error().message);  // the service keeps answers inside the context
}

void EngineLane::close(StreamId id) { erase(id, true); }

void EngineLane::pause(StreamId id, bool paused) { find(id).paused = paused; }

void EngineLane::erase(StreamId id, bool kept) {
    Stream& stream = find(id);
    if (kept) keep(stream, false);
    const auto key = keys_.find(stream.key);
    if (--key->second.streams == 0) keys_.erase(key);
    streams_.erase(streams_.begin() + (&stream - streams_.data()));
}

void EngineLane::keep(const Stream& stream, bool shared) {
    if (!stream.keep) return;
    warm_.store(stream.sequence->space(), *stream.sequence,
                {.maker = static_cast<std::uint64_t>(stream.id), .before = stream.before, .shared = shared});
}

// What each stream would compute next if there were blocks for all.
std::vector<int> EngineLane::wanted_rows() {
    std::vector<StreamView> views;
    int writing = 0;
    bool prompts = false;
    for (const Stream& stream : streams_) {
        const std::int64_t computed = stream.sequence->computed();
        StreamView& view = views.emplace_back();
        view.key = stream.key_number;
        view.pending = stream.sequence->pending();
        view.cut = stream.captures.empty() ? 0 : stream.captures.front() - computed;
        view.writing = stream.writing;
        view.paused = stream.paused;
        if (view.paused || view.pending == 0) continue;
        writing += view.writing;
        prompts = prompts || !view.writing;
    }
    return plan_step(views, prompts ? prompt_rows(options_.batch, speed_, writing) : 0, turn_++);
}

// The same within the blocks there are; kept states leave for it, and if that is not enough, the youngest streams.
std::vector<int> EngineLane::rows_with_room() {
    for (;;) {
        std::vector<int> rows = wanted_rows();
        std::vector<BlockView> views;
        std::int64_t wanted = 0;
        for (std::size_t i = 0; i < streams_.size(); ++i) {
            const std::int64_t computed = streams_[i].sequence->computed();
            views.push_back({computed, rows[i], streams_[i].writing});
            wanted += (computed + rows[i]) / kv::kBlockTokens - computed / kv::kBlockTokens;
        }
        if (wanted <= engine_.pool().free_blocks()) return rows;
        const std::vector<bool> used = in_use();
        const BlockPlan plan = fit_blocks(views, engine_.pool().free_blocks() + warm_.reclaimable(used), kv::kBlockTokens);
        if (plan.park) {
            const StreamId youngest = streams_.back().id;
            step_.aside.push_back(youngest);
            erase(youngest, false);
            continue;
        }
        while (engine_.pool().free_blocks() < plan.blocks) CHECK(warm_.evict_for_blocks(used));
        return plan.rows;
    }
}

const LaneStep& EngineLane::step(double now) {
    step_.rows.clear();
    step_.aside.clear();
    step_.failed.clear();
    step_.stream_rows = step_.prompt_rows = 0;
    step_.seconds = 0;
    step_.due.reset();
    const std::vector<int> rows = rows_with_room();
    if (std::any_of(rows.begin(), rows.end(), [](int r) { return r > 0; })) {
        compute(rows);
        return step_;
    }
    // Nothing to do: all wait for their readers. One stream whose block cannot be had is alone and can never go on.
    step_.due = now + kPausedSeconds;
    if (streams_.size() == 1 && !streams_.front().paused && streams_.front().sequence->pending() > 0) {
        step_.failed.emplace_back(streams_.front().id, resource_exhausted("the KV pool is too small for this request"));
        erase(streams_.front().id, false);
    }
    return step_;
}

void EngineLane::compute(const std::vector<int>& rows) {
    engine::StepBatch batch;
    std::vector<std::size_t> who;  // stream of each span
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] == 0) continue;
        engine::StepSpan span;
        span.sequence = streams_[i].sequence.get();
        span.rows = rows[i];
        span.kind = streams_[i].writing ? engine::RowKind::decode : engine::RowKind::prompt;
        if (rows[i] == span.sequence->pending()) span.logits = {-1};
        (streams_[i].writing ? step_.stream_rows : step_.prompt_rows) += rows[i];
        batch.spans.push_back(std::move(span));
        who.push_back(i);
    }
    auto report = engine_.step(batch);
    if (!report.ok()) {  // nothing has changed; the youngest of the step cannot be served
        const StreamId youngest = streams_[who.back()].id;
        step_.failed.emplace_back(youngest, std::move(report).error());
        step_.stream_rows = step_.prompt_rows = 0;
        erase(youngest, false);
        return;
    }
    step_.seconds = report->seconds;
    speed_.observe(step_.stream_rows, step_.prompt_rows, report->seconds);
    for (const std::size_t i : who) {
        Stream& stream = streams_[i];
        if (stream.sequence->pending() == 0) stream.writing = true;
        if (stream.captures.empty() || stream.sequence->computed() < stream.captures.front()) continue;
        keep(stream, stream.captures.front() != stream.header);
        stream.captures.erase(stream.captures.begin());
    }
    for (const auto& row : report->rows)
        step_.rows.push_back({streams_[who[static_cast<std::size_t>(row.span)]].id, row.logits, std::nullopt});
}

LaneStats EngineLane::stats() const {
    const WarmCounters& warm = warm_.counters();
    LaneStats stats;
    stats.blocks_total = engine_.pool().capacity();
    stats.blocks_free = engine_.pool().free_blocks();
    stats.blocks_warm = warm_.reclaimable(in_use());
    stats.warm_points = warm.points;
    stats.warm_bytes = warm.bytes;
    stats.warm_hits = warm.hits;
    stats.warm_misses = warm.misses;
    stats.warm_stored = warm.stored;
    stats.warm_evicted = warm.evicted;
    return stats;
}

}  // namespace baleen::sched
