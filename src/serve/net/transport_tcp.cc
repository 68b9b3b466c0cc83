#include <poll.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "serve/net/transport.h"

namespace baleen::serve::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class TcpTransport final : public Transport {
  public:
    TcpTransport(tcp::socket socket, std::span<char> scratch) : socket_(std::move(socket)), scratch_(scratch) {
        Code ignored;
        socket_.non_blocking(true, ignored);
    }

    void handshake(DoneHandler handler) override {
        asio::post(socket_.get_executor(), [handler = std::move(handler)]() mutable { handler({}); });
    }

    // Waits without a buffer, and reads into the loop's.
    void read(ReadHandler handler) override {
        socket_.async_wait(tcp::socket::wait_read, [this, handler = std::move(handler)](Code error) mutable {
            std::size_t bytes = 0;
            if (!error) bytes = socket_.read_some(asio::buffer(scratch_.data(), scratch_.size()), error);
            if (error == asio::error::would_block || error == asio::error::try_again) return read(std::move(handler));
            handler(error, {scratch_.data(), bytes});
        });
    }

    std::optional<std::size_t> write(std::span<const asio::const_buffer> bytes, WriteHandler handler) override {
        Code error;
        const std::size_t taken = socket_.write_some(bytes, error);
        if (!error) return taken;
        if (error == asio::error::would_block || error == asio::error::try_again) {
            socket_.async_wait(tcp::socket::wait_write, [handler = std::move(handler)](Code waited) mutable { handler(waited, 0); });
        } else {
            asio::post(socket_.get_executor(), [handler = std::move(handler), error]() mutable { handler(error, 0); });
        }
        return std::nullopt;
    }

    void end_writing(DoneHandler handler) override {
        Code error;
        socket_.shutdown(tcp::socket::shutdown_send, error);
        asio::post(socket_.get_executor(), [handler = std::move(handler), error]() mutable { handler(error); });
    }

    bool peer_gone() override {
        pollfd state{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
        return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
    }

    void close() override {
        Code ignored;
        socket_.close(ignored);
    }

  private:
    tcp::socket socket_;
    std::span<char> scratch_;
};

}  // namespace

std::unique_ptr<Transport> make_tcp_transport(tcp::socket socket, std::span<char> scratch) {
    return std::make_unique<TcpTransport>(std::move(socket), scratch);
}

}  // namespace baleen::serve::net
