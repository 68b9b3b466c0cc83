// baleen inspect: what a checkpoint is and what it will cost, from its headers.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_inspect(CLI::App& root);

}  // namespace baleen::cli
