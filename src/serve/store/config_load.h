// The configuration from its sources: flags over environment over one TOML file over defaults. Unknown names are refused with
// the nearest known one; every message names the file and line, the variable or the flag. Called once at start.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "serve/store/serve_config.h"

namespace baleen::serve {

struct ConfigSources {
    std::string file;  // empty: BALEEN_CONFIG, else none
    std::vector<std::pair<std::string, std::string>> flags;  // setting's name and text; a list's flag may be repeated
    std::map<std::string, std::string> environment;          // all of it: HOME is read as well
};

// The environment of this process.
std::map<std::string, std::string> process_environment();

struct LoadedConfig {
    ServeConfig config;  // checked
    std::string file;    // that was read, if one was
    std::map<std::string, std::string> origins;  // setting -> "baleen.toml:12", "BALEEN_LISTEN", "--listen"; absent: default
};
Result<LoadedConfig> load_config(const ConfigSources& sources);

// For commands that use the data directory and little else, from the same sources: there is one, and settings are not checked
// against each other, so that a fault in what they do not use does not stop them.
Result<ServeConfig> load_unchecked(const ConfigSources& sources);

// All of it as one TOML file that means the same, with a comment on each line that says where it came from.
std::string print_config(const LoadedConfig& loaded);

}  // namespace baleen::serve
