// baleen bench: speed beside the machine's ceilings.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_bench(CLI::App& root);

}  // namespace baleen::cli
