// baleen chat: a conversation in the terminal.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_chat(CLI::App& root);

}  // namespace baleen::cli
