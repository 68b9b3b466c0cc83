// The names a configuration may use for the single values of ServeConfig: one table for TOML, environment, flags, help and
// printing. `limits.body_bytes` is body_bytes in [limits] of the file, BALEEN_LIMITS_BODY_BYTES in the environment and
// --limits-body-bytes on the command line. Built on first use, then read by any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/store/serve_config.h"
#include "serve/store/toml.h"

namespace baleen::serve {

enum class SettingKind { text, path, list, boolean, integer, bytes, milliseconds, choice };

struct Setting {
    std::string name;
    SettingKind kind = SettingKind::text;
    std::string help;
    std::int64_t least = 0, most = std::numeric_limits<std::int64_t>::max();  // of a number
    std::vector<std::string_view> words;                                      // of a choice
    std::string flag_name;                                                    // if not made of the name

    // Numbers, booleans and choices (as the word's place in `words`) go through the first pair, the others through theirs.
    std::function<std::int64_t(const ServeConfig&)> number;
    std::function<void(ServeConfig&, std::int64_t)> set_number;
    std::function<std::string(const ServeConfig&)> text;
    std::function<void(ServeConfig&, const std::string&)> set_text;
    std::function<std::vector<std::string>&(ServeConfig&)> list;

    std::string flag() const;         // --limits-body-bytes
    std::string environment() const;  // BALEEN_LIMITS_BODY_BYTES
};

const std::vector<Setting>& settings();
const Setting* find_setting(std::string_view name);
std::vector<std::string_view> setting_names();

// Takes a value as text (environment, flags): numbers with units (48MiB, 10s), lists with commas. A list replaces what was there.
Result<void> set_from_text(const Setting& setting, std::string_view text, ServeConfig& config);
// Takes a value of a file. Relative paths are taken from `directory`, the file's.
Result<void> set_from_toml(const Setting& setting, const TomlValue& value, const std::filesystem::path& directory, ServeConfig& config);
// The value as TOML.
std::string value_as_toml(const Setting& setting, const ServeConfig& config);

}  // namespace baleen::serve
