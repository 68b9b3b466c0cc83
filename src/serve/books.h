// The books of a request: a row of the ledger, the counters of /metrics, a line of the log. Written when its answer ends and before
// the last bytes leave. Internal to the server; called on the scheduler's thread, or a worker's for what was not taken: costs one
// write to a file.
#pragma once

#include <cstdint>
#include <string>

#include "serve/call.h"

namespace baleen::serve {

// What is known of a request before its answer.
struct Bill {
    Endpoint endpoint{};
    std::string request_id;
    std::int64_t key_id = 0;
    std::string key_name;
    std::string model_asked;
    std::string model_served;  // id
    std::string prices;        // whose rows of the price list apply
    std::string lane;
    std::string user_id;
    bool stream = false;
};

void enter_in_books(Parts& parts, const Bill& bill, const AnswerRecord& record);

// What is left of a caller's budget, which it has.
Balance balance_left(const Parts& parts, const Caller& caller);

}  // namespace baleen::serve
