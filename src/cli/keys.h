// `baleen keys`: makes, lists, changes and revokes the keys of the server's clients. Works beside a running server, which sees
// changes at the next request.
#pragma once

#include "cli/command.h"

namespace baleen::cli {

Command add_keys(CLI::App& root);

}  // namespace baleen::cli
