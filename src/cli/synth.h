// baleen synth: random checkpoints in the official layout.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_synth(CLI::App& root);

}  // namespace baleen::cli
