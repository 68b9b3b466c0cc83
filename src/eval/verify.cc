#include "eval/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <tuple>

#include "eval/golden_file.h"
#include "eval/verify_files.h"

namespace baleen::eval {

namespace fs = std::filesystem;
using engine::Engine;
using engine::Numerics;

namespace {

Tier tier_of(Numerics numerics) {
    return numerics == Numerics::official ? Tier::a : Tier::c;
}

auto order_key(const Divergence& d) {
    return std::tuple(d.layer, d.order, d.mode);
}

// What an engine must offer for the items of a tier.
struct Needs {
    std::int64_t context = 1;
    int rows_per_step = 512;
    bool any = false;
};

// The golden file of an item and its place in the report.
struct Job {
    const GoldenItem* item = nullptr;
    std::optional<GoldenFile> file;
    VerifyFile report;
};

// Opens the item's file and notes what its prompt asks of the engine.
Result<void> open_job(const GoldenSet& set, const model::Config& config, Job& job, Needs& needs) {
    const fs::path path = set.folder / job.item->name;
    TRY_ASSIGN(GoldenFile file, GoldenFile::open(path, job.item->name));
    TRY_ASSIGN(const std::int64_t prompt, file.length("input_ids"));
    std::int64_t tokens = prompt;
    if (!job.item->trace) {
        TRY_ASSIGN(const std::int64_t greedy, file.length("greedy_ids"));
        tokens = greedy > kCasePromptMax ? greedy : prompt + greedy;
    }
    const std::int64_t most =
        std::min(job.item->trace ? kTracePromptMax : kCasePromptMax, config.max_position_embeddings);
    if (prompt < 1 || tokens > most)
        return corrupt(fmt::format("{}: {} tokens; between 1 and {} are possible", job.item->name, tokens, most));
    needs.any = true;
    needs.context = std::max(needs.context, tokens);
    if (job.item->trace) needs.rows_per_step = std::max(needs.rows_per_step, static_cast<int>(prompt));
    job.file = std::move(file);
    return {};
}

Result<void> run_job(Engine& engine, const GoldenSet& set, Job& job) {
    const auto start = std::chrono::steady_clock::now();
    const auto result = job.item->trace ? verify_trace(engine, set, *job.file, job.report)
                                        : verify_case(engine, set, *job.item, *job.file, job.report);
    if (!result.ok()) {
        // Damage to the golden file, or a file of another model; anything else is the caller's to hear.
        const ErrorCode code = result.error().code;
        if (code != ErrorCode::corrupt && code != ErrorCode::invalid_argument && code != ErrorCode::not_found)
            return result;
        job.report.error = result.error().message;
    }
    for (const std::string& tensor : job.file->unread())
        if (job.report.error.empty())
            job.report.notes.push_back(fmt::format("tensor \"{}\" is of no known kind and was not compared", tensor));
    std::stable_sort(job.report.divergences.begin(), job.report.divergences.end(),
                     [](const Divergence& a, const Divergence& b) { return order_key(a) < order_key(b); });
    job.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return {};
}

Result<void> run_tier(const fs::path& model, const GoldenSet& set, Numerics numerics, const VerifyOptions& options,
                      VerifyReport& report) {
    std::vector<Job> jobs;
    for (const GoldenItem& item : set.items) {
        if (item.tier != tier_of(numerics) || (options.wanted && !options.wanted(item))) continue;
        jobs.push_back({&item, std::nullopt, {}});
        jobs.back().report.file = item.name;
        jobs.back().report.tier = item.tier;
        jobs.back().report.trace = item.trace;
    }
    if (jobs.empty()) return {};
    TRY_ASSIGN(const std::unique_ptr<model::Checkpoint> checkpoint, model::Checkpoint::open(model));
    Needs needs;
    bool mtp = false;
    for (Job& job : jobs) {
        if (const auto opened = open_job(set, checkpoint->config(), job, needs); !opened.ok())
            job.report.error = opened.error().message;
        else
            mtp = mtp || job.file->has("mtp.0.logits");
    }
    std::unique_ptr<Engine> engine;
    if (needs.any) {
        engine::EngineOptions wanted;
        wanted.numerics = numerics;
        wanted.isa = options.isa;
        wanted.threads = options.threads;
        wanted.context = needs.context;
        wanted.rows_per_step = needs.rows_per_step;
        wanted.mtp = mtp;
        TRY_ASSIGN(engine, Engine::open(model, std::move(wanted)));
        report.signatures.push_back(engine->numerics_signature());
    }
    for (Job& job : jobs) {
        if (job.file) TRY(run_job(*engine, set, job));
        if (options.finished) options.finished(job.report);
        report.files.push_back(std::move(job.report));
    }
    return {};
}

}  // namespace

std::string_view name(VerifyMode mode) {
    return mode == VerifyMode::layer ? "layer" : "chain";
}

const VerifyCheck* VerifyFile::nearest() const {
    const VerifyCheck* worst = nullptr;
    for (const VerifyCheck& check : checks)
        if (!check.set && (worst == nullptr || check.comparison.worst > worst->comparison.worst)) worst = &check;
    return worst;
}

bool VerifyReport::ok() const {
    return !files.empty() && std::all_of(files.begin(), files.end(), [](const VerifyFile& file) { return file.ok(); });
}

const Divergence* VerifyReport::first() const {
    const Divergence* first = nullptr;
    for (const VerifyFile& file : files)
        for (const Divergence& divergence : file.divergences)
            if (first == nullptr || order_key(divergence) < order_key(*first)) first = &divergence;
    return first;
}

Result<VerifyReport> verify(const fs::path& model, const GoldenSet& golden, const VerifyOptions& options) {
    VerifyReport report;
    report.model = model.string();
    report.golden = golden.folder.string();
    for (const Numerics numerics : {Numerics::official, Numerics::weights_only}) {
        if (options.numerics && *options.numerics != numerics) continue;
        TRY(run_tier(model, golden, numerics, options, report));
    }
    if (report.files.empty())
        return not_found(fmt::format("{}: no golden files of the chosen numerics", golden.folder.string()));
    return report;
}

Result<std::vector<GoldenSet>> sets_for(const fs::path& model, std::vector<GoldenSet> sets) {
    if (sets.size() == 1) return sets;
    std::error_code error;
    std::vector<GoldenSet> mine;
    std::string names;
    for (const GoldenSet& set : sets) {
        if (fs::equivalent(set.checkpoint, model, error) && !error) mine.push_back(set);
        names += (names.empty() ? "" : ", ") + set.folder.filename().string();
    }
    if (!mine.empty()) return mine;
    TRY_ASSIGN(const std::unique_ptr<model::Checkpoint> checkpoint, model::Checkpoint::open(model));
    const std::string id = engine::model_id(*checkpoint);
    for (const GoldenSet& set : sets) {
        const auto other = model::Checkpoint::open(set.checkpoint);
        if (other.ok() && engine::model_id(**other) == id) mine.push_back(set);
    }
    if (mine.empty())
        return not_found(
            fmt::format("none of the golden files ({}) were made with {}; name the folder of one to compare anyway",
                        names, model.string()));
    return mine;
}

}  // namespace baleen::eval
