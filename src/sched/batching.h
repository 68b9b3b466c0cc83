// What the next step computes: a row for every stream that is writing, and beside them as much of the waiting prompts as a
// budget of milliseconds allows, so that running streams keep their pace while long prompts are read. Rows cost what they cost
// on this machine with this model: StepSpeed learns it from the steps that ran.
//
// Decisions are pure functions of plain data. StepSpeed is a value of one owner; its cost is nothing beside a step.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace baleen::sched {

struct BatchLimits {
    int rows_max = 512;           // of a step (EngineOptions::rows_per_step)
    double share = 1;             // prompts beside streams: this many times what the streams alone take, which
    double share_least = 0.0001;  //   bounds from below where steps are fast [s]
    double share_most = 2;        //   and from above where they are slow [s]
    double alone_seconds = 0.25;  // prompts without streams: bounds how long a cancellation or a new request waits
};

// Seconds of rows, learned. Steps of streams alone are kept by their number of rows, in powers of two: the weights they read
// cost the same for one row and for many, and what they add is not linear. Prompt rows are what a step took longer than that,
// divided by their number; apart for steps without streams, in which they carry the weights themselves. On a busy machine some
// steps are slowed by others: the estimate for streams leans to the fast ones, so that they rather get too much than too little.
class StepSpeed {
  public:
    void observe(int stream_rows, int prompt_rows, double seconds);
    // Of a step of streams alone; zero where nothing is known.
    double stream_seconds(int rows) const;
    double prompt_row_seconds(bool beside_streams) const { return prompt_row_[beside_streams]; }
    // A step of streams alone should run before the next prompt rows: too few were seen, or too long ago (a context grows, and
    // with it the cost of its row).
    bool stale(int stream_rows) const;
    // Rows of prompts of the last step that had any beside, or without, streams.
    int last_prompt_rows(bool beside_streams) const { return last_rows_[beside_streams]; }
    // Steps of streams alone since the last with prompts beside.
    int steps_alone() const { return steps_alone_; }

  private:
    struct Mean {
        double seconds = 0;
        int steps = 0;        // seen, up to what is enough
        int steps_since = 0;  // with prompts, since the last
    };
    static std::size_t bucket(int rows);
    std::array<Mean, 32> streams_;
    double prompt_row_[2] = {0, 0};
    int last_rows_[2] = {0, 0};
    int steps_alone_ = 0;
};

// How many rows of prompts the next step may have beside `stream_rows` streams. 0 to measure the streams alone, and where one
// row takes much longer than a step may give (deep in a long prompt of a small model): then several steps save up for it, a
// bounded number. Grows to at most twice the last number, so that a wrong guess about an unknown machine costs little.
int prompt_rows(const BatchLimits& limits, const StepSpeed& speed, int stream_rows);

// A stream as the planner sees it; streams are handed over oldest first.
struct StreamView {
    int key = 0;               // whose it is, any number
    std::int64_t pending = 0;  // tokens to compute
    std::int64_t cut = 0;      // a slice must end after at most so many (a state is wanted there); 0: no wish
    bool writing = false;      // its prompt is computed: one row a step, before all prompts
    bool paused = false;       // its reader is behind: no rows

    std::int64_t most() const { return cut > 0 && cut < pending ? cut : pending; }
};

// Rows of each stream in the next step, by index. Writing streams first. `rows` for prompts are shared: equal parts for every
// key; within a key one half for the prompt that came first and one for the prompt with the least left, so that a short
// question does not wait for a long document and the document is still read. `turn` counts steps: with fewer rows than keys
// (or halves) it decides whose turn it is.
std::vector<int> plan_step(std::span<const StreamView> streams, int rows, std::uint64_t turn);

// A stream's wish for blocks, oldest first.
struct BlockView {
    std::int64_t computed = 0;
    int rows = 0;
    bool writing = false;
};
struct BlockPlan {
    std::vector<int> rows;    // what can be computed
    std::int64_t blocks = 0;  // that this takes
    bool park = false;        // the youngest stream must give up its blocks, then plan again
};
// Fits the rows of a step into `available` blocks. Prompt rows give way (to a block's border); a writing stream, or the oldest
// if nothing else can run, takes the blocks of the youngest. With one stream left nothing is parked: its rows are then 0.
BlockPlan fit_blocks(std::span<const BlockView> streams, std::int64_t available, int block_tokens);

}  // namespace baleen::sched
