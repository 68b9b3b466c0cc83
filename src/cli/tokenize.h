// `baleen tokenize`: text to token ids and back, nothing added. See cli/command.h.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_tokenize(CLI::App& root);

}  // namespace baleen::cli
