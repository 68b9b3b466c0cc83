// A loaded model and its pools. The edge between language and arithmetic: token ids in, logits out; no text below it, no
// tensor above it.
//
//   auto engine = Engine::open("models/krill", {});
//   auto sequence = (*engine)->start({.prompt = ids});
//   (*engine)->prefill(**sequence, {});                  // in steps of rows_per_step, cancellable between them
//   sampler.sample((*engine)->last_logits(), ...);
//
// A step computes spans of many sequences at once, decode tokens and prompt slices alike. What a token's logits are does not
// depend on batch mates, on how prompts were cut, or on threads: to the bit, within one kernel set.
//
// One thread calls the engine; between steps every sequence is valid and may be dropped, saved or resumed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/threads.h"
#include "engine/plan.h"
#include "engine/sequence.h"
#include "experts/store.h"
#include "kernels/kernels.h"
#include "kv/pool.h"
#include "model/checkpoint.h"
#include "model/weights.h"
#include "v4/context.h"

namespace baleen::engine {

using v4::Numerics;

struct EngineOptions {
    Numerics numerics = Numerics::official;
    std::string isa;               // kernel set by name; empty: BALEEN_ISA, else the fastest of this CPU
    int threads = 0;               // 0: one a core this process may use
    std::int64_t context = 0;      // tokens of one sequence at most; 0: the model's max_position_embeddings
    std::int64_t kv_budget_bytes = 0;  // pool size; 0: room for one sequence of full context
    int rows_per_step = 512;       // tokens of all spans of a step at most
    bool mapped = false;           // weights stay in the page cache; otherwise they are read into memory where they fit
    bool mtp = false;              // run the MTP block beside the backbone, if the checkpoint has a classic one
    std::function<void(std::string_view what)> progress;  // stages of loading, for people; from any thread, one call at a time
};

// Identifies the weights: SHA-256 over the config fields that enter the arithmetic and, per tensor, name, dtype, shape and one
// page at a place derived from the name (spec prefix 3.1). Reads a page per tensor.
std::string model_id(const model::Checkpoint& checkpoint);
// "official/avx512bf16/9f3c...": profile, kernel set, fingerprint of its arithmetic on this machine.
std::string numerics_signature(Numerics numerics, const kernels::Kernels& kernels);

enum class RowKind : std::uint8_t { prompt, decode, draft };

// The next `rows` pending tokens of a sequence.
struct StepSpan {
    Sequence* sequence = nullptr;
    int rows = 0;
    RowKind kind = RowKind::prompt;
    std::vector<int> logits;  // rows of the span, ascending, whose logits are wanted; -1 counts from the end
    // Positions inside or at the end of the span at which the whole state is wanted; `captured` gets each on the engine
    // thread, as the sequence stands at that position.
    std::vector<std::int64_t> captures;
    // Rows of the MTP block whose logits are wanted, by position t (the row predicts token t + 2); t + 1 must be known.
    std::vector<std::int64_t> mtp_logits;
};

struct StepBatch {
    std::vector<StepSpan> spans;
    std::function<void(Sequence&, std::int64_t position)> captured;
    v4::TraceSink* trace = nullptr;
};

// What a step found out. Rows and logits are the engine's and stay valid until its next step.
struct StepReport {
    struct Row {
        int span = 0;
        std::int64_t position = 0;
        std::span<const float> logits;  // [vocab]
    };
    std::span<const Row> rows;  // in order of spans and positions
    std::span<const Row> mtp_rows;
    double seconds = 0;
};

// Counters a scheduler plans with: pure measurements, no decisions.
struct Counters {
    std::uint64_t steps = 0, rows = 0;
    double seconds = 0;
    std::uint64_t experts_touched = 0;  // distinct (layer, expert) pairs, summed over steps
    double last_step_seconds = 0;
    int last_step_rows = 0;
};

class Engine {
  public:
    // Opens the checkpoint in `directory`, checks and binds its tensors, plans memory. Errors name what to change.
    static Result<std::unique_ptr<Engine>> open(const std::filesystem::path& directory, EngineOptions options);
    ~Engine();

    const model::Config& config() const { return checkpoint_->config(); }
    const model::Checkpoint& checkpoint() const { return *checkpoint_; }
    const EngineOptions& options() const { return options_; }
    const Plan& plan() const { return plan_; }
    const kernels::Kernels& kernels() const { return *kernels_; }
    Team& team() { return team_; }
    kv::Pool& pool() { return *pool_; }
    v4::Context& context() { return *context_; }
    const model::Weights& weights() const { return weights_; }
    bool has_mtp() const { return weights_.mtp.has_value(); }
    const Counters& counters() const { return counters_; }

    std::string numerics_signature() const { return engine::numerics_signature(options_.numerics, *kernels_); }
    std::string model_id() const { return engine::model_id(*checkpoint_); }

    // A new sequence. invalid_argument: empty prompt, ids outside the vocabulary; resource_exhausted: longer than the context.
    Result<std::unique_ptr<Sequence>> start(SequenceOptions options);

    // Computes a step. On error nothing has changed in any sequence.
    Result<StepReport> step(const StepBatch& batch);

    // Computes all pending tokens of a sequence; progress(done, total) is called between steps and stops the prefill by
    // returning false (ErrorCode::cancelled; the sequence stays valid and may be continued). last_logits() then holds those of
    // the last token.
    Result<void> prefill(Sequence& sequence, const std::function<bool(std::int64_t, std::int64_t)>& progress);
    std::span<const float> last_logits() const { return last_logits_; }

    // Hooks, called on this thread between steps; return at once. Unset ones cost nothing.
    std::function<void(Sequence&, BlockId)> on_seal;
    std::function<void(Sequence&)> on_commit;
    std::function<void(Sequence&)> on_end;

  private:
    Engine(std::unique_ptr<model::Checkpoint> checkpoint, EngineOptions options, const kernels::Kernels& kernels);
    friend class Step;

    Result<void> compute(const StepBatch& wanted);
    Result<void> compute_in_rounds(const StepBatch& batch);
    void run_mtp(const StepBatch& wanted);

    EngineOptions options_;
    std::unique_ptr<model::Checkpoint> checkpoint_;
    const kernels::Kernels* kernels_;
    Team team_;
    model::Weights weights_;
    Plan plan_;
    std::unique_ptr<experts::Store> experts_;
    std::unique_ptr<kv::Pool> pool_;
    std::unique_ptr<v4::Context> context_;
    // Of the step that runs or ran last; kept so that their memory is, and a steady step takes none.
    v4::Batch batch_, mtp_batch_;
    std::vector<Sequence*> sequences_;  // by span
    v4::Buffer<float> logits_, mtp_logits_;
    std::vector<StepReport::Row> rows_, mtp_rows_;
    std::vector<int> head_rows_;  // rows of the batch whose logits are computed
    std::span<const float> last_logits_;
    Counters counters_;
};

// A step in pieces, for verify and research: layers can be run one at a time, from streams of one's own, and the step can pause
// between them. Engine::step() is this from begin to commit.
class Step {
  public:
    // Reserves KV for the spans and fills the batch. On error nothing has changed.
    static Result<Step> begin(Engine& engine, const StepBatch& batch);
    Step(Step&&) = default;

    v4::Batch& batch() { return *batch_; }
    void embed();
    void layer(int layer);  // 0 .. num_hidden_layers - 1, in order
    // Logits [rows.size(), vocab] of rows of the batch, after the last layer.
    void logits(std::span<const int> rows, float* out);
    // All rows are now part of their sequences. A step that is dropped without commit must have at most kv::kDraftRows rows
    // per span, or its sequences are unusable.
    void commit();

  private:
    Step() = default;
    Engine* engine_ = nullptr;
    v4::Batch* batch_ = nullptr;
};

}  // namespace baleen::engine
