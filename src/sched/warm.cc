#include "sched/warm.h"

#include <algorithm>

#include "base/check.h"

namespace baleen::sched {

namespace {

constexpr int kHeaderTokens = 2;   // <｜Assistant｜> and <think> or </think>
constexpr std::size_t kLastHints = 3;

// Hash of a prefix from the hash of the one a token shorter.
std::uint64_t extended(std::uint64_t hash, TokenId token) {
    hash += 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(index(token));
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}

}  // namespace

std::optional<std::size_t> choose_victim(std::span<const PointView> points, bool for_blocks) {
    std::optional<std::size_t> victim;
    for (std::size_t i = 0; i < points.size(); ++i) {
        const PointView& point = points[i];
        if (for_blocks && !point.frees) continue;
        if (!victim) {
            victim = i;
            continue;
        }
        const PointView& best = points[*victim];
        if (point.superseded != best.superseded ? point.superseded : point.last_use < best.last_use) victim = i;
    }
    return victim;
}

std::vector<std::int64_t> choose_captures(std::int64_t prompt_tokens, std::int64_t restart, std::int64_t match,
                                          std::span<const std::int64_t> hints, int block_tokens) {
    std::vector<std::int64_t> captures;
    const auto add = [&](std::int64_t position) {
        if (position > restart && position < prompt_tokens) captures.push_back(position);
    };
    std::vector<std::int64_t> borders;
    for (const std::int64_t hint : hints)
        if (hint > 0 && hint < prompt_tokens) borders.push_back(hint / block_tokens * block_tokens);
    std::sort(borders.begin(), borders.end());
    borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
    for (std::size_t i = 0; i < borders.size(); ++i)
        if (i == 0 || i + kLastHints >= borders.size()) add(borders[i]);
    if (match - restart >= block_tokens) add(match);
    add(prompt_tokens - kHeaderTokens);
    std::sort(captures.begin(), captures.end());
    captures.erase(std::unique(captures.begin(), captures.end()), captures.end());
    return captures;
}

WarmSequences::WarmSequences(engine::Engine& engine, WarmLimits limits)
    : engine_(engine), limits_(limits), held_(static_cast<std::size_t>(engine.pool().capacity()), 0) {}

WarmSequences::~WarmSequences() { clear(); }

// Calls visit(tokens, hash) at every block's border.
template <class Visit>
void WarmSequences::for_each_border(std::span<const TokenId> tokens, Visit&& visit) {
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        hash = extended(hash, tokens[i]);
        if ((i + 1) % kv::kBlockTokens == 0) visit(static_cast<std::int64_t>(i + 1), hash);
    }
}

WarmSequences::Found WarmSequences::find(std::string_view space, std::span<const TokenId> tokens) const {
    Found found;
    const auto at = spaces_.find(space);
    if (at == spaces_.end() || at->second.points.empty()) return found;
    const Space& known = at->second;
    const std::int64_t longest = std::min(known.points.begin()->first, static_cast<std::int64_t>(tokens.size()) - 1);

    std::vector<std::uint64_t> candidates;  // shortest first
    auto lengths = known.points.rbegin();   // shortest first
    bool on_known = true;
    std::uint64_t hash = 0;
    for (std::int64_t length = 1; length <= longest; ++length) {
        hash = extended(hash, tokens[static_cast<std::size_t>(length - 1)]);
        if (on_known && length % kv::kBlockTokens == 0) {
            on_known = known.borders.contains(hash);
            if (on_known) found.match = length;
        }
        if (lengths != known.points.rend() && lengths->first == length) {
            const auto point = lengths->second.find(hash);
            if (point != lengths->second.end()) candidates.push_back(point->second);
            ++lengths;
        }
    }
    for (auto id = candidates.rbegin(); id != candidates.rend(); ++id) {
        const Point& point = points_.at(*id);
        if (!std::equal(point.tokens.begin(), point.tokens.end(), tokens.begin())) continue;
        found.restart = static_cast<std::int64_t>(point.tokens.size());
        found.point = point.id;
        found.maker = point.maker;
        break;
    }
    return found;
}

Result<std::unique_ptr<engine::Sequence>> WarmSequences::start(std::string_view space, std::vector<TokenId> tokens,
                                                               const Found& found) {
    TRY_ASSIGN(std::unique_ptr<engine::Sequence> sequence,
               engine_.start({.prompt = std::move(tokens), .space = std::string(space)}));
    if (found.point == 0) {
        ++counters_.misses;
        return sequence;
    }
    Point& point = points_.at(found.point);
    CHECK(point.space == space);
    TRY(sequence->attach(point.blocks, point.state, found.restart));
    point.last_use = ++clock_;
    ++counters_.hits;
    return sequence;
}

void WarmSequences::store(std::string_view space, const engine::Sequence& sequence, const Origin& origin) {
    if (origin.before != 0) {
        for (auto& [id, point] : points_)
            if (point.maker == origin.before && !point.shared && point.space == space) point.superseded = true;
    }
    const std::int64_t computed = sequence.computed();
    if (computed == 0) return;
    const std::span<const TokenId> tokens(sequence.tokens().data(), static_cast<std::size_t>(computed));
    std::vector<std::uint64_t> borders;
    for_each_border(tokens, [&](std::int64_t, std::uint64_t hash) { borders.push_back(hash); });
    std::uint64_t hash = borders.empty() ? 0 : borders.back();
    for (std::size_t i = borders.size() * kv::kBlockTokens; i < tokens.size(); ++i) hash = extended(hash, tokens[i]);

    auto known = spaces_.find(space);
    if (known == spaces_.end()) known = spaces_.emplace(std::string(space), Space{}).first;
    const auto [slot, fresh] = known->second.points[computed].emplace(hash, next_id_);
    if (!fresh) {  // known, or a collision, which may stay
        Point& point = points_.at(slot->second);
        if (std::equal(point.tokens.begin(), point.tokens.end(), tokens.begin())) {
            point.last_use = ++clock_;
            point.superseded = false;
            point.maker = origin.maker;
            point.shared = point.shared || origin.shared;
        }
        return;
    }
    for (const std::uint64_t border : borders) ++known->second.borders[border];
    Point point;
    point.id = next_id_++;
    point.space = space;
    point.tokens.assign(tokens.begin(), tokens.end());
    point.hash = hash;
    point.state = sequence.save();
    point.maker = origin.maker;
    point.shared = origin.shared;
    point.last_use = ++clock_;
    for (const BlockId block : sequence.cache().blocks()) {
        engine_.pool().retain(block);
        ++held_[static_cast<std::size_t>(index(block))];
        point.blocks.push_back(block);
    }
    counters_.bytes += point.bytes();
    ++counters_.points;
    ++counters_.stored;
    points_.emplace(point.id, std::move(point));

    while (counters_.bytes > limits_.bytes_max) {
        std::vector<PointView> views;
        std::vector<std::uint64_t> ids;
        for (const auto& [id, other] : points_) {
            views.push_back({other.last_use, other.superseded, true});
            ids.push_back(id);
        }
        ++counters_.evicted;
        remove(ids[*choose_victim(views, false)]);
    }
}

std::int64_t WarmSequences::reclaimable(const std::vector<bool>& in_use) const {
    std::int64_t count = 0;
    for (std::size_t block = 0; block < held_.size(); ++block) count += held_[block] > 0 && !in_use[block];
    return count;
}

std::int64_t WarmSequences::reclaimable_of(std::uint64_t id, const std::vector<bool>& in_use) const {
    const auto point = points_.find(id);
    if (point == points_.end()) return 0;
    return std::count_if(point->second.blocks.begin(), point->second.blocks.end(),
                         [&](BlockId block) { return !in_use[static_cast<std::size_t>(index(block))]; });
}

PointView WarmSequences::view(const Point& point, const std::vector<bool>& in_use) const {
    const bool frees = std::any_of(point.blocks.begin(), point.blocks.end(),
                                   [&](BlockId block) { return !in_use[static_cast<std::size_t>(index(block))]; });
    return {point.last_use, point.superseded, frees};
}

bool WarmSequences::evict_for_blocks(const std::vector<bool>& in_use) {
    std::vector<PointView> views;
    std::vector<std::uint64_t> ids;
    for (const auto& [id, point] : points_) {
        views.push_back(view(point, in_use));
        ids.push_back(id);
    }
    const std::optional<std::size_t> victim = choose_victim(views, true);
    if (!victim) return false;
    ++counters_.evicted;
    remove(ids[*victim]);
    return true;
}

void WarmSequences::remove(std::uint64_t id) {
    const auto at = points_.find(id);
    const Point& point = at->second;
    const auto space = spaces_.find(point.space);
    for_each_border(point.tokens, [&](std::int64_t, std::uint64_t hash) {
        const auto border = space->second.borders.find(hash);
        if (--border->second == 0) space->second.borders.erase(border);
    });
    const auto length = space->second.points.find(static_cast<std::int64_t>(point.tokens.size()));
    length->second.erase(point.hash);
    if (length->second.empty()) space->second.points.erase(length);
    if (space->second.points.empty()) spaces_.erase(space);
    for (const BlockId block : point.blocks) {
        --held_[static_cast<std::size_t>(index(block))];
        engine_.pool().release(block);
    }
    counters_.bytes -= point.bytes();
    --counters_.points;
    points_.erase(at);
}

void WarmSequences::clear() {
    while (!points_.empty()) remove(points_.begin()->first);
}

}  // namespace baleen::sched
