// What one piece of a streamed answer costs from Exchange::write to the socket, and what idle connections cost: clients are in a
// process of their own, so that this one's CPU time is the producer's and the network thread's alone. Not built:
//   g++ -std=c++23 -O2 -Isrc src/serve/net/server_bench.cc build/release/libbaleen_serve.a build/release/libbaleen_base.a
//       -lssl -lcrypto -lfmt -lpthread -o server_bench
//   server_bench [seconds]
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/process.h"
#include "serve/net/server.h"
#include "serve/net/sse.h"

namespace {

using namespace baleen::serve::net;
using Clock = std::chrono::steady_clock;

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

class Collect : public Handler {
  public:
    void handle(Request, std::shared_ptr<Exchange> exchange) override {
        exchange->begin(200, {{"Content-Type", std::string(sse::kContentType)}});
        const std::lock_guard lock(mutex);
        exchanges.push_back(std::move(exchange));
    }
    std::string protocol_error(int, std::string_view) override { return "{}"; }
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> exchanges;
};

// Opens connections, asks on each if they are `streams`, and reads what comes until the server ends them.
[[noreturn]] void be_clients(std::uint16_t port, int connections, bool streams) {
    std::vector<pollfd> sockets;
    for (int i = 0; i < connections; ++i) {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) std::_Exit(1);
        const std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        if (streams && ::send(fd, request.data(), request.size(), 0) < 0) std::_Exit(1);
        sockets.push_back({fd, POLLIN, 0});
    }
    std::vector<char> buffer(1 << 16);
    int open = connections;
    while (open > 0) {
        ::poll(sockets.data(), sockets.size(), -1);
        for (pollfd& socket : sockets) {
            if (socket.fd < 0 || socket.revents == 0) continue;
            if (::recv(socket.fd, buffer.data(), buffer.size(), 0) > 0) continue;
            ::close(socket.fd);
            socket.fd = -1;
            --open;
        }
    }
    std::_Exit(0);
}

// A server on a free port, and a child that is its clients.
class Pair {
  public:
    Pair(int connections, bool streams) {
        int to_child[2];
        if (::pipe(to_child) != 0) std::exit(1);
        child_ = ::fork();  // before this process has threads
        if (child_ == 0) {
            std::uint16_t port = 0;
            if (::read(to_child[0], &port, sizeof(port)) != sizeof(port)) std::_Exit(1);
            be_clients(port, connections, streams);
        }
        server = std::make_unique<Server>(ServerOptions{.listen = {{"127.0.0.1", 0}}}, collect);
        if (!server->start().ok()) std::exit(1);
        const std::string address = server->addresses()[0];
        const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
        if (::write(to_child[1], &port, sizeof(port)) != sizeof(port)) std::exit(1);
        ::close(to_child[0]);
        ::close(to_child[1]);
    }
    ~Pair() {
        server->stop(std::chrono::milliseconds(0));
        ::waitpid(child_, nullptr, 0);
    }

    Collect collect;
    std::unique_ptr<Server> server;

  private:
    pid_t child_ = -1;
};

void hold(int connections, double seconds) {
    const std::int64_t before = process_resident_bytes();
    Pair pair(connections, false);
    while (pair.server->stats().open_connections < static_cast<std::size_t>(connections)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const double cpu = cpu_seconds();
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    fmt::print("{} idle connections: {} bytes each, {:.4f} s of CPU in {} s\n", connections,
               (process_resident_bytes() - before) / connections, cpu_seconds() - cpu, seconds);
}

void stream(int streams, double per_second, double seconds) {
    Pair pair(streams, true);
    Collect& collect = pair.collect;
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        const std::lock_guard lock(collect.mutex);
        if (collect.exchanges.size() == static_cast<std::size_t>(streams)) break;
    }
    const std::string event = sse::data(std::string(220, 'x'));
    const auto period = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / per_second));
    const auto start = Clock::now();
    const double cpu = cpu_seconds();
    std::uint64_t pieces = 0;
    double write_seconds = 0;
    for (auto next = start; next < start + std::chrono::duration<double>(seconds); next += period) {
        std::this_thread::sleep_until(next);
        const auto before = Clock::now();
        for (const auto& exchange : collect.exchanges) pieces += exchange->write(event) ? 1 : 0;
        write_seconds += std::chrono::duration<double>(Clock::now() - before).count();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const double used = cpu_seconds() - cpu;
    fmt::print("{:4} streams x {:4.0f}/s: {:7} pieces, {:5.1f} us of CPU a piece, {:4.1f} us of it in write\n", streams, per_second, pieces,
               used / static_cast<double>(pieces) * 1e6, write_seconds / static_cast<double>(pieces) * 1e6);
    for (const auto& exchange : collect.exchanges) exchange->finish();
    collect.exchanges.clear();
    pair.server->stop(std::chrono::seconds(5));
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
    for (const auto& [streams, per_second] : {std::pair{1, 200.0}, {20, 200.0}, {200, 20.0}, {200, 200.0}}) stream(streams, per_second, seconds);
    hold(10000, seconds);
}
