// `baleen batch`: many requests from a file, answered one after another; what a prompt shares with the one before is computed once.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_batch(CLI::App& root);

}  // namespace baleen::cli
