// Any bytes on a connection, cut anywhere, over a transport in memory: no crash; every request that is read is answered once and in
// order; where the network cuts the bytes changes nothing; a connection that has ended leaves nothing behind.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/net/connection.h"

namespace {

using namespace baleen::serve::net;
namespace asio = boost::asio;

struct Wire {
    std::string input;
    std::size_t piece = 1;        // most bytes of a read
    std::size_t write_piece = 0;  // most bytes of a write; 0: all. Every second write is told to wait first
    std::string output;
    Transport::ReadHandler waiting;
    bool closed = false;
};

class MemoryTransport final : public Transport {
  public:
    MemoryTransport(asio::io_context& loop, Wire& wire) : loop_(loop), wire_(wire) {}

    void handshake(DoneHandler handler) override {
        asio::post(loop_, [handler = std::move(handler)]() mutable { handler({}); });
    }
    // The end comes only when nothing else is to be done (run).
    void read(ReadHandler handler) override {
        if (at_ == wire_.input.size()) {
            wire_.waiting = std::move(handler);
            return;
        }
        const std::size_t bytes = std::min(wire_.piece, wire_.input.size() - at_);
        std::string copy = wire_.input.substr(at_, bytes);
        at_ += bytes;
        asio::post(loop_, [handler = std::move(handler), copy = std::move(copy)]() mutable { handler({}, copy); });
    }
    std::optional<std::size_t> write(std::span<const asio::const_buffer> bytes, WriteHandler handler) override {
        if (wire_.closed) std::abort();
        blocked_ = !blocked_ && wire_.write_piece > 0;
        if (blocked_) {
            asio::post(loop_, [handler = std::move(handler)]() mutable { handler({}, 0); });
            return std::nullopt;
        }
        std::size_t taken = 0;
        for (const asio::const_buffer& buffer : bytes) {
            const std::size_t room = wire_.write_piece == 0 ? buffer.size() : std::min(buffer.size(), wire_.write_piece - taken);
            wire_.output.append(static_cast<const char*>(buffer.data()), room);
            taken += room;
            if (room < buffer.size()) break;
        }
        return taken;
    }
    void end_writing(DoneHandler handler) override {
        asio::post(loop_, [handler = std::move(handler)]() mutable { handler({}); });
    }
    bool peer_gone() override { return false; }
    void close() override { wire_.closed = true; }

  private:
    asio::io_context& loop_;
    Wire& wire_;
    std::size_t at_ = 0;
    bool blocked_ = false;
};

class Echo : public Handler {
  public:
    void handle(Request request, std::shared_ptr<Exchange> exchange) override {
        ++requests;
        if (!request.path.starts_with('/') && request.path != "*") std::abort();
        if (request.body.size() > 1000) std::abort();  // the bound
        const char kind = request.path.size() > 1 ? request.path[1] : ' ';
        if (kind == 'd') return;
        if (kind == 't') throw std::runtime_error("thrown");
        if (kind == 'k') {
            kept.push_back(std::move(exchange));
            return;
        }
        if (kind != 's' && kind != 'a') return exchange->send(200, request.headers, request.method + ' ' + request.path + ' ' + request.body);
        exchange->begin(200, {});
        exchange->write(request.path);
        exchange->write(request.body);
        if (kind == 'a') return exchange->abort();
        exchange->finish();
    }
    std::optional<Response> screen(const Request& head) override {
        if (!head.body.empty()) std::abort();
        if (head.query == "screen") return Response{401, {}, "no"};
        return std::nullopt;
    }
    std::string protocol_error(int status, std::string_view reason) override {
        if (status < 400 || reason.empty()) std::abort();
        return "{}";
    }
    void answered(const AccessRecord& record) override {
        ++records;
        aborted += record.aborted ? 1 : 0;
        if (record.path.find('?') != std::string::npos) std::abort();
    }
    std::size_t requests = 0, records = 0, aborted = 0;
    std::vector<std::shared_ptr<Exchange>> kept;
};

struct Outcome {
    std::string output;
    std::size_t requests, faults, records, aborted;
    bool operator==(const Outcome&) const = default;
};

// Without what may differ: the time, and 100 Continue, which is left out if the body came at once.
std::string comparable(std::string text) {
    for (std::size_t at = 0; (at = text.find(kContinue, at)) != std::string::npos;) text.erase(at, kContinue.size());
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        if (text.compare(at, 6, "Date: ") != 0) out += text.substr(at, end - at);
        at = end;
    }
    return out;
}

Outcome run(std::string_view input, std::size_t piece, std::size_t write_piece) {
    ServerOptions options;
    options.cors_origins = {"https://a.example"};
    options.limits.body_bytes_max = 1000;
    options.limits.head_bytes_max = 2000;
    options.limits.target_bytes_max = 100;
    options.limits.headers_max = 20;
    options.limits.read_ahead_bytes_max = 1 << 20;
    Echo echo;
    Wire wire{.input = std::string(input), .piece = piece, .write_piece = write_piece, .output = {}, .waiting = {}, .closed = false};
    std::size_t faults = 0;
    {
        asio::io_context loop;
        Hub hub(options, echo, loop);
        std::make_shared<Connection>(hub, std::make_unique<MemoryTransport>(loop, wire), "memory")->start();
        loop.poll();
        while (wire.waiting) {
            auto waiting = std::exchange(wire.waiting, {});
            waiting(asio::error::eof, {});
            loop.restart();
            loop.poll();
        }
        if (!hub.connections.empty() || hub.body_bytes != 0 || hub.answering != 0 || hub.open != 0) std::abort();
        faults = hub.faults;
    }
    for (const auto& exchange : echo.kept) {
        if (!exchange->closed()) std::abort();
        exchange->send(200, {}, "late");
    }
    return {comparable(wire.output), echo.requests, faults, echo.records, echo.aborted};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    const Outcome whole = run(input, std::string::npos, 0);
    const Outcome pieces = run(input, 1 + data[0], data[1]);
    if (!(whole == pieces)) std::abort();
    return 0;
}
