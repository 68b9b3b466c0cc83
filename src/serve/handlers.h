// What each endpoint does with a request. Those that run or count prompts are called on a worker's thread, the others on the
// network's. Internal to the server.
#pragma once

#include "serve/call.h"

namespace baleen::serve {

// Generating endpoints and count_tokens: linear in the body.
void handle_chat(Parts& parts, Call& call);
void handle_completions(Parts& parts, Call& call);
void handle_responses(Parts& parts, Call& call);
void handle_messages(Parts& parts, Call& call);
void handle_count_tokens(Parts& parts, Call& call);

// Everything else: at once.
void handle_small(Parts& parts, Call& call);

}  // namespace baleen::serve
