// For tests of the server: a handler told what to do, a server on a free port, and a client that speaks in bytes, so that it can
// be slow, rude or wrong. Blocking calls end after kPatience with what they have.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "serve/net/server.h"

namespace baleen::serve::net {

using namespace std::chrono_literals;
constexpr std::chrono::milliseconds kPatience{10000};

// Waits until `condition` holds.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds patience = kPatience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(1ms);
    }
    return true;
}

class TestHandler : public Handler {
  public:
    std::function<void(Request, std::shared_ptr<Exchange>)> act = [](Request request, std::shared_ptr<Exchange> exchange) {
        exchange->send(200, {{"Content-Type", "text/plain"}}, request.method + " " + request.path + " " + request.body);
    };
    std::function<std::optional<Response>(const Request&)> look = [](const Request&) { return std::nullopt; };

    void handle(Request request, std::shared_ptr<Exchange> exchange) override { act(std::move(request), std::move(exchange)); }
    std::optional<Response> screen(const Request& head) override { return look(head); }
    std::string protocol_error(int status, std::string_view reason) override {
        return "{\"error\":{\"code\":" + std::to_string(status) + ",\"message\":\"" + std::string(reason) + "\"}}";
    }
    void answered(const AccessRecord& record) override {
        const std::lock_guard lock(mutex_);
        records_.push_back(record);
    }
    std::vector<AccessRecord> records() {
        const std::lock_guard lock(mutex_);
        return records_;
    }

  private:
    std::mutex mutex_;
    std::vector<AccessRecord> records_;
};

struct TestServer {
    TestHandler handler;
    ServerOptions options;
    std::unique_ptr<Server> server;
    std::uint16_t port = 0;

    TestServer() { options.listen = {{"127.0.0.1", 0}}; }
    ~TestServer() { server.reset(); }  // before the handler

    void start() {
        server = std::make_unique<Server>(options, handler);
        const auto started = server->start();
        ASSERT_TRUE(started.ok()) << started.error().message;
        const std::string& address = server->addresses().at(0);
        port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }
};

struct Answer {
    int status = 0;  // 0: none came
    std::string head;
    Headers headers;
    std::string body;
    bool whole = false;
    std::string header(std::string_view name) const {
        const std::string* value = find_header(headers, name);
        return value == nullptr ? "" : *value;
    }
};

class Client {
  public:
    explicit Client(std::uint16_t port, int receive_buffer_bytes = 0) {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (receive_buffer_bytes > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    Client(Client&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), ended_(other.ended_), held_(std::move(other.held_)) {}
    ~Client() { close(); }

    bool connected() const { return connected_; }
    int fd() const { return fd_; }

    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    void reset() {  // RST instead of FIN
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close();
    }
    void end_writing() { ::shutdown(fd_, SHUT_WR); }

    // False if the server took no more.
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (n <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
    }

    // More bytes into held(); false at the end of the stream, on an error, or after `patience`.
    bool receive(std::chrono::milliseconds patience = kPatience) {
        pollfd state{.fd = fd_, .events = POLLIN, .revents = 0};
        if (ended_ || ::poll(&state, 1, static_cast<int>(patience.count())) <= 0) return false;
        char buffer[16384];
        const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
        if (n <= 0) {
            ended_ = true;
            return false;
        }
        held_.append(buffer, static_cast<std::size_t>(n));
        return true;
    }
    std::string& held() { return held_; }

    bool receive_until(std::string_view text) {
        while (held_.find(text) == std::string::npos)
            if (!receive()) return false;
        return true;
    }

    // Whether the server ended the connection, with nothing left to read.
    bool ended() {
        while (receive()) {
        }
        return ended_ && held_.empty();
    }

    // The next answer. `no_body`: to a HEAD.
    Answer answer(bool no_body = false) {
        Answer answer;
        if (!receive_until("\r\n\r\n")) return answer;
        const std::size_t end = held_.find("\r\n\r\n") + 4;
        answer.head = held_.substr(0, end);
        held_.erase(0, end);
        if (answer.head.size() > 12) answer.status = std::atoi(answer.head.c_str() + 9);
        std::size_t at = answer.head.find("\r\n") + 2;
        while (at < answer.head.size() - 2) {
            const std::size_t line = answer.head.find("\r\n", at), colon = answer.head.find(": ", at);
            answer.headers.push_back({answer.head.substr(at, colon - at), answer.head.substr(colon + 2, line - colon - 2)});
            at = line + 2;
        }
        answer.whole = true;
        if (no_body || answer.status < 200 || answer.status == 204 || answer.status == 304) return answer;
        if (answer.header("Transfer-Encoding") == "chunked") {
            answer.whole = read_chunks(answer.body);
        } else if (const std::string length = answer.header("Content-Length"); !length.empty()) {
            const std::size_t wanted = std::stoull(length);
            while (held_.size() < wanted && receive()) {
            }
            answer.whole = held_.size() >= wanted;
            answer.body = held_.substr(0, wanted);
            held_.erase(0, wanted);
        } else {
            while (receive()) {
            }
            answer.body = std::exchange(held_, {});
            answer.whole = ended_;
        }
        return answer;
    }

    Answer ask(std::string_view request, bool no_body = false) {
        send(request);
        return answer(no_body);
    }

  private:
    bool read_chunks(std::string& body) {
        for (;;) {
            if (!receive_until("\r\n")) return false;
            const std::size_t line = held_.find("\r\n");
            const std::size_t bytes = std::stoull(held_.substr(0, line), nullptr, 16);
            while (held_.size() < line + 2 + bytes + 2)
                if (!receive()) return false;
            if (held_.compare(line + 2 + bytes, 2, "\r\n") != 0) return false;
            body += held_.substr(line + 2, bytes);
            held_.erase(0, line + 2 + bytes + 2);
            if (bytes == 0) return true;
        }
    }

    int fd_ = -1;
    bool connected_ = false;
    bool ended_ = false;
    std::string held_;
};

inline std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: test\r\n\r\n"; }
inline std::string post(std::string_view path, std::string_view body) {
    return "POST " + std::string(path) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace baleen::serve::net
