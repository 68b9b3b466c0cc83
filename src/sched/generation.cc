#include "sched/generation.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace baleen::sched {

Generation::Generation(GenerationRequest request, const text::Tokenizer* tokenizer, EventSink& sink)
    : request_(std::move(request)), sink_(sink), stop_(request_.stops) {
    CHECK(request_.tokens_max >= 1, "tokens_max={}", request_.tokens_max);
    if (tokenizer != nullptr) {
        detokenizer_.emplace(*tokenizer);
        if (request_.answer) answer_.emplace(*request_.answer);
    }
    outcome_.usage.prompt_tokens = request_.prompt_tokens;
}

std::optional<TokenId> Generation::next(std::span<const float> logits) {
    CHECK(!ended_);
    const std::int64_t position = request_.prompt_tokens + outcome_.usage.completion_tokens;
    std::span<const float> drawn_from = logits;
    if (request_.ignore_end) {
        allowed_.assign(logits.begin(), logits.end());
        for (const TokenId end : request_.end_tokens)
            if (const auto at = static_cast<std::size_t>(index(end)); at < allowed_.size()) allowed_[at] = -std::numeric_limits<float>::infinity();
        drawn_from = allowed_;
    }
    return follow(sampler_.sample(drawn_from, request_.sampling, position), logits);
}

std::optional<TokenId> Generation::next_token(std::optional<TokenId> token) {
    CHECK(!ended_);
    if (token) return follow(*token, {});
    end(FinishReason::stop);
    return std::nullopt;
}

std::optional<TokenId> Generation::follow(TokenId token, std::span<const float> logits) {
    if (std::find(request_.end_tokens.begin(), request_.end_tokens.end(), token) != request_.end_tokens.end()) {
        end(FinishReason::stop);
        return std::nullopt;
    }
    take(token, logits);
    if (stopped()) end(FinishReason::stop);
    else if (outcome_.usage.completion_tokens == request_.tokens_max) end(FinishReason::length);
    if (ended_) return std::nullopt;
    return token;
}

void Generation::cancel() {
    if (!ended_) end(FinishReason::cancelled);
}

void Generation::take(TokenId token, std::span<const float> logits) {
    outcome_.ids.push_back(token);
    ++outcome_.usage.completion_tokens;
    sink_.token(token);
    const bool logprobs = request_.top_logprobs >= 0;
    if (logprobs) tell_logprobs(token, logits);
    if (detokenizer_) {
        piece_.clear();
        detokenizer_->push(token, piece_);
        show(piece_);
    }
    const bool reasoning = answer_ && answer_->in_reasoning();  // </think> itself has ended it
    if (reasoning) ++outcome_.usage.reasoning_tokens;
    if (logprobs) outcome_.logprobs.back().in_reasoning = reasoning;
}

void Generation::tell_logprobs(TokenId token, std::span<const float> logits) {
    TokenLogprobs& entry = outcome_.logprobs.emplace_back();
    entry.token = token;
    if (logits.empty()) {  // a given token
        if (request_.top_logprobs > 0) entry.top = {{token, 0.0f}};
    } else {
        entry.logprob = sampler_.logprob(logits, token);
        if (request_.top_logprobs > 0) sampler_.top_logprobs(logits, request_.top_logprobs, entry.top);
    }
    sink_.logprobs(entry);
}

void Generation::show(std::string_view text) {
    if (text.empty()) return;
    if (answer_) {
        events_.clear();
        answer_->push(text, events_);
        tell(events_);
    } else {
        shown_.clear();
        stop_.push(text, shown_);
        if (!shown_.empty()) sink_.content(shown_);
    }
}

void Generation::tell(const text::OutputEvents& events) {
    using Kind = text::OutputEvent::Kind;
    for (const text::OutputEvent& event : events) {
        switch (event.kind) {
            case Kind::reasoning: sink_.reasoning(event.text); break;
            case Kind::content: sink_.content(event.text); break;
            case Kind::tool_begin:
                sink_.tool_begin(calls_, call_id(calls_), event.text);
                ++calls_;
                break;
            case Kind::tool_arguments: sink_.tool_arguments(calls_ - 1, event.text); break;
            case Kind::tool_end: sink_.tool_end(calls_ - 1, event.complete); break;
        }
    }
}

void Generation::end(FinishReason reason) {
    if (detokenizer_ && !stopped()) {
        piece_.clear();
        detokenizer_->flush(piece_);
        show(piece_);
    }
    if (answer_) {
        events_.clear();
        answer_->finish(events_, reason != FinishReason::stop);
        tell(events_);
    } else if (detokenizer_) {
        shown_.clear();
        stop_.flush(shown_);
        if (!shown_.empty()) sink_.content(shown_);
    }
    ended_ = true;
    outcome_.finish = reason;
    if (stopped()) {
        outcome_.finish = FinishReason::stop;
        outcome_.stop = answer_ ? answer_->stop_sequence() : stop_.matched();
    } else if (reason == FinishReason::stop && calls_ > 0) {
        outcome_.finish = FinishReason::tool_calls;
    }
}

// "call_00_" and 24 letters and digits, as the service's look (api 4.3).
std::string Generation::call_id(int call) const {
    constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::string id = fmt::format("call_{:02}_", call);
    for (int i = 0; i < 24; ++i) {
        const double x = engine::uniform(request_.call_id_seed, static_cast<std::uint32_t>(call), i);
        id += kLetters[static_cast<std::size_t>(x * static_cast<double>(kLetters.size()))];
    }
    return id;
}

}  // namespace baleen::sched
