// Where to listen, as text: "127.0.0.1:8080", "[::1]:8080", "localhost:0", ":8080" and "*:8080" (every address, IPv4 and IPv6).
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen::serve::net {

struct Endpoint {
    std::string host;  // an address or a name, without brackets; empty: every address
    std::uint16_t port = 0;  // 0: the system chooses
    bool operator==(const Endpoint&) const = default;
};

Result<Endpoint> parse_endpoint(std::string_view text);
std::string to_string(const Endpoint& endpoint);

// Whether only programs of this machine can reach it: an address of loopback, or "localhost".
bool is_loopback(const Endpoint& endpoint);

}  // namespace baleen::serve::net
