// Traces: inner values of one prompt, as a whole chain and layer by layer from golden streams.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "eval/verify_files.h"
#include "eval/verify_layer.h"

namespace baleen::eval {

namespace {

using engine::Engine;
using engine::Sequence;
using engine::Step;
using engine::StepBatch;

class TraceVerifier {
  public:
    TraceVerifier(Engine& engine, const GoldenSet& set, GoldenFile& file, VerifyFile& report)
        : engine_(engine), set_(set), file_(file), report_(report), layers_(engine.config().num_hidden_layers) {}

    Result<void> run() {
        TRY_ASSIGN(prompt_, golden_tokens(file_, "input_ids", engine_.config().vocab_size));
        TRY_ASSIGN(const GoldenInts positions,
                   golden_positions(file_, "positions", static_cast<std::int64_t>(prompt_.size())));
        positions_ = positions.values;
        LayerCapture capture(engine_.config(), positions_);
        TRY(chain(capture));
        TRY(layers(capture));
        for (const std::string& tensor : file_.unread()) {
            if (tensor.rfind("layers.", 0) == 0)
                return invalid_argument(
                    fmt::format("{}: tensor \"{}\": this model computes no such thing", file_.name(), tensor));
        }
        return {};
    }

  private:
    // The first layer's input is the embedding, so its chain is also the test of the layer alone.
    Result<void> chain(LayerCapture& capture) {
        TRY_ASSIGN(const std::unique_ptr<Sequence> sequence, engine_.start({.prompt = prompt_}));
        TRY_ASSIGN(Step step, begin(*sequence, capture));
        step.embed();
        for (int layer = 0; layer < layers_; ++layer) {
            capture.clear();
            step.layer(layer);
            if (layer == 0) TRY(check(VerifyMode::layer, layer, capture, *sequence));
            TRY(check(VerifyMode::chain, layer, capture, *sequence));
        }
        step.commit();
        return {};
    }

    Result<void> layers(LayerCapture& capture) {
        if (report_.tier == Tier::c) {
            if (layers_ > 1) {
                report_.notes.push_back(fmt::format(
                    "layers 1 to {} alone: streams are stored at {} of {} positions, so they cannot be fed; "
                    "the chain covers them",
                    layers_ - 1, positions_.size(), prompt_.size()));
            }
            return {};
        }
        const auto length = static_cast<std::int64_t>(prompt_.size());
        const std::int64_t hc = engine_.config().hc_mult, d = engine_.config().hidden_size;
        for (int layer = 1; layer < layers_; ++layer) {
            const std::string name = fmt::format("layers.{}.streams", layer - 1);
            TRY_ASSIGN(const GoldenFloats input, file_.floats(name, std::array{length, hc, d}));
            if (!std::all_of(input.values.begin(), input.values.end(), [](float x) { return std::isfinite(x); }))
                return corrupt(fmt::format("{}: tensor \"{}\": holds values that are not finite", file_.name(), name));
            TRY_ASSIGN(const std::unique_ptr<Sequence> sequence, engine_.start({.prompt = prompt_}));
            TRY_ASSIGN(Step step, begin(*sequence, capture));
            step.embed();
            std::copy(input.values.begin(), input.values.end(), step.batch().streams.data());
            capture.clear();
            step.layer(layer);
            TRY(check(VerifyMode::layer, layer, capture, *sequence));
        }
        return {};
    }

    Result<void> check(VerifyMode mode, int layer, const LayerCapture& capture, Sequence& sequence) {
        return verify_layer({engine_, set_, file_, report_, positions_, static_cast<std::int64_t>(prompt_.size()), mode,
                             layer, capture, sequence});
    }

    Result<Step> begin(Sequence& sequence, LayerCapture& capture) {
        StepBatch batch;
        batch.spans.push_back({&sequence, static_cast<int>(prompt_.size()), engine::RowKind::prompt, {}, {}, {}});
        batch.trace = &capture;
        return Step::begin(engine_, batch);
    }

    Engine& engine_;
    const GoldenSet& set_;
    GoldenFile& file_;
    VerifyFile& report_;
    const int layers_;
    std::vector<TokenId> prompt_;
    std::vector<std::int32_t> positions_;
};

}  // namespace

Result<void> verify_trace(Engine& engine, const GoldenSet& set, GoldenFile& file, VerifyFile& report) {
    return TraceVerifier(engine, set, file, report).run();
}

}  // namespace baleen::eval
