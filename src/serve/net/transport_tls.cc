#include <fmt/format.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <array>
#include <boost/asio/ssl.hpp>
#include <boost/system/system_error.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "serve/net/transport.h"

namespace baleen::serve::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class TlsTransport final : public Transport {
  public:
    TlsTransport(tcp::socket socket, std::shared_ptr<asio::ssl::context> context)
        : context_(std::move(context)), stream_(std::move(socket), *context_) {}

    bool secure() const override { return true; }

    void handshake(DoneHandler handler) override { stream_.async_handshake(asio::ssl::stream_base::server, std::move(handler)); }

    // Into a buffer of its own: OpenSSL decrypts into it before the handler's turn comes.
    void read(ReadHandler handler) override {
        stream_.async_read_some(asio::buffer(buffer_), [this, handler = std::move(handler)](Code error, std::size_t bytes) mutable {
            handler(error, {buffer_.data(), bytes});
        });
    }

    std::optional<std::size_t> write(std::span<const asio::const_buffer> bytes, WriteHandler handler) override {
        writing_.assign(bytes.begin(), bytes.end());
        stream_.async_write_some(std::span<const asio::const_buffer>(writing_), std::move(handler));
        return std::nullopt;
    }

    // close_notify, then the end of TCP's stream. Whether the peer answers with its own close_notify is no matter.
    void end_writing(DoneHandler handler) override {
        stream_.async_shutdown([this, handler = std::move(handler)](Code) mutable {
            Code error;
            stream_.lowest_layer().shutdown(tcp::socket::shutdown_send, error);
            handler(error);
        });
    }

    bool peer_gone() override {
        pollfd state{.fd = stream_.lowest_layer().native_handle(), .events = POLLRDHUP, .revents = 0};
        return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
    }

    void close() override {
        Code ignored;
        stream_.lowest_layer().close(ignored);
    }

  private:
    std::shared_ptr<asio::ssl::context> context_;
    asio::ssl::stream<tcp::socket> stream_;
    std::array<char, 8192> buffer_;
    std::vector<asio::const_buffer> writing_;
};

// Of what the client offers, HTTP/1.1; a client that offers only others goes on without and will notice.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes, const unsigned char* offered, unsigned int offered_bytes, void*) {
    static constexpr unsigned char kHttp11[] = "\x08http/1.1";
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, chosen_bytes, kHttp11, sizeof(kHttp11) - 1, offered, offered_bytes) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> load_tls(const TlsFiles& files) {
    std::shared_ptr<asio::ssl::context> context;
    try {
        context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    } catch (const boost::system::system_error& error) {
        return io_error(fmt::format("TLS: {}", error.what()));
    }
    SSL_CTX* native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // of idle connections
    SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);

    Code error;
    context->use_certificate_chain_file(files.certificate_chain, error);
    if (error) return invalid_argument(fmt::format("TLS certificate {}: {}", files.certificate_chain, error.message()));
    context->use_private_key_file(files.private_key, asio::ssl::context::pem, error);
    if (error) return invalid_argument(fmt::format("TLS key {}: {}", files.private_key, error.message()));
    if (SSL_CTX_check_private_key(native) != 1)
        return invalid_argument(fmt::format("TLS key {} does not belong to certificate {}", files.private_key, files.certificate_chain));
    return context;
}

std::unique_ptr<Transport> make_tls_transport(tcp::socket socket, std::shared_ptr<asio::ssl::context> context) {
    return std::make_unique<TlsTransport>(std::move(socket), std::move(context));
}

}  // namespace baleen::serve::net
