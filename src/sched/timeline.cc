#include "sched/timeline.h"

#include <algorithm>

#include "base/check.h"

namespace baleen::sched {

namespace {

// Whether all that `sequence` has computed is a prefix of `prompt` and leaves at least one token to compute, whose logits are
// wanted.
bool continues(const engine::Sequence* sequence, const std::vector<TokenId>& prompt) {
    if (sequence == nullptr || sequence->computed() >= static_cast<std::int64_t>(prompt.size())) return false;
    return std::equal(prompt.begin(), prompt.begin() + sequence->computed(), sequence->tokens().begin());
}

// Replaces the tokens of a sequence behind its computed ones by those of `prompt`.
Result<void> extend(engine::Sequence& sequence, const std::vector<TokenId>& prompt) {
    TRY(sequence.truncate(sequence.computed()));
    for (auto i = static_cast<std::size_t>(sequence.computed()); i < prompt.size(); ++i) TRY(sequence.append(prompt[i]));
    return {};
}

}  // namespace

Result<void> Timeline::open(std::vector<TokenId> prompt, std::int64_t context) {
    // A fresh start checks the prompt against vocabulary and context, and costs nothing until it computes.
    TRY_ASSIGN(std::unique_ptr<engine::Sequence> fresh, engine_.start({.prompt = prompt, .context = context}));
    const bool from_current = continues(current_.get(), prompt) && current_->context() == fresh->context();
    const bool from_copy = continues(copy_.get(), prompt) && copy_->context() == fresh->context();
    if (from_current && (!from_copy || current_->computed() >= copy_->computed())) {
        TRY(extend(*current_, prompt));
    } else if (from_copy) {
        TRY(extend(*copy_, prompt));
        current_ = std::move(copy_);
    } else {
        current_ = std::move(fresh);
        copy_.reset();
    }
    reused_ = current_->computed();
    return {};
}

Result<std::span<const float>> Timeline::prefill(const std::function<bool(std::int64_t, std::int64_t)>& progress) {
    CHECK(current_ != nullptr && current_->pending() > 0);
    const auto total = static_cast<std::int64_t>(current_->tokens().size());
    const std::int64_t last = turns_ == Turns::many ? total - 1 : -1;  // where the copy is taken
    std::unique_ptr<engine::Sequence> copy;
    if (current_->computed() == last) copy = current_->fork();
    std::span<const float> logits;
    while (current_->pending() > 0) {
        const std::int64_t rows = std::min<std::int64_t>(current_->pending(), engine_.options().rows_per_step);
        engine::StepSpan span;
        span.sequence = current_.get();
        span.rows = static_cast<int>(rows);
        if (rows == current_->pending()) span.logits = {-1};
        if (last > current_->computed() && last <= current_->computed() + rows) span.captures = {last};
        engine::StepBatch batch;
        batch.captured = [&](engine::Sequence& sequence, std::int64_t) { copy = sequence.fork(); };
        batch.spans.push_back(std::move(span));
        TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
        if (copy) copy_ = std::move(copy);
        if (!report.rows.empty()) logits = report.rows.back().logits;
        if (progress && !progress(current_->computed(), total) && current_->pending() > 0)
            return cancelled("stopped while reading the prompt");
    }
    return logits;
}

Result<std::span<const float>> Timeline::advance(TokenId token) {
    TRY(current_->append(token));
    engine::StepSpan span;
    span.sequence = current_.get();
    span.rows = 1;
    span.kind = engine::RowKind::decode;
    span.logits = {-1};
    engine::StepBatch batch;
    batch.spans.push_back(std::move(span));
    auto report = engine_.step(batch);
    if (!report.ok()) {
        TRY(current_->truncate(current_->computed()));
        return std::move(report).error();
    }
    return report->rows.back().logits;
}

void Timeline::clear() {
    current_.reset();
    copy_.reset();
    reused_ = 0;
}

}  // namespace baleen::sched
