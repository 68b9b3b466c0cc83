// Aim: inspect tells the published numbers from headers alone and in time, names what is wrong with a checkpoint, and
// its JSON keeps its keys; synth's command line refuses what it should.
#include "cli/inspect.h"

#include <gtest/gtest.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/inspect_report.h"
#include "cli/synth.h"
#include "model/editable_checkpoint.h"

namespace baleen::cli {
namespace {

namespace fs = std::filesystem;

struct Outcome {
    int code = 0;
    std::string out, err;
};

// Runs "baleen <arguments>" with the two commands under test.
Outcome run(std::vector<std::string> arguments) {
    CLI::App app("test", "baleen");
    const Command commands[] = {add_inspect(app), add_synth(app)};
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Outcome outcome;
    outcome.code = 2;
    std::reverse(arguments.begin(), arguments.end());
    try {
        app.parse(arguments);
        for (const Command& command : commands)
            if (command.app->parsed()) outcome.code = command.run();
    } catch (const CLI::ParseError& error) {
        outcome.code = app.exit(error) == 0 ? 0 : 2;
    }
    std::fflush(stdout);
    std::fflush(stderr);
    outcome.out = testing::internal::GetCapturedStdout();
    outcome.err = testing::internal::GetCapturedStderr();
    return outcome;
}

nlohmann::json inspect_json(const fs::path& directory, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"inspect", directory.string(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
}

TEST(Inspect, FullSizeModelsFromHeaders) {
    const model::ScratchDirectory scratch("inspect-full");
    struct Expected {
        const char* preset;
        std::int64_t tensors, bytes, total, active, kv_bytes;
        double kv_bytes_per_token, kv_ratio, flops_ratio;
    };
    for (const Expected& e :
         {Expected{"flash", 69187, 159609485896, 290944616402, 13270101591, 3688172544, 3514.25, 0.0732, 0.1022},
          Expected{"pro", 145116, 864704792696, 1598839674782, 48852402019, 5280404480, 5031.4375, 0.1048, 0.2691}}) {
        const fs::path directory = scratch.path() / e.preset;
        ASSERT_EQ(run({"synth", "--preset", e.preset, "--mtp", "--sparse", "--out", directory.string()}).code, 0);
        const std::clock_t start = std::clock();  // CPU time: others may be busy on this machine
        const nlohmann::json report = inspect_json(directory);
        const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
#if defined(NDEBUG) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_LT(seconds, 3) << e.preset;
#else
        GTEST_LOG_(INFO) << e.preset << " took " << seconds << " s in this build";
#endif
        EXPECT_EQ(report["tensors"], e.tensors);
        EXPECT_EQ(report["bytes"], e.bytes);
        EXPECT_EQ(report["params_total"], e.total);
        EXPECT_EQ(report["params_active"], e.active);
        EXPECT_EQ(report["kv_bytes"], e.kv_bytes);
        EXPECT_EQ(report["kv_bytes_per_token"], e.kv_bytes_per_token);
        EXPECT_NEAR(report["kv_ratio_v32"], e.kv_ratio, 1e-4);
        EXPECT_NEAR(report["flops_ratio_v32"], e.flops_ratio, 1e-4);
        EXPECT_EQ(report["context"], 1048576);
        EXPECT_EQ(report["variant"], "preview");
        EXPECT_EQ(report["canonical"], std::string(e.preset) == "pro" ? "V4-Pro" : "V4-Flash");
        EXPECT_EQ(report["mismatches"].size(), 0u);
        EXPECT_EQ(report["usable"], true);
        std::int64_t sum = 0;
        for (const auto& [kind, count] : report["kinds"].items()) sum += count["bytes"].get<std::int64_t>();
        EXPECT_EQ(sum, e.bytes) << "the kinds add up";
        EXPECT_EQ(run({"inspect", directory.string(), "--context", "131072"}).code, 0);
    }
}

TEST(Inspect, WhatIsWrongIsNamed) {
    const model::ScratchDirectory scratch("inspect-wrong");
    model::EditableCheckpoint editable{model::Form{}};
    editable.erase("layers.2.attn.wkv.scale");
    editable.at("norm.weight").shape = {2, 64};
    editable.tensors.push_back({"layers.9.something", "BF16", {1}, "ab"});
    editable.tensors.push_back({"vision.x", "F4", {4}, "ab"});
    editable.write(scratch.path());
    const nlohmann::json report = inspect_json(scratch.path());
    EXPECT_EQ(report["usable"], false);
    EXPECT_EQ(report["canonical"], "");
    std::string warnings;
    for (const auto& line : report["warnings"]) warnings += line.get<std::string>() + "\n";
    for (const char* word :
         {"layers.2.attn.wkv.scale\" is missing", "norm.weight\": found BF16 [2, 64], expected BF16 [128]",
          "layers.9.something", "tokenizer.json"})
        EXPECT_NE(warnings.find(word), std::string::npos) << word << " in\n" << warnings;
    EXPECT_EQ(warnings.find("norm.weight\" is not one"), std::string::npos) << warnings;
    EXPECT_EQ(report["kinds"]["ignored"]["tensors"], 1);
    EXPECT_EQ(report["kinds"]["unknown"]["tensors"], 1 + 2);  // the misshapen one and the weight without its scale too
}

TEST(Inspect, VariantsAreToldByTensors) {
    const model::ScratchDirectory scratch("inspect-variants");
    const auto variant = [&](const model::Form& form) {
        model::EditableCheckpoint(form).write(scratch.path());
        return inspect_json(scratch.path());
    };
    model::Form base;
    base.draft = model::Draft::mtp;
    base.draft_blocks = 1;
    base.fp8_experts = base.f32_scales = base.draft_copies = true;
    const nlohmann::json of_base = variant(base);
    EXPECT_EQ(of_base["variant"], "Base");
    EXPECT_EQ(of_base["kinds"]["ignored"]["tensors"], 2);
    EXPECT_EQ(of_base["usable"], true);
    model::Form dspark;
    dspark.draft = model::Draft::dspark;
    dspark.draft_blocks = 3;
    dspark.markov_rank = 8;
    const nlohmann::json of_dspark = variant(dspark);
    EXPECT_EQ(of_dspark["draft"], "dspark");
    EXPECT_EQ(of_dspark["draft_blocks"], 3);
    EXPECT_EQ(of_dspark["kinds"]["unknown"]["tensors"], 0);
    EXPECT_EQ(variant({})["variant"], "without draft blocks");
}

TEST(Inspect, Errors) {
    const model::ScratchDirectory scratch("inspect-errors");
    const Outcome nowhere = run({"inspect", (scratch.path() / "nowhere").string()});
    EXPECT_EQ(nowhere.code, 1);
    EXPECT_EQ(nowhere.out, "");
    EXPECT_TRUE(nowhere.err.starts_with("baleen inspect: ")) << nowhere.err;
    EXPECT_EQ(std::count(nowhere.err.begin(), nowhere.err.end(), '\n'), 1) << nowhere.err;
    EXPECT_EQ(run({"inspect"}).code, 2);
    EXPECT_EQ(run({"inspect", "x", "--context", "0"}).code, 2);
    EXPECT_EQ(run({"inspect", "x", "--context", "-5"}).code, 2);
    EXPECT_EQ(run({"inspect", "--help"}).code, 0);
    model::EditableCheckpoint editable{model::Form{}};
    editable.config_text = R"({"model_type": "deepseek_v41"})";
    editable.write(scratch.path());
    const Outcome other = run({"inspect", scratch.path().string()});
    EXPECT_EQ(other.code, 1);
    EXPECT_NE(other.err.find("deepseek_v41"), std::string::npos) << other.err;
}

TEST(SynthCommand, Usage) {
    const model::ScratchDirectory scratch("synth-usage");
    const std::string out = (scratch.path() / "out").string();
    EXPECT_EQ(run({"synth"}).code, 2);
    EXPECT_EQ(run({"synth", "--preset", "huge", "--out", out}).code, 2);
    EXPECT_EQ(run({"synth", "--form", "int4", "--out", out}).code, 2);
    EXPECT_EQ(run({"synth", "--preset", "tiny", "--config", "x", "--out", out}).code, 2);
    EXPECT_EQ(run({"synth", "--seed", "-1", "--out", out}).code, 2);
    const Outcome no_config = run({"synth", "--config", out + ".json", "--out", out});
    EXPECT_EQ(no_config.code, 1);
    EXPECT_NE(no_config.err.find(".json"), std::string::npos) << no_config.err;
    EXPECT_FALSE(fs::exists(out));
    ASSERT_EQ(run({"synth", "--preset", "tiny", "--sparse", "--out", out}).code, 0);
    const Outcome taken = run({"synth", "--preset", "tiny", "--sparse", "--out", out});
    EXPECT_EQ(taken.code, 2);
    EXPECT_NE(taken.err.find("--force"), std::string::npos) << taken.err;
    // The same shape again from the config that was written, replacing it.
    ASSERT_EQ(
        run({"synth", "--config", out + "/config.json", "--form", "fp8", "--mtp", "--sparse", "--force", "--out", out})
            .code,
        0);
    EXPECT_EQ(inspect_json(out)["expert_format"], "fp8");
    EXPECT_EQ(inspect_json(out)["draft"], "mtp");
}

}  // namespace
}  // namespace baleen::cli
