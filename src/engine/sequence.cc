#include "engine/sequence.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "engine/engine.h"

namespace baleen::engine {

Sequence::Sequence(Engine& engine, SequenceOptions options, std::int64_t context)
    : engine_(engine), tokens_(std::move(options.prompt)), hints_(std::move(options.hints)), space_(std::move(options.space)),
      context_(context), cache_(std::make_unique<kv::SequenceCache>(engine.pool())), mtp_ready_(engine.has_mtp()) {
    const auto expected = std::min<std::int64_t>(context, static_cast<std::int64_t>(tokens_.size()) + 65536);
    tokens_.reserve(static_cast<std::size_t>(expected));
    cache_->expect(expected);
}

Sequence::~Sequence() {
    if (engine_.on_end && cache_) engine_.on_end(*this);
}

Result<void> Sequence::append(TokenId token) {
    if (index(token) < 0 || index(token) >= engine_.config().vocab_size) {
        return invalid_argument(fmt::format("token id {} is outside the vocabulary of {}", index(token), engine_.config().vocab_size));
    }
    if (static_cast<std::int64_t>(tokens_.size()) >= context_) {
        return resource_exhausted(fmt::format("the context of {} tokens is full", context_));
    }
    tokens_.push_back(token);
    return {};
}

Result<void> Sequence::truncate(std::int64_t length) {
    if (length < 0 || length > static_cast<std::int64_t>(tokens_.size())) {
        return invalid_argument(fmt::format("cannot cut a sequence of {} tokens at {}", tokens_.size(), length));
    }
    if (length < computed()) {
        TRY(cache_->truncate(length));
        mtp_ready_ = false;
        mtp_streams_.clear();
    }
    tokens_.resize(static_cast<std::size_t>(length));
    return {};
}

std::vector<std::byte> Sequence::save() const {
    std::vector<std::byte> state(static_cast<std::size_t>(cache_->state_bytes()));
    cache_->save(state);
    return state;
}

Result<void> Sequence::attach(std::span<const BlockId> blocks, std::span<const std::byte> state, std::int64_t tokens) {
    if (tokens > static_cast<std::int64_t>(tokens_.size())) {
        return invalid_argument(fmt::format("a state of {} tokens for a prompt of {}", tokens, tokens_.size()));
    }
    TRY(cache_->attach(blocks, state, tokens));
    reuse_ = {tokens, tokens, "sequence", "attached"};
    mtp_ready_ = false;
    return {};
}

std::unique_ptr<Sequence> Sequence::fork() const {
    SequenceOptions options{tokens_, hints_, space_, context_};
    std::unique_ptr<Sequence> copy(new Sequence(engine_, std::move(options), context_));
    copy->cache_ = cache_->fork();
    copy->reuse_ = {computed(), computed(), "sequence", "forked"};
    copy->mtp_ready_ = false;
    return copy;
}

Detached Sequence::detach(std::unique_ptr<Sequence> sequence) {
    Detached out;
    out.tokens = sequence->tokens_;
    out.computed = sequence->computed();
    out.state = sequence->save();
    for (const BlockId block : sequence->cache_->blocks()) {
        sequence->engine_.pool().retain(block);
        out.blocks.push_back(block);
    }
    return out;
}

}  // namespace baleen::engine
