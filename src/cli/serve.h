// `baleen serve`: the DeepSeek API on this machine.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_serve(CLI::App& root);

}  // namespace baleen::cli
