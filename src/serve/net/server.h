// The HTTP server: listens, runs every connection on one network thread of its own, and hands whole requests to a Handler. One
// thread is enough, since nothing is computed on it: a piece of an answer costs 3 us of CPU from write to socket when 200 streams
// are busy, 9 us with 20 streams, 80 us when a single stream wakes the thread each time; 10,000 idle connections cost 1.3 KB each
// in this process and no time (server_bench.cc, on a busy two-core machine). Owned by whoever starts it; start, stop and the
// destructor belong to one thread that is not the network thread; stats may be asked from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/net/handler.h"
#include "serve/net/options.h"

namespace baleen::serve::net {

struct ServerStats {
    std::size_t open_connections = 0;
    std::size_t connections_max = 0;  // the option, or what the system allows if that is less
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;    // beyond connections_max
    std::size_t answering = 0;    // requests that are not answered to the end
    std::uint64_t requests = 0;   // given to the handler
    std::uint64_t faults = 0;     // answers the server itself gave
    std::uint64_t aborted = 0;    // answers the client did not get whole
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
};

class Server {
  public:
    // `handler` outlives the server.
    Server(ServerOptions options, Handler& handler);
    ~Server();  // stop(0)

    // Listens and serves. Raises the process's limit of open files as far as it may. An error names the address or the file.
    Result<void> start();
    // Where it listens, with the port the system chose: "127.0.0.1:43211", "[::1]:43211". Valid after start.
    const std::vector<std::string>& addresses() const;

    // Accepts no more, closes idle connections, waits until the answers under way are out, and closes what is left after `deadline`;
    // their exchanges are told. Returns when no connection is left and the thread has ended. Once.
    void stop(std::chrono::milliseconds deadline);

    ServerStats stats() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace baleen::serve::net
