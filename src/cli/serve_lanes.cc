#include "cli/serve_lanes.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "cli/generate_model.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "io/read_file.h"
#include "io/sha256.h"
#include "sched/engine_lane.h"
#include "sched/script_lane.h"

namespace baleen::cli {

namespace {

constexpr std::size_t kScriptBytesMax = std::size_t{256} << 20;
constexpr std::size_t kConfigBytesMax = std::size_t{1} << 20;
// Above, looking at a page of every tensor would hold up the start; shapes and arithmetic have to do.
constexpr std::uint64_t kWeightsLookedAtBytes = std::uint64_t{1} << 30;
constexpr std::size_t kFingerprintDigits = 10;

// What a lane stands on.
struct Stand {
    std::optional<text::Tokenizer> tokenizer;
    std::unique_ptr<engine::Engine> engine;
};

engine::EngineOptions engine_options(const serve::EngineSettings& settings, std::uint64_t weights_bytes) {
    engine::EngineOptions options;
    options.numerics = settings.numerics == serve::NumericsChoice::official ? engine::Numerics::official : engine::Numerics::weights_only;
    options.isa = settings.isa;
    options.threads = static_cast<int>(settings.threads);
    if (options.threads == 0 && weights_bytes < kOneThreadBytes) options.threads = 1;
    options.context = settings.context_tokens;
    options.kv_budget_bytes = settings.kv_bytes;
    options.rows_per_step = static_cast<int>(settings.rows_per_step);
    options.mapped = settings.mapped;
    options.mtp = settings.mtp;
    return options;
}

sched::EngineLaneOptions lane_options(const serve::SchedulerSettings& settings) {
    sched::EngineLaneOptions options;
    options.streams_max = static_cast<int>(settings.streams_max);
    options.state_bytes_max = settings.state_bytes;
    options.batch.share = static_cast<double>(settings.prefill_share_percent) / 100;
    options.batch.share_least = static_cast<double>(settings.prefill_least_us) / 1e6;
    options.batch.share_most = static_cast<double>(settings.prefill_most_ms) / 1000;
    options.batch.alone_seconds = static_cast<double>(settings.prefill_alone_ms) / 1000;
    options.warm.bytes_max = settings.warm_bytes;
    return options;
}

// Names the combination of weights and arithmetic, as the service's system_fingerprint does.
Result<std::string> fingerprint(const std::filesystem::path& directory, const engine::Engine& engine) {
    TRY_ASSIGN(const std::string config, io::read_file(directory / "config.json", kConfigBytesMax));
    io::Sha256 hash;
    hash.add(std::string_view(config));
    hash.add(std::uint64_t{engine.checkpoint().total_bytes()});
    hash.add(std::string_view(engine.numerics_signature()));
    if (engine.checkpoint().total_bytes() < kWeightsLookedAtBytes) hash.add(std::string_view(engine.model_id()));
    return "fp_" + hash.hex().substr(0, kFingerprintDigits);
}

Result<void> open_engine(const serve::ServeConfig& config, const std::filesystem::path& directory, Stand& stand, serve::LaneParts& parts,
                         const std::function<void(std::string_view)>& tell) {
    TRY_ASSIGN(const std::unique_ptr<model::Checkpoint> checkpoint, model::Checkpoint::open(directory));
    engine::EngineOptions options = engine_options(config.engine, checkpoint->total_bytes());
    options.progress = tell;
    TRY_ASSIGN(stand.engine, engine::Engine::open(directory, options));
    if (config.engine.mtp && !stand.engine->has_mtp()) return invalid_argument("engine.mtp: this checkpoint has no MTP block");
    TRY_ASSIGN(parts.fingerprint, fingerprint(directory, *stand.engine));
    parts.lane = std::make_unique<sched::EngineLane>(*stand.engine, parts.tokenizer, lane_options(config.scheduler));
    return Ok();
}

Result<void> open_script(const serve::ServeConfig& config, const serve::Lane& lane, const ModelFiles& files, serve::LaneParts& parts) {
    TRY_ASSIGN(const std::string text, io::read_file(lane.script, kScriptBytesMax));
    TRY_ASSIGN(sched::Script script, sched::Script::parse(text, lane.script, *parts.tokenizer));
    sched::ScriptLaneOptions options;
    if (config.scheduler.streams_max > 0) options.streams_max = static_cast<int>(config.scheduler.streams_max);
    options.context = config.engine.context_tokens > 0 ? config.engine.context_tokens : files.config.max_position_embeddings;
    parts.fingerprint = "fp_script";
    parts.lane = std::make_unique<sched::ScriptLane>(std::move(script), *parts.tokenizer, options);
    return Ok();
}

Result<serve::LaneParts> open_lane(const serve::ServeConfig& config, const serve::Lane& lane, const std::function<void(std::string_view)>& tell) {
    ModelOptions options;
    options.model = lane.model;
    options.context = config.engine.context_tokens;
    TRY_ASSIGN(ModelFiles files, open_model_files(options));
    if (!files.tokenizer) return invalid_argument(files.directory.string() + " has no tokenizer.json, and the API speaks text");

    serve::LaneParts parts;
    parts.name = lane.name;
    parts.model = lane.script.empty() ? lane.model : "script:" + lane.script;
    parts.end_tokens = files.end_tokens;
    const auto stand = std::make_shared<Stand>();
    stand->tokenizer = std::move(files.tokenizer);
    parts.tokenizer = &*stand->tokenizer;
    parts.owner = stand;
    if (lane.script.empty()) TRY(open_engine(config, files.directory, *stand, parts, tell));
    else TRY(open_script(config, lane, files, parts));
    return parts;
}

}  // namespace

Result<std::vector<serve::LaneParts>> open_lanes(const serve::ServeConfig& config, const std::function<void(std::string_view)>& tell) {
    std::vector<serve::LaneParts> all;
    for (const serve::Lane& lane : config.parsed_lanes()) {
        auto parts = open_lane(config, lane, tell);
        if (!parts.ok()) return with_context("lane " + lane.name, std::move(parts).error());
        all.push_back(std::move(*parts));
    }
    return all;
}

sched::ServiceOptions service_options(const serve::ServeConfig& config) {
    sched::ServiceOptions options;
    options.queue_max = static_cast<int>(config.scheduler.queue_max);
    options.patience_seconds = static_cast<double>(config.scheduler.patience_ms) / 1000;
    return options;
}

}  // namespace baleen::cli
