// Steps: spans of many sequences computed together, and the MTP block beside them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/check.h"
#include "engine/engine.h"
#include "v4/block.h"
#include "v4/head.h"
#include "v4/mtp.h"

namespace baleen::engine {

namespace {

Result<void> check_batch(const Engine& engine, const StepBatch& batch) {
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < batch.spans.size(); ++i) {
        const StepSpan& span = batch.spans[i];
        CHECK(span.sequence != nullptr);
        if (span.rows < 1 || span.rows > span.sequence->pending()) {
            return invalid_argument(fmt::format("span {}: {} rows of {} pending tokens", i, span.rows, span.sequence->pending()));
        }
        for (std::size_t j = 0; j < i; ++j) {
            if (batch.spans[j].sequence == span.sequence)
                return invalid_argument(fmt::format("spans {} and {} belong to one sequence", j, i));
        }
        rows += span.rows;
    }
    if (rows == 0) return invalid_argument("a step without rows");
    if (rows > engine.options().rows_per_step) {
        return invalid_argument(fmt::format("a step of {} rows; at most {} (rows_per_step)", rows, engine.options().rows_per_step));
    }
    return {};
}

}  // namespace

Result<Step> Step::begin(Engine& engine, const StepBatch& wanted) {
    TRY(check_batch(engine, wanted));
    v4::Batch& batch = engine.batch_;
    batch.spans.clear();
    batch.tokens.clear();
    batch.positions.clear();
    batch.trace = wanted.trace;
    engine.sequences_.clear();
    Step step;
    step.engine_ = &engine;
    step.batch_ = &batch;
    for (const StepSpan& span : wanted.spans) {
        Sequence& sequence = *span.sequence;
        if (Result<void> begun = sequence.cache().begin(span.rows); !begun.ok()) {
            for (Sequence* earlier : engine.sequences_) earlier->cache().cancel();
            return std::move(begun).error();
        }
        engine.sequences_.push_back(&sequence);
        const std::int64_t first = sequence.computed();
        batch.spans.push_back({&sequence.cache(), first, batch.rows(), span.rows});
        for (std::int64_t t = first; t < first + span.rows; ++t) {
            batch.tokens.push_back(sequence.tokens()[static_cast<std::size_t>(t)]);
            batch.positions.push_back(t);
        }
    }
    v4::prepare(*engine.context_, batch);
    return step;
}

void Step::embed() { v4::embed(*engine_->context_, *batch_); }

void Step::layer(int layer) {
    v4::forward_layer(*engine_->context_, *batch_, LayerIndex{layer}, engine_->weights_.layers[static_cast<std::size_t>(layer)]);
}

void Step::logits(std::span<const int> rows, float* out) {
    v4::head(*engine_->context_, batch_->streams.data(), rows, engine_->weights_.hc_head, engine_->weights_.norm, out);
}

void Step::commit() {
    for (std::size_t i = 0; i < engine_->sequences_.size(); ++i) {
        Sequence& sequence = *engine_->sequences_[i];
        const auto before = static_cast<std::size_t>(sequence.computed() / kv::kBlockTokens);
        sequence.cache().commit(batch_->spans[i].rows);
        if (engine_->on_seal) {
            for (std::size_t b = before; b < static_cast<std::size_t>(sequence.computed() / kv::kBlockTokens); ++b)
                engine_->on_seal(sequence, sequence.cache().blocks()[b]);
        }
        if (engine_->on_commit) engine_->on_commit(sequence);
    }
}

// One pass over the spans without captures inside. Adds to rows_ and mtp_rows_.
Result<void> Engine::compute(const StepBatch& wanted) {
    TRY_ASSIGN(Step step, Step::begin(*this, wanted));
    step.embed();
    for (int layer = 0; layer < config().num_hidden_layers; ++layer) step.layer(layer);

    const std::int64_t vocab = config().vocab_size;
    float* const logits = logits_.data() + static_cast<std::int64_t>(rows_.size()) * vocab;
    head_rows_.clear();
    for (std::size_t i = 0; i < wanted.spans.size(); ++i) {
        const v4::Span& span = batch_.spans[i];
        for (const int row : wanted.spans[i].logits) {
            const int at = row < 0 ? span.rows + row : row;
            if (at < 0 || at >= span.rows) continue;
            rows_.push_back({static_cast<int>(i), span.first_position + at,
                             {logits + static_cast<std::int64_t>(head_rows_.size()) * vocab, static_cast<std::size_t>(vocab)}});
            head_rows_.push_back(span.first_row + at);
        }
    }
    step.logits(head_rows_, logits);
    if (has_mtp()) run_mtp(wanted);
    step.commit();
    return {};
}

// The MTP block over every position whose next token is known: the last one of the step before, and all but the last of this
// one. Reads the backbone's streams of this step, so it runs before the next.
void Engine::run_mtp(const StepBatch& wanted) {
    const std::int64_t width = config().hc_mult * config().hidden_size, vocab = config().vocab_size;
    v4::Batch& mtp = mtp_batch_;
    mtp.spans.clear();
    mtp.tokens.clear();
    mtp.positions.clear();
    mtp.trace = nullptr;
    float* streams = mtp.streams.need((batch_.rows() + static_cast<std::int64_t>(wanted.spans.size())) * width);
    float* const logits = mtp_logits_.data() + static_cast<std::int64_t>(mtp_rows_.size()) * vocab;
    head_rows_.clear();
    for (std::size_t i = 0; i < wanted.spans.size(); ++i) {
        Sequence& sequence = *wanted.spans[i].sequence;
        if (!sequence.mtp_ready_) continue;
        const v4::Span& span = batch_.spans[i];
        const float* here = batch_.streams.data() + span.first_row * width;
        const bool pending = !sequence.mtp_streams_.empty();
        v4::Span own{&sequence.cache(), span.first_position - pending, mtp.rows(), span.rows - 1 + pending};
        const std::int64_t first = own.first_position;
        for (std::int64_t t = first; t < first + own.rows; ++t) {
            const float* source = t < span.first_position ? sequence.mtp_streams_.data() : here + (t - span.first_position) * width;
            std::copy_n(source, width, streams + mtp.rows() * width);
            mtp.tokens.push_back(sequence.tokens()[static_cast<std::size_t>(t + 1)]);
            mtp.positions.push_back(t);
        }
        sequence.mtp_streams_.assign(here + (span.rows - 1) * width, here + span.rows * width);
        for (const std::int64_t t : wanted.spans[i].mtp_logits) {
            if (t < first || t >= first + own.rows) continue;
            mtp_rows_.push_back({static_cast<int>(i), t,
                                 {logits + static_cast<std::int64_t>(head_rows_.size()) * vocab, static_cast<std::size_t>(vocab)}});
            head_rows_.push_back(own.first_row + static_cast<int>(t - first));
        }
        if (own.rows > 0) mtp.spans.push_back(own);
    }
    if (mtp.rows() == 0) return;
    v4::prepare(*context_, mtp);
    v4::forward_mtp(*context_, mtp);
    v4::mtp_logits(*context_, mtp, head_rows_, logits);
}

Result<StepReport> Engine::step(const StepBatch& batch) {
    const auto start = std::chrono::steady_clock::now();
    rows_.clear();
    mtp_rows_.clear();
    std::int64_t rows = 0, logits = 0, mtp = 0;
    bool captures = false;
    for (const StepSpan& span : batch.spans) {
        rows += span.rows;
        logits += static_cast<std::int64_t>(span.logits.size());
        mtp += static_cast<std::int64_t>(span.mtp_logits.size());
        captures = captures || !span.captures.empty();
    }
    logits_.need(std::max<std::int64_t>(logits, 1) * config().vocab_size);
    if (has_mtp()) mtp_logits_.need(std::max<std::int64_t>(mtp, 1) * config().vocab_size);
    if (!captures) TRY(compute(batch));
    else TRY(compute_in_rounds(batch));

    StepReport report{.rows = rows_, .mtp_rows = mtp_rows_};
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    ++counters_.steps;
    counters_.rows += static_cast<std::uint64_t>(rows);
    counters_.seconds += report.seconds;
    counters_.experts_touched = context_->experts_touched;
    counters_.last_step_seconds = report.seconds;
    counters_.last_step_rows = static_cast<int>(rows);
    return report;
}

// A step with captures: every round runs each span up to its next capture, or its end.
Result<void> Engine::compute_in_rounds(const StepBatch& batch) {
    TRY(check_batch(*this, batch));
    struct Progress {
        std::int64_t first, end;
    };
    std::vector<Progress> spans;
    for (const StepSpan& span : batch.spans) spans.push_back({span.sequence->computed(), span.sequence->computed() + span.rows});
    for (;;) {
        StepBatch round;
        round.trace = batch.trace;
        std::vector<int> origin;
        for (std::size_t i = 0; i < batch.spans.size(); ++i) {
            const StepSpan& whole = batch.spans[i];
            const std::int64_t at = whole.sequence->computed();
            if (at >= spans[i].end) continue;
            std::int64_t until = spans[i].end;
            for (const std::int64_t capture : whole.captures)
                if (capture > at) until = std::min(until, capture);
            StepSpan part{whole.sequence, static_cast<int>(until - at), whole.kind, {}, {}, whole.mtp_logits};
            for (const int row : whole.logits) {
                const std::int64_t position = spans[i].first + (row < 0 ? whole.rows + row : row);
                if (position >= at && position < until) part.logits.push_back(static_cast<int>(position - at));
            }
            round.spans.push_back(std::move(part));
            origin.push_back(static_cast<int>(i));
        }
        if (round.spans.empty()) break;
        const std::size_t had = rows_.size(), had_mtp = mtp_rows_.size();
        TRY(compute(round));
        for (std::size_t r = had; r < rows_.size(); ++r) rows_[r].span = origin[static_cast<std::size_t>(rows_[r].span)];
        for (std::size_t r = had_mtp; r < mtp_rows_.size(); ++r) mtp_rows_[r].span = origin[static_cast<std::size_t>(mtp_rows_[r].span)];
        for (const int i : origin) {
            Sequence& sequence = *batch.spans[static_cast<std::size_t>(i)].sequence;
            const auto& wanted = batch.spans[static_cast<std::size_t>(i)].captures;
            if (batch.captured && std::find(wanted.begin(), wanted.end(), sequence.computed()) != wanted.end())
                batch.captured(sequence, sequence.computed());
        }
    }
    const auto order = [](const StepReport::Row& a, const StepReport::Row& b) {
        return a.span != b.span ? a.span < b.span : a.position < b.position;
    };
    std::stable_sort(rows_.begin(), rows_.end(), order);
    std::stable_sort(mtp_rows_.begin(), mtp_rows_.end(), order);
    return {};
}

Result<void> Engine::prefill(Sequence& sequence, const std::function<bool(std::int64_t, std::int64_t)>& progress) {
    const auto total = static_cast<std::int64_t>(sequence.tokens().size());
    while (sequence.pending() > 0) {
        const std::int64_t rows = std::min<std::int64_t>(sequence.pending(), options_.rows_per_step);
        StepBatch batch;
        StepSpan span{&sequence, static_cast<int>(rows), RowKind::prompt, {}, {}, {}};
        if (rows == sequence.pending()) span.logits = {-1};
        batch.spans.push_back(std::move(span));
        TRY_ASSIGN(const StepReport report, step(batch));
        if (!report.rows.empty()) last_logits_ = report.rows.back().logits;
        if (progress && !progress(sequence.computed(), total) && sequence.pending() > 0)
            return cancelled(fmt::format("stopped after {} of {} tokens", sequence.computed(), total));
    }
    return {};
}

}  // namespace baleen::engine
