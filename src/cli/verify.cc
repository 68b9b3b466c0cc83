#include "cli/verify.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/model_path.h"
#include "eval/verify.h"

namespace baleen::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    std::string model;
    std::string golden;
    std::string numerics;
    int threads = 0;
    bool json = false;
};

// JSON has no infinities: a measure beyond all numbers is null.
Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json to_json(const eval::Measures& m) {
    return {{"max", number(m.max)}, {"rms", number(m.rms)}, {"share", number(m.share)}};
}
std::string tier(eval::Tier t) {
    return std::string(1, eval::letter(t));
}

// The layer of a check or divergence; logits come after all layers and have none.
Json layer_of(const std::string& tensor, int layer) {
    return tensor.rfind("layers.", 0) == 0 ? Json(layer) : Json(nullptr);
}

Json to_json(const eval::VerifyCheck& check) {
    Json out = {
        {"tensor", check.tensor},    {"mode", eval::name(check.mode)}, {"layer", layer_of(check.tensor, check.layer)},
        {"ok", check.comparison.ok}, {"compared", check.compared},     {"left_out", check.left_out}};
    if (check.set) return out;
    out["measures"] = to_json(check.comparison.measures);
    out["tolerance"] = to_json(check.comparison.tolerance);
    out["share_of_tolerance"] = number(check.comparison.worst);
    return out;
}

Json to_json(const eval::Divergence& d) {
    Json out = {
        {"file", d.file}, {"tier", tier(d.tier)}, {"mode", eval::name(d.mode)}, {"layer", layer_of(d.tensor, d.layer)},
        {"step", d.step}, {"tensor", d.tensor},   {d.unit, d.position}};
    if (d.element >= 0) out["element"] = d.element;
    if (d.detail.empty() || d.element >= 0 || d.unit == "step") {
        out["here"] = number(d.here);
        out["golden"] = number(d.golden);
    }
    if (!d.detail.empty()) out["detail"] = d.detail;
    if (d.comparison) {
        out["measures"] = to_json(d.comparison->measures);
        out["tolerance"] = to_json(d.comparison->tolerance);
    }
    return out;
}

Json to_json(const eval::VerifyFile& file) {
    Json checks = Json::array(), divergences = Json::array();
    for (const auto& check : file.checks) checks.push_back(to_json(check));
    for (const auto& divergence : file.divergences) divergences.push_back(to_json(divergence));
    Json out = {{"file", file.file},
                {"tier", tier(file.tier)},
                {"kind", file.trace ? "trace" : "case"},
                {"ok", file.ok()},
                {"seconds", file.seconds},
                {"checks", std::move(checks)},
                {"divergences", std::move(divergences)},
                {"not_compared", file.notes}};
    if (!file.error.empty()) out["error"] = file.error;
    return out;
}

Json to_json(const std::vector<eval::VerifyReport>& reports) {
    Json sets = Json::array();
    bool ok = true;
    for (const auto& report : reports) {
        Json files = Json::array();
        for (const auto& file : report.files) files.push_back(to_json(file));
        const eval::Divergence* first = report.first();
        sets.push_back({{"model", report.model},
                        {"golden", report.golden},
                        {"ok", report.ok()},
                        {"first_divergence", first != nullptr ? to_json(*first) : Json(nullptr)},
                        {"signatures", report.signatures},
                        {"files", std::move(files)}});
        ok = ok && report.ok();
    }
    return {{"ok", ok}, {"sets", std::move(sets)}};
}

// What does not exist was named wrongly (2); what is damaged or does not fit is a failure (1).
int fail(const Error& error) {
    fmt::print(stderr, "baleen verify: {}\n", error.message);
    return error.code == ErrorCode::not_found ? 2 : 1;
}

int run(const Options& options) {
    auto found = eval::find_golden(options.golden);
    if (!found.ok()) return fail(with_context("--golden", found.error()));
    std::vector<eval::GoldenSet> sets = std::move(found).value();
    std::filesystem::path model;
    if (!options.model.empty()) {
        const auto directory = resolve_model(options.model);
        if (!directory.ok()) return fail(directory.error());
        model = *directory;
        auto mine = eval::sets_for(model, std::move(sets));
        if (!mine.ok()) return fail(mine.error());
        sets = std::move(mine).value();
    }

    eval::VerifyOptions verify;
    if (!options.numerics.empty())
        verify.numerics = options.numerics == "official" ? engine::Numerics::official : engine::Numerics::weights_only;
    verify.threads = options.threads;
    if (!options.json) {
        verify.finished = [](const eval::VerifyFile& file) {
            fmt::print("{}", eval::print(file));
            std::fflush(stdout);
        };
    }
    std::vector<eval::VerifyReport> reports;
    bool ok = true;
    for (const eval::GoldenSet& set : sets) {
        if (!options.json && sets.size() > 1) fmt::print("{}\n", set.folder.string());
        auto report = eval::verify(model.empty() ? set.checkpoint : model, set, verify);
        if (!report.ok()) return fail(report.error());
        ok = ok && report->ok();
        reports.push_back(std::move(report).value());
    }
    if (options.json)
        fmt::print("{}\n", to_json(reports).dump(-1, ' ', false, Json::error_handler_t::replace));
    else
        fmt::print("{}", eval::print_summary(reports));
    return ok ? 0 : 1;
}

}  // namespace

Command add_verify(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("verify", "Compare the engine with golden files, value by value");
    app->add_option("--golden", options->golden,
                    "a model's golden folder (with index.json), a folder of those, or one file of one")
        ->required();
    app->add_option("--model", options->model,
                    "model directory, or krill (default: the checkpoint the golden files name)");
    app->add_option("--numerics", options->numerics, "only the files of this tier: official (A) or weights-only (C)")
        ->check(CLI::IsMember({"official", "weights-only"}));
    app->add_option("--threads", options->threads, "threads (default: one a core this process may use)")
        ->check(CLI::Range(1, 1024));
    app->add_flag("--json", options->json, "print one JSON object");
    app->footer(
        "Exit code 0: all within tolerance; 1: something differs, or a file is damaged; 2: wrong usage.\n"
        "The first divergence names layer, step, tensor and position in the order of computing.\n"
        "  baleen verify --golden tests/golden/tiny\n"
        "  baleen verify --model /models/mine --golden golden/mine/cases/p00.A.safetensors --json");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
