// Streams on an engine: which rows a step computes (batching.h), which KV blocks it may take, what is kept of streams that end
// (warm.h), who gives way when the pool is full. A stream that gives way is closed and its tokens are computed again later; the
// answer does not change, for equal prefixes have equal states to the bit.
//
// One thread, the engine's. Owns neither engine nor tokenizer.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "sched/batching.h"
#include "sched/lane.h"
#include "sched/warm.h"

namespace baleen::sched {

struct EngineLaneOptions {
    int streams_max = 0;  // at once; 0: what state_bytes_max holds, at most 256 and less than rows_per_step
    std::int64_t state_bytes_max = std::int64_t{4} << 30;  // of what live streams hold outside the pool
    BatchLimits batch = {};  // rows_max is the engine's
    WarmLimits warm = {};
};

class EngineLane : public Lane {
  public:
    // `tokenizer` may be null.
    EngineLane(engine::Engine& engine, const text::Tokenizer* tokenizer, EngineLaneOptions options);

    const text::Tokenizer* tokenizer() const override { return tokenizer_; }
    std::int64_t vocab_size() const override { return engine_.config().vocab_size; }
    std::int64_t context() const override;  // the engine's, or what the pool holds
    Room room() const override;
    Demand demand(const StreamRequest& request, bool exact) const override;
    Result<std::int64_t> open(StreamId stream, StreamRequest request, double now) override;
    void push(StreamId stream, TokenId token) override;
    void close(StreamId stream) override;
    void pause(StreamId stream, bool paused) override;
    const LaneStep& step(double now) override;
    LaneStats stats() const override;

    int streams_max() const { return streams_max_; }
    const WarmSequences& warm() const { return warm_; }
    const StepSpeed& speed() const { return speed_; }

  private:
    struct Stream {
        StreamId id{};
        std::string key;
        int key_number = 0;
        bool keep = true;
        bool paused = false;
        bool writing = false;  // everything before its newest token is computed
        std::unique_ptr<engine::Sequence> sequence;
        std::vector<std::int64_t> captures;  // positions still to come, ascending
        std::int64_t header = 0;             // the one of them that belongs to this turn alone
        std::uint64_t before = 0;            // WarmSequences::Origin
    };
    struct KeyNumber {
        int number = 0;
        int streams = 0;
    };
    std::vector<bool> in_use() const;
    Stream& find(StreamId stream);
    void erase(StreamId stream, bool keep);
    std::vector<int> wanted_rows();
    std::vector<int> rows_with_room();
    void compute(const std::vector<int>& rows);
    void keep(const Stream& stream, bool shared);

    engine::Engine& engine_;
    const text::Tokenizer* tokenizer_;
    EngineLaneOptions options_;
    int streams_max_ = 0;
    WarmSequences warm_;
    StepSpeed speed_;
    std::vector<Stream> streams_;  // oldest first
    std::unordered_map<std::string, KeyNumber> keys_;  // of open streams
    int next_key_ = 0;
    std::uint64_t turn_ = 0;
    LaneStep step_;
};

}  // namespace baleen::sched
