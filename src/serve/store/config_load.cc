#include "serve/store/config_load.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/json.h"
#include "io/read_file.h"
#include "serve/store/config_tables.h"
#include "serve/store/names.h"
#include "serve/store/settings.h"
#include "serve/store/toml.h"

namespace baleen::serve {

namespace {

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;
constexpr std::string_view kPrefix = "BALEEN_";
constexpr std::string_view kConfigVariable = "BALEEN_CONFIG";
// Variables of the program that are no settings of the server; config_load_test.cc looks for others in the sources.
constexpr std::string_view kOtherVariables[] = {kConfigVariable, "BALEEN_ISA", "BALEEN_MODELS"};

std::string variable(const ConfigSources& sources, std::string_view name) {
    const auto at = sources.environment.find(std::string(name));
    return at == sources.environment.end() ? "" : at->second;
}

// $XDG_DATA_HOME/baleen, else ~/.local/share/baleen; empty if there is no home.
std::filesystem::path default_data_dir(const ConfigSources& sources) {
    const std::filesystem::path data = variable(sources, "XDG_DATA_HOME"), home = variable(sources, "HOME");
    if (data.is_absolute()) return data / "baleen";
    if (home.is_absolute()) return home / ".local" / "share" / "baleen";
    return {};
}

Error unknown_setting(std::string_view file, int line, const std::string& name) {
    std::vector<std::string_view> known = setting_names();
    known.insert(known.end(), table_names().begin(), table_names().end());
    for (const Setting& setting : settings())  // sections
        if (const std::size_t dot = setting.name.find('.'); dot != std::string::npos)
            known.push_back(std::string_view(setting.name).substr(0, dot));
    const auto nearest = nearest_name(name, known);
    return invalid_argument(fmt::format("{}:{}: there is no setting '{}'{}", file, line, printable(name, 80),
                                        nearest.has_value() ? fmt::format("; did you mean '{}'?", *nearest)
                                                            : "; baleen serve --print-config lists all"));
}

bool is_section(std::string_view name) {
    return std::any_of(settings().begin(), settings().end(), [&](const Setting& setting) {
        return setting.name.size() > name.size() && setting.name.starts_with(name) && setting.name[name.size()] == '.';
    });
}

class Loader {
  public:
    explicit Loader(const ConfigSources& sources) : sources_(sources) {}

    Result<void> read_all() {
        loaded_.config.data_dir = default_data_dir(sources_);
        TRY(read_file());
        TRY(read_environment());
        TRY(read_flags());
        // Tables last: whether they add to the defaults is a setting, which may come from any source.
        return read_tables(root_, loaded_.file, loaded_.config);
    }
    Result<LoadedConfig> checked() {
        TRY(need_data_dir());
        const Result<void> good = check(loaded_.config);
        if (!good.ok()) return located(good.error());
        return std::move(loaded_);
    }
    Result<ServeConfig> unchecked() {
        TRY(need_data_dir());
        return std::move(loaded_.config);
    }

  private:
    Result<void> need_data_dir() const {
        if (loaded_.config.data_dir.empty())
            return invalid_argument("data_dir: there is no HOME to put it in; give --data-dir DIR");
        return Ok{};
    }
    Result<void> read_file() {
        loaded_.file = sources_.file.empty() ? variable(sources_, kConfigVariable) : sources_.file;
        if (loaded_.file.empty()) return Ok{};
        TRY_ASSIGN(const std::string text, io::read_file(loaded_.file, kFileBytesMax));
        TRY_ASSIGN(root_, parse_toml(text, loaded_.file));
        return read_section(root_, "");
    }
    // Members that are settings; of the root also sections, one level deep.
    Result<void> read_section(const TomlValue& section, const std::string& prefix) {
        for (const auto& [key, value] : section.members) {
            const std::string name = prefix + key;
            const auto tables = table_names();
            if (prefix.empty() && std::find(tables.begin(), tables.end(), key) != tables.end()) continue;
            if (prefix.empty() && value.kind == TomlValue::Kind::table && is_section(key)) {
                TRY(read_section(value, key + "."));
                continue;
            }
            const Setting* setting = find_setting(name);
            if (setting == nullptr) return unknown_setting(loaded_.file, value.line, name);
            const auto directory = std::filesystem::path(loaded_.file).parent_path();
            const std::string place = fmt::format("{}:{}", loaded_.file, value.line);
            TRY(took(set_from_toml(*setting, value, directory, loaded_.config), *setting, place));
        }
        return Ok{};
    }
    Result<void> read_environment() {
        std::vector<std::string> names;
        for (const Setting& setting : settings()) names.push_back(setting.environment());
        std::vector<std::string_view> known(names.begin(), names.end());
        known.insert(known.end(), std::begin(kOtherVariables), std::end(kOtherVariables));
        for (const auto& [name, value] : sources_.environment) {
            if (!name.starts_with(kPrefix)) continue;
            const auto at = std::find(known.begin(), known.end(), name);
            if (at == known.end()) {
                const auto nearest = nearest_name(name, known);
                return invalid_argument(fmt::format("{}: there is no such setting{}", printable(name, 80),
                                                    nearest.has_value() ? fmt::format("; did you mean {}?", *nearest) : "; unset it"));
            }
            const auto index = static_cast<std::size_t>(at - known.begin());
            if (index >= settings().size() || value.empty()) continue;
            TRY(took(set_from_text(settings()[index], value, loaded_.config), settings()[index], name));
        }
        return Ok{};
    }
    Result<void> read_flags() {
        std::set<std::string> lists;  // whose first flag has replaced what the other sources said
        for (const auto& [name, text] : sources_.flags) {
            const Setting* setting = find_setting(name);
            if (setting == nullptr)
                return invalid_argument(fmt::format("there is no setting '{}'{}", printable(name, 80), name_advice(name, setting_names())));
            std::vector<std::string> before;
            if (setting->kind == SettingKind::list && !lists.insert(name).second) before = setting->list(loaded_.config);
            TRY(took(set_from_text(*setting, text, loaded_.config), *setting, setting->flag()));
            if (setting->kind == SettingKind::list)
                setting->list(loaded_.config).insert(setting->list(loaded_.config).begin(), before.begin(), before.end());
        }
        return Ok{};
    }
    // Notes where a setting came from, or says what was wrong with it there. A flag or variable is the setting's name already.
    Result<void> took(Result<void> result, const Setting& setting, const std::string& place) {
        const bool from_file = place.find(':') != std::string::npos;
        if (!result.ok()) return with_context(from_file ? place + ": " + setting.name : place, result.error());
        loaded_.origins[setting.name] = place;
        return Ok{};
    }
    // Puts the place in front of a message that begins with a setting's name, or with its section's.
    Error located(Error error) const {
        const std::string about = error.message.substr(0, error.message.find_first_of(":,"));
        for (const auto& [name, place] : loaded_.origins)
            if (name == about || name.starts_with(about + ".")) return with_context(place, std::move(error));
        return error;
    }

    const ConfigSources& sources_;
    LoadedConfig loaded_;
    TomlValue root_;
};

}  // namespace

std::map<std::string, std::string> process_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return variables;
}

Result<LoadedConfig> load_config(const ConfigSources& sources) {
    Loader loader(sources);
    TRY(loader.read_all());
    return loader.checked();
}

Result<ServeConfig> load_unchecked(const ConfigSources& sources) {
    Loader loader(sources);
    TRY(loader.read_all());
    return loader.unchecked();
}

std::string print_config(const LoadedConfig& loaded) {
    constexpr std::size_t kCommentColumn = 48;
    std::string out, section;
    for (const Setting& setting : settings()) {
        const std::size_t dot = setting.name.find('.');
        const std::string here = dot == std::string::npos ? "" : setting.name.substr(0, dot);
        if (here != section) out += fmt::format("\n[{}]\n", here);
        section = here;
        const auto origin = loaded.origins.find(setting.name);
        const std::string line = fmt::format("{} = {}", here.empty() ? setting.name : setting.name.substr(dot + 1),
                                             value_as_toml(setting, loaded.config));
        out += fmt::format("{:<{}}  # {}\n", line, kCommentColumn, origin == loaded.origins.end() ? "default" : printable(origin->second, 200));
    }
    return out + tables_as_toml(loaded.config);
}

}  // namespace baleen::serve
