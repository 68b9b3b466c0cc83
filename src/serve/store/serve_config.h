// Everything `baleen serve` can be told, as plain values with their defaults. Which names, sources and bounds they have is in
// settings.h; reading and printing is in config_load.h. Built once before the server starts, then read by any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/net/options.h"
#include "serve/store/model_table.h"
#include "serve/store/money.h"
#include "serve/store/prices.h"
#include "serve/store/rate_limit.h"

namespace baleen::serve {

enum class Compat { lenient, strict };                // what the service's documents refuse and clients send all the same
enum class KeysWanted { automatic, required, off };   // automatic: off on loopback, required elsewhere
enum class LogLevel { error, warning, info, debug };
enum class NumericsChoice { official, weights_only };

// What runs models.
struct Lane {
    std::string name;
    std::string model;   // a directory or "krill"; of a script lane its tokenizer
    std::string script;  // a file of recorded answers; empty: the model computes
    bool operator==(const Lane&) const = default;
};

struct EngineSettings {
    std::int64_t threads = 0;  // 0: one a core this process may use
    NumericsChoice numerics = NumericsChoice::official;
    std::string isa;                   // kernel set; empty: the fastest
    std::int64_t context_tokens = 0;   // 0: the model's
    std::int64_t kv_bytes = 0;         // KV pool; 0: one sequence of full context
    std::int64_t rows_per_step = 512;  // tokens of a step
    bool mapped = false;               // weights stay in the page cache
    bool mtp = false;
};

// Names and meanings of sched::ServiceOptions, EngineLaneOptions, BatchLimits and WarmLimits; times in milliseconds or, where
// steps can be that short, microseconds.
struct SchedulerSettings {
    std::int64_t streams_max = 0;  // at once; 0: what state_bytes holds
    std::int64_t state_bytes = std::int64_t{4} << 30;
    std::int64_t warm_bytes = std::int64_t{256} << 20;
    std::int64_t prefill_share_percent = 100;  // of what running streams take of a step
    std::int64_t prefill_least_us = 100;
    std::int64_t prefill_most_ms = 2000;
    std::int64_t prefill_alone_ms = 250;
    std::int64_t queue_max = 1024;
    std::int64_t patience_ms = 5000;
    std::int64_t wait_max_ms = 600'000;       // a request that has not begun by then is closed (spec api 6)
    std::int64_t keep_alive_ms = 10'000;      // between signs of life while one waits (spec api 6)
};

// What keys have that were added without limits of their own.
struct KeyDefaults {
    std::int64_t concurrency = 0;  // 0: none
    std::string rate;              // "60/m"; empty: none
    KeyLimits limits() const;
};

struct ServeConfig {
    std::string listen = "127.0.0.1:8080";
    std::filesystem::path data_dir;  // load_config fills in ~/.local/share/baleen
    std::string model = "krill";
    std::vector<std::string> lanes;  // parse_lane(); none: one lane "main" on `model`
    Compat compat = Compat::lenient;
    LegacyMode legacy = LegacyMode::refuse;
    KeysWanted keys = KeysWanted::automatic;
    Currency currency = Currency::usd;   // of reports that do not ask for another
    bool default_models = true;          // false: only the models, names and patterns of the file
    bool default_prices = true;          // the same for prices and peak hours
    std::int64_t shutdown_grace_ms = 30'000;  // for answers under way

    net::Limits limits;
    std::filesystem::path tls_certificate, tls_private_key;  // PEM; both or none
    std::vector<std::string> cors_origins;

    EngineSettings engine;
    SchedulerSettings scheduler;
    KeyDefaults key_defaults;
    std::int64_t ledger_import_ms = 1000;  // between journal and SQLite; also what a power cut may cost of the ledger
    LogLevel log_level = LogLevel::info;
    bool access_log = true;

    ModelTable models = ModelTable::published();
    PriceList prices = PriceList::published();

    bool keys_required() const;  // check() has passed
    std::vector<Lane> parsed_lanes() const;  // at least one; check() has passed
    std::vector<std::string> lane_names() const;
};

// "NAME=MODEL", "NAME=script:FILE", or without NAME=, which is then "main".
Result<Lane> parse_lane(std::string_view text, const std::string& model);

// What no setting can see alone. The message begins with the name of the setting it is about.
Result<void> check(const ServeConfig& config);

}  // namespace baleen::serve
