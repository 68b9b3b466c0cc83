// Who asks: the key in a request's headers, and what it may. Internal to the server; any thread, some microseconds.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "serve/api/errors.h"
#include "serve/call.h"
#include "serve/net/message.h"

namespace baleen::serve {

// The secret as sent: `Authorization: Bearer KEY`, else `x-api-key: KEY`. Nothing if there is neither.
std::optional<std::string> presented_key(const net::Request& request);

// The caller, or why it may not ask. Without keys everybody may, and a key of ours is still recognised, so that its use is
// booked as its own.
std::variant<Caller, ApiError> identify(Parts& parts, const net::Request& request);

}  // namespace baleen::serve
