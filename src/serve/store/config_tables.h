// The tables of a configuration file: [[models]], [[legacy_names]], [[anthropic_names]], [[prices]] and [[peak_hours]], read
// into the model table and the price list of a ServeConfig, and written back. Any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "serve/store/serve_config.h"
#include "serve/store/toml.h"

namespace baleen::serve {

std::span<const std::string_view> table_names();

// Adds what `root` holds under those names to the config's tables, or puts it in their place if default_models or
// default_prices is false. Errors begin with "FILE:LINE: ".
Result<void> read_tables(const TomlValue& root, std::string_view file, ServeConfig& config);

// Everything the config's tables hold, as TOML that reads back the same; a comment says where each entry was written.
std::string tables_as_toml(const ServeConfig& config);

}  // namespace baleen::serve
