#include "cli/inspect.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/inspect_report.h"
#include "cli/model_path.h"

namespace baleen::cli {

namespace {

struct Options {
    std::string model;
    std::int64_t context = 0;
    bool json = false;
};

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
    if (options.json) {
        fmt::print("{}\n", to_json(report).dump(2, ' ', true, nlohmann::json::error_handler_t::replace));
    } else {
        fmt::print("{}", print(report));
    }
    return 0;
}

}  // namespace

Command add_inspect(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("inspect", "Show what a checkpoint is, what it counts, and what it needs");
    app->add_option("model", options->model, "model directory, or krill")->required();
    app->add_option("--context", options->context, "tokens to plan for (default: max_position_embeddings)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30));
    app->add_flag("--json", options->json, "print one JSON object");
    app->footer(
        "Reads headers only. Ratios compare with DeepSeek V3.2 at the same context, FLOPs in FP8-equivalents.\n"
        "  baleen inspect /models/DeepSeek-V4-Flash\n"
        "  baleen inspect krill --context 65536 --json");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
