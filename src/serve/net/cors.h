// Which web pages may call the server from a browser (the Fetch standard's CORS). Without an allow list no header is sent, and
// browsers keep pages of other origins out. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "serve/net/message.h"

namespace baleen::serve::net {

// "https://example.org", or "*" for every page. An origin is compared whole, as browsers do.
using Origins = std::vector<std::string>;

// Headers to add to the answer of `request`; none if there is no allow list.
Headers cors_headers(const Origins& origins, const Request& request);

// The answer to a browser's question whether it may send what it means to; nullopt if `request` is no such question, or there is
// no allow list. A page that is not on the list gets an answer that allows nothing.
std::optional<Response> cors_preflight(const Origins& origins, const Request& request);

}  // namespace baleen::serve::net
