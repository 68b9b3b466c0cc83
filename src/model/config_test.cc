// Aim: every field of config.json is checked, and an error names the file and the field. Published and golden configs
// load.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/config.h"
#include "model/synth.h"

namespace baleen::model {
namespace {

using nlohmann::json;

json flash_json() {
    Form form;
    form.draft = Draft::mtp;
    form.draft_blocks = 1;
    return json::parse(config_json(published_flash(), form));
}

Result<Config> load(const json& value) {
    return parse_config(value.dump(), "config.json");
}

// Expects an error that names `field`.
void expect_refused(const json& value, const std::string& field) {
    const auto parsed = load(value);
    ASSERT_FALSE(parsed.ok()) << field << " was taken as " << value.value(field, json());
    EXPECT_TRUE(parsed.error().message.starts_with("config.json: " + field)) << parsed.error().message;
    EXPECT_EQ(parsed.error().message.find('\n'), std::string::npos);
}

TEST(Config, PublishedFlashComesBack) {
    const auto parsed = load(flash_json());
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_TRUE(compare_with_published(*parsed).mismatches.empty());
    EXPECT_EQ(parsed->compress_ratios.size(), 44u);
    EXPECT_EQ(parsed->compress_ratio(1), 0);
    EXPECT_EQ(parsed->compress_ratio(2), 4);
    EXPECT_EQ(parsed->compress_ratio(3), 128);
    EXPECT_EQ(parsed->compress_ratio(42), 4);
    EXPECT_EQ(parsed->compress_ratio(43), 0);
    EXPECT_TRUE(parsed->hash_routed(2));
    EXPECT_FALSE(parsed->hash_routed(3));
}

TEST(Config, EveryFieldSpoiled) {
    const std::vector<std::string> integers{
        "vocab_size",      "hidden_size",      "num_hidden_layers",   "num_attention_heads",
        "head_dim",        "qk_rope_head_dim", "q_lora_rank",         "o_lora_rank",
        "o_groups",        "sliding_window",   "index_n_heads",       "index_head_dim",
        "index_topk",      "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size",
        "num_hash_layers", "hc_mult",          "hc_sinkhorn_iters",   "max_position_embeddings"};
    const std::vector<std::string> reals{"routed_scaling_factor", "swiglu_limit", "hc_eps",
                                         "rms_norm_eps",          "rope_theta",   "compress_rope_theta"};
    const auto spoil = [](const std::string& field, const json& value) {
        json config = flash_json();
        config[field] = value;
        expect_refused(config, field);
    };
    for (const std::string& field : integers) {
        json config = flash_json();
        ASSERT_TRUE(config.contains(field)) << field;
        config.erase(field);
        expect_refused(config, field);
        for (const json& bad :
             std::vector<json>{nullptr, "64", true, 64.5, 64.0, -1, json::array(), json::object(), 1ull << 40,
                               18446744073709551615ull, std::numeric_limits<std::int64_t>::min()})
            spoil(field, bad);
        if (field != "num_hash_layers") spoil(field, 0);
    }
    for (const std::string& field : reals) {
        json config = flash_json();
        config.erase(field);
        expect_refused(config, field);
        for (const json& bad : std::vector<json>{nullptr, "1", true, -1, -1e-9, 1e300, json::array()})
            spoil(field, bad);
    }
    for (const std::string field : {"num_nextn_predict_layers", "bos_token_id", "eos_token_id"})
        for (const json& bad : std::vector<json>{"1", true, 1.5, -1, 1ull << 40}) spoil(field, bad);
}

TEST(Config, FixedFields) {
    const std::pair<const char*, json> wrong[] = {{"num_key_value_heads", 8},    {"n_shared_experts", 2},
                                                  {"scoring_func", "sigmoid"},   {"topk_method", "greedy"},
                                                  {"norm_topk_prob", false},     {"hidden_act", "gelu"},
                                                  {"tie_word_embeddings", true}, {"attention_bias", true},
                                                  {"norm_topk_prob", 1},         {"num_key_value_heads", true}};
    for (const auto& [field, value] : wrong) {
        json config = flash_json();
        config[field] = value;
        expect_refused(config, field);
        EXPECT_EQ(load(config).error().code, ErrorCode::unsupported);
        config.erase(field);
        EXPECT_TRUE(load(config).ok()) << field << " may be absent";
    }
    const std::pair<const char*, json> quantisation[] = {
        {"quant_method", "awq"},         {"fmt", "e5m2"},
        {"scale_fmt", "float"},          {"activation_scheme", "static"},
        {"weight_block_size", {32, 32}}, {"weight_block_size", 128}};
    for (const auto& [field, value] : quantisation) {
        json config = flash_json();
        config["quantization_config"][field] = value;
        expect_refused(config, std::string("quantization_config.") + field);
    }
    json config = flash_json();
    config["quantization_config"] = 7;
    expect_refused(config, "quantization_config");
    config.erase("quantization_config");
    EXPECT_TRUE(load(config).ok());
    config["expert_dtype"] = "int4";
    expect_refused(config, "expert_dtype");
    config.erase("expert_dtype");
    ASSERT_TRUE(load(config).ok());
    EXPECT_EQ(load(config)->expert_dtype, "");
}

TEST(Config, CompressRatios) {
    const auto with = [](const json& ratios) {
        json config = flash_json();
        config["compress_ratios"] = ratios;
        return config;
    };
    const json good = flash_json()["compress_ratios"];
    for (const json& bad :
         std::vector<json>{nullptr, 4, "4", json::array(), std::vector<int>(42, 4), std::vector<int>(60, 0)})
        expect_refused(with(bad), "compress_ratios");
    for (const json& bad : std::vector<json>{2, -4, 127, "4", 4.0, true, nullptr}) {
        json ratios = good;
        ratios[7] = bad;
        expect_refused(with(ratios), "compress_ratios[7]");
    }
    json draft = good;
    draft[43] = 4;
    expect_refused(with(draft), "compress_ratios[43]");
    // DSpark lists three draft blocks while num_nextn_predict_layers may still read 1 (spec 9.2).
    json dspark = good;
    dspark.push_back(0);
    dspark.push_back(0);
    ASSERT_TRUE(load(with(dspark)).ok());
    EXPECT_EQ(load(with(dspark))->compress_ratios.size(), 46u);
    // A list of the backbone alone is filled up for the draft block.
    json backbone = good;
    backbone.erase(43);
    ASSERT_TRUE(load(with(backbone)).ok());
    EXPECT_EQ(load(with(backbone))->compress_ratio(43), 0);
}

TEST(Config, RopeScaling) {
    json config = flash_json();
    config["rope_scaling"].erase("type");
    expect_refused(config, "rope_scaling.type");
    config["rope_scaling"]["rope_type"] = "yarn";
    EXPECT_TRUE(load(config).ok());
    config["rope_scaling"]["rope_type"] = "linear";
    expect_refused(config, "rope_scaling.rope_type");
    for (const char* field : {"factor", "beta_fast", "beta_slow", "original_max_position_embeddings"}) {
        for (const json& bad : std::vector<json>{nullptr, "1", -1, 0, true, 1e300, json::array()}) {
            config = flash_json();
            config["rope_scaling"][field] = bad;
            expect_refused(config, std::string("rope_scaling.") + field);
        }
    }
    config = flash_json();
    config["rope_scaling"]["beta_fast"] = 0.5;
    expect_refused(config, "rope_scaling.beta_fast");
    for (const json& bad : std::vector<json>{nullptr, 16, "yarn", json::array()}) {
        config["rope_scaling"] = bad;
        expect_refused(config, "rope_scaling");
    }
}

TEST(Config, RelationsBetweenFields) {
    const auto expect = [](const std::vector<std::pair<const char*, int>>& changes, const char* field) {
        json config = flash_json();
        for (const auto& [name, value] : changes) config[name] = value;
        expect_refused(config, field);
    };
    expect({{"hidden_size", 4097}}, "hidden_size");
    expect({{"q_lora_rank", 1000}}, "q_lora_rank");
    expect({{"moe_intermediate_size", 2049}}, "moe_intermediate_size");
    expect({{"head_dim", 500}}, "head_dim");
    expect({{"head_dim", 96}}, "head_dim");
    expect({{"qk_rope_head_dim", 63}}, "qk_rope_head_dim");
    expect({{"qk_rope_head_dim", 128}, {"index_head_dim", 64}}, "qk_rope_head_dim");
    expect({{"index_head_dim", 96}}, "index_head_dim");
    expect({{"o_groups", 7}}, "o_groups");
    expect({{"o_groups", 64}, {"head_dim", 320}, {"num_attention_heads", 64}}, "o_groups");
    expect({{"o_lora_rank", 1000}}, "o_lora_rank");
    expect({{"num_experts_per_tok", 64}, {"n_routed_experts", 63}}, "num_experts_per_tok");
    expect({{"num_hash_layers", 44}}, "num_hash_layers");
    expect({{"eos_token_id", 129280}}, "eos_token_id");
    expect({{"bos_token_id", 129280}}, "bos_token_id");
    json config = flash_json();  // products of sizes stay in bounds too
    config["num_hidden_layers"] = 512;
    config["compress_ratios"] = std::vector<int>(512, 0);
    config["n_routed_experts"] = 4096;
    expect_refused(config, "n_routed_experts");
}

TEST(Config, WhatVariantsNeed) {
    json config = flash_json();
    config["rms_norm_eps"] = 1e-20;  // Vision-Exp
    config["vision_config"] = {{"depth", 32}};
    config["dspark_target_layer_ids"] = {40, 41, 42};
    config["transformers_version"] = nullptr;
    const auto parsed = load(config);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->rms_norm_eps, 1e-20);
    config["rms_norm_eps"] = 0;
    EXPECT_TRUE(load(config).ok());
    // Dimensions of the kind small and held-out models have.
    const std::pair<const char*, json> odd[] = {
        {"head_dim", 192},          {"n_routed_experts", 9}, {"o_groups", 3},      {"sliding_window", 64},
        {"num_attention_heads", 6}, {"hidden_size", 384},    {"o_lora_rank", 128}, {"num_experts_per_tok", 3},
        {"index_head_dim", 64},     {"index_n_heads", 6}};
    for (const auto& [field, value] : odd) config[field] = value;
    EXPECT_TRUE(load(config).ok()) << load(config).error().message;
}

TEST(Config, OtherArchitecturesAreNamed) {
    for (const char* type : {"deepseek_v41", "deepseek_v3", "llama"}) {
        const auto parsed = load({{"model_type", type}, {"text_config", {{"hidden_size", 5120}}}});
        ASSERT_FALSE(parsed.ok());
        EXPECT_EQ(parsed.error().code, ErrorCode::unsupported);
        EXPECT_NE(parsed.error().message.find(type), std::string::npos) << parsed.error().message;
    }
    EXPECT_NE(load({{"hidden_size", 1}}).error().message.find("model_type"), std::string::npos);
    EXPECT_FALSE(load({{"model_type", 4}}).ok());
}

TEST(Config, BadJson) {
    for (const char* text : {"", "[]", "7", "{", "{\"model_type\": \"deepseek_v4\", \"hidden_size\": NaN}",
                             "{\"model_type\":1,\"model_type\":2}"}) {
        const auto parsed = parse_config(text, "config.json");
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_TRUE(parsed.error().message.starts_with("config.json: ")) << parsed.error().message;
    }
}

}  // namespace
}  // namespace baleen::model
