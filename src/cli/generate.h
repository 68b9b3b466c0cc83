// baleen generate: one answer, streamed or as JSON.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_generate(CLI::App& root);

}  // namespace baleen::cli
