// What a conversation keeps computed between its turns. A turn hands in its whole prompt; the timeline answers with a sequence of
// exactly those tokens, of which as many as possible are computed already. Two states are kept: the sequence as the last answer
// left it, and a copy taken just before the last token of the last prompt. The second serves where the next prompt does not go
// on from the answer: the reasoning of earlier turns is dropped (spec encoding 5), so a thinking turn can be continued only from
// where its <think> stood. A state is used only if all it has computed is a prefix of the prompt; nothing is ever taken back,
// because a restored state has no spare rows to go back over.
//
// Costs a second window state per conversation (3.6 to 15.4 MB for Flash); full KV blocks are shared. Engine thread only; must
// not outlive the engine.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"

namespace baleen::sched {

class Timeline {
  public:
    // `turns` many: without later turns no copy is taken.
    enum class Turns { one, many };
    Timeline(engine::Engine& engine, Turns turns) : engine_(engine), turns_(turns) {}

    // Makes the sequence of `prompt` current. On error the timeline is as before.
    Result<void> open(std::vector<TokenId> prompt, std::int64_t context = 0);
    engine::Sequence& sequence() { return *current_; }
    bool started() const { return current_ != nullptr; }

    // Tokens of the current prompt that were computed before it came.
    std::int64_t reused() const { return reused_; }

    // Computes the prompt and takes the copy on its way. progress(done, total) is called between steps; returning false stops
    // with ErrorCode::cancelled, and what is computed so far stays of use. The logits of the last token are valid until the
    // engine's next step.
    Result<std::span<const float>> prefill(const std::function<bool(std::int64_t, std::int64_t)>& progress);

    // Computes one more token; logits as above.
    Result<std::span<const float>> advance(TokenId token);

    void clear();

  private:
    engine::Engine& engine_;
    Turns turns_;
    std::unique_ptr<engine::Sequence> current_;
    std::unique_ptr<engine::Sequence> copy_;  // before the last token of the last prompt
    std::int64_t reused_ = 0;
};

}  // namespace baleen::sched
