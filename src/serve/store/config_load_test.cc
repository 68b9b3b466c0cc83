// Aim: a setting has the value its strongest source gave it, what is printed reads back the same, and every mistake is answered
// with its place and what to do.
#include "serve/store/config_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "sched/engine_lane.h"
#include "sched/service.h"
#include "serve/store/calendar.h"
#include "serve/store/settings.h"
#include "serve/store/test_support.h"

namespace baleen::serve {
namespace {

class Config : public testing::Test {
  protected:
    Config() { sources_.environment["HOME"] = "/home/someone"; }
    void file(const std::string& text) { sources_.file = folder_.write("baleen.toml", text); }
    ServeConfig loaded() const {
        auto result = load_config(sources_);
        EXPECT_TRUE(result.ok()) << result.error().message;
        return result.ok() ? result->config : ServeConfig();
    }
    // The message, with the folder's path left out.
    std::string fault() const {
        const auto result = load_config(sources_);
        if (result.ok()) return "none";
        std::string message = result.error().message;
        const std::string folder = folder_.path().string() + "/";
        for (std::size_t at; (at = message.find(folder)) != std::string::npos;) message.erase(at, folder.size());
        return message;
    }
    std::string fault_of(const std::string& text) {
        file(text);
        return fault();
    }

    test::TemporaryFolder folder_;
    ConfigSources sources_;
};

TEST_F(Config, DefaultsAreAsDocumented) {
    const ServeConfig config = loaded();
    EXPECT_EQ(config.listen, "127.0.0.1:8080");
    EXPECT_EQ(config.model, "krill");
    EXPECT_EQ(config.data_dir, "/home/someone/.local/share/baleen");
    EXPECT_EQ(config.lane_names(), std::vector<std::string>{"main"});
    EXPECT_EQ(config.parsed_lanes()[0], (Lane{"main", "krill", ""}));
    EXPECT_EQ(config.limits.body_bytes_max, std::size_t{48} << 20);
    EXPECT_FALSE(config.keys_required());
    EXPECT_EQ(config.key_defaults.limits().concurrency, std::nullopt);

    // The scheduler's own defaults, which are repeated here for printing.
    const sched::ServiceOptions service;
    const sched::EngineLaneOptions lane;
    EXPECT_EQ(config.scheduler.queue_max, service.queue_max);
    EXPECT_EQ(config.scheduler.patience_ms, std::llround(service.patience_seconds * 1000));
    EXPECT_EQ(config.scheduler.streams_max, lane.streams_max);
    EXPECT_EQ(config.scheduler.state_bytes, lane.state_bytes_max);
    EXPECT_EQ(config.scheduler.warm_bytes, lane.warm.bytes_max);
    EXPECT_EQ(config.scheduler.prefill_share_percent, std::llround(lane.batch.share * 100));
    EXPECT_EQ(config.scheduler.prefill_least_us, std::llround(lane.batch.share_least * 1e6));
    EXPECT_EQ(config.scheduler.prefill_most_ms, std::llround(lane.batch.share_most * 1000));
    EXPECT_EQ(config.scheduler.prefill_alone_ms, std::llround(lane.batch.alone_seconds * 1000));
    EXPECT_EQ(config.engine.rows_per_step, engine::EngineOptions().rows_per_step);
}

TEST_F(Config, StrongerSourcesWin) {
    file("listen = \"127.0.0.1:1\"\nmodel = \"file\"\ncompat = \"strict\"\n[limits]\nbody_bytes = 4096\nheaders = 20\n");
    sources_.environment["BALEEN_LISTEN"] = "127.0.0.1:2";
    sources_.environment["BALEEN_LIMITS_BODY_BYTES"] = "8KiB";
    sources_.environment["BALEEN_COMPAT"] = "";  // as if unset
    sources_.flags = {{"listen", "127.0.0.1:3"}, {"data_dir", "here"}};
    const auto result = load_config(sources_);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->config.listen, "127.0.0.1:3");
    EXPECT_EQ(result->config.model, "file");
    EXPECT_EQ(result->config.compat, Compat::strict);
    EXPECT_EQ(result->config.limits.body_bytes_max, 8192u);
    EXPECT_EQ(result->config.limits.headers_max, 20u);
    EXPECT_EQ(result->config.data_dir, "here");
    EXPECT_EQ(result->origins.at("listen"), "--listen");
    EXPECT_EQ(result->origins.at("limits.body_bytes"), "BALEEN_LIMITS_BODY_BYTES");
    EXPECT_EQ(result->origins.at("limits.headers"), sources_.file + ":6");
    EXPECT_EQ(result->origins.count("keys"), 0u);
}

TEST_F(Config, FileMayBeNamedByTheEnvironment) {
    file("model = \"file\"\n");
    sources_.environment["BALEEN_CONFIG"] = sources_.file;
    sources_.file.clear();
    EXPECT_EQ(loaded().model, "file");
    sources_.file = folder_.path() / "missing.toml";
    EXPECT_EQ(fault(), "missing.toml: No such file or directory");
}

TEST_F(Config, ValuesInEveryNotation) {
    file("keys = \"required\"\nlanes = [\"flash=krill\", \"pro=script:answers.jsonl\"]\nshutdown_grace_ms = \"2s\"\ndata_dir = \"data\"\n"
         "[limits]\nbody_bytes = \"48 MiB\"\nidle_timeout_ms = \"5min\"\nhead_timeout_ms = 1500\n[log]\naccess = false\nlevel = \"debug\"\n"
         "[key_defaults]\nrate = \"60/m\"\nconcurrency = 4\n[cors]\norigins = \"https://a.example,http://localhost:3000\"\n");
    const ServeConfig config = loaded();
    EXPECT_TRUE(config.keys_required());
    EXPECT_EQ(config.parsed_lanes()[1], (Lane{"pro", "krill", "answers.jsonl"}));
    EXPECT_EQ(config.shutdown_grace_ms, 2000);
    EXPECT_EQ(config.data_dir, folder_.path() / "data") << "relative to the file";
    EXPECT_EQ(config.limits.body_bytes_max, std::size_t{48} << 20);
    EXPECT_EQ(config.limits.idle_timeout, std::chrono::minutes(5));
    EXPECT_EQ(config.limits.head_timeout, std::chrono::milliseconds(1500));
    EXPECT_FALSE(config.access_log);
    EXPECT_EQ(config.log_level, LogLevel::debug);
    EXPECT_EQ(config.key_defaults.limits().rate, (Rate{60, 60'000}));
    EXPECT_EQ(config.cors_origins, (std::vector<std::string>{"https://a.example", "http://localhost:3000"}));
}

TEST_F(Config, ListFlagsAddUp) {
    file("lanes = [\"file=krill\"]\n");
    sources_.flags = {{"lanes", "flash=krill"}, {"lanes", "pro=script:x,extra=/models/extra"}};
    EXPECT_EQ(loaded().lane_names(), (std::vector<std::string>{"flash", "pro", "extra"}));
}

TEST_F(Config, KeysAreRequiredBeyondLoopback) {
    for (const auto& [listen, required] : std::map<std::string, bool>{
             {"127.0.0.1:80", false}, {"localhost:80", false}, {"[::1]:80", false}, {"0.0.0.0:80", true}, {":80", true}, {"192.168.1.2:80", true}}) {
        sources_.flags = {{"listen", listen}};
        EXPECT_EQ(loaded().keys_required(), required) << listen;
        sources_.flags.push_back({"keys", required ? "off" : "required"});
        EXPECT_EQ(loaded().keys_required(), !required) << listen;
    }
}

TEST_F(Config, MistakesAreNamedWithPlaceAndRemedy) {
    EXPECT_EQ(fault_of("listen = \"127.0.0.1:0\"\n[limits]\nbody_byte = 1\n"),
              "baleen.toml:3: there is no setting 'limits.body_byte'; did you mean 'limits.body_bytes'?");
    EXPECT_EQ(fault_of("body_bytes = 1\n"), "baleen.toml:1: there is no setting 'body_bytes'; did you mean 'limits.body_bytes'?");
    EXPECT_EQ(fault_of("lissten = \"x\"\n"), "baleen.toml:1: there is no setting 'lissten'; did you mean 'listen'?");
    EXPECT_EQ(fault_of("[limts]\nbody_bytes = 1\n"), "baleen.toml:1: there is no setting 'limts'; did you mean 'limits'?");
    EXPECT_EQ(fault_of("frobnicate = 1\n"), "baleen.toml:1: there is no setting 'frobnicate'; baleen serve --print-config lists all");
    EXPECT_EQ(fault_of("model = 7\n"), "baleen.toml:1: model: is an integer; it takes a string");
    EXPECT_EQ(fault_of("\n[limits]\nbody_bytes = \"48MB\"\n"),
              "baleen.toml:3: limits.body_bytes: '48MB' is not a number of bytes, like 48MiB");
    EXPECT_EQ(fault_of("[limits]\nbody_bytes = 7\n"),
              "baleen.toml:2: limits.body_bytes: 7 is out of bounds; it lies between 1024 and 1073741824");
    EXPECT_EQ(fault_of("[limits]\nidle_timeout_ms = 0.5\n"),
              "baleen.toml:2: limits.idle_timeout_ms: is a number with a point; it takes a number of milliseconds, or like 10s");
    EXPECT_EQ(fault_of("compat = \"strit\"\n"), "baleen.toml:1: compat: 'strit' is none of lenient, strict; did you mean 'strict'?");
    EXPECT_EQ(fault_of("[log]\naccess = \"maybe\"\n"), "baleen.toml:2: log.access: is a string; it takes true or false");
    EXPECT_EQ(fault_of("lanes = [1]\n"), "baleen.toml:1: lanes: holds an integer; it takes strings");
    EXPECT_TRUE(fault_of("listen = \n").starts_with("baleen.toml:1: ")) << fault();
    EXPECT_EQ(fault_of("a.b.c = 1\n"), "baleen.toml:1: there is no setting 'a'; baleen serve --print-config lists all");
}

TEST_F(Config, MistakesInEnvironmentAndFlags) {
    sources_.environment["BALEEN_LISTN"] = "x";
    EXPECT_EQ(fault(), "BALEEN_LISTN: there is no such setting; did you mean BALEEN_LISTEN?");
    sources_.environment.erase("BALEEN_LISTN");
    sources_.environment["BALEEN_ISA"] = "scalar";  // of the engine, not of the server
    sources_.environment["BALEENA"] = "x";
    EXPECT_EQ(fault(), "none");
    sources_.environment["BALEEN_ENGINE_THREADS"] = "two";
    EXPECT_EQ(fault(), "BALEEN_ENGINE_THREADS: 'two' is not a whole number");
    sources_.environment.erase("BALEEN_ENGINE_THREADS");
    sources_.flags = {{"scheduler.queue_max", "99999999999999999999999"}};
    EXPECT_EQ(fault(), "--scheduler-queue-max: '99999999999999999999999' is not a whole number");
    sources_.flags = {{"limits.body_bytes", "9999999999GiB"}};
    EXPECT_NE(fault().find("out of bounds"), std::string::npos);
    sources_.flags = {{"data_dri", "x"}};
    EXPECT_EQ(fault(), "there is no setting 'data_dri'; did you mean 'data_dir'?");
    sources_.flags.clear();
    sources_.environment.erase("HOME");
    EXPECT_EQ(fault(), "data_dir: there is no HOME to put it in; give --data-dir DIR");
}

TEST_F(Config, SettingsThatContradictEachOther) {
    EXPECT_EQ(fault_of("[tls]\ncertificate = \"c.pem\"\n"), "baleen.toml:2: tls: private_key is missing; TLS needs certificate and private_key");
    EXPECT_TRUE(fault_of("listen = \"127.0.0.1\"\n").starts_with("baleen.toml:1: listen: ")) << fault();
    EXPECT_EQ(fault_of("lanes = [\"a=krill\", \"a=other\"]\n"), "baleen.toml:1: lanes: two are named 'a'; write NAME=MODEL");
    EXPECT_TRUE(fault_of("lanes = [\"A b=krill\"]\n").starts_with("baleen.toml:1: lanes: 'A b=krill' is no lane; write NAME=MODEL")) << fault();
    EXPECT_TRUE(fault_of("[cors]\norigins = [\"https://a.example/\"]\n").starts_with("baleen.toml:2: cors.origins: ")) << fault();
    EXPECT_TRUE(fault_of("[key_defaults]\nrate = \"often\"\n").starts_with("baleen.toml:2: key_defaults.rate: 'often' is no rate")) << fault();
    EXPECT_TRUE(fault_of("[limits]\nbodies_bytes = 1024\n").starts_with("baleen.toml:2: limits.bodies_bytes, 1024, is less")) << fault();
}

TEST_F(Config, ModelsChangeAndAddToTheDefaults) {
    file("[[models]]\nid = \"deepseek-v4-flash\"\naliases = [\"flash\"]\ncontext_tokens = 65536\noutput_tokens_max = 8192\n"
         "[[models]]\nid = \"mine\"\nprompt = \"preview\"\nowned_by = \"me\"\nprices = \"deepseek-v4-pro\"\n"
         "[[legacy_names]]\nname = \"deepseek-coder\"\ntarget = \"mine\"\nthinking = false\nretired = 2027-01-01\n"
         "[[anthropic_names]]\nmatch = \"claude-opus-4*\"\ntarget = \"mine\"\n[[anthropic_names]]\nmatch = \"claude-*\"\ntarget = \"deepseek-v4-pro\"\n");
    const ServeConfig config = loaded();
    EXPECT_EQ(config.models.find("deepseek-v4-flash")->context_tokens, 65536);
    EXPECT_EQ(config.models.find("deepseek-v4-flash")->owned_by, "deepseek") << "what is not written stays";
    EXPECT_EQ(config.models.find("mine")->prompt, text::PromptVersion::preview);
    const std::int64_t now = parse_time("2026-11-25").value();
    const auto served = [&](const char* name, ApiFamily family) { return config.models.resolve(name, family, now, LegacyMode::refuse); };
    EXPECT_EQ(served("flash", ApiFamily::openai)->entry->id, "deepseek-v4-flash");
    EXPECT_FALSE(served("deepseek-flash", ApiFamily::openai).ok()) << "the aliases were replaced";
    EXPECT_EQ(served("deepseek-coder", ApiFamily::openai)->entry->id, "mine");
    EXPECT_EQ(served("claude-opus-4-5", ApiFamily::anthropic)->entry->id, "mine");
    EXPECT_EQ(served("claude-haiku-4", ApiFamily::anthropic)->entry->id, "deepseek-v4-pro") << "before the built-in patterns";
    EXPECT_EQ(served("other", ApiFamily::anthropic)->entry->id, "deepseek-v4-flash");
}

TEST_F(Config, PricesChangeAndAddToTheDefaults) {
    file("[[prices]]\nmodel = \"mine\"\ncurrency = \"USD\"\nfrom = 2026-01-01T00:00:00+08:00\nhit = \"0.1\"\nmiss = 2\noutput = \"3.5\"\n"
         "peak = {hit = \"0.2\", miss = 4, output = 7}\n"
         "[[peak_hours]]\nfrom = 2026-01-01\noffset = \"-03:30\"\nhours = [\"00:00-06:00\", \"22:00-24:00\"]\ndays = [\"sat\", \"sun\"]\nholidays = [2026-12-26]\n");
    const ServeConfig config = loaded();
    const auto at = [&](const char* time) { return config.prices.at("mine", Currency::usd, parse_time(time).value()); };
    EXPECT_EQ(at("2025-12-31T15:59Z"), std::nullopt);
    EXPECT_EQ(at("2026-11-25T02:00Z"), (TokenPrices{100'000, 2'000'000, 3'500'000}));
    EXPECT_EQ(at("2026-11-28T03:30Z"), (TokenPrices{200'000, 4'000'000, 7'000'000})) << "Saturday, midnight there";
    EXPECT_EQ(at("2026-11-28T03:29Z"), (TokenPrices{100'000, 2'000'000, 3'500'000})) << "still Friday there";
    EXPECT_EQ(at("2026-12-26T04:00Z"), (TokenPrices{100'000, 2'000'000, 3'500'000})) << "a holiday";
    EXPECT_TRUE(config.prices.at("deepseek-v4-pro", Currency::cny, parse_time("2026-06-01").value()).has_value());

    file("default_prices = false\ndefault_models = false\n[[models]]\nid = \"only\"\n");
    EXPECT_TRUE(loaded().prices.rows().empty());
    EXPECT_EQ(loaded().models.entries().size(), 1u);
    EXPECT_TRUE(loaded().models.anthropic_rules().empty());
}

TEST_F(Config, MistakesInTables) {
    EXPECT_EQ(fault_of("[[models]]\nid = \"a\"\ncontext = 1\n"), "baleen.toml:3: models have no 'context'; did you mean 'context_tokens'?");
    EXPECT_EQ(fault_of("[[models]]\naliases = []\n"), "baleen.toml:1: models: 'id' is missing");
    EXPECT_EQ(fault_of("[models]\nid = \"a\"\n"), "baleen.toml:1: models is a table; write [[models]] before each entry");
    EXPECT_EQ(fault_of("models = [1]\n"), "baleen.toml:1: models: is an integer; write [[models]]");
    EXPECT_EQ(fault_of("[[models]]\nid = \"a\"\nlisted = 1\n"), "baleen.toml:3: models.listed is an integer; it takes true or false");
    EXPECT_TRUE(fault_of("[[models]]\nid = \"a\"\nprompt = \"0732\"\n").starts_with("baleen.toml:3: models.prompt: ")) << fault();
    EXPECT_EQ(fault_of("[[models]]\nid = \"a\"\nlane = \"mian\"\n"), "baleen.toml:1: model 'a': there is no lane 'mian'; did you mean 'main'?");
    EXPECT_EQ(fault_of("default_models = false\n"), "models: there is none; add a [[models]] entry or leave out default_models");
    const std::string price = "[[prices]]\nmodel = \"a\"\ncurrency = \"USD\"\nfrom = 2026-01-01\n";
    EXPECT_EQ(fault_of(price + "hit = 0.1\nmiss = 1\noutput = 1\n"),
              "baleen.toml:5: prices.hit: write prices in quotes, \"0.1\", so that no digit is rounded");
    EXPECT_EQ(fault_of(price + "hit = \"0.1\"\nmiss = 1\n"), "baleen.toml:1: prices: 'output' is missing");
    EXPECT_EQ(fault_of(price + "hit = \"0.1\"\nmiss = \"0.0000001\"\noutput = 1\n"),
              "baleen.toml:6: prices.miss: '0.0000001' has more than 6 decimals");
    EXPECT_EQ(fault_of(price + "hit = 1\nmiss = 1\noutput = 1\npeak = {hit = 1, miss = 1}\n"), "baleen.toml:8: prices.peak: 'output' is missing");
    EXPECT_TRUE(fault_of("[[prices]]\nmodel = \"a\"\ncurrency = \"EUR\"\nfrom = 2026-01-01\n").starts_with("baleen.toml:3: prices.currency: 'EUR'")) << fault();
    EXPECT_TRUE(fault_of("[[peak_hours]]\nfrom = 2026-01-01\noffset = \"+08:00\"\nhours = [\"9-12\"]\n").starts_with("baleen.toml:4: peak_hours.hours: '9-12'"));
    EXPECT_TRUE(fault_of("[[peak_hours]]\nfrom = 2026-01-01\noffset = \"+08:00\"\nhours = []\ndays = [\"monday\"]\n").starts_with("baleen.toml:5: peak_hours.days"));
}

// What is printed, without its comments.
std::string values_of(const std::string& printed) { return std::regex_replace(printed, std::regex(" *#[^\n]*"), ""); }

TEST_F(Config, WhatIsPrintedReadsBackTheSame) {
    file("listen = \"0.0.0.0:0\"\nlanes = [\"flash=krill\", \"pro=script:a \\\"b\\\".jsonl\"]\n[limits]\nidle_timeout_ms = \"7s\"\n"
         "[[models]]\nid = \"mine\"\naliases = [\"a\", \"b\"]\nlane = \"pro\"\nlisted = false\n"
         "[[anthropic_names]]\nmatch = \"x*\"\ntarget = \"mine\"\n[[anthropic_names]]\nmatch = \"y\"\ntarget = \"mine\"\n"
         "[[legacy_names]]\nname = \"old\"\ntarget = \"mine\"\nretired = 2026-01-01T01:02:03.004Z\n"
         "[[prices]]\nmodel = \"mine\"\ncurrency = \"CNY\"\nfrom = 2026-01-01\nhit = \"0.003625\"\nmiss = 1\noutput = 2\n"
         "[[peak_hours]]\nfrom = 2026-01-01\noffset = \"-03:30\"\nhours = [\"22:00-24:00\"]\ndays = [\"sat\"]\nholidays = [2026-12-26]\n");
    sources_.flags = {{"key_defaults.rate", "5/s"}};
    for (const bool defaults : {true, false}) {
        sources_.flags.push_back({"default_models", defaults ? "true" : "false"});
        sources_.flags.push_back({"default_prices", defaults ? "true" : "false"});
        const auto first = load_config(sources_);
        ASSERT_TRUE(first.ok()) << first.error().message;
        const std::string printed = print_config(*first);
        EXPECT_NE(printed.find("listen = \"0.0.0.0:0\""), std::string::npos);
        EXPECT_TRUE(std::regex_search(printed, std::regex("rate = \"5/s\" +# --key-defaults-rate\n"))) << printed;
        EXPECT_TRUE(std::regex_search(printed, std::regex("idle_timeout_ms = 7000 +# .*baleen.toml:4\n"))) << printed;
        EXPECT_TRUE(std::regex_search(printed, std::regex("model = \"krill\" +# default\n"))) << printed;
        EXPECT_NE(printed.find("[[models]]  # " + sources_.file + ":5\nid = \"mine\"\n"), std::string::npos) << printed;

        ConfigSources again;
        again.file = folder_.write("printed.toml", printed);
        again.environment = sources_.environment;
        const auto second = load_config(again);
        ASSERT_TRUE(second.ok()) << second.error().message;
        EXPECT_EQ(values_of(print_config(*second)), values_of(printed));
    }
}

TEST(Settings, NamesAreConsistent) {
    std::set<std::string> flags, variables;
    std::string section;
    std::set<std::string> seen;
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(flags.insert(setting.flag()).second) << setting.name;
        EXPECT_TRUE(variables.insert(setting.environment()).second) << setting.name;
        EXPECT_FALSE(setting.help.empty()) << setting.name;
        EXPECT_EQ(find_setting(setting.name), &setting);
        // Sections lie together, the root first, or printing would open one twice.
        const std::size_t dot = setting.name.find('.');
        const std::string here = dot == std::string::npos ? "" : setting.name.substr(0, dot);
        EXPECT_TRUE(here == section || (seen.insert(here).second && !here.empty())) << setting.name;
        section = here;
    }
    EXPECT_EQ(find_setting("limits.body_bytes")->flag(), "--limits-body-bytes");
    EXPECT_EQ(find_setting("limits.body_bytes")->environment(), "BALEEN_LIMITS_BODY_BYTES");
    EXPECT_EQ(find_setting("lanes")->flag(), "--lane");
}

// A variable the program reads elsewhere would be refused as a mistyped setting.
TEST(Settings, OtherVariablesOfTheProgramAreKnown) {
    const std::regex read("getenv\\(\"(BALEEN_[A-Z_]+)\"\\)");
    int found = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::filesystem::path(BALEEN_SOURCE_DIR) / "src")) {
        if (entry.path().extension() != ".cc") continue;
        std::ifstream in(entry.path());
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        for (std::sregex_iterator at(text.begin(), text.end(), read), end; at != end; ++at) {
            ++found;
            ConfigSources sources;
            sources.environment = {{"HOME", "/x"}, {(*at)[1].str(), ""}};
            const auto loaded = load_config(sources);
            EXPECT_TRUE(loaded.ok()) << entry.path() << ": " << loaded.error().message << " (add it to kOtherVariables)";
        }
    }
    EXPECT_GE(found, 2);
}

TEST(Settings, ToolsNeedNoSoundConfiguration) {
    ConfigSources sources;
    const auto data_dir = [&sources] { return load_unchecked(sources)->data_dir; };
    sources.environment = {{"XDG_DATA_HOME", "/data"}, {"HOME", "/x"}};
    EXPECT_EQ(data_dir(), "/data/baleen");
    sources.environment["XDG_DATA_HOME"] = "relative";
    EXPECT_EQ(data_dir(), "/x/.local/share/baleen");
    sources.flags = {{"data_dir", "/elsewhere"}, {"tls.certificate", "half"}, {"currency", "CNY"}};
    EXPECT_EQ(data_dir(), "/elsewhere");
    EXPECT_EQ(load_unchecked(sources)->currency, Currency::cny);
    EXPECT_FALSE(load_config(sources).ok());
    sources.flags = {};
    sources.environment = {};
    EXPECT_FALSE(load_unchecked(sources).ok());
}

}  // namespace
}  // namespace baleen::serve
