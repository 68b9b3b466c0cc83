// One timeline: token ids, how many of them are computed, and their KV. The caller hands over whole prompts and appends
// sampled tokens; the engine's steps compute what is pending. Made by Engine::start(); must not outlive its engine. Engine
// thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "kv/sequence_cache.h"

namespace baleen::engine {

class Engine;

struct SequenceOptions {
    std::vector<TokenId> prompt = {};
    std::vector<std::int64_t> hints = {};  // positions at which others are likely to share (ends of turns); may be empty
    std::string space = {};           // isolation of reuse (key, user); opaque here
    std::int64_t context = 0;         // tokens at most, prompt and answer; 0: the engine's limit
};

// What was reused of a prompt when the sequence started.
struct Reuse {
    std::int64_t restart = 0;       // tokens that need no computing
    std::int64_t match = 0;         // tokens that matched something known
    std::string_view source = "none";  // "none", "sequence"
    std::string_view reason = "prefix reuse is not built yet";
};

// What detach() gives back: a parked sequence's state, and the references to its blocks.
struct Detached {
    std::vector<TokenId> tokens;
    std::int64_t computed = 0;
    std::vector<BlockId> blocks;   // one reference each, now the holder's
    std::vector<std::byte> state;  // SequenceCache::save()
};

class Sequence {
  public:
    ~Sequence();

    const std::vector<TokenId>& tokens() const { return tokens_; }
    std::int64_t computed() const { return cache_->computed(); }  // tokens whose state is complete
    std::int64_t pending() const { return static_cast<std::int64_t>(tokens_.size()) - computed(); }
    std::int64_t context() const { return context_; }
    const Reuse& reuse() const { return reuse_; }
    const std::string& space() const { return space_; }
    const std::vector<std::int64_t>& hints() const { return hints_; }

    // A sampled or drafted token; resource_exhausted when the context is full.
    Result<void> append(TokenId token);
    // Forgets tokens from position `length` on. Pending tokens cost nothing; of computed ones at most kv::kDraftRows can be
    // taken back.
    Result<void> truncate(std::int64_t length);

    // Saves the state of the computed tokens (see kv::SequenceCache); load with attach().
    std::vector<std::byte> save() const;
    // Before the first step: the first `tokens` tokens, which must be those of the prompt, are computed by others.
    Result<void> attach(std::span<const BlockId> blocks, std::span<const std::byte> state, std::int64_t tokens);
    // The same timeline twice; full blocks are shared.
    std::unique_ptr<Sequence> fork() const;
    // Ends the sequence and hands out what is needed to resume it later.
    static Detached detach(std::unique_ptr<Sequence> sequence);

    kv::SequenceCache& cache() { return *cache_; }
    const kv::SequenceCache& cache() const { return *cache_; }

  private:
    friend class Engine;
    friend class Step;
    Sequence(Engine& engine, SequenceOptions options, std::int64_t context);

    Engine& engine_;
    std::vector<TokenId> tokens_;
    std::vector<std::int64_t> hints_;
    std::string space_;
    std::int64_t context_;
    Reuse reuse_;
    std::unique_ptr<kv::SequenceCache> cache_;
    // Streams of the last computed position, which the MTP block reads once the next token is known; empty if the engine
    // runs no MTP block, or if this sequence was restored (its ring is not complete then).
    std::vector<float> mtp_streams_;
    bool mtp_ready_ = false;
};

}  // namespace baleen::engine
