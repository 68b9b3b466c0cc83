#include "cli/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/model_path.h"
#include "eval/bench.h"
#include "eval/extrapolate.h"
#include "eval/kernel_speed.h"
#include "eval/load_speed.h"

namespace baleen::cli {

namespace {

struct Options {
    std::string model = "krill";
    std::vector<std::string> tests;
    int threads = 0;
    int repetitions = 0;
    std::uint64_t seed = 1;
    std::string numerics = "official";
    bool mapped = false;
    std::string fill = "real";
    bool operations = false;
    std::vector<std::string> extrapolate;
    bool load = false;
    bool kernels = false;
    std::vector<std::string> sets;
    bool json = false;
};

nlohmann::ordered_json to_json(const eval::BenchReport& report, const std::string& fill, std::uint64_t file_bytes) {
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const eval::BenchResult& r : report.results) {
        results.push_back({{"test", r.test},
                           {"tokens", r.tokens},
                           {"depth", r.depth},
                           {"batch", r.batch},
                           {"ms", r.ms},
                           {"tok_s", r.tok_s},
                           {"bytes", r.bytes},
                           {"gb_s", r.gb_s},
                           {"gflop_s", r.gflop_s},
                           {"share_of_read", r.share_of_read},
                           {"share_of_dot", r.share_of_dot},
                           {"share_of_parts", r.share_of_parts},
                           {"experts_per_layer", r.experts_per_layer},
                           {"of_first_depth", r.of_first},
                           {"kv_resident_bytes", r.kv_resident},
                           {"repetitions", r.repetitions}});
        for (const eval::OperationResult& o : r.operations)
            results.back()["operations"].push_back({{"name", o.name}, {"ms", o.ms}, {"bytes", o.bytes}, {"share", o.share}});
    }
    return {{"results", std::move(results)},
            {"ceilings", {{"read_gb_s", report.ceilings.read_gb_s}, {"dot_gflop_s", report.ceilings.dot_gflop_s}}},
            {"memory", {{"resident_bytes", report.resident}, {"checkpoint_bytes", file_bytes}}},
            {"signature", report.signature},
            {"threads", report.threads},
            {"fill", fill}};
}

void print_table(const eval::BenchReport& report, std::uint64_t file_bytes) {
    fmt::print("{} with {} threads; read ceiling {:.1f} GB/s, dot ceiling {:.0f} GFLOP/s (medians of this run)\n", report.signature,
               report.threads, report.ceilings.read_gb_s, report.ceilings.dot_gflop_s);
    fmt::print("memory in use after loading {:.2f} GB, {:.3f} times the checkpoint's tensors\n", double(report.resident) * 1e-9,
               double(report.resident) / double(std::max<std::uint64_t>(file_bytes, 1)));
    fmt::print("{:<14}{:>8}{:>8}{:>7}{:>11}{:>10}{:>9}{:>9}{:>10}{:>8}{:>10}{:>9}{:>10}{:>9}\n", "test", "tokens", "depth", "batch", "ms", "tok/s", "GB/s",
               "of read", "GFLOP/s", "of dot", "of parts", "experts", "of first", "KV MB");
    for (const eval::BenchResult& r : report.results) {
        fmt::print("{:<14}{:>8}{:>8}{:>7}{:>11.2f}{:>10.2f}{:>9.2f}{:>8.1f}%{:>10.1f}{:>7.1f}%{:>9.1f}%{:>9.1f}{:>10}{:>9}\n", r.test, r.tokens, r.depth, r.batch,
                   r.ms, r.tok_s, r.gb_s, 100 * r.share_of_read, r.gflop_s, 100 * r.share_of_dot, 100 * r.share_of_parts, r.experts_per_layer,
                   r.of_first > 0 ? fmt::format("{:.3f}", r.of_first) : "",
                   r.kv_resident > 0 ? fmt::format("{:.1f}", static_cast<double>(r.kv_resident) * 1e-6) : "");
    }
    for (const eval::BenchResult& r : report.results) {
        if (r.operations.empty()) continue;
        fmt::print("\n{:<22}{:>10}{:>12}{:>9}{:>8}\n", r.test, "ms", "MB", "GB/s", "share");
        for (const eval::OperationResult& o : r.operations) {
            fmt::print("  {:<20}{:>10.3f}", o.name, o.ms);
            if (o.bytes > 0) fmt::print("{:>12.1f}{:>9.1f}", static_cast<double>(o.bytes) * 1e-6, static_cast<double>(o.bytes) / o.ms * 1e-6);
            else fmt::print("{:>12}{:>9}", "", "");
            fmt::print("{:>7.1f}%\n", 100 * o.share);
        }
    }
}

nlohmann::ordered_json to_json(const std::vector<eval::Extrapolation>& made) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const eval::Extrapolation& e : made) {
        out.push_back({{"model", e.model}, {"depth", e.depth}, {"ms", e.ms}, {"tok_s", e.tok_s}, {"of_first_depth", e.of_first}});
        for (const eval::ExtrapolatedOperation& o : e.operations)
            out.back()["operations"].push_back({{"name", o.name}, {"basis", o.basis}, {"measured_ms", o.measured_ms}, {"ratio", o.ratio}, {"ms", o.ms}});
    }
    return out;
}

void print_extrapolations(const std::vector<eval::Extrapolation>& made) {
    for (const eval::Extrapolation& e : made) {
        fmt::print("\n{} at depth {}: {:.0f} ms a token, {:.2f} tok/s, {:.3f} of the first depth, were its weights resident and read at these rates\n", e.model, e.depth, e.ms, e.tok_s, e.of_first);
        fmt::print("  {:<20}{:>12}{:>10}  {:<16}{:>10}\n", "", "measured ms", "times", "ratio of", "ms");
        for (const eval::ExtrapolatedOperation& o : e.operations)
            fmt::print("  {:<20}{:>12.3f}{:>10.2f}  {:<16}{:>10.2f}\n", o.name, o.measured_ms, o.ratio, o.basis, o.ms);
    }
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen bench: {}\n", error.message);
    return 1;
}

int run_kernels(const Options& options) {
    eval::KernelBenchOptions bench{.threads = options.threads, .sets = options.sets, .progress = {}};
    if (isatty(STDERR_FILENO)) bench.progress = [](std::string_view what) { fmt::print(stderr, "measuring {}\n", what); };
    const auto results = eval::bench_kernels(bench);
    if (!results.ok()) return fail(results.error());
    if (options.json) {
        nlohmann::ordered_json rows = nlohmann::ordered_json::array();
        for (const eval::KernelResult& r : *results)
            rows.push_back({{"set", r.set}, {"kernel", r.kernel}, {"shape", r.shape}, {"us", r.microseconds}, {"rate", r.rate}, {"unit", r.unit}, {"ceiling", r.ceiling}});
        fmt::print("{}\n", nlohmann::ordered_json{{"kernels", std::move(rows)}}.dump());
        return 0;
    }
    fmt::print("{:<12}{:<16}{:<26}{:>12}{:>10} {:<6}{:>9}{:>7}\n", "set", "kernel", "shape", "us", "rate", "", "ceiling", "share");
    for (const eval::KernelResult& r : *results) {
        fmt::print("{:<12}{:<16}{:<26}{:>12.2f}", r.set, r.kernel, r.shape, r.microseconds);
        if (r.rate > 0) fmt::print("{:>10.1f} {:<6}{:>9.1f}{:>6.0f}%", r.rate, r.unit, r.ceiling, 100 * r.rate / r.ceiling);
        fmt::print("\n");
    }
    return 0;
}

int run_load(const Options& options) {
    const auto directory = resolve_model(options.model);
    if (!directory.ok()) return fail(directory.error());
    eval::LoadBenchOptions bench{.threads = options.threads, .repetitions = options.repetitions, .progress = {}};
    if (isatty(STDERR_FILENO)) bench.progress = [](std::string_view what) { fmt::print(stderr, "{}\n", what); };
    const auto results = eval::bench_load(*directory, bench);
    if (!results.ok()) return fail(results.error());
    if (options.json) {
        nlohmann::ordered_json rows = nlohmann::ordered_json::array();
        for (const eval::LoadResult& r : *results)
            rows.push_back({{"way", r.way}, {"seconds", r.seconds}, {"gb_s", r.gb_s}, {"ceiling_gb_s", r.ceiling_gb_s}, {"share", r.share}, {"shares", r.shares},
                            {"fresh_gb_s", r.fresh_gb_s}, {"share_of_fresh", r.share_of_fresh}});
        fmt::print("{}\n", nlohmann::ordered_json{{"load", std::move(rows)}}.dump());
        return 0;
    }
    fmt::print("{:<14}{:>10}{:>9}{:>10}{:>8}  {}\n", "from", "seconds", "GB/s", "ceiling", "share", "of each");
    for (const eval::LoadResult& r : *results) {
        fmt::print("{:<14}{:>10.3f}{:>9.2f}{:>10.2f}{:>7.0f}% ", r.way, r.seconds, r.gb_s, r.ceiling_gb_s, 100 * r.share);
        for (const double share : r.shares) fmt::print(" {:.0f}", 100 * share);
        fmt::print("\n");
        if (r.fresh_gb_s > 0) fmt::print("{:<33}{:>10.2f}{:>7.0f}%  a plain read into fresh memory\n", "", r.fresh_gb_s, 100 * r.share_of_fresh);
    }
    return 0;
}

int run(const Options& options) {
    if (options.kernels) return run_kernels(options);
    if (options.load) return run_load(options);
    std::vector<eval::BenchTest> tests;
    for (const std::string& text : options.tests.empty() ? std::vector<std::string>{"prefill:512", "decode:0"} : options.tests) {
        const auto parsed = eval::parse_tests(text);
        if (!parsed.ok()) {
            fmt::print(stderr, "baleen bench: {}\n", parsed.error().message);
            return 2;
        }
        tests.insert(tests.end(), parsed->begin(), parsed->end());
    }
    const auto directory = resolve_model(options.model);
    if (!directory.ok()) return fail(directory.error());
    std::int64_t context = 0, sequences = 1, together = 0;  // depths of decode and slices stand side by side
    for (const eval::BenchTest& test : tests) {
        const bool batch = test.kind == eval::BenchTest::Kind::batch;
        context = std::max(context, (batch ? 1 : test.value) + 4096);
        if (test.at_depth()) together += test.value + 4096;
        if (batch) sequences = std::max(sequences, test.value);
    }
    const bool talk = isatty(STDERR_FILENO) != 0;
    engine::EngineOptions engine_options;
    engine_options.threads = options.threads;
    engine_options.numerics = options.numerics == "official" ? engine::Numerics::official : engine::Numerics::weights_only;
    engine_options.context = context;
    engine_options.mapped = options.mapped;
    if (talk) engine_options.progress = [](std::string_view what) { fmt::print(stderr, "{}\n", what); };
    // Room for every sequence of the largest batch, 64 blocks each beside the longest prompt.
    const auto checkpoint = model::Checkpoint::open(*directory);
    if (!checkpoint.ok()) return fail(checkpoint.error());
    const kv::Shape shape = kv::make_shape((*checkpoint)->config(), options.numerics == "official", 0);
    engine_options.context = std::min<std::int64_t>(context, (*checkpoint)->config().max_position_embeddings);
    engine_options.kv_budget_bytes = std::max<std::int64_t>(shape.block_bytes(), 1) * ((std::max(context, together) + 127) / 128 + sequences * 64);
    auto engine = engine::Engine::open(*directory, engine_options);
    if (!engine.ok()) return fail(engine.error());

    eval::BenchOptions bench;
    bench.repetitions = options.repetitions;
    bench.seed = options.seed;
    bench.operations = options.operations || !options.extrapolate.empty();
    bench.fill_random = options.fill == "random";
    if (talk) bench.progress = [](std::string_view what) { fmt::print(stderr, "measuring {}\n", what); };
    const auto report = eval::run_bench(**engine, tests, bench);
    if (!report.ok()) return fail(report.error());
    std::vector<eval::Extrapolation> extrapolated;
    for (const std::string& name : options.extrapolate) {
        const model::Config full = name == "pro" ? model::published_pro() : model::published_flash();
        const auto made = eval::extrapolate(*report, (*engine)->config(), full, name);
        extrapolated.insert(extrapolated.end(), made.begin(), made.end());
    }
    if (options.json) {
        nlohmann::ordered_json json = to_json(*report, options.fill, (*checkpoint)->total_bytes());
        if (!extrapolated.empty()) json["extrapolated"] = to_json(extrapolated);
        fmt::print("{}\n", json.dump());
    } else {
        print_table(*report, (*checkpoint)->total_bytes());
        print_extrapolations(extrapolated);
    }
    return 0;
}

}  // namespace

Command add_bench(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("bench", "Measure prefill, decode and batch speed beside the machine's ceilings");
    app->add_option("--model", options->model, "model directory, or krill")->capture_default_str();
    app->add_option("--test", options->tests, "prefill:N[,N...], decode:DEPTH[,...], batch:B[,...] or slice:DEPTH[,...]; repeatable (prefill:512 and decode:0)");
    app->add_option("--threads", options->threads, "threads (default: one a core this process may use)");
    app->add_option("--repetitions", options->repetitions, "repetitions per test (5 prompts, slices or loads, 30 steps)");
    app->add_option("--seed", options->seed, "seed of the random tokens")->capture_default_str();
    app->add_option("--numerics", options->numerics, "official or weights-only")->capture_default_str()->check(CLI::IsMember({"official", "weights-only"}));
    app->add_option("--fill", options->fill, "what stands before a decoded token or a slice: real (computed, slow at depth) or random (entries drawn)")
        ->capture_default_str()
        ->check(CLI::IsMember({"real", "random"}));
    app->add_flag("--mmap", options->mapped, "leave the weights in the page cache");
    app->add_flag("--operations", options->operations, "also say how a step's time divides among its operations");
    app->add_option("--extrapolate", options->extrapolate, "flash or pro: what a decoded token of the full model would take, operation by operation; repeatable")
        ->check(CLI::IsMember({"flash", "pro"}));
    app->add_flag("--load", options->load, "measure loading instead: from cold files and from the page cache, read or mapped (drops the files from the page cache)");
    app->add_flag("--kernels", options->kernels, "time single kernels instead of a model: in each set but scalar, or in those of --set")->excludes("--load");
    app->add_option("--set", options->sets, "kernel sets for --kernels: scalar, avx2, avx512, avx512vnni, avx512bf16; repeatable")->needs("--kernels");
    app->add_flag("--json", options->json, "print one JSON object");
    app->footer("Bytes are the official weight bytes a step needs; shares compare each repetition with ceilings measured next to it.\n"
                "Of parts: what head, other dense products and routed experts need one after the other, each at its lower ceiling, over the time taken.\n"
                "  baleen synth --preset flash-6l --seed 1 --out /tmp/flash-6l\n"
                "  baleen bench --model /tmp/flash-6l --test prefill:512,2048 --test decode:0,1024 --test batch:1,8");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
