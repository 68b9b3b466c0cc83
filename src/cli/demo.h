// baleen demo: the small model that comes with the program at work.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_demo(CLI::App& root);

}  // namespace baleen::cli
