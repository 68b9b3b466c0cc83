// The two sides of a request. The server calls a Handler on its network thread, which must not block; the handler answers
// through an Exchange, there and then or later from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "serve/net/message.h"

namespace baleen::serve::net {

// One answer to be. Any thread may call it, one at a time per answer makes sense; no call blocks or waits for the peer. The server
// holds what is not sent yet; see Limits::answer_bytes_max for what happens when the peer does not read. If all owners let go of
// an exchange that is not finished, the client gets a 500, or a cut connection if the answer had begun.
class Exchange {
  public:
    virtual ~Exchange() = default;

    // A whole answer. Its length is not bounded: it exists already.
    virtual void send(int status, Headers headers, std::string body) = 0;
    void send(Response response) { send(response.status, std::move(response.headers), std::move(response.body)); }

    // An answer in pieces: begin once, write each piece, finish. A piece leaves at once, as one chunk. The length may be announced
    // with a Content-Length header. False: nobody will see this piece, the connection is gone.
    virtual void begin(int status, Headers headers) = 0;
    virtual bool write(std::string bytes) = 0;
    virtual void finish() = 0;

    // Cuts the connection, so that the client sees that the answer is not whole.
    virtual void abort() = 0;

    // Called once if the connection ends before finish: the peer left, was too slow, or the server stops. On the network thread,
    // or at once if that has happened already; must not block. Dropped unused when the answer finishes. A later call replaces it.
    virtual void on_close(std::function<void()> callback) = 0;

    virtual bool closed() const = 0;                // writing is pointless
    virtual std::size_t pending_bytes() const = 0;  // written here and not taken by the system yet
};

class Handler {
  public:
    virtual ~Handler() = default;

    virtual void handle(Request request, std::shared_ptr<Exchange> exchange) = 0;

    // Sees a request before its body is read and may answer it then, so that a stranger cannot make the server hold 48 MiB.
    virtual std::optional<Response> screen(const Request& /*head*/) { return std::nullopt; }

    // The body, in JSON, of an answer the server itself gives: 400, 408, 413, 414, 417, 431, 500, 501, 503, 505.
    virtual std::string protocol_error(int status, std::string_view reason) = 0;

    // After each answer, and after each connection that ended within a request.
    virtual void answered(const AccessRecord&) {}
};

}  // namespace baleen::serve::net
