// What finished and running answers leave in memory, so that a prompt that goes on from one is not computed again. A point is a
// prefix of tokens with everything needed to continue behind it: references to its full KV blocks and the saved state beside
// them (engine::Sequence cannot be cut back, so a prefix without a point of its own is lost). Points are taken
//   * at the end of an answer: the conversation that goes on;
//   * before the last two tokens of a prompt, <｜Assistant｜> and <think> or </think>: asking again, other thinking mode, and a
//     history whose reasoning is dropped;
//   * at a block's border before the places the caller names (ends of messages), and where a prompt parts from known ones.
// A point is used only if all its tokens are a prefix of the prompt and the spaces are equal; tokens are compared, hashes only
// find candidates. Spaces share nothing.
//
// Bounded by bytes of saved states; blocks are given back to the pool when it needs them. Points that a conversation has moved
// beyond leave first, then the least recently used. Engine thread only; must not outlive the engine.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace baleen::sched {

// A point as the choice of a victim sees it.
struct PointView {
    std::uint64_t last_use = 0;  // a counter
    bool superseded = false;     // a later turn has gone on from a point of the same answer
    bool frees = false;          // some block of it is in no running sequence's use
};
// Which point leaves: superseded ones first, then by last use. `for_blocks`: only points that free any.
std::optional<std::size_t> choose_victim(std::span<const PointView> points, bool for_blocks);

// Where a prompt's computation should stop for a point, ascending: positions above `restart`. `match`: tokens at a block's
// border up to which the prompt is known from elsewhere. Of many hints the first (what sessions share) and the last three.
std::vector<std::int64_t> choose_captures(std::int64_t prompt_tokens, std::int64_t restart, std::int64_t match,
                                          std::span<const std::int64_t> hints, int block_tokens);

struct WarmLimits {
    std::int64_t bytes_max = std::int64_t{256} << 20;  // of saved states and token ids
};

struct WarmCounters {
    std::int64_t points = 0, bytes = 0;
    std::uint64_t hits = 0, misses = 0, stored = 0, evicted = 0;
};

class WarmSequences {
  public:
    WarmSequences(engine::Engine& engine, WarmLimits limits);
    ~WarmSequences();
    WarmSequences(const WarmSequences&) = delete;
    WarmSequences& operator=(const WarmSequences&) = delete;

    struct Found {
        std::int64_t restart = 0;  // tokens of the prompt that a point has; 0: none, and then no point
        std::int64_t match = 0;    // tokens of it that are known at all, at a block's border
        std::uint64_t point = 0;
        std::uint64_t maker = 0;   // who stored the point
    };
    // The longest point that is a prefix of `tokens` and leaves one to compute.
    Found find(std::string_view space, std::span<const TokenId> tokens) const;

    // A sequence of `tokens` that goes on from what was found, or starts anew. Counts the hit or the miss.
    Result<std::unique_ptr<engine::Sequence>> start(std::string_view space, std::vector<TokenId> tokens, const Found& found);

    struct Origin {
        std::uint64_t maker = 0;   // the answer that the point belongs to
        std::uint64_t before = 0;  // maker of the point it went on from (0: none), whose points are superseded now
        bool shared = false;       // a place that other prompts pass too: no turn supersedes it
    };
    // Keeps what a sequence has computed. A point that is known already is only touched.
    void store(std::string_view space, const engine::Sequence& sequence, const Origin& origin);

    // Blocks only points hold: all of them but those marked in `in_use` [pool capacity].
    std::int64_t reclaimable(const std::vector<bool>& in_use) const;
    // Of a point's blocks those that are reclaimable.
    std::int64_t reclaimable_of(std::uint64_t point, const std::vector<bool>& in_use) const;
    // Drops the point that is due to leave among those with blocks to give; false if there is none.
    bool evict_for_blocks(const std::vector<bool>& in_use);
    void clear();

    const WarmCounters& counters() const { return counters_; }

  private:
    struct Point {
        std::uint64_t id = 0;
        std::string space;
        std::vector<TokenId> tokens;
        std::uint64_t hash = 0;  // of all tokens
        std::vector<BlockId> blocks;
        std::vector<std::byte> state;
        std::uint64_t maker = 0;
        std::uint64_t last_use = 0;
        bool shared = false;
        bool superseded = false;

        std::int64_t bytes() const {
            return static_cast<std::int64_t>(state.size() + tokens.size() * sizeof(TokenId) + blocks.size() * sizeof(BlockId));
        }
    };
    struct Space {
        // Longest first, so that a search can stop at the first that fits.
        std::map<std::int64_t, std::unordered_map<std::uint64_t, std::uint64_t>, std::greater<>> points;  // tokens -> hash -> id
        std::unordered_map<std::uint64_t, std::int32_t> borders;  // hash of the tokens before a block's border -> points
    };
    template <class Visit>
    static void for_each_border(std::span<const TokenId> tokens, Visit&& visit);
    PointView view(const Point& point, const std::vector<bool>& in_use) const;
    void remove(std::uint64_t id);

    engine::Engine& engine_;
    WarmLimits limits_;
    std::map<std::uint64_t, Point> points_;  // by id
    std::map<std::string, Space, std::less<>> spaces_;
    std::vector<std::int32_t> held_;  // per pool block: points that hold it
    std::uint64_t next_id_ = 1, clock_ = 0;
    WarmCounters counters_;
};

}  // namespace baleen::sched
