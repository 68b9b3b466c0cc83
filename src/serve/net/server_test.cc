// Aim: the server speaks HTTP/1.1 as clients expect it: keep-alive, pipelining, HEAD, chunked bodies both ways, 100-continue,
// CORS, errors of its own in JSON; and it reports each answer once, without what is private.
#include "serve/net/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "serve/net/test_support.h"

namespace baleen::serve::net {
namespace {

TEST(HttpServer, KeepsTheConnection) {
    TestServer server;
    server.start();
    Client client(server.port);
    for (int i = 0; i < 50; ++i) {
        const Answer answer = client.ask(post(fmt::format("/a{}", i), fmt::format("body {}", i)));
        ASSERT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, fmt::format("POST /a{} body {}", i, i));
        EXPECT_EQ(answer.header("Connection"), "");
        EXPECT_EQ(answer.header("Server"), "baleen");
        EXPECT_EQ(answer.header("Content-Type"), "text/plain");
        EXPECT_EQ(answer.header("Date").size(), 29u);
    }
    const Answer last = client.ask("GET /z HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(last.header("Connection"), "close");
    EXPECT_TRUE(client.ended());
    client.close();
    EXPECT_TRUE(eventually([&] { return server.server->stats().open_connections == 0; }));
    const ServerStats stats = server.server->stats();
    EXPECT_EQ(stats.accepted, 1u);
    EXPECT_EQ(stats.requests, 51u);
    EXPECT_EQ(stats.faults + stats.aborted + stats.refused + stats.answering, 0u);
    EXPECT_GT(stats.sent_bytes, stats.received_bytes);
}

TEST(HttpServer, RequestsCutAtEveryByte) {
    TestServer server;
    server.start();
    const std::string request = "POST /x?y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;e=1\r\n world\r\n0\r\n\r\n";
    Client client(server.port);
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
        client.send(request.substr(0, cut));
        std::this_thread::sleep_for(1ms);
        const Answer answer = client.ask(request.substr(cut));
        ASSERT_EQ(answer.body, "POST /x hello world") << "cut at " << cut;
    }
    for (const char byte : request) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(client.answer().body, "POST /x hello world");
}

// Requests sent at once are handled one after another, also when the first is answered late and from another thread.
TEST(HttpServer, Pipelining) {
    TestServer server;
    std::atomic<int> under_way = 0, most = 0;
    std::vector<std::thread> threads;
    server.handler.act = [&](Request request, std::shared_ptr<Exchange> exchange) {
        most = std::max(most.load(), ++under_way);
        if (request.path == "/slow") {
            threads.emplace_back([&, exchange] {
                std::this_thread::sleep_for(30ms);
                --under_way;
                exchange->begin(200, {});
                exchange->write("slow");
                exchange->finish();
            });
            return;
        }
        --under_way;
        exchange->send(200, {}, request.path + request.body);
    };
    server.start();
    Client client(server.port);
    std::string all;
    for (int round = 0; round < 20; ++round) all += get("/slow") + get("/b") + post("/c", "GET / HTTP/1.1\r\n\r\n");
    client.send(all);
    for (int round = 0; round < 20; ++round) {
        EXPECT_EQ(client.answer().body, "slow");
        EXPECT_EQ(client.answer().body, "/b");
        EXPECT_EQ(client.answer().body, "/cGET / HTTP/1.1\r\n\r\n");
    }
    EXPECT_EQ(most, 1);
    for (std::thread& thread : threads) thread.join();
}

// More than is read ahead: the rest waits in the system and nothing is lost.
TEST(HttpServer, PipelinedBeyondTheReadAhead) {
    TestServer server;
    server.options.limits.read_ahead_bytes_max = 1000;
    std::shared_ptr<Exchange> first;
    std::atomic<bool> here = false;  // tells that `first` is set
    server.handler.act = [&](Request request, std::shared_ptr<Exchange> exchange) {
        if (request.path != "/first") return exchange->send(200, {}, request.path);
        first = std::move(exchange);
        here = true;
    };
    server.start();
    Client client(server.port);
    client.send(get("/first"));
    ASSERT_TRUE(eventually([&] { return here.load(); }));
    std::thread sender([&] {
        std::string all;
        for (int i = 0; i < 5000; ++i) all += get(fmt::format("/{}", i));
        client.send(all);
    });
    std::this_thread::sleep_for(50ms);
    first->send(200, {}, "done");
    first.reset();
    EXPECT_EQ(client.answer().body, "done");
    for (int i = 0; i < 5000; ++i) ASSERT_EQ(client.answer().body, fmt::format("/{}", i));
    sender.join();
}

TEST(HttpServer, Head) {
    TestServer server;
    server.handler.act = [](Request request, std::shared_ptr<Exchange> exchange) {
        if (request.path == "/stream") {
            exchange->begin(200, {});
            exchange->write("never seen");
            exchange->finish();
        } else {
            exchange->send(200, {}, "twelve bytes");
        }
    };
    server.start();
    Client client(server.port);
    for (int round = 0; round < 2; ++round) {
        const Answer whole = client.ask("HEAD /anthropic HTTP/1.1\r\nHost: a\r\n\r\n", true);
        EXPECT_EQ(whole.status, 200);
        EXPECT_EQ(whole.header("Content-Length"), "12");
        const Answer stream = client.ask("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n", true);
        EXPECT_EQ(stream.header("Transfer-Encoding"), "chunked");
        EXPECT_TRUE(client.held().empty()) << client.held();
    }
}

TEST(HttpServer, Statuses) {
    TestServer server;
    server.handler.act = [](Request request, std::shared_ptr<Exchange> exchange) {
        exchange->send(std::stoi(request.path.substr(1)), {{"X", "y"}}, request.path == "/204" ? "" : "body");
    };
    server.start();
    Client client(server.port);
    for (const int status : {204, 304, 200, 429, 599}) {
        const Answer answer = client.ask(get(fmt::format("/{}", status)));
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer.body, status == 204 || status == 304 ? "" : "body");
        EXPECT_EQ(answer.header("Content-Length"), status == 204 || status == 304 ? "" : "4");
    }
}

TEST(HttpServer, Http10) {
    TestServer server;
    server.handler.act = [](Request request, std::shared_ptr<Exchange> exchange) {
        if (request.path != "/stream") return exchange->send(200, {}, "whole");
        exchange->begin(200, {});
        exchange->write("in ");
        exchange->write("pieces");
        exchange->finish();
    };
    server.start();
    Client client(server.port);
    const Answer kept = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(kept.body, "whole");
    EXPECT_EQ(kept.header("Connection"), "keep-alive");
    const Answer stream = client.ask("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(stream.body, "in pieces");
    EXPECT_EQ(stream.header("Transfer-Encoding"), "");
    EXPECT_EQ(stream.header("Connection"), "close");
    EXPECT_TRUE(client.ended());
    Client other(server.port);
    EXPECT_EQ(other.ask("GET / HTTP/1.0\r\n\r\n").header("Connection"), "close");
    EXPECT_TRUE(other.ended());
}

TEST(HttpServer, ExpectContinue) {
    TestServer server;
    server.start();
    Client client(server.port);
    for (int round = 0; round < 2; ++round) {
        const Answer interim = client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        EXPECT_EQ(interim.status, 100);
        const Answer answer = client.ask("body");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "POST / body");
    }
    // A body that is there already needs no 100.
    EXPECT_EQ(client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody").status, 200);
    EXPECT_EQ(client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n\r\n").status, 413);
    EXPECT_TRUE(client.ended());
}

// A request refused by its head is answered before its body comes; the client is not cut off while it still sends.
TEST(HttpServer, Screening) {
    TestServer server;
    server.handler.look = [](const Request& head) -> std::optional<Response> {
        EXPECT_TRUE(head.body.empty());
        EXPECT_EQ(head.remote, "127.0.0.1");
        if (head.header("authorization") != nullptr) return std::nullopt;
        return Response{401, {{"WWW-Authenticate", "Bearer"}}, "no key"};
    };
    server.start();
    {
        Client client(server.port);
        EXPECT_EQ(client.ask(get("/")).status, 401);  // no body to come: the connection stays
        EXPECT_EQ(client.ask("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n\r\n").status, 200);
        const Answer answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        EXPECT_EQ(answer.status, 401);
        EXPECT_EQ(answer.header("Connection"), "close");
        EXPECT_TRUE(client.ended());
    }
    Client client(server.port);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n");
    EXPECT_TRUE(client.send(std::string(20000000, 'x')));
    const Answer answer = client.answer();
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.body, "no key");
    EXPECT_TRUE(client.ended());
}

TEST(HttpServer, ErrorsOfItsOwnAreJson) {
    TestServer server;
    server.start();
    const std::pair<std::string, int> cases[] = {
        {"not http\r\n", 400},
        {std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(70000, 'x') + "\r\n\r\n", 431},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50331649\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n", 417},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505},
    };
    for (const auto& [request, status] : cases) {
        Client client(server.port);
        client.send(get("/first"));
        EXPECT_EQ(client.answer().status, 200);
        const Answer answer = client.ask(request);
        EXPECT_EQ(answer.status, status) << request.substr(0, 60);
        EXPECT_EQ(answer.header("Content-Type"), "application/json");
        EXPECT_EQ(answer.header("Connection"), "close");
        EXPECT_TRUE(answer.body.starts_with(fmt::format("{{\"error\":{{\"code\":{},", status))) << answer.body;
        EXPECT_TRUE(client.ended());
    }
    EXPECT_EQ(server.server->stats().faults, std::size(cases));
}

// A handler that drops its exchange, or throws, costs the client an answer and nobody else anything.
TEST(HttpServer, HandlersThatFail) {
    TestServer server;
    server.handler.act = [](Request request, std::shared_ptr<Exchange> exchange) {
        if (request.path == "/throw") throw std::runtime_error("private");
        if (request.path == "/drop") return;
        exchange->begin(200, {});
        exchange->write("half");
        if (request.path == "/abort") exchange->abort();
    };
    server.handler.look = [](const Request& head) -> std::optional<Response> {
        if (head.path == "/screen") throw std::runtime_error("private");
        return std::nullopt;
    };
    server.start();
    for (const char* path : {"/throw", "/drop", "/screen"}) {
        Client client(server.port);
        const Answer answer = client.ask(get(path));
        EXPECT_EQ(answer.status, 500) << path;
        EXPECT_EQ(answer.body.find("private"), std::string::npos);
        if (answer.header("Connection") != "close") {
            EXPECT_EQ(client.ask(get(path)).status, 500) << path;
        }
    }
    for (const char* path : {"/half", "/abort"}) {
        Client client(server.port);
        const Answer answer = client.ask(get(path));
        EXPECT_FALSE(answer.whole) << path;
    }
    EXPECT_TRUE(eventually([&] { return server.server->stats().open_connections == 0; }));
}

TEST(HttpServer, Cors) {
    TestServer server;
    server.options.cors_origins = {"https://page.example"};
    server.start();
    Client client(server.port);
    const std::string asking = "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Method: POST\r\n"
                               "Access-Control-Request-Headers: authorization\r\nOrigin: ";
    const Answer yes = client.ask(asking + "https://page.example\r\n\r\n");
    EXPECT_EQ(yes.status, 204);
    EXPECT_EQ(yes.header("Access-Control-Allow-Origin"), "https://page.example");
    EXPECT_EQ(yes.header("Access-Control-Allow-Headers"), "authorization");
    EXPECT_EQ(client.ask(asking + "https://other.example\r\n\r\n").header("Access-Control-Allow-Origin"), "");
    const Answer answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://page.example\r\n\r\n");
    EXPECT_EQ(answer.body, "GET / ");
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "https://page.example");
    EXPECT_EQ(client.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").body, "OPTIONS * ");
}

TEST(HttpServer, AccessRecords) {
    TestServer server;
    server.start();
    {
        Client client(server.port);
        const Answer answer = client.ask(post("/v1/models?key=secret", "secret"));
        ASSERT_TRUE(eventually([&] { return server.handler.records().size() == 1; }));
        const AccessRecord record = server.handler.records()[0];
        EXPECT_EQ(record.method, "POST");
        EXPECT_EQ(record.path, "/v1/models");
        EXPECT_EQ(record.remote, "127.0.0.1");
        EXPECT_EQ(record.status, 200);
        EXPECT_EQ(record.bytes, answer.head.size() + answer.body.size());
        EXPECT_FALSE(record.aborted);
        EXPECT_GT(record.milliseconds, 0);
        EXPECT_LT(record.milliseconds, 5000);

        EXPECT_EQ(client.ask("GET /bad HTTP/1.1\r\n\r\n").status, 400);
    }
    ASSERT_TRUE(eventually([&] { return server.handler.records().size() == 2; }));
    EXPECT_EQ(server.handler.records()[1].status, 400);
    EXPECT_EQ(server.handler.records()[1].path, "/bad");
    {
        Client client(server.port);
        client.send("POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    }
    ASSERT_TRUE(eventually([&] { return server.handler.records().size() == 3; }));
    EXPECT_TRUE(server.handler.records()[2].aborted);
    EXPECT_EQ(server.handler.records()[2].status, 0);
    { Client idle(server.port); }  // a connection without a request is no line
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(server.handler.records().size(), 3u);
}

TEST(HttpServer, ListensWhereItIsTold) {
    TestServer server;
    server.options.listen = {{"localhost", 0}, {"", 0}};
    server.start();
    const auto& addresses = server.server->addresses();
    ASSERT_GE(addresses.size(), 2u);
    std::string v4, v6;  // every address: the same port for both
    for (const std::string& address : addresses) {
        EXPECT_FALSE(address.ends_with(":0")) << address;
        const std::string port = address.substr(address.rfind(':') + 1);
        if (address.starts_with("0.0.0.0:")) v4 = port;
        if (address.starts_with("[::]:")) v6 = port;
    }
    EXPECT_FALSE(v4.empty());
    if (v6.empty()) GTEST_SKIP() << "no IPv6 on this machine";
    EXPECT_EQ(v4, v6);

    const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    address.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(v6)));
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(fd);
}

TEST(HttpServer, SaysWhyItCannotListen) {
    TestServer first;
    first.start();
    TestHandler handler;
    const auto why = [&](ServerOptions options) {
        Server server(std::move(options), handler);
        const auto started = server.start();
        return started.ok() ? std::string("started") : started.error().message;
    };
    const std::string busy = why({.listen = {{"127.0.0.1", first.port}}});
    EXPECT_NE(busy.find(fmt::format("127.0.0.1:{}", first.port)), std::string::npos) << busy;
    EXPECT_NE(why({.listen = {{"192.0.2.1", 0}}}).find("192.0.2.1:0"), std::string::npos);
    EXPECT_NE(why({.listen = {{"no-such-host.invalid", 80}}}).find("no-such-host.invalid:80"), std::string::npos);
    EXPECT_NE(why({}).find("no address"), std::string::npos);
    const std::string tls = why({.listen = {{"127.0.0.1", 0}}, .tls = TlsFiles{"/nowhere/cert.pem", "/nowhere/key.pem"}});
    EXPECT_NE(tls.find("/nowhere/cert.pem"), std::string::npos) << tls;
}

}  // namespace
}  // namespace baleen::serve::net
