// What a server may be told, and its bounds with their reasons. Plain values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "serve/net/endpoint.h"

namespace baleen::serve::net {

struct Limits {
    // 10,000 idle clients and room for a burst. A connection beyond is told 503.
    std::size_t connections_max = 16384;

    std::size_t target_bytes_max = 8 << 10;  // what other servers allow (414)
    std::size_t head_bytes_max = 64 << 10;   // request line and headers; also one chunk's line, or a trailer (431)
    std::size_t headers_max = 128;           // agents send about 30 (431)
    std::size_t body_bytes_max = std::size_t{48} << 20;   // spec api 2 (413)
    std::size_t bodies_bytes_max = std::size_t{1} << 30;  // bodies being read, all connections together (503)

    // Requests of one connection that come while an answer is under way; beyond this they wait in the system.
    std::size_t read_ahead_bytes_max = 64 << 10;
    // Of an answer in pieces, what the peer has not taken. A piece beyond it closes the connection, unless it is the only one: at
    // 200 B a token this is the whole of a 20,000 token answer to a peer that reads nothing.
    std::size_t answer_bytes_max = 4 << 20;

    std::chrono::milliseconds idle_timeout = std::chrono::seconds(300);  // between requests; longer than SDKs keep connections
    std::chrono::milliseconds head_timeout = std::chrono::seconds(20);   // from the first byte to the last header (408)
    // A body must come in body_grace plus one second per body_bytes_per_second_min bytes received so far (408).
    std::chrono::milliseconds body_grace = std::chrono::seconds(20);
    std::size_t body_bytes_per_second_min = 8 << 10;
    // The peer takes nothing of an answer for so long, or acknowledges nothing.
    std::chrono::milliseconds stall_timeout = std::chrono::seconds(120);
    // After an answer that ends the connection: time for the peer to read it while its own bytes are thrown away.
    std::chrono::milliseconds linger_timeout = std::chrono::seconds(5);
};
static_assert(Limits{}.target_bytes_max < Limits{}.head_bytes_max, "a long target is told apart from long headers");
static_assert(2 * Limits{}.body_bytes_max <= Limits{}.bodies_bytes_max, "one large body must not keep all others out");

struct TlsFiles {
    std::string certificate_chain;  // PEM, the server's own first
    std::string private_key;        // PEM
};

struct ServerOptions {
    std::vector<Endpoint> listen = {};  // at least one
    std::optional<TlsFiles> tls = std::nullopt;
    std::vector<std::string> cors_origins = {};  // "https://example.org", or "*"; empty: no CORS
    std::string server_name = "baleen";     // the Server header
    Limits limits = {};
    int send_buffer_bytes = 0;  // of a connection, in the system; 0 leaves the system's choice
};

}  // namespace baleen::serve::net
