// The engine against itself, to the bit and in every kernel set: any chunking of a prompt equals token by token, a sequence in a
// batch equals the same one alone, any number of threads, saved and restored equals never interrupted, drafts taken back leave
// no trace. Logits and the canonical bytes of the state are compared.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

namespace baleen::engine {
namespace {

const std::filesystem::path kTiny = std::filesystem::path(BALEEN_SOURCE_DIR) / "tests/golden/tiny/checkpoint";

std::vector<TokenId> random_tokens(std::uint32_t seed, int count, std::int64_t vocab) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens;
    for (int i = 0; i < count; ++i) tokens.push_back(TokenId(random() % static_cast<std::uint32_t>(vocab)));
    return tokens;
}

std::unique_ptr<Engine> open(std::string isa, int threads, Numerics numerics = Numerics::official, int rows = 512) {
    EngineOptions options;
    options.isa = std::move(isa);
    options.threads = threads;
    options.numerics = numerics;
    options.context = 2048;
    options.kv_budget_bytes = 64 << 20;
    options.rows_per_step = rows;
    auto engine = Engine::open(kTiny, options);
    if (!engine.ok()) {
        ADD_FAILURE() << engine.error().message;
        std::abort();
    }
    return std::move(engine).value();
}

struct Outcome {
    std::vector<float> logits;     // of the last row
    std::vector<std::byte> state;  // canonical bytes
    std::vector<std::uint8_t> blocks;  // entries and keys of all full blocks
};

Outcome outcome(Engine& engine, Sequence& sequence, std::span<const float> logits) {
    Outcome out{{logits.begin(), logits.end()}, sequence.save(), {}};
    const kv::Shape& shape = engine.pool().shape();
    for (std::size_t layer = 0; layer < shape.backbone_layers; ++layer)
        for (const BlockId block : sequence.cache().blocks())
            for (const kv::Kind kind : {kv::Kind::entries, kv::Kind::keys}) {
                const auto bytes = engine.pool().bytes(LayerIndex(layer), kind, block, 1);
                out.blocks.insert(out.blocks.end(), bytes.begin(), bytes.end());
            }
    return out;
}

void expect_same(const Outcome& a, const Outcome& b, const std::string& what) {
    ASSERT_EQ(a.logits.size(), b.logits.size()) << what;
    for (std::size_t i = 0; i < a.logits.size(); ++i) {
        if (std::memcmp(&a.logits[i], &b.logits[i], sizeof(float)) != 0) {
            ADD_FAILURE() << what << ": logit " << i << " is " << a.logits[i] << " and " << b.logits[i];
            break;
        }
    }
    EXPECT_EQ(a.state == b.state, true) << what << ": states differ";
    EXPECT_EQ(a.blocks == b.blocks, true) << what << ": blocks differ";
}

// Computes `tokens` cut into the given lengths (the last repeats) and returns what is left.
Outcome run(Engine& engine, const std::vector<TokenId>& tokens, const std::vector<int>& cuts) {
    auto sequence = engine.start({.prompt = tokens});
    EXPECT_TRUE(sequence.ok());
    std::span<const float> logits;
    StepReport report;
    for (std::size_t i = 0; (*sequence)->pending() > 0; ++i) {
        const int rows = static_cast<int>(std::min<std::int64_t>(cuts[std::min(i, cuts.size() - 1)], (*sequence)->pending()));
        StepBatch batch;
        batch.spans.push_back({sequence->get(), rows, RowKind::prompt, {-1}, {}, {}});
        auto step = engine.step(batch);
        EXPECT_TRUE(step.ok()) << step.error().message;
        report = std::move(step).value();
        logits = report.rows.back().logits;
    }
    return outcome(engine, **sequence, logits);
}

class EverySet : public testing::TestWithParam<std::string> {};

std::vector<std::string> sets() {
    std::vector<std::string> names;
    for (const kernels::Kernels* k : kernels::available()) names.emplace_back(k->name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Kernels, EverySet, testing::ValuesIn(sets()), [](const auto& info) { return info.param; });

TEST_P(EverySet, AnyChunkingEqualsTokenByToken) {
    for (const Numerics numerics : {Numerics::official, Numerics::weights_only}) {
        auto engine = open(GetParam(), 2, numerics);
        EXPECT_EQ(engine->kernels().name, GetParam());
        const auto tokens = random_tokens(1, GetParam() == "scalar" ? 140 : 331, engine->config().vocab_size);
        const Outcome alone = run(*engine, tokens, {1});
        for (const std::vector<int>& cuts : std::vector<std::vector<int>>{{512}, {7}, {128}, {127, 1, 130}, {3, 1, 4, 1, 5, 9, 2, 6}})
            expect_same(alone, run(*engine, tokens, cuts), "first cut " + std::to_string(cuts[0]));
    }
}

TEST_P(EverySet, BatchEqualsAlone) {
    auto engine = open(GetParam(), 2);
    constexpr int kSequences = 8;
    std::vector<std::vector<TokenId>> prompts;
    std::vector<Outcome> alone;
    for (int i = 0; i < kSequences; ++i) {
        prompts.push_back(random_tokens(10 + static_cast<std::uint32_t>(i), 20 + 17 * i, engine->config().vocab_size));
        alone.push_back(run(*engine, prompts.back(), {512}));
    }
    // All at once: sequence i advances by i % 3 + 1 tokens a step, so prompts and single tokens share steps.
    std::vector<std::unique_ptr<Sequence>> sequences;
    for (const auto& prompt : prompts) sequences.push_back(engine->start({.prompt = prompt}).value());
    std::vector<std::vector<float>> logits(kSequences);
    for (;;) {
        StepBatch batch;
        std::vector<int> who;
        for (int i = 0; i < kSequences; ++i) {
            Sequence& sequence = *sequences[static_cast<std::size_t>(i)];
            const auto rows = std::min<std::int64_t>(sequence.pending(), i % 3 + 1);
            if (rows == 0) continue;
            batch.spans.push_back({&sequence, static_cast<int>(rows), RowKind::prompt, {-1}, {}, {}});
            who.push_back(i);
        }
        if (batch.spans.empty()) break;
        const StepReport report = engine->step(batch).value();
        for (const auto& row : report.rows)
            logits[static_cast<std::size_t>(who[static_cast<std::size_t>(row.span)])].assign(row.logits.begin(), row.logits.end());
    }
    for (std::size_t i = 0; i < kSequences; ++i)
        expect_same(alone[i], outcome(*engine, *sequences[i], logits[i]), "sequence " + std::to_string(i));
}

TEST_P(EverySet, ThreadsDoNotMatter) {
    const auto tokens = random_tokens(2, GetParam() == "scalar" ? 40 : 150, 1024);
    auto one = open(GetParam(), 1);
    const Outcome reference = run(*one, tokens, {64});
    for (const int threads : {2, 3, 4}) {
        auto engine = open(GetParam(), threads);
        expect_same(reference, run(*engine, tokens, {64}), std::to_string(threads) + " threads");
        expect_same(reference, run(*engine, tokens, {33, 1}), std::to_string(threads) + " threads, cut at 33");
    }
}

TEST_P(EverySet, RestoredEqualsLive) {
    auto engine = open(GetParam(), 2);
    const auto tokens = random_tokens(3, 300, engine->config().vocab_size);
    const Outcome whole = run(*engine, tokens, {512});
    for (const int at : GetParam() == "scalar" ? std::vector{5, 129} : std::vector{1, 3, 4, 5, 127, 128, 129, 200, 256, 299}) {
        auto first = engine->start({.prompt = {tokens.begin(), tokens.begin() + at}}).value();
        ASSERT_TRUE(engine->prefill(*first, {}).ok());
        Detached parked = Sequence::detach(std::move(first));
        auto second = engine->start({.prompt = tokens}).value();
        ASSERT_TRUE(second->attach(parked.blocks, parked.state, at).ok());
        for (const BlockId block : parked.blocks) engine->pool().release(block);
        ASSERT_TRUE(engine->prefill(*second, {}).ok());
        expect_same(whole, outcome(*engine, *second, engine->last_logits()), "restored at " + std::to_string(at));
    }
    EXPECT_EQ(engine->pool().free_blocks(), engine->pool().capacity()) << "blocks leaked";
}

TEST_P(EverySet, ReplayOverExistingEntriesEqualsFresh) {
    auto engine = open(GetParam(), 2);
    const auto tokens = random_tokens(31, 290, engine->config().vocab_size);
    auto first = engine->start({.prompt = tokens}).value();
    ASSERT_TRUE(engine->prefill(*first, {}).ok());
    const Outcome whole = outcome(*engine, *first, engine->last_logits());
    auto again = engine->start({.prompt = tokens}).value();
    again->cache().attach_entries(first->cache().blocks());
    ASSERT_TRUE(engine->prefill(*again, {}).ok());
    expect_same(whole, outcome(*engine, *again, engine->last_logits()), "replayed");
    EXPECT_TRUE(std::equal(first->cache().blocks().begin(), first->cache().blocks().end(), again->cache().blocks().begin()));
}

TEST_P(EverySet, DraftsTakenBackLeaveNoTrace) {
    auto engine = open(GetParam(), 2);
    const bool slow = GetParam() == "scalar";
    const auto tokens = random_tokens(4, slow ? 140 : 270, engine->config().vocab_size);
    const Outcome whole = run(*engine, tokens, {512});
    const auto noise = random_tokens(5, 8, engine->config().vocab_size);
    for (const int at : slow ? std::vector{5, 126} : std::vector{5, 126, 127, 128, 130, 254}) {
        auto sequence = engine->start({.prompt = {tokens.begin(), tokens.begin() + at}}).value();
        ASSERT_TRUE(engine->prefill(*sequence, {}).ok());
        for (const TokenId token : noise) ASSERT_TRUE(sequence->append(token).ok());
        StepBatch batch;
        batch.spans.push_back({sequence.get(), 8, RowKind::draft, {0, -1}, {}, {}});
        ASSERT_TRUE(engine->step(batch).ok());
        ASSERT_TRUE(sequence->truncate(at).ok());
        for (std::size_t i = static_cast<std::size_t>(at); i < tokens.size(); ++i) ASSERT_TRUE(sequence->append(tokens[i]).ok());
        ASSERT_TRUE(engine->prefill(*sequence, {}).ok());
        expect_same(whole, outcome(*engine, *sequence, engine->last_logits()), "drafts at " + std::to_string(at));
    }
}

TEST(Engine, CapturesEqualTheStateOfASequenceThatStopsThere) {
    auto engine = open({}, 2);
    const auto tokens = random_tokens(6, 200, engine->config().vocab_size);
    auto sequence = engine->start({.prompt = tokens}).value();
    std::vector<std::pair<std::int64_t, std::vector<std::byte>>> captured;
    StepBatch batch;
    batch.spans.push_back({sequence.get(), 200, RowKind::prompt, {10, 150, -1}, {50, 129, 200}, {}});
    batch.captured = [&](Sequence& at, std::int64_t position) { captured.emplace_back(position, at.save()); };
    const StepReport report = engine->step(batch).value();
    ASSERT_EQ(captured.size(), 3u);
    ASSERT_EQ(report.rows.size(), 3u);
    EXPECT_EQ(report.rows[1].position, 150);
    for (const auto& [position, state] : captured) {
        auto other = engine->start({.prompt = {tokens.begin(), tokens.begin() + position}}).value();
        ASSERT_TRUE(engine->prefill(*other, {}).ok());
        EXPECT_TRUE(other->save() == state) << position;
    }
}

TEST(Engine, CancelledPrefillCanBeContinued) {
    auto engine = open({}, 2, Numerics::official, 32);
    const auto tokens = random_tokens(7, 200, engine->config().vocab_size);
    const Outcome whole = run(*engine, tokens, {32});
    auto sequence = engine->start({.prompt = tokens}).value();
    const Result<void> stopped = engine->prefill(*sequence, [](std::int64_t done, std::int64_t) { return done < 96; });
    ASSERT_FALSE(stopped.ok());
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    EXPECT_EQ(sequence->computed(), 96);
    ASSERT_TRUE(engine->prefill(*sequence, {}).ok());
    expect_same(whole, outcome(*engine, *sequence, engine->last_logits()), "continued");
}

TEST(Engine, FullPoolIsAnErrorThatChangesNothing) {
    EngineOptions options;
    options.threads = 1;
    options.context = 1024;
    options.kv_budget_bytes = 1;  // one block
    auto engine = Engine::open(kTiny, options).value();
    ASSERT_EQ(engine->pool().capacity(), 1);
    auto sequence = engine->start({.prompt = random_tokens(8, 300, 1024)}).value();
    const Result<void> full = engine->prefill(*sequence, {});
    ASSERT_FALSE(full.ok());
    EXPECT_EQ(full.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(sequence->computed(), 0);
    EXPECT_EQ(engine->pool().free_blocks(), 1);
    StepBatch batch;
    batch.spans.push_back({sequence.get(), 200, RowKind::prompt, {-1}, {}, {}});
    EXPECT_TRUE(engine->step(batch).ok());
}

TEST(Engine, RefusesWhatItCannotDo) {
    auto engine = open({}, 1);
    EXPECT_FALSE(engine->start({.prompt = {}}).ok());
    EXPECT_FALSE(engine->start({.prompt = {TokenId{5000}}}).ok());
    EXPECT_EQ(engine->start({.prompt = random_tokens(9, 2049, 1024)}).error().code, ErrorCode::resource_exhausted);
    auto sequence = engine->start({.prompt = random_tokens(9, 4, 1024)}).value();
    StepBatch batch;
    batch.spans.push_back({sequence.get(), 5, RowKind::prompt, {}, {}, {}});
    EXPECT_FALSE(engine->step(batch).ok());
    batch.spans.assign(2, {sequence.get(), 2, RowKind::prompt, {}, {}, {}});
    EXPECT_FALSE(engine->step(batch).ok());
    EXPECT_FALSE(Engine::open("/nowhere", {}).ok());
    EngineOptions options;
    options.isa = "sse9";
    EXPECT_FALSE(Engine::open(kTiny, options).ok());
    options = {};
    options.context = std::int64_t{1} << 40;
    EXPECT_FALSE(Engine::open(kTiny, options).ok());
}

TEST(Engine, MappedWeightsEqualResidentOnes) {
    const std::vector<TokenId> tokens = random_tokens(5, 200, 256);
    std::vector<Outcome> outcomes;
    for (const bool mapped : {false, true}) {
        std::string told;
        EngineOptions options;
        options.mapped = mapped;
        options.context = 2048;
        options.kv_budget_bytes = 16 << 20;
        options.progress = [&](std::string_view what) { told += what; };
        auto engine = Engine::open(kTiny, options);
        ASSERT_TRUE(engine.ok()) << engine.error().message;
        EXPECT_NE(told.find(mapped ? "mapping" : "reading weights"), std::string::npos) << told;
        outcomes.push_back(run(**engine, tokens, {64}));
    }
    expect_same(outcomes[0], outcomes[1], "mapped");
}

TEST(Engine, SignatureAndModelIdAreStable) {
    auto one = open({}, 1), two = open({}, 2);
    EXPECT_EQ(one->numerics_signature(), two->numerics_signature());
    EXPECT_EQ(one->model_id(), two->model_id());
    EXPECT_NE(one->numerics_signature(), open({}, 1, Numerics::weights_only)->numerics_signature());
    if (kernels::available().size() > 1) {
        EXPECT_NE(one->numerics_signature(), open("scalar", 1)->numerics_signature());
    }
}

}  // namespace
}  // namespace baleen::engine
