// Aim: clients that are slow, greedy or many meet bounds, get the right answer where they can get one, and cost little until then.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include "serve/net/server.h"
#include "serve/net/test_support.h"

namespace baleen::serve::net {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Headers one byte at a time, for ever.
TEST(HttpLimits, SlowHeaders) {
    TestServer server;
    server.options.limits.head_timeout = 300ms;
    server.start();
    Client client(server.port);
    const auto start = std::chrono::steady_clock::now();
    client.send("GET / HTTP/1.1\r\nX: ");
    while (client.send("a") && !client.receive(20ms)) ASSERT_LT(seconds_since(start), 5);
    const Answer answer = client.answer();
    EXPECT_EQ(answer.status, 408);
    EXPECT_TRUE(answer.body.find("headers") != std::string::npos) << answer.body;
    EXPECT_GE(seconds_since(start), 0.25);
    EXPECT_TRUE(client.ended());

    Client quick(server.port);  // the time counts from the first byte of each request
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(quick.ask(get("/")).status, 200);
        std::this_thread::sleep_for(200ms);
    }
}

TEST(HttpLimits, SlowBody) {
    TestServer server;
    server.options.limits.body_grace = 300ms;
    server.options.limits.body_bytes_per_second_min = 1000;
    server.start();
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\n";
    {
        Client client(server.port);
        const auto start = std::chrono::steady_clock::now();
        client.send(head);
        while (client.send("x") && !client.receive(20ms)) ASSERT_LT(seconds_since(start), 5);
        EXPECT_EQ(client.answer().status, 408);
        EXPECT_GE(seconds_since(start), 0.25);
        EXPECT_LT(seconds_since(start), 2);
    }
    // Slower than the grace alone allows, but at the pace that is asked for.
    Client client(server.port);
    client.send(head);
    for (int i = 0; i < 12; ++i) {
        std::this_thread::sleep_for(40ms);
        ASSERT_TRUE(client.send(std::string(50, 'x')));
    }
    EXPECT_EQ(client.answer().status, 200);
    // In chunks, whose own bytes count for nothing.
    Client chunks(server.port);
    const auto start = std::chrono::steady_clock::now();
    chunks.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "1;" + std::string(100, 'e') + "\r\nx\r\n";
    while (chunks.send(chunk) && !chunks.receive(20ms)) ASSERT_LT(seconds_since(start), 5);
    EXPECT_EQ(chunks.answer().status, 408);
}

TEST(HttpLimits, IdleConnectionsEnd) {
    TestServer server;
    server.options.limits.idle_timeout = 200ms;
    server.start();
    Client fresh(server.port), used(server.port), blank(server.port);
    EXPECT_EQ(used.ask(get("/")).status, 200);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_TRUE(fresh.ended());  // without a word
    EXPECT_TRUE(used.ended());
    EXPECT_LT(seconds_since(start), 3);
}

TEST(HttpLimits, LateAnswersAreNoTimeout) {
    TestServer server;
    auto& limits = server.options.limits;
    limits.idle_timeout = limits.head_timeout = limits.body_grace = limits.stall_timeout = 100ms;
    std::thread answering;
    server.handler.act = [&](Request, std::shared_ptr<Exchange> exchange) {
        answering = std::thread([exchange] {
            std::this_thread::sleep_for(400ms);
            exchange->send(200, {}, "late");
        });
    };
    server.start();
    Client client(server.port);
    EXPECT_EQ(client.ask(post("/", "x")).body, "late");
    answering.join();
}

TEST(HttpLimits, Bodies) {
    TestServer server;
    server.options.limits.body_bytes_max = 1000000;
    server.options.limits.bodies_bytes_max = 1500000;
    server.start();
    const auto head = [](std::size_t bytes) { return fmt::format("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", bytes); };
    Client first(server.port);
    EXPECT_EQ(first.ask(head(1000000) + std::string(1000000, 'x')).status, 200);
    EXPECT_EQ(first.ask(head(1000001)).status, 413);

    // Two bodies together are more than all may be.
    Client second(server.port), third(server.port);
    second.send(head(1000000) + std::string(900000, 'x'));
    ASSERT_TRUE(eventually([&] { return server.server->stats().received_bytes >= 1900000; }));
    third.send(head(1000000) + std::string(900000, 'x'));
    EXPECT_EQ(third.answer().status, 503);
    second.send(std::string(100000, 'x'));
    EXPECT_EQ(second.answer().status, 200);
    EXPECT_EQ(Client(server.port).ask(head(1000000) + std::string(1000000, 'x')).status, 200);  // all is given back

    Client chunked(server.port);
    chunked.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "186a0\r\n" + std::string(100000, 'x') + "\r\n";
    for (int i = 0; i < 11; ++i) chunked.send(chunk);
    EXPECT_EQ(chunked.answer().status, 413);
}

TEST(HttpLimits, Connections) {
    TestServer server;
    server.options.limits.connections_max = 3;
    server.start();
    std::vector<Client> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back(server.port);
        EXPECT_EQ(clients.back().ask(get("/")).status, 200);
    }
    {
        Client more(server.port);
        const Answer answer = more.answer();  // before it asks
        EXPECT_EQ(answer.status, 503);
        EXPECT_TRUE(answer.body.find("too many connections") != std::string::npos) << answer.body;
        EXPECT_TRUE(more.ended());
    }
    EXPECT_EQ(server.server->stats().refused, 1u);
    EXPECT_EQ(server.handler.records().back().status, 503);
    clients.pop_back();
    EXPECT_TRUE(eventually([&] { return server.server->stats().open_connections == 2; }));
    EXPECT_EQ(Client(server.port).ask(get("/")).status, 200);
    // Far beyond the bound they are closed without an answer; the others are still served.
    std::vector<Client> crowd;
    for (int i = 0; i < 200; ++i) crowd.emplace_back(server.port);
    EXPECT_EQ(clients[0].ask(get("/")).status, 200);
    EXPECT_LE(server.server->stats().open_connections, 80u);
}

TEST(HttpLimits, ManyIdleConnections) {
    constexpr std::size_t kConnections = 2000;
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    TestServer server;
    server.options.limits.connections_max = 2 * kConnections + 1000;  // both ends are in this process
    server.start();
    if (server.server->stats().connections_max < 2 * kConnections + 1000)
        GTEST_SKIP() << "the system allows " << files.rlim_max << " open files";

    const std::size_t before = mallinfo2().uordblks;
    std::vector<Client> clients;
    clients.reserve(kConnections);
    for (std::size_t i = 0; i < kConnections; ++i) {
        clients.emplace_back(server.port);
        ASSERT_TRUE(clients.back().connected()) << i;
    }
    ASSERT_TRUE(eventually([&] { return server.server->stats().open_connections == kConnections; }));
    // Half of them have asked something before.
    for (std::size_t i = 0; i < kConnections; i += 2) ASSERT_EQ(clients[i].ask(post("/", std::string(2000, 'x'))).status, 200);
    for (Client& client : clients) client.held() = {};
    const std::size_t each = (mallinfo2().uordblks - before) / kConnections;
    EXPECT_LT(each, 3500u) << "bytes of memory of an idle connection, the test's own included";
    RecordProperty("bytes_per_idle_connection", static_cast<int>(each));

    // Idle ones cost no time: the network thread sleeps.
    rusage start{}, end{};
    getrusage(RUSAGE_SELF, &start);
    std::this_thread::sleep_for(300ms);
    getrusage(RUSAGE_SELF, &end);
    const auto microseconds = [](const rusage& usage) {
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    };
    EXPECT_LT(microseconds(end) - microseconds(start), 30000);
    for (std::size_t i = 0; i < kConnections; i += 97) EXPECT_EQ(clients[i].ask(get("/")).status, 200);
    clients.clear();
    EXPECT_TRUE(eventually([&] { return server.server->stats().open_connections == 0; }));
}

// A client that sends what it likes, whatever it is told, keeps no connection.
TEST(HttpLimits, LingeringEnds) {
    TestServer server;
    server.options.limits.linger_timeout = 300ms;
    server.start();
    Client client(server.port);
    const auto start = std::chrono::steady_clock::now();
    client.send("nonsense\r\n");
    while (client.send(std::string(10000, 'x'))) {
        ASSERT_LT(seconds_since(start), 5);
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_GE(seconds_since(start), 0.25);
}

}  // namespace
}  // namespace baleen::serve::net
