// Where a model lies: what a user names becomes a directory. Reads the file system; any thread.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace baleen::cli {

// A directory, or "krill", the model that comes with the program: $BALEEN_MODELS/krill, else models/krill in a folder above
// the program (a build inside the source tree), else ../share/baleen/models/krill (installed). not_found names what was tried.
Result<std::filesystem::path> resolve_model(std::string_view name);

}  // namespace baleen::cli
