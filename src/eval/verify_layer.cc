#include "eval/verify_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "eval/verify_files.h"
#include "eval/verify_steps.h"

namespace baleen::eval {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The margins above which choices must agree (golden README, "Discrete choices"): of the gate, a difference of scores,
// and of the indexer, as a share of the rms of the position's visible scores (tier A) or a difference of scores (tier
// C). In a whole chain of tier A the indexer's choices are only indicative.
struct ChoiceLimits {
    double gate = 0, index = 0;
    bool index_relative = true;
};
ChoiceLimits choice_limits(Tier tier, VerifyMode mode) {
    if (tier == Tier::c) return {1e-5, 1e-5, false};
    return mode == VerifyMode::layer ? ChoiceLimits{0.002, 0.05, true} : ChoiceLimits{0.02, kInfinity, true};
}
// Streams of positions without stored choices are compared where this engine's own choices are firm by these margins.
constexpr double kOwnIndexFirm = 0.05;

// Values here and golden, in runs of one row each.
struct Pairs {
    std::vector<float> here, golden;
    std::vector<std::pair<std::size_t, std::int64_t>> runs;  // first element, row

    void add(std::int64_t row, std::span<const float> ours, std::span<const float> theirs) {
        CHECK(ours.size() == theirs.size(), "{} and {}", ours.size(), theirs.size());
        runs.emplace_back(golden.size(), row);
        here.insert(here.end(), ours.begin(), ours.end());
        golden.insert(golden.end(), theirs.begin(), theirs.end());
    }
};

std::vector<std::int32_t> as_set(std::span<const std::int32_t> ids) {
    std::vector<std::int32_t> set;
    for (const std::int32_t id : ids)
        if (id >= 0) set.push_back(id);
    std::sort(set.begin(), set.end());
    return set;
}

std::string only_in(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
    std::vector<std::int32_t> rest;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
    std::string out;
    for (std::size_t i = 0; i < rest.size() && i < 8; ++i) out += fmt::format("{}{}", i > 0 ? ", " : "", rest[i]);
    return rest.empty() ? "nothing" : rest.size() > 8 ? out + ", ..." : out;
}

class LayerVerifier {
  public:
    explicit LayerVerifier(const LayerRun& run)
        : engine_(run.engine),
          set_(run.set),
          file_(run.file),
          report_(run.report),
          config_(run.engine.config()),
          positions_(run.positions),
          length_(run.length),
          mode_(run.mode),
          layer_(run.layer),
          ratio_(config_.compress_ratio(run.layer)),
          capture_(run.capture),
          cache_(run.sequence.cache()),
          gate_differs_(run.positions.size(), false),
          index_differs_(run.positions.size(), false) {}

    Result<void> check() {
        TRY(read_choices());
        for (const VerifyStep& step : kVerifySteps) {
            step_ = &step;
            if (exists()) TRY(check_step());
        }
        return {};
    }

  private:
    using Shape = std::vector<std::int64_t>;
    std::string full_name(std::string_view tensor) const { return fmt::format("layers.{}.{}", layer_, tensor); }
    std::int64_t count() const { return static_cast<std::int64_t>(positions_.size()); }
    bool scored() const { return layer_ >= config_.num_hash_layers; }

    // Whether this layer of this tier has the step's tensor.
    bool exists() const {
        const std::string_view tensor = step_->tensor;
        if (tensor == "hc_attn.pre" || tensor == "hc_ffn.pre") return report_.tier == Tier::a;
        if (tensor == "compressor.entries") return ratio_ != 0;
        return tensor.substr(0, 8) != "indexer." || ratio_ == 4;
    }

    Result<void> read_choices() {
        const int k = config_.num_experts_per_tok;
        TRY_ASSIGN(gate_ids_, file_.ints(full_name("gate.ids"), std::array{count(), std::int64_t{k}}));
        gate_margins_.assign(positions_.size(), kInfinity);
        if (scored()) {
            TRY_ASSIGN(const GoldenFloats margins, file_.floats(full_name("gate.margin"), std::array{count()}));
            gate_margins_ = margins.values;
        }
        gate_differs_ = differences(gate_ids_, "gate.ids");
        if (ratio_ != 4) return {};
        const std::int64_t width = std::min<std::int64_t>(config_.index_topk, length_ / 4);
        TRY_ASSIGN(index_ids_, file_.ints(full_name("indexer.ids"), std::array{count(), width}));
        TRY_ASSIGN(const GoldenFloats margins, file_.floats(full_name("indexer.margin"), std::array{count()}));
        TRY_ASSIGN(index_scores_, file_.floats(full_name("indexer.scores"), std::array{count(), length_ / 4}));
        index_margins_ = margins.values;
        index_differs_ = differences(index_ids_, "indexer.ids");
        return {};
    }

    std::vector<bool> differences(const GoldenInts& golden, std::string_view tensor) const {
        std::vector<bool> differ;
        const auto& here = capture_.ints(tensor);
        for (std::int64_t i = 0; i < count(); ++i) differ.push_back(as_set(here.row(i)) != as_set(golden.row(i)));
        return differ;
    }

    // Whether another selection at this position excuses the step's value: exactly those computed behind it when the
    // layer starts from golden streams; everything of the layer in a chain, whose spreads were measured so.
    bool excused(std::size_t i) const {
        if (mode_ == VerifyMode::chain) return index_differs_[i] || gate_differs_[i];
        return (step_->after != After::nothing && index_differs_[i]) ||
               (step_->after == After::gate && gate_differs_[i]);
    }

    Result<void> check_step() {
        const std::string_view tensor = step_->tensor;
        if (tensor == "gate.ids") return check_ids(gate_ids_, gate_differs_), Ok{};
        if (tensor == "indexer.ids") return check_ids(index_ids_, index_differs_), Ok{};
        Pairs pairs;
        std::int64_t left_out = 0;
        if (tensor == "kv" || step_->row == RowOf::entry)
            TRY(pair_cache(pairs));
        else if (tensor == "indexer.scores") {
            if (!pair_scores(pairs)) return {};
        } else if (tensor == "streams" && report_.tier == Tier::a)
            TRY(pair_all_streams(pairs, left_out));
        else
            TRY(pair_positions(pairs, left_out));
        return check_pairs(pairs, left_out);
    }

    // ---- discrete choices

    // Margin over limit: whether the choice at stored position i must be the golden one.
    bool demanded(std::size_t i) const {
        const ChoiceLimits limits = choice_limits(report_.tier, mode_);
        if (step_->tensor == "gate.ids") return !index_differs_[i] && gate_margins_[i] > limits.gate;
        const float margin = index_margins_[i];
        if (margin == std::numeric_limits<float>::infinity()) return true;
        return margin > (limits.index_relative ? limits.index * score_rms(static_cast<std::int64_t>(i)) : limits.index);
    }

    double score_rms(std::int64_t i) const {
        double squares = 0;
        std::int64_t visible = 0;
        for (const float score : index_scores_.row(i)) {
            if (std::isinf(score)) continue;
            squares += static_cast<double>(score) * score;
            ++visible;
        }
        return visible > 0 ? std::sqrt(squares / static_cast<double>(visible)) : 0;
    }

    void check_ids(const GoldenInts& golden, const std::vector<bool>& differs) {
        const auto& here = capture_.ints(step_->tensor);
        VerifyCheck check = blank_check();
        check.set = true;
        for (std::size_t i = 0; i < positions_.size(); ++i) {
            if (differs[i] && !demanded(i)) {
                ++check.left_out;
                continue;
            }
            ++check.compared;
            if (!differs[i] || !check.comparison.ok) continue;
            check.comparison.ok = false;
            const auto ours = as_set(here.row(static_cast<std::int64_t>(i))),
                       theirs = as_set(golden.row(static_cast<std::int64_t>(i)));
            Divergence bad = blank_divergence(positions_[i]);
            bad.detail =
                fmt::format("only here: {}; only golden: {}; margin {:.4g}", only_in(ours, theirs),
                            only_in(theirs, ours), step_->tensor == "gate.ids" ? gate_margins_[i] : index_margins_[i]);
            report_.divergences.push_back(std::move(bad));
        }
        report_.checks.push_back(std::move(check));
    }

    // ---- values

    Result<void> pair_positions(Pairs& pairs, std::int64_t& left_out) {
        const auto& here = capture_.floats(step_->tensor);
        const bool streams = step_->tensor == "streams", weights = step_->tensor == "gate.weights";
        TRY_ASSIGN(const GoldenFloats golden, file_.floats(full_name(step_->tensor), position_shape(count())));
        for (std::size_t i = 0; i < positions_.size(); ++i) {
            const auto row = static_cast<std::int64_t>(i);
            if (excused(i) || (weights && gate_differs_[i])) {
                ++left_out;
                continue;
            }
            if (weights)
                pairs.add(positions_[i], weights_in_golden_order(row), golden.row(row));
            else
                pairs.add(positions_[i], here.row(streams ? positions_[i] : row), golden.row(row));
        }
        return {};
    }

    Shape position_shape(std::int64_t rows) const {
        const std::string_view tensor = step_->tensor;
        const std::int64_t hc = config_.hc_mult, d = config_.hidden_size;
        if (tensor == "streams") return {rows, hc, d};
        if (tensor == "gate.weights") return {rows, config_.num_experts_per_tok};
        if (tensor == "hc_attn.comb" || tensor == "hc_ffn.comb") return {rows, hc, hc};
        if (tensor.substr(0, 3) == "hc_") return {rows, hc};
        return {rows, d};
    }

    // The weights of stored position i in the order of its golden ids; the sets are equal.
    std::vector<float> weights_in_golden_order(std::int64_t i) const {
        const auto ids = capture_.ints("gate.ids").row(i);
        const auto weights = capture_.floats("gate.weights").row(i);
        std::vector<float> ordered;
        for (const std::int32_t id : gate_ids_.row(i)) {
            const auto at = std::find(ids.begin(), ids.end(), id) - ids.begin();
            ordered.push_back(at < static_cast<std::ptrdiff_t>(weights.size())
                                  ? weights[static_cast<std::size_t>(at)]
                                  : std::numeric_limits<float>::quiet_NaN());
        }
        return ordered;
    }

    // Tier A stores the streams of all positions. Where choices are not stored, positions count whose choices are firm
    // here.
    Result<void> pair_all_streams(Pairs& pairs, std::int64_t& left_out) {
        const auto& here = capture_.floats("streams");
        TRY_ASSIGN(const GoldenFloats golden, file_.floats(full_name("streams"), position_shape(length_)));
        const double gate = choice_limits(report_.tier, mode_).gate;
        for (std::int64_t position = 0; position < length_; ++position) {
            const auto stored = std::lower_bound(positions_.begin(), positions_.end(), position);
            const bool known = stored != positions_.end() && *stored == position;
            if (known ? excused(static_cast<std::size_t>(stored - positions_.begin()))
                      : !capture_.firm(position, gate, kOwnIndexFirm))
                ++left_out;
            else
                pairs.add(position, here.row(position), golden.row(position));
        }
        return {};
    }

    // Visible scores; false if another number of entries is visible, which is a divergence of its own.
    bool pair_scores(Pairs& pairs) {
        const auto& here = capture_.floats("indexer.scores");
        for (std::size_t i = 0; i < positions_.size(); ++i) {
            const auto ours = here.row(static_cast<std::int64_t>(i)),
                       theirs = index_scores_.row(static_cast<std::int64_t>(i));
            const auto visible = [](std::span<const float> row) {
                const auto end = std::find(row.begin(), row.end(), -std::numeric_limits<float>::infinity());
                const bool tail =
                    std::all_of(end, row.end(), [](float s) { return s == -std::numeric_limits<float>::infinity(); });
                return tail ? end - row.begin() : std::ptrdiff_t{-1};
            };
            const auto n = visible(theirs);
            if (n != visible(ours) || n < 0) {
                Divergence bad = blank_divergence(positions_[i]);
                bad.detail = fmt::format("{} entries are visible here, {} in the golden scores", visible(ours), n);
                report_.divergences.push_back(std::move(bad));
                return false;
            }
            pairs.add(positions_[i], ours.first(static_cast<std::size_t>(n)),
                      theirs.first(static_cast<std::size_t>(n)));
        }
        return true;
    }

    // Window entries, compressed entries and index keys, as the cache holds them.
    Result<void> pair_cache(Pairs& pairs) {
        const bool window = step_->tensor == "kv", keys = step_->tensor == "indexer.keys",
                   packed = report_.tier == Tier::a;
        const std::int64_t rows = window ? std::min<std::int64_t>(config_.sliding_window, length_) : length_ / ratio_;
        const std::int64_t width = keys ? config_.index_head_dim : config_.head_dim;
        TRY_ASSIGN(const GoldenFloats golden, file_.floats(full_name(step_->tensor), std::array{rows, width}));
        const LayerIndex layer{layer_};
        std::vector<float> row(static_cast<std::size_t>(width));
        for (std::int64_t i = 0; i < rows; ++i) {
            const std::int64_t position = window ? length_ - rows + i : i;
            if (keys)
                engine_.kernels().unpack_key(cache_.key(layer, i), config_.key_layout(packed), row.data());
            else
                engine_.kernels().unpack_entry(window ? cache_.window_row(layer, position) : cache_.entry(layer, i),
                                               config_.entry_layout(packed), row.data());
            pairs.add(position, row, golden.row(i));
        }
        return {};
    }

    Result<void> check_pairs(const Pairs& pairs, std::int64_t left_out) {
        TRY_ASSIGN(const Tolerance tolerance,
                   golden_tolerance(set_, report_.tier, fmt::format("{}: {}", name(mode_), step_->tensor)));
        VerifyCheck check = blank_check();
        check.comparison = compare(pairs.here, pairs.golden, tolerance);
        check.compared = static_cast<std::int64_t>(pairs.runs.size());
        check.left_out = left_out;
        report_.checks.push_back(check);
        if (pairs.runs.empty() && left_out > 0)
            report_.notes.push_back(fmt::format("{} ({}): other choices at all positions", check.tensor, name(mode_)));
        if (check.comparison.ok) return {};
        const auto element = static_cast<std::size_t>(check.comparison.element);
        const auto after = std::upper_bound(pairs.runs.begin(), pairs.runs.end(), element,
                                            [](std::size_t e, const auto& run) { return e < run.first; });
        const auto& run = *(after - 1);
        Divergence bad = blank_divergence(run.second);
        bad.element = static_cast<std::int64_t>(element - run.first);
        bad.here = pairs.here[element];
        bad.golden = pairs.golden[element];
        bad.comparison = check.comparison;
        report_.divergences.push_back(std::move(bad));
        return {};
    }

    VerifyCheck blank_check() const {
        VerifyCheck check;
        check.mode = mode_;
        check.layer = layer_;
        check.order = step_order(step_->tensor);
        check.tensor = full_name(step_->tensor);
        return check;
    }

    Divergence blank_divergence(std::int64_t position) const {
        Divergence bad;
        bad.file = report_.file;
        bad.tier = report_.tier;
        bad.mode = mode_;
        bad.layer = layer_;
        bad.order = step_order(step_->tensor);
        bad.step = step_->step;
        bad.tensor = full_name(step_->tensor);
        bad.unit = step_->row == RowOf::entry ? "entry" : "position";
        bad.position = position;
        return bad;
    }

    engine::Engine& engine_;
    const GoldenSet& set_;
    GoldenFile& file_;
    VerifyFile& report_;
    const model::Config& config_;
    const std::vector<std::int32_t>& positions_;
    const std::int64_t length_;
    const VerifyMode mode_;
    const int layer_, ratio_;
    const LayerCapture& capture_;
    const kv::SequenceCache& cache_;

    const VerifyStep* step_ = nullptr;  // being checked
    GoldenInts gate_ids_, index_ids_;
    GoldenFloats index_scores_;
    std::vector<float> gate_margins_, index_margins_;
    std::vector<bool> gate_differs_, index_differs_;  // [positions]: another set here than there
};

}  // namespace

Result<void> verify_layer(const LayerRun& run) {
    return LayerVerifier(run).check();
}

}  // namespace baleen::eval
