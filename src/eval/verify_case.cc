// Cases: logits along a prompt and its stored continuation, greedy ids, and the MTP block's logits.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/check.h"
#include "engine/sampler.h"
#include "eval/verify_files.h"
#include "eval/verify_steps.h"

namespace baleen::eval {

namespace {

using engine::Engine;
using engine::RowKind;
using engine::Sequence;
using engine::StepBatch;
using engine::StepSpan;

// Rows of logits one after the other, here and golden, with the position of each.
struct Rows {
    std::int64_t vocab = 0;
    std::vector<float> here, golden;
    std::vector<std::int64_t> positions;

    std::span<const float> here_row(std::size_t i) const {
        return {here.data() + static_cast<std::int64_t>(i) * vocab, static_cast<std::size_t>(vocab)};
    }
};

// Behind the layers, in the order of computing; a greedy id may also come before logits.
constexpr int kGreedyFirst = 0, kLogitsOrder = 1, kGreedyOrder = 2, kFreeOrder = 3;

class CaseVerifier {
  public:
    CaseVerifier(Engine& engine, const GoldenSet& set, const GoldenItem& item, GoldenFile& file, VerifyFile& report)
        : engine_(engine),
          set_(set),
          item_(item),
          file_(file),
          report_(report),
          vocab_(engine.config().vocab_size),
          backbone_layers_(engine.config().num_hidden_layers) {}

    Result<void> run() {
        TRY(read());
        TRY(compute());
        TRY(compare_logits());
        TRY(compare_mtp());
        compare_greedy();
        if (item_.tier == Tier::c) TRY(run_free());
        for (const char* about : {"rows.noise", "rows.router_changes", "rows.index_changes"}) file_.seen(about);
        return {};
    }

  private:
    Result<void> read() {
        TRY_ASSIGN(prompt_, golden_tokens(file_, "input_ids", vocab_));
        TRY_ASSIGN(greedy_, golden_tokens(file_, "greedy_ids", vocab_));
        const auto length = static_cast<std::int64_t>(prompt_.size()),
                   steps = static_cast<std::int64_t>(greedy_.size()) + 1;
        TRY_ASSIGN(const GoldenInts positions, golden_positions(file_, "positions", length));
        TRY_ASSIGN(GoldenFloats at_positions, file_.floats("logits.positions", std::array{positions.rows(), vocab_}));
        TRY_ASSIGN(const GoldenFloats at_steps, file_.floats("logits.steps", std::array{steps, vocab_}));
        logits_.vocab = vocab_;
        logits_.positions.assign(positions.values.begin(), positions.values.end());
        earlier_ = logits_.positions.size();
        for (std::int64_t i = 0; i < steps; ++i) logits_.positions.push_back(length - 1 + i);
        logits_.golden = std::move(at_positions.values);
        logits_.golden.insert(logits_.golden.end(), at_steps.values.begin(), at_steps.values.end());

        if (!file_.has("mtp.0.logits")) return {};
        if (!engine_.has_mtp())
            return invalid_argument(fmt::format("{}: mtp.0.logits: the checkpoint has no block mtp.0", file_.name()));
        TRY_ASSIGN(const GoldenInts mtp_positions, golden_positions(file_, "mtp.0.positions", length + steps - 2));
        TRY_ASSIGN(GoldenFloats mtp, file_.floats("mtp.0.logits", std::array{mtp_positions.rows(), vocab_}));
        mtp_.vocab = vocab_;
        mtp_.positions.assign(mtp_positions.values.begin(), mtp_positions.values.end());
        mtp_.golden = std::move(mtp.values);
        return {};
    }

    // The prompt, then the stored continuation token by token.
    Result<void> compute() {
        TRY_ASSIGN(const std::unique_ptr<Sequence> sequence, engine_.start({.prompt = prompt_}));
        while (sequence->pending() > 0)
            TRY(step(*sequence,
                     static_cast<int>(std::min<std::int64_t>(sequence->pending(), engine_.options().rows_per_step))));
        for (const TokenId token : greedy_) {
            TRY(sequence->append(token));
            TRY(step(*sequence, 1));
        }
        return {};
    }

    // Computes the next `rows` tokens and keeps the logits that are stored.
    Result<void> step(Sequence& sequence, int rows) {
        const std::int64_t first = sequence.computed(), end = first + rows;
        StepSpan span{&sequence, rows, rows == 1 ? RowKind::decode : RowKind::prompt, {}, {}, mtp_.positions};
        for (const std::int64_t position : logits_.positions) {
            const int row = static_cast<int>(position - first);
            if (position >= first && position < end && (span.logits.empty() || span.logits.back() != row))
                span.logits.push_back(row);
        }
        StepBatch batch;
        batch.spans.push_back(std::move(span));
        TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
        for (const auto& row : report.rows) here_[row.position].assign(row.logits.begin(), row.logits.end());
        for (const auto& row : report.mtp_rows) mtp_here_[row.position].assign(row.logits.begin(), row.logits.end());
        return {};
    }

    // Compares all rows as one tensor, as the golden files' spreads were taken.
    Result<void> compare_rows(Rows& rows, std::map<std::int64_t, std::vector<float>>& here, std::string_view kind,
                              const Tolerance& tolerance, int layer, std::string_view step_name) {
        for (const std::int64_t position : rows.positions) {
            const auto found = here.find(position);
            CHECK(found != here.end(), "{} of position {}", kind, position);
            rows.here.insert(rows.here.end(), found->second.begin(), found->second.end());
        }
        const Comparison result = compare(rows.here, rows.golden, tolerance);
        report_.checks.push_back({VerifyMode::chain, layer, kLogitsOrder, std::string(kind), false, result,
                                  static_cast<std::int64_t>(rows.positions.size()), 0});
        if (result.ok) return {};
        Divergence bad = blank(layer, step_name, kind);
        const auto row = static_cast<std::size_t>(result.element / vocab_);
        bad.position = rows.positions[row];
        bad.element = result.element % vocab_;
        bad.here = rows.here[static_cast<std::size_t>(result.element)];
        bad.golden = rows.golden[static_cast<std::size_t>(result.element)];
        bad.comparison = result;
        report_.divergences.push_back(std::move(bad));
        return {};
    }

    Result<void> compare_logits() {
        TRY_ASSIGN(logits_tolerance_, golden_tolerance(set_, item_.tier, "logits"));
        TRY(compare_rows(logits_, here_, "logits", logits_tolerance_, backbone_layers_, kLogitsStep));
        greedy_slack_ = logits_tolerance_.max * report_.checks.back().comparison.rms_golden;
        return {};
    }

    // The index's tolerance of the block is its own spread, with the backbone's streams given. Here it stands behind
    // the whole chain, whose spread is that of the logits: both tolerances add. docs/decisions/0008 has the figures.
    Result<void> compare_mtp() {
        if (!file_.has("mtp.0.logits")) return {};
        TRY_ASSIGN(Tolerance tolerance, golden_tolerance(set_, item_.tier, "mtp.0.logits"));
        tolerance.max += logits_tolerance_.max;
        tolerance.rms += logits_tolerance_.rms;
        tolerance.share = std::min(1.0, tolerance.share + logits_tolerance_.share);
        return compare_rows(mtp_, mtp_here_, "mtp.0.logits", tolerance, backbone_layers_ + 1, kMtpStep);
    }

    // At firm steps the stored id is the largest; elsewhere its logit is within the tolerance of the largest.
    void compare_greedy() {
        std::int64_t unlike = 0;
        std::optional<Divergence> first;
        for (std::size_t i = 0; i < greedy_.size(); ++i) {
            const std::span<const float> row = logits_.here_row(earlier_ + i);
            const TokenId best = engine::argmax(row);
            if (best == greedy_[i]) continue;
            const float top = row[static_cast<std::size_t>(index(best))],
                        stored = row[static_cast<std::size_t>(index(greedy_[i]))];
            const bool firm = item_.tier == Tier::c || std::find(item_.greedy_firm.begin(), item_.greedy_firm.end(),
                                                                 static_cast<int>(i)) != item_.greedy_firm.end();
            if (!firm && top - stored <= greedy_slack_) {
                ++unlike;
                continue;
            }
            if (first) continue;
            first = choice(static_cast<std::int64_t>(i), best, greedy_[i]);
            first->detail += firm ? "; the step is firm"
                                  : fmt::format("; its logit is {:.4g} below the largest, {:.4g} are allowed",
                                                top - stored, greedy_slack_);
        }
        VerifyCheck check{VerifyMode::chain,
                          backbone_layers_,
                          kGreedyOrder,
                          "greedy_ids",
                          true,
                          {},
                          static_cast<std::int64_t>(greedy_.size()) - unlike,
                          unlike};
        check.comparison.ok = !first;
        report_.checks.push_back(std::move(check));
        if (first) report_.divergences.push_back(*std::move(first));
    }

    // Tier C: prompt and continuation once more, each token the argmax of the row before.
    Result<void> run_free() {
        TRY_ASSIGN(const std::unique_ptr<Sequence> sequence, engine_.start({.prompt = prompt_}));
        VerifyCheck check{VerifyMode::chain, backbone_layers_, kFreeOrder, "greedy_ids (free)", true, {}, 0, 0};
        for (std::size_t i = 0; i < greedy_.size(); ++i) {
            TRY(engine_.prefill(*sequence, {}));
            const TokenId best = engine::argmax(engine_.last_logits());
            if (best != greedy_[i]) {
                check.comparison.ok = false;
                report_.divergences.push_back(choice(static_cast<std::int64_t>(i), best, greedy_[i]));
                report_.divergences.back().detail += "; running free";
                report_.divergences.back().order = kFreeOrder;
                break;
            }
            ++check.compared;
            TRY(sequence->append(best));
        }
        report_.checks.push_back(std::move(check));
        return {};
    }

    Divergence choice(std::int64_t step, TokenId here, TokenId golden) const {
        Divergence bad = blank(backbone_layers_, kLogitsStep, "greedy_ids");
        // Its logits come before it, the rows it is fed into behind it.
        bad.order =
            logits_differ_until(static_cast<std::int64_t>(prompt_.size()) - 1 + step) ? kGreedyOrder : kGreedyFirst;
        bad.unit = "step";
        bad.position = step;
        bad.here = index(here);
        bad.golden = index(golden);
        bad.detail = fmt::format("the largest logit is token {}'s, the stored id is {}", index(here), index(golden));
        return bad;
    }

    // Whether a row of logits up to this position is a divergence of its own.
    bool logits_differ_until(std::int64_t position) const {
        return std::any_of(report_.divergences.begin(), report_.divergences.end(),
                           [&](const Divergence& d) { return d.tensor == "logits" && d.position <= position; });
    }

    Divergence blank(int layer, std::string_view step, std::string_view tensor) const {
        Divergence bad;
        bad.file = report_.file;
        bad.tier = item_.tier;
        bad.layer = layer;
        bad.order = kLogitsOrder;
        bad.step = step;
        bad.tensor = tensor;
        bad.unit = "position";
        return bad;
    }

    Engine& engine_;
    const GoldenSet& set_;
    const GoldenItem& item_;
    GoldenFile& file_;
    VerifyFile& report_;
    const std::int64_t vocab_;
    const int backbone_layers_;
    std::vector<TokenId> prompt_, greedy_;
    Rows logits_, mtp_;
    std::size_t earlier_ = 0;  // rows of logits_ before those of the steps
    std::map<std::int64_t, std::vector<float>> here_, mtp_here_;
    Tolerance logits_tolerance_;
    double greedy_slack_ = 0;
};

}  // namespace

Result<void> verify_case(Engine& engine, const GoldenSet& set, const GoldenItem& item, GoldenFile& file,
                         VerifyFile& report) {
    return CaseVerifier(engine, set, item, file, report).run();
}

Result<std::vector<TokenId>> golden_tokens(GoldenFile& file, std::string_view tensor, std::int64_t vocab) {
    TRY_ASSIGN(const GoldenInts ids, file.ints(tensor, std::array{GoldenFile::kAny}));
    std::vector<TokenId> tokens;
    tokens.reserve(ids.values.size());
    for (const std::int32_t id : ids.values) {
        if (id < 0 || id >= vocab)
            return corrupt(
                fmt::format("{}: {}: id {} is outside the vocabulary of {}", file.name(), tensor, id, vocab));
        tokens.push_back(TokenId{id});
    }
    return tokens;
}

Result<GoldenInts> golden_positions(GoldenFile& file, std::string_view tensor, std::int64_t limit) {
    TRY_ASSIGN(GoldenInts positions, file.ints(tensor, std::array{GoldenFile::kAny}));
    std::int64_t before = -1;
    for (const std::int32_t position : positions.values) {
        if (position <= before || position >= limit)
            return corrupt(
                fmt::format("{}: {}: {} is not an ascending position below {}", file.name(), tensor, position, limit));
        before = position;
    }
    return positions;
}

Result<Tolerance> golden_tolerance(const GoldenSet& set, Tier tier, std::string_view kind) {
    if (const auto tolerance = set.find_tolerance(tier, kind)) return *tolerance;
    return not_found(
        fmt::format("{}/index.json: tolerance.{}: none for \"{}\"", set.folder.string(), letter(tier), kind));
}

}  // namespace baleen::eval
