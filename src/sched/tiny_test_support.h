// The tiny golden model for tests of the scheduler: small enough for hundreds of prompts, with every kind of layer.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace baleen::sched {

using Tokens = std::vector<TokenId>;

struct TinyOptions {
    std::int64_t context = 2048;
    std::int64_t blocks = 0;  // of the pool; 0: for one full context
    int rows = 64;
    int threads = 1;  // the machine may be busy, and threads do not change the results
};

inline std::unique_ptr<engine::Engine> open_tiny(const TinyOptions& tiny) {
    engine::EngineOptions options;
    options.context = tiny.context;
    options.rows_per_step = tiny.rows;
    options.threads = tiny.threads;
    const std::filesystem::path path = std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint";
    auto engine = engine::Engine::open(path, options);
    if (engine.ok() && tiny.blocks > 0) {
        options.kv_budget_bytes = tiny.blocks * (*engine)->pool().shape().block_bytes();
        engine = engine::Engine::open(path, options);
    }
    if (!engine.ok()) {
        ADD_FAILURE() << engine.error().message;
        std::abort();
    }
    return std::move(engine).value();
}

inline Tokens some_tokens(std::uint32_t seed, int count, std::uint32_t vocab = 1024) {
    std::mt19937 random(seed);
    Tokens tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(TokenId(random() % vocab));
    return tokens;
}

inline Tokens joined(Tokens a, const Tokens& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

inline std::vector<float> fresh_logits(engine::Engine& engine, const Tokens& prompt) {
    auto sequence = engine.start({.prompt = prompt}).value();
    EXPECT_TRUE(engine.prefill(*sequence, {}).ok());
    return {engine.last_logits().begin(), engine.last_logits().end()};
}

inline void expect_logits(const std::vector<float>& wanted, std::span<const float> got, const std::string& what) {
    ASSERT_EQ(wanted.size(), got.size()) << what;
    for (std::size_t i = 0; i < wanted.size(); ++i) ASSERT_EQ(wanted[i], got[i]) << what << ": logit " << i;
}

}  // namespace baleen::sched
