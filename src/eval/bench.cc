#include "eval/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>

#include "base/process.h"
#include "eval/fill.h"
#include "eval/median.h"

namespace baleen::eval {

namespace {

using engine::Engine;
using engine::RowKind;
using engine::Sequence;
using engine::StepBatch;

// Calls visit(matrix) for every dense matrix of the backbone but embedding and head.
template <class Visit>
void for_each_dense(const model::Weights& weights, Visit&& visit) {
    const auto compressor = [&](const model::Compressor& c) {
        visit(c.wkv);
        visit(c.wgate);
    };
    for (const model::Layer& layer : weights.layers) {
        const model::Attention& attn = layer.attn;
        for (const auto* w : {&attn.wq_a, &attn.wq_b, &attn.wkv, &attn.wo_a, &attn.wo_b}) visit(*w);
        if (attn.compressor) compressor(*attn.compressor);
        if (attn.indexer) {
            visit(attn.indexer->wq_b);
            visit(attn.indexer->weights_proj);
            compressor(attn.indexer->compressor);
        }
        visit(layer.gate.weight);
        for (const auto* w : {&layer.shared.w1, &layer.shared.w3, &layer.shared.w2}) visit(*w);
        visit(layer.hc_attn.fn);
        visit(layer.hc_ffn.fn);
    }
}

std::int64_t expert_bytes(const model::ExpertView& expert) { return expert.w1.bytes() + expert.w3.bytes() + expert.w2.bytes(); }

constexpr std::string_view kKinds[] = {"prefill", "decode", "batch", "slice"};  // by BenchTest::Kind

// What a part of a step reads and computes.
struct Work {
    std::int64_t bytes = 0, macs = 0;

    // The least it can take, at ceilings.
    double seconds(const Ceilings& at) const {
        return std::max(static_cast<double>(bytes) / at.read_gb_s, 2 * static_cast<double>(macs) / at.dot_gflop_s) * 1e-9;
    }
};

// Multiply-adds of one row through its routed experts.
std::int64_t routed_macs(const model::Config& config) {
    return std::int64_t{config.num_hidden_layers} * config.num_experts_per_tok * 3 * config.hidden_size * config.moe_intermediate_size;
}

std::string label(const BenchTest& test) {
    return fmt::format("{}:{}", kKinds[static_cast<int>(test.kind)], test.value);
}

// One test's repetitions, paired with ceilings.
class Measurement {
  public:
    Measurement(Engine& engine, const BenchTest& test, const BenchOptions& options, std::vector<Ceilings>& ceilings)
        : engine_(engine), test_(test), options_(options), ceilings_(ceilings), random_(options.seed) {
        result_.test = label(test);
    }

    Result<void> prepare() {
        const std::int64_t before = process_resident_bytes();
        TRY(start());
        result_.kv_resident = sequences_.empty() ? 0 : std::max<std::int64_t>(process_resident_bytes() - before, 0);
        return Ok{};
    }
    int repetitions() const { return options_.repetitions > 0 ? options_.repetitions : long_ ? 5 : 30; }
    Result<void> repeat(bool counts) { return !long_ || counts ? measure(counts) : Ok{}; }

    // The same by operation, without counting it anywhere else.
    Result<void> profile() {
        const int times = long_ ? 1 : 10;
        v4::Profile profile;
        engine_.context().profile = &profile;
        Result<void> done;
        for (int i = 0; i < times && done.ok(); ++i) {
            profile.last = std::chrono::steady_clock::now();
            done = measure(false);
            profile.lap(v4::Operation::other);
        }
        engine_.context().profile = nullptr;
        TRY(std::move(done));
        double all = 0;
        for (const v4::Profile::Entry& entry : profile.entries) all += entry.seconds;
        for (int i = 0; i < v4::kOperations; ++i) {
            const v4::Profile::Entry& entry = profile.entries[static_cast<std::size_t>(i)];
            result_.operations.push_back({std::string(v4::kOperationNames[i]), entry.seconds / times * 1e3, entry.bytes / times, entry.seconds / all});
        }
        return Ok{};
    }
    const std::vector<double>& times() const { return ms_; }

    // `first` holds the times, in turn with these, of the run's first depth.
    BenchResult result(const std::vector<double>& first) {
        result_.repetitions = static_cast<int>(ms_.size());
        result_.ms = median(ms_);
        result_.tok_s = static_cast<double>(result_.tokens) / result_.ms * 1e3;
        result_.gb_s = median(gb_s_);
        result_.gflop_s = median(gflop_s_);
        result_.share_of_read = median(share_of_read_);
        result_.share_of_dot = median(share_of_dot_);
        result_.share_of_parts = median(share_of_parts_);
        if (!test_.at_depth()) return result_;
        std::vector<double> ratios;
        for (std::size_t i = 0; i < std::min(first.size(), ms_.size()); ++i) ratios.push_back(ms_[i] / first[i]);
        result_.of_first = median(std::move(ratios));
        return result_;
    }

  private:
    Result<void> start() {
        switch (test_.kind) {
            case BenchTest::Kind::prefill: result_.batch = 1; return Ok{};
            case BenchTest::Kind::decode: return start_sequences(1, test_.value);
            case BenchTest::Kind::batch: return start_sequences(static_cast<int>(test_.value), 0);
            case BenchTest::Kind::slice: return start_sequences(test_.value > 0 ? 1 : 0, test_.value);
        }
        return Ok{};
    }

    Result<void> measure(bool counts) {
        if (test_.kind == BenchTest::Kind::prefill) return prefill(counts);
        return test_.kind == BenchTest::Kind::slice ? slice(counts) : step(counts);
    }

    std::vector<TokenId> random_tokens(std::int64_t count) {
        std::vector<TokenId> tokens;
        for (std::int64_t i = 0; i < count; ++i)
            tokens.push_back(TokenId(random_() % static_cast<std::uint64_t>(engine_.config().vocab_size)));
        return tokens;
    }

    // Notes a repetition of `tokens` rows in `steps` steps, `heads` of which asked for logits.
    void note(double seconds, std::int64_t tokens, std::int64_t steps, std::int64_t heads, std::uint64_t experts, const Ceilings& at) {
        const model::Weights& weights = engine_.weights();
        const model::Config& config = engine_.config();
        const Work head{weights.head.bytes() * steps, head_macs(weights) * heads};
        const Work routed{static_cast<std::int64_t>(experts) * expert_bytes(weights.experts[0][0]), routed_macs(config) * tokens};
        const Work dense{dense_bytes(weights) * steps - head.bytes, (row_macs(config, weights) - routed_macs(config)) * tokens};
        const Work all{head.bytes + routed.bytes + dense.bytes, head.macs + routed.macs + dense.macs};
        result_.tokens = tokens;
        result_.bytes = all.bytes;
        result_.experts_per_layer = static_cast<double>(experts) / static_cast<double>(steps * config.num_hidden_layers);
        ms_.push_back(seconds * 1e3);
        gb_s_.push_back(static_cast<double>(all.bytes) / seconds * 1e-9);
        gflop_s_.push_back(2 * static_cast<double>(all.macs) / seconds * 1e-9);
        share_of_read_.push_back(gb_s_.back() / at.read_gb_s);
        share_of_dot_.push_back(gflop_s_.back() / at.dot_gflop_s);
        share_of_parts_.push_back((head.seconds(at) + routed.seconds(at) + dense.seconds(at)) / seconds);
    }

    const Ceilings& ceilings() {
        ceilings_.push_back(measure_ceilings(engine_));
        return ceilings_.back();
    }

    Result<void> prefill(bool counts) {
        TRY_ASSIGN(std::unique_ptr<Sequence> sequence, engine_.start({.prompt = random_tokens(test_.value)}));
        const engine::Counters before = engine_.counters();
        const auto start = std::chrono::steady_clock::now();
        TRY(engine_.prefill(*sequence, {}));
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        const engine::Counters& after = engine_.counters();
        if (counts) note(seconds, test_.value, static_cast<std::int64_t>(after.steps - before.steps), 1, after.experts_touched - before.experts_touched,
             ceilings());
        return Ok{};
    }

    // `count` sequences of `depth` tokens, each with a token to compute next.
    Result<void> start_sequences(int count, std::int64_t depth) {
        result_.batch = count;
        result_.depth = depth;
        for (int i = 0; i < count; ++i) {
            if (options_.fill_random && depth > kFillBase) {
                TRY_ASSIGN(std::unique_ptr<Sequence> sequence, filled_sequence(engine_, depth, random_));
                sequences_.push_back(std::move(sequence));
                continue;
            }
            TRY_ASSIGN(std::unique_ptr<Sequence> sequence, engine_.start({.prompt = random_tokens(std::max<std::int64_t>(depth, 1))}));
            if (depth > 0) TRY(engine_.prefill(*sequence, {}));
            sequences_.push_back(std::move(sequence));
        }
        return Ok{};
    }

    // One token of every sequence.
    Result<void> step(bool counts) {
        StepBatch batch;
        for (const auto& sequence : sequences_) {
            if (sequence->pending() == 0) TRY(sequence->append(random_tokens(1)[0]));
            batch.spans.push_back({sequence.get(), 1, RowKind::decode, {-1}, {}, {}});
        }
        const std::uint64_t before = engine_.counters().experts_touched;
        TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
        const auto count = static_cast<std::int64_t>(sequences_.size());
        if (counts) note(report.seconds, count, 1, count, engine_.counters().experts_touched - before, ceilings());
        return Ok{};
    }

    // A step's worth of a prompt after the depth, every time at the same place: on a fork, which shares the blocks.
    Result<void> slice(bool counts) {
        const int rows = engine_.options().rows_per_step;
        std::unique_ptr<Sequence> sequence;
        if (test_.value == 0) {
            TRY_ASSIGN(sequence, engine_.start({.prompt = random_tokens(rows)}));
        } else {
            sequence = sequences_[0]->fork();
            for (const TokenId token : random_tokens(rows - sequence->pending())) TRY(sequence->append(token));
        }
        StepBatch batch;
        batch.spans.push_back({sequence.get(), rows, RowKind::prompt, {-1}, {}, {}});
        const std::uint64_t before = engine_.counters().experts_touched;
        TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
        if (counts) note(report.seconds, rows, 1, 1, engine_.counters().experts_touched - before, ceilings());
        return Ok{};
    }

    Engine& engine_;
    BenchTest test_;
    const bool long_ = test_.kind == BenchTest::Kind::prefill || test_.kind == BenchTest::Kind::slice;  // no warm-up, few repetitions
    const BenchOptions& options_;
    std::vector<Ceilings>& ceilings_;
    std::mt19937_64 random_;
    std::vector<std::unique_ptr<Sequence>> sequences_;
    BenchResult result_;
    std::vector<double> ms_, gb_s_, gflop_s_, share_of_read_, share_of_dot_, share_of_parts_;
};

}  // namespace

std::int64_t dense_bytes(const model::Weights& weights) {
    std::int64_t sum = weights.head.bytes() + weights.hc_head.fn.bytes();
    for_each_dense(weights, [&](const tensor::MatrixView& w) { sum += w.bytes(); });
    return sum;
}

std::int64_t row_macs(const model::Config& config, const model::Weights& weights) {
    std::int64_t sum = 0;
    for_each_dense(weights, [&](const tensor::MatrixView& w) { sum += w.rows * w.cols; });
    return sum + routed_macs(config);
}

std::int64_t head_macs(const model::Weights& weights) { return weights.head.rows * weights.head.cols; }

Result<std::vector<BenchTest>> parse_tests(std::string_view text) {
    const auto bad = [&](std::string_view why) {
        return invalid_argument(fmt::format("--test {}: {}; e.g. prefill:512,2048, decode:0,1024, batch:1,8 or slice:0,131072", text, why));
    };
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return bad("no ':'");
    const std::string_view kind = text.substr(0, colon);
    const auto known = std::find(std::begin(kKinds), std::end(kKinds), kind);
    if (known == std::end(kKinds)) return bad("the kind is prefill, decode, batch or slice");
    BenchTest test{.kind = static_cast<BenchTest::Kind>(known - std::begin(kKinds))};
    std::vector<BenchTest> tests;
    for (std::string_view rest = text.substr(colon + 1);;) {
        const std::size_t comma = rest.find(',');
        const std::string_view number = rest.substr(0, comma);
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), test.value);
        if (error != std::errc{} || end != number.data() + number.size()) return bad("not a number");
        const std::int64_t least = test.at_depth() ? 0 : 1;
        const std::int64_t most = test.kind == BenchTest::Kind::batch ? 256 : 1 << 20;
        if (test.value < least || test.value > most) return bad(fmt::format("{} is not between {} and {}", test.value, least, most));
        tests.push_back(test);
        if (comma == std::string_view::npos) return tests;
        rest.remove_prefix(comma + 1);
    }
}

Result<BenchReport> run_bench(Engine& engine, const std::vector<BenchTest>& tests, const BenchOptions& options) {
    BenchReport report;
    report.signature = engine.numerics_signature();
    report.threads = engine.team().size();
    std::vector<Ceilings> ceilings;
    report.resident = process_resident_bytes();
    measure_ceilings(engine);  // touches the pages once
    for (std::size_t begin = 0, end; begin < tests.size(); begin = end) {
        for (end = begin + 1; end < tests.size() && tests[begin].at_depth() && tests[end].kind == tests[begin].kind;) ++end;
        std::vector<std::unique_ptr<Measurement>> group;
        for (std::size_t i = begin; i < end; ++i) {
            if (options.progress) options.progress(label(tests[i]));
            group.push_back(std::make_unique<Measurement>(engine, tests[i], options, ceilings));
            TRY(group.back()->prepare());
        }
        constexpr int kWarmUp = 2;
        for (int r = -kWarmUp; r < group[0]->repetitions(); ++r)
            for (const auto& measurement : group) TRY(measurement->repeat(r >= 0));
        if (options.operations)
            for (const auto& measurement : group) TRY(measurement->profile());
        for (const auto& measurement : group) report.results.push_back(measurement->result(group[0]->times()));
    }
    std::vector<double> read, dot;
    for (const Ceilings& at : ceilings) {
        read.push_back(at.read_gb_s);
        dot.push_back(at.dot_gflop_s);
    }
    report.ceilings = {median(read), median(dot)};
    return report;
}

}  // namespace baleen::eval
