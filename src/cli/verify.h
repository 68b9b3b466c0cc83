// baleen verify: the engine against golden files.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_verify(CLI::App& root);

}  // namespace baleen::cli
