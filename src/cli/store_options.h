// Options of commands that use the server's data directory, and how their errors are told.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/result.h"
#include "serve/store/config_load.h"

namespace baleen::cli {

struct StoreOptions {
    std::string data_dir, config;
};

inline void add_store_options(CLI::App& app, StoreOptions& options) {
    app.add_option("--data-dir", options.data_dir, "folder of keys and ledger (BALEEN_DATA_DIR, ~/.local/share/baleen)");
    app.add_option("--config", options.config, "the server's TOML file, for its data_dir (BALEEN_CONFIG)");
}

// The settings a server with these options would have.
inline Result<serve::ServeConfig> load_store_config(const StoreOptions& options) {
    serve::ConfigSources sources;
    sources.file = options.config;
    sources.environment = serve::process_environment();
    if (!options.data_dir.empty()) sources.flags.emplace_back("data_dir", options.data_dir);
    return serve::load_unchecked(sources);
}

// Says what was wrong on one line; the exit code.
inline int store_failure(const char* command, const Error& error) {
    fmt::print(stderr, "baleen {}: {}\n", command, error.message);
    return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

}  // namespace baleen::cli
