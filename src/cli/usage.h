// `baleen usage`: what was used and would have cost, by key, model or day, from the server's ledger. Works beside a running server.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_usage(CLI::App& root);

}  // namespace baleen::cli
