// A lane without a model: plays recorded answers (docs/formats/script_lane.md) at their recorded pace, through the same drawing,
// parsing, streaming and accounting as a model's. For tests of clients and load, where the small model cannot give the answer
// that is wanted; what it says is nobody's opinion. Nothing is computed, so nothing is reused and no KV is held.
//
// Script is immutable after parse. ScriptLane: one thread; a step costs microseconds per token that is due.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sched/lane.h"

namespace baleen::sched {

// One recorded answer.
struct ScriptLine {
    std::vector<std::string> match;     // all of them occur in the text of the prompts it answers
    std::vector<TokenId> tokens;        // played where the prompt does not ask for reasoning, or where none is recorded
    std::vector<TokenId> with_reasoning;  // played behind <think>, if reasoning is recorded
    bool has_reasoning = false;
    double tokens_per_second = 0;       // 0: as fast as they are taken
    double first_token_seconds = 0;     // before the first token
};

class Script {
  public:
    // `file` names the source in errors, which also say the line.
    static Result<Script> parse(std::string_view jsonl, std::string_view file, const text::Tokenizer& tokenizer);

    // The first line whose texts all occur in the prompt.
    const ScriptLine* find(std::string_view prompt) const;
    const std::vector<ScriptLine>& lines() const { return lines_; }

  private:
    std::vector<ScriptLine> lines_;
};

struct ScriptLaneOptions {
    int streams_max = 4096;
    std::int64_t context = 1 << 20;
};

class ScriptLane : public Lane {
  public:
    ScriptLane(Script script, const text::Tokenizer& tokenizer, ScriptLaneOptions options);

    const text::Tokenizer* tokenizer() const override { return &tokenizer_; }
    std::int64_t vocab_size() const override { return tokenizer_.vocab_size(); }
    std::int64_t context() const override { return options_.context; }
    Room room() const override;
    Demand demand(const StreamRequest&, bool) const override { return {}; }
    Result<std::int64_t> open(StreamId stream, StreamRequest request, double now) override;
    void push(StreamId stream, TokenId token) override;
    void close(StreamId stream) override;
    void pause(StreamId stream, bool paused) override;
    const LaneStep& step(double now) override;
    LaneStats stats() const override { return {}; }

  private:
    struct Stream {
        StreamId id{};
        const ScriptLine* line = nullptr;
        const std::vector<TokenId>* tokens = nullptr;
        std::size_t played = 0;
        double opened = 0;
        bool paused = false;

        double due() const;
    };
    Stream& find(StreamId stream);

    Script script_;
    const text::Tokenizer& tokenizer_;
    ScriptLaneOptions options_;
    std::optional<TokenId> think_;  // <think>
    std::vector<Stream> streams_;
    std::unordered_map<StreamId, std::size_t> places_;  // in streams_
    LaneStep step_;
};

}  // namespace baleen::sched
