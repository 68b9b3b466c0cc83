// What a connection runs over: TCP, or TLS over TCP. The one seam between the server and sockets; the fuzzer has a third kind in
// memory. Network thread only. At most one read and one write at a time; handlers are called from the loop, never from within the
// call; they own what keeps the transport alive. After close every handler that waits is called with an error.
// A write tries at once, since most of an answer's pieces fit into the system's buffer.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "serve/net/options.h"

// Only named here: OpenSSL's headers stay with the TLS transport.
namespace boost::asio::ssl {
class context;
}

namespace baleen::serve::net {

using Code = boost::system::error_code;

class Transport {
  public:
    using ReadHandler = std::move_only_function<void(Code, std::string_view)>;  // the bytes are valid during the call
    using WriteHandler = std::move_only_function<void(Code, std::size_t)>;
    using DoneHandler = std::move_only_function<void(Code)>;

    virtual ~Transport() = default;
    virtual bool secure() const { return false; }
    virtual void handshake(DoneHandler handler) = 0;
    virtual void read(ReadHandler handler) = 0;
    // Some of the bytes: how many were taken there and then; or nullopt, and the handler is told, perhaps that it was none and that
    // it is time to try again. The bytes, but not the span, stay in place until then.
    virtual std::optional<std::size_t> write(std::span<const boost::asio::const_buffer> bytes, WriteHandler handler) = 0;
    virtual void end_writing(DoneHandler handler) = 0;  // tells the peer that nothing follows
    virtual bool peer_gone() = 0;  // the peer has closed its side, even if bytes it sent before are unread
    virtual void close() = 0;
};

// `scratch` is the loop's: one buffer for the reads of all connections, so that an idle one costs none.
std::unique_ptr<Transport> make_tcp_transport(boost::asio::ip::tcp::socket socket, std::span<char> scratch);

// Loads certificate and key; says which file is wrong.
Result<std::shared_ptr<boost::asio::ssl::context>> load_tls(const TlsFiles& files);
std::unique_ptr<Transport> make_tls_transport(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> context);

}  // namespace baleen::serve::net
