// What runs answers for the service: a lane holds streams, each a prompt and the tokens drawn after it, and computes a step of
// many at once. The service decides who starts, draws the tokens and turns them into events; the lane decides what a step
// computes. EngineLane is a model; ScriptLane plays what was recorded.
//
// One thread calls a lane. Between steps every stream is valid and may be closed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sched/admission.h"
#include "text/tokenizer.h"

namespace baleen::sched {

enum class StreamId : std::uint64_t {};

struct StreamRequest {
    std::vector<TokenId> tokens;      // the prompt, and after it what was drawn before the stream was put aside
    std::int64_t prompt_tokens = 0;   // how many of them are the prompt
    std::string key;                  // whose it is: prompts of different keys share a step equally
    std::string space;                // isolation of reuse
    std::vector<std::int64_t> hints;  // positions others are likely to share: ends of messages
    bool keep = true;                 // what is computed may be kept for later prompts
};

// What a step brought.
struct LaneStep {
    // What follows in a stream: logits of its next token, or the token itself.
    struct Row {
        StreamId stream{};
        std::span<const float> logits;  // [vocab], until the next step; empty: `token` counts
        std::optional<TokenId> token;   // nothing: the answer ends here
    };
    std::vector<Row> rows;
    std::vector<StreamId> aside;                       // closed for want of KV blocks; open them again later
    std::vector<std::pair<StreamId, Error>> failed;    // closed
    int stream_rows = 0, prompt_rows = 0;              // computed
    double seconds = 0;
    std::optional<double> due;  // nothing to compute before this time
};

// Gauges and counters of the state kept.
struct LaneStats {
    std::int64_t blocks_total = 0, blocks_free = 0, blocks_warm = 0;  // of KV; warm: held only for later prompts
    std::int64_t warm_points = 0, warm_bytes = 0;
    std::uint64_t warm_hits = 0, warm_misses = 0, warm_stored = 0, warm_evicted = 0;
};

class Lane {
  public:
    virtual ~Lane() = default;

    virtual const text::Tokenizer* tokenizer() const = 0;  // null: answers are token ids only
    virtual std::int64_t vocab_size() const = 0;
    virtual std::int64_t context() const = 0;  // tokens of one stream, prompt and answer

    virtual Room room() const = 0;
    // What a stream takes to start. `exact`: with what it would reuse, which costs a look-up.
    virtual Demand demand(const StreamRequest& request, bool exact) const = 0;
    // Starts a stream. How many of its tokens need no computing.
    virtual Result<std::int64_t> open(StreamId stream, StreamRequest request, double now) = 0;
    // The token that was drawn from a stream's last row, and whose successor is wanted.
    virtual void push(StreamId stream, TokenId token) = 0;
    // Ends a stream.
    virtual void close(StreamId stream) = 0;
    virtual void pause(StreamId stream, bool paused) = 0;

    // Computes a step. The answer is valid until the next one.
    virtual const LaneStep& step(double now) = 0;

    virtual LaneStats stats() const = 0;
};

}  // namespace baleen::sched
