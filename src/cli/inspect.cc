#include "cli/inspect.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/inspect_report.h"
#include "cli/model_path.h"
#include "engine/engine.h"
#include "kernels/kernels.h"

namespace baleen::cli {

namespace {

struct Options {
    std::string model;
    std::int64_t context = 0;
    bool identity = false;
    bool json = false;
};

// What stored state depends on: the weights, and the arithmetic of the kernel set in use.
struct Identity {
    std::string model_id, numerics_signature;
};

Result<Identity> identify(const model::Checkpoint& checkpoint) {
    TRY_ASSIGN(const kernels::Kernels* kernels, kernels::select());
    return Identity{engine::model_id(checkpoint), engine::numerics_signature(engine::Numerics::official, *kernels)};
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen inspect: {}\n", error.message);
    return 1;
}

int run(const Options& options) {
    const auto directory = resolve_model(options.model);
    if (!directory.ok()) return fail(directory.error());
    const auto checkpoint = model::Checkpoint::open(*directory);
    if (!checkpoint.ok()) return fail(checkpoint.error());
    const InspectReport report = inspect(**checkpoint, options.context);
    auto json = to_json(report);
    std::string text = print(report);
    if (options.identity) {
        const auto identity = identify(**checkpoint);
        if (!identity.ok()) return fail(identity.error());
        json["model_id"] = identity->model_id;
        json["numerics_signature"] = identity->numerics_signature;
        text += fmt::format("\nidentity\n  {}  weights\n  {}  arithmetic\n", identity->model_id, identity->numerics_signature);
    }
    if (options.json) fmt::print("{}\n", json.dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
    else fmt::print("{}", text);
    return 0;
}

}  // namespace

Command add_inspect(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("inspect", "Show what a checkpoint is, what it counts, and what it needs");
    app->add_option("model", options->model, "model directory, or krill")->required();
    app->add_option("--context", options->context, "tokens to plan for (default: max_position_embeddings)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30));
    app->add_flag("--identity", options->identity, "also print what stored state depends on; reads a page of every tensor");
    app->add_flag("--json", options->json, "print one JSON object");
    app->footer(
        "Reads headers only, but for --identity. Ratios compare with DeepSeek V3.2 at the same context, FLOPs in FP8-equivalents.\n"
        "  baleen inspect /models/DeepSeek-V4-Flash\n"
        "  baleen inspect krill --context 65536 --json");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
