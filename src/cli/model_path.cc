#include "cli/model_path.h"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>
#include <vector>

#include "base/json.h"

namespace baleen::cli {

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> places_of_krill() {
    std::vector<fs::path> places;
    if (const char* models = std::getenv("BALEEN_MODELS"); models != nullptr && *models != '\0') places.push_back(fs::path(models) / "krill");
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error);
    if (error) return places;
    const fs::path folder = program.parent_path();
    places.push_back(folder / "../../models/krill");        // build/<preset>/baleen
    places.push_back(folder / "../models/krill");           // bin/baleen beside models/
    places.push_back(folder / "../share/baleen/models/krill");
    return places;
}

}  // namespace

Result<fs::path> resolve_model(std::string_view name) {
    if (name.empty()) return invalid_argument("no model is named");
    std::error_code error;
    if (name == "krill" && !fs::is_directory(fs::path(name), error)) {
        std::string tried;
        for (const fs::path& place : places_of_krill()) {
            if (fs::is_regular_file(place / "config.json", error)) return place.lexically_normal();
            tried += (tried.empty() ? "" : ", ") + place.lexically_normal().string();
        }
        return not_found(fmt::format("the model krill is not in {}; set BALEEN_MODELS to the folder that holds it", tried));
    }
    const fs::path path(name);
    if (!fs::exists(path, error)) return not_found(fmt::format("model {}: no such directory", printable(name)));
    if (!fs::is_directory(path, error)) return invalid_argument(fmt::format("model {}: not a directory", printable(name)));
    return path;
}

}  // namespace baleen::cli
