#include "serve/net/server.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/check.h"
#include "serve/net/connection.h"
#include "serve/net/transport.h"

namespace baleen::serve::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Files a process holds beside its connections: the checkpoint's shards, the database, logs.
constexpr std::size_t kFilesAside = 256;
// Connections beyond the bound that are told so at a time; further ones are just closed.
constexpr std::size_t kRefusalsMax = 64;
// One for all connections (Transport); as much as a socket usually holds.
constexpr std::size_t kScratchBytes = 64 << 10;
constexpr std::chrono::milliseconds kAcceptPause{100};  // when the system is out of files or memory

// As many connections as the limit of open files allows, which is raised as far as it goes.
std::size_t affordable(std::size_t connections) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
    const rlim_t wanted = connections + kFilesAside;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(limit.rlim_max, wanted);
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return connections;
    return limit.rlim_cur > 2 * kFilesAside ? limit.rlim_cur - kFilesAside : limit.rlim_cur / 2;
}

std::string text_of(const tcp::endpoint& endpoint) { return to_string(Endpoint{endpoint.address().to_string(), endpoint.port()}); }

std::string remote_of(const tcp::socket& socket) {
    Code error;
    const auto endpoint = socket.remote_endpoint(error);
    return error ? "-" : endpoint.address().to_string();
}

// Options of a socket are wishes: one that fails costs speed, not correctness.
void set_options(tcp::socket& socket, const ServerOptions& options) {
    Code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    if (options.send_buffer_bytes > 0) socket.set_option(asio::socket_base::send_buffer_size(options.send_buffer_bytes), ignored);
    const int idle_seconds = 60;
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
    // A peer whose cable was pulled acknowledges nothing, and much fits into the system's buffer before a write would tell.
    const auto stall = static_cast<unsigned int>(options.limits.stall_timeout.count());
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &stall, sizeof(stall));
}

}  // namespace

struct Server::Impl {
    Impl(ServerOptions given, Handler& handler) : options(std::move(given)), scratch(kScratchBytes), hub(options, handler, loop) {}

    struct Listener {
        explicit Listener(asio::io_context& loop) : acceptor(loop), pause(loop) {}
        tcp::acceptor acceptor;
        asio::steady_timer pause;
    };

    Result<void> listen();
    Result<void> listen_at(const Endpoint& endpoint);
    Code bind(Listener& listener, const tcp::endpoint& endpoint);
    void accept(Listener& listener);
    void welcome(tcp::socket socket);

    const ServerOptions options;
    std::vector<char> scratch;
    Hub hub;
    asio::io_context loop{1};  // after what its handlers use, so that it goes first
    std::shared_ptr<asio::ssl::context> tls;
    std::vector<std::unique_ptr<Listener>> listeners;
    std::vector<std::string> addresses;
    std::size_t connections_max = 0;
    std::atomic<std::uint64_t> accepted = 0;
    std::atomic<std::uint64_t> refused = 0;
    std::thread thread;

    std::mutex stop_mutex;
    std::condition_variable emptied;
    bool empty = false;
};

Result<void> Server::Impl::listen() {
    if (options.listen.empty()) return invalid_argument("there is no address to listen at");
    if (options.tls) {
        TRY_ASSIGN(tls, load_tls(*options.tls));
    }
    connections_max = affordable(options.limits.connections_max);
    for (const Endpoint& endpoint : options.listen) TRY(listen_at(endpoint));
    return {};
}

// Every address a name stands for. The first that works chooses the port if the system is to, and the others follow it; one that
// does not exist on this machine, such as ::1 without IPv6, is passed over if another works.
Result<void> Server::Impl::listen_at(const Endpoint& endpoint) {
    std::vector<tcp::endpoint> places;
    Code error;
    if (endpoint.host.empty()) {
        places = {{tcp::v4(), endpoint.port}, {tcp::v6(), endpoint.port}};
    } else {
        tcp::resolver resolver(loop);
        for (const auto& entry : resolver.resolve(endpoint.host, std::to_string(endpoint.port), tcp::resolver::passive, error))
            if (std::find(places.begin(), places.end(), entry.endpoint()) == places.end()) places.push_back(entry.endpoint());
        if (error) return invalid_argument(fmt::format("listen at {}: {}", to_string(endpoint), error.message()));
    }
    std::uint16_t port = endpoint.port;
    bool any = false;
    for (tcp::endpoint place : places) {
        place.port(port);
        auto listener = std::make_unique<Listener>(loop);
        const Code failed = bind(*listener, place);
        if (failed == asio::error::address_family_not_supported || failed == boost::system::errc::address_not_available) {
            error = failed;
            continue;
        }
        if (failed) return io_error(fmt::format("listen at {}: {}", text_of(place), failed.message()));
        const tcp::endpoint bound = listener->acceptor.local_endpoint(error);
        if (error) return io_error(fmt::format("listen at {}: {}", text_of(place), error.message()));
        port = bound.port();
        addresses.push_back(text_of(bound));
        listeners.push_back(std::move(listener));
        any = true;
    }
    if (!any) return io_error(fmt::format("listen at {}: {}", to_string(endpoint), error.message()));
    return {};
}

Code Server::Impl::bind(Listener& listener, const tcp::endpoint& endpoint) {
    Code error;
    if (listener.acceptor.open(endpoint.protocol(), error)) return error;
    listener.acceptor.set_option(asio::socket_base::reuse_address(true), error);
    // IPv4 has a listener of its own.
    if (endpoint.address().is_v6()) listener.acceptor.set_option(asio::ip::v6_only(true), error);
    if (listener.acceptor.bind(endpoint, error)) return error;
    listener.acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

void Server::Impl::accept(Listener& listener) {
    listener.acceptor.async_accept([this, &listener](Code error, tcp::socket socket) {
        if (error == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
        if (!error) {
            welcome(std::move(socket));
            return accept(listener);
        }
        // Out of files or memory, or a peer that left in between: go on, but do not spin.
        listener.pause.expires_after(kAcceptPause);
        listener.pause.async_wait([this, &listener](Code stopped) {
            if (!stopped && listener.acceptor.is_open()) accept(listener);
        });
    });
}

void Server::Impl::welcome(tcp::socket socket) {
    ++accepted;
    const std::size_t open = hub.connections.size();
    if (open >= connections_max) ++refused;
    // A handshake is too much to do for a connection that is refused.
    if (open >= connections_max + (tls ? 0 : kRefusalsMax)) return;
    set_options(socket, options);
    std::string remote = remote_of(socket);
    auto transport = tls ? make_tls_transport(std::move(socket), tls) : make_tcp_transport(std::move(socket), scratch);
    const auto connection = std::make_shared<Connection>(hub, std::move(transport), std::move(remote));
    if (open >= connections_max) return connection->refuse(503, "too many connections");
    connection->start();
}

Server::Server(ServerOptions options, Handler& handler) : impl_(std::make_unique<Impl>(std::move(options), handler)) {}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

Result<void> Server::start() {
    CHECK(!impl_->thread.joinable() && impl_->addresses.empty(), "a server starts once");
    TRY(impl_->listen());
    impl_->hub.emptied = [impl = impl_.get()] {
        if (!*impl->hub.stopping) return;
        const std::lock_guard lock(impl->stop_mutex);
        impl->empty = true;
        impl->emptied.notify_all();
    };
    for (const auto& listener : impl_->listeners) impl_->accept(*listener);
    impl_->thread = std::thread([impl = impl_.get()] {
        const auto work = asio::make_work_guard(impl->loop);
        // Handlers are guarded where they are called; what comes up here is memory that ran out. The connection it happened to
        // meets its deadline, the others go on.
        for (bool running = true; running;) {
            try {
                impl->loop.run();
                running = false;
            } catch (const std::exception&) {
                ++impl->hub.faults;
            }
        }
    });
    return {};
}

const std::vector<std::string>& Server::addresses() const { return impl_->addresses; }

void Server::stop(std::chrono::milliseconds deadline) {
    Impl& impl = *impl_;
    if (!impl.thread.joinable()) return;
    CHECK(impl.thread.get_id() != std::this_thread::get_id(), "the network thread cannot wait for itself");
    *impl.hub.stopping = true;
    const auto each_connection = [&impl](void (Connection::*act)()) {
        const auto connections = impl.hub.connections;  // a copy: they leave the set as they close
        for (const auto& connection : connections) ((*connection).*act)();
        if (impl.hub.connections.empty()) impl.hub.emptied();
    };
    asio::post(impl.loop, [&impl, each_connection] {
        for (const auto& listener : impl.listeners) {
            Code ignored;
            listener->acceptor.close(ignored);
            listener->pause.cancel();
        }
        each_connection(&Connection::finish);
    });
    {
        std::unique_lock lock(impl.stop_mutex);
        impl.emptied.wait_for(lock, deadline, [&] { return impl.empty; });
    }
    asio::post(impl.loop, [&impl, each_connection] {
        each_connection(&Connection::close);
        impl.loop.stop();
    });
    impl.thread.join();
    // Handlers of closed sockets still wait in the loop and own what they were for.
    impl.loop.restart();
    impl.loop.poll();
}

ServerStats Server::stats() const {
    const Hub& hub = impl_->hub;
    return {.open_connections = hub.open,
            .connections_max = impl_->connections_max,
            .accepted = impl_->accepted,
            .refused = impl_->refused,
            .answering = hub.answering,
            .requests = hub.requests,
            .faults = hub.faults,
            .aborted = hub.aborted,
            .received_bytes = hub.received_bytes,
            .sent_bytes = hub.sent_bytes};
}

}  // namespace baleen::serve::net
