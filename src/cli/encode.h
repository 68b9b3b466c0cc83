// baleen encode: the exact prompt a request becomes.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_encode(CLI::App& root);

}  // namespace baleen::cli
