// Aim: answers in pieces. Each piece leaves at once; a peer that leaves is noticed while nothing is written; a slow reader holds up
// nobody and what it costs is bounded; a server that stops finishes what it has begun, or ends it at the deadline.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>

#include "serve/net/server.h"
#include "serve/net/sse.h"
#include "serve/net/test_support.h"

namespace baleen::serve::net {
namespace {

// Keeps the exchange for the test to answer.
struct Held {
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> exchanges;
    std::atomic<int> closes = 0;

    void attach(TestServer& server) {
        server.handler.act = [this](Request, std::shared_ptr<Exchange> exchange) {
            exchange->on_close([this] { ++closes; });
            const std::lock_guard lock(mutex);
            exchanges.push_back(std::move(exchange));
        };
    }
    std::shared_ptr<Exchange> take(std::size_t index = 0) {
        EXPECT_TRUE(eventually([&] {
            const std::lock_guard lock(mutex);
            return exchanges.size() > index;
        }));
        const std::lock_guard lock(mutex);
        return index < exchanges.size() ? exchanges[index] : nullptr;
    }
};

TEST(HttpStream, EachPieceLeavesAtOnceAsOneChunk) {
    Held held;
    TestServer server;
    held.attach(server);
    server.start();
    Client client(server.port);
    client.send(get("/"));
    const auto exchange = held.take();
    exchange->begin(200, {{"Content-Type", std::string(sse::kContentType)}});
    EXPECT_TRUE(client.receive_until("\r\n\r\n"));  // before anything is written
    client.held().clear();
    for (int i = 0; i < 100; ++i) {
        const std::string event = sse::data(fmt::format("{{\"i\":{}}}", i));
        ASSERT_TRUE(exchange->write(event));
        const std::string chunk = fmt::format("{:x}\r\n{}\r\n", event.size(), event);
        ASSERT_TRUE(client.receive_until(chunk));
        EXPECT_EQ(client.held(), chunk);
        client.held().clear();
    }
    EXPECT_TRUE(exchange->write(""));  // not a chunk: it would end the body
    EXPECT_TRUE(eventually([&] { return exchange->pending_bytes() == 0; }));
    exchange->finish();
    EXPECT_TRUE(client.receive_until("0\r\n\r\n"));
    EXPECT_EQ(client.held(), "0\r\n\r\n");
    EXPECT_EQ(held.closes, 0);
}

TEST(HttpStream, AnnouncedLength) {
    TestServer server;
    server.handler.act = [](Request request, std::shared_ptr<Exchange> exchange) {
        exchange->begin(200, {{"Content-Length", "10"}});
        exchange->write("01234");
        if (request.path == "/whole") exchange->write("56789");
        exchange->finish();
    };
    server.start();
    Client client(server.port);
    const Answer whole = client.ask(get("/whole"));
    EXPECT_EQ(whole.body, "0123456789");
    EXPECT_EQ(whole.header("Transfer-Encoding"), "");
    EXPECT_FALSE(client.ask(get("/short")).whole);  // and the client sees it: the connection ends
}

TEST(HttpStream, AnswersFromManyThreads) {
    TestServer server;
    std::mutex mutex;
    std::vector<std::thread> threads;
    server.handler.act = [&](Request request, std::shared_ptr<Exchange> exchange) {
        const std::lock_guard lock(mutex);
        threads.emplace_back([path = request.path, exchange = std::move(exchange)] {
            exchange->begin(200, {});
            for (int i = 0; i < 500; ++i) exchange->write(fmt::format("{}:{};", path, i));
            exchange->finish();
        });
    };
    server.start();
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) clients.emplace_back(server.port);
    for (int i = 0; i < 20; ++i) clients[static_cast<std::size_t>(i)].send(get(fmt::format("/{}", i)));
    for (int i = 0; i < 20; ++i) {
        std::string expected;
        for (int j = 0; j < 500; ++j) expected += fmt::format("/{}:{};", i, j);
        EXPECT_TRUE(clients[static_cast<std::size_t>(i)].answer().body == expected) << i;
    }
    for (std::thread& thread : threads) thread.join();
}

// The handler hears of it in a moment, though it writes nothing; what it writes then goes nowhere.
TEST(HttpStream, PeerThatLeavesIsNoticed) {
    enum class Way { close, reset, half };
    for (const Way way : {Way::close, Way::reset, Way::half}) {
        for (const bool begun : {false, true}) {
            Held held;
            TestServer server;
            held.attach(server);
            server.start();
            Client client(server.port);
            client.send(get("/"));
            const auto exchange = held.take();
            if (begun) {
                exchange->begin(200, {});
                exchange->write("first");
                client.receive_until("first");
            }
            EXPECT_FALSE(exchange->closed());
            const auto start = std::chrono::steady_clock::now();
            if (way == Way::close) client.close();
            if (way == Way::reset) client.reset();
            if (way == Way::half) client.end_writing();
            EXPECT_TRUE(eventually([&] { return held.closes == 1; }));
            EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
            EXPECT_TRUE(exchange->closed());
            if (begun) {
                EXPECT_FALSE(exchange->write("x"));
            } else {
                exchange->send(200, {}, "nobody");
            }
            exchange->finish();
            EXPECT_TRUE(eventually([&] { return server.handler.records().size() == 1; }));
            EXPECT_TRUE(server.handler.records()[0].aborted);
            EXPECT_EQ(server.handler.records()[0].status, begun ? 200 : 0);
            std::atomic<bool> late = false;
            exchange->on_close([&] { late = true; });
            EXPECT_TRUE(late);  // at once
            EXPECT_EQ(held.closes, 1);
        }
    }
}

// Also behind pipelined bytes that nobody reads.
TEST(HttpStream, PeerThatLeavesIsNoticedBehindUnreadBytes) {
    Held held;
    TestServer server;
    server.options.limits.read_ahead_bytes_max = 100;
    held.attach(server);
    server.start();
    Client client(server.port);
    client.send(get("/"));
    held.take();
    client.send(std::string(20000, 'x'));  // fits into the system's buffer, so that its end gets through
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(held.closes, 0);
    client.end_writing();
    EXPECT_TRUE(eventually([&] { return held.closes == 1; }, 3s));
}

// A whole answer still reaches a peer that has ended its side: `nc` with its input at an end, for one.
TEST(HttpStream, HalfClosedPeerGetsAWholeAnswer) {
    TestServer server;
    const std::string body(3000000, 'b');
    server.handler.act = [&](Request, std::shared_ptr<Exchange> exchange) { exchange->send(200, {}, body); };
    server.start();
    for (int round = 0; round < 20; ++round) {
        Client client(server.port);
        client.send(get("/"));
        client.end_writing();
        EXPECT_EQ(client.answer().body.size(), body.size());
    }
}

TEST(HttpStream, HalfClosedPeerGetsAnswersToAllItAsked) {
    TestServer server;
    server.start();
    for (int round = 0; round < 20; ++round) {
        Client client(server.port);
        client.send(get("/a") + get("/b") + get("/c"));
        client.end_writing();
        for (const char* path : {"/a", "/b", "/c"}) EXPECT_EQ(client.answer().body, fmt::format("GET {} ", path));
        EXPECT_TRUE(client.ended());
    }
}

TEST(HttpStream, SlowReaderPausesOnlyItself) {
    Held held;
    TestServer server;
    server.options.limits.answer_bytes_max = 1 << 20;
    server.options.send_buffer_bytes = 16 << 10;
    held.attach(server);
    server.start();
    Client slow(server.port, 4 << 10), quick(server.port);
    slow.send(get("/slow"));
    const auto slow_exchange = held.take(0);
    quick.send(get("/quick"));
    const auto quick_exchange = held.take(1);
    slow_exchange->begin(200, {});
    quick_exchange->begin(200, {});
    EXPECT_TRUE(quick.receive_until("\r\n\r\n"));
    quick.held().clear();

    const std::string piece(1000, 'p');
    std::size_t written = 0;
    while (slow_exchange->pending_bytes() < 500000) {
        ASSERT_TRUE(slow_exchange->write(piece));
        written += piece.size();
        if (written % 100000 != 0) continue;
        ASSERT_TRUE(quick_exchange->write("tick"));
        ASSERT_TRUE(quick.receive_until("4\r\ntick\r\n"));
        quick.held().clear();
    }
    EXPECT_LT(written, 10u << 20);  // the system's buffers are small; what is pending is known
    EXPECT_FALSE(slow_exchange->closed());

    // Read on: the pending bytes go out, in order and whole.
    slow_exchange->finish();
    const Answer answer = slow.answer();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body.size(), written);
    EXPECT_TRUE(answer.body == std::string(written, 'p'));
    EXPECT_TRUE(eventually([&] { return slow_exchange->pending_bytes() == 0; }));
    quick_exchange->finish();
}

TEST(HttpStream, ReaderThatNeverReadsIsClosedAtTheBound) {
    Held held;
    TestServer server;
    server.options.limits.answer_bytes_max = 100000;
    server.options.send_buffer_bytes = 16 << 10;
    held.attach(server);
    server.start();
    Client client(server.port, 4 << 10);
    client.send(get("/"));
    const auto exchange = held.take();
    exchange->begin(200, {});
    std::size_t written = 0;
    while (exchange->write(std::string(1000, 'p'))) {
        written += 1000;
        ASSERT_LT(written, 10u << 20);
        ASSERT_LE(exchange->pending_bytes(), 101000u);
    }
    EXPECT_TRUE(exchange->closed());
    EXPECT_TRUE(eventually([&] { return held.closes == 1; }));
    EXPECT_TRUE(eventually([&] { return server.server->stats().open_connections == 0; }));
    EXPECT_TRUE(server.handler.records()[0].aborted);
}

// A single piece beyond the bound is no sign of a slow reader, and neither is a whole answer.
TEST(HttpStream, LargeAnswers) {
    TestServer server;
    server.options.limits.answer_bytes_max = 1000;
    const std::string large(5000000, 'l');
    server.handler.act = [&](Request request, std::shared_ptr<Exchange> exchange) {
        if (request.path == "/whole") return exchange->send(200, {}, large);
        std::thread([&, exchange] {
            exchange->begin(200, {});
            while (exchange->pending_bytes() > 0) std::this_thread::sleep_for(1ms);
            exchange->write(large);
            exchange->finish();
        }).detach();
    };
    server.start();
    Client client(server.port);
    EXPECT_TRUE(client.ask(get("/whole")).body == large);
    EXPECT_TRUE(client.ask(get("/piece")).body == large);
}

TEST(HttpStream, StalledReaderIsClosedAfterItsTime) {
    Held held;
    TestServer server;
    server.options.limits.stall_timeout = 200ms;
    server.options.send_buffer_bytes = 16 << 10;
    held.attach(server);
    server.start();
    Client client(server.port, 4 << 10);
    client.send(get("/"));
    const auto exchange = held.take();
    exchange->begin(200, {});
    std::this_thread::sleep_for(400ms);  // nothing to send is no stall
    EXPECT_EQ(held.closes, 0);
    EXPECT_TRUE(exchange->write(std::string(1000000, 'p')));
    EXPECT_TRUE(eventually([&] { return held.closes == 1; }, 3s));
}

TEST(HttpStream, StopFinishesWhatHasBegun) {
    Held held;
    TestServer server;
    held.attach(server);
    server.start();
    Client idle(server.port), busy(server.port), reading(server.port);
    busy.send(get("/"));
    const auto exchange = held.take();
    exchange->begin(200, {});
    exchange->write("a");
    ASSERT_TRUE(busy.receive_until("a\r\n"));
    // Its body is still coming.
    reading.send("POST /late HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    ASSERT_EQ(reading.answer().status, 100);
    ASSERT_TRUE(eventually([&] { return server.server->stats().open_connections == 3; }));

    std::thread stopper([&] { server.server->stop(10s); });
    EXPECT_TRUE(idle.ended());
    EXPECT_FALSE(Client(server.port).ask(get("/")).status != 0);  // nobody listens
    reading.send("late");
    const auto late = held.take(1);
    late->send(200, {}, "in time");
    const Answer answer = reading.answer();
    EXPECT_EQ(answer.body, "in time");
    EXPECT_EQ(answer.header("Connection"), "close");
    exchange->write("b");
    exchange->finish();
    EXPECT_TRUE(busy.receive_until("b\r\n0\r\n\r\n"));
    busy.held().clear();
    EXPECT_TRUE(busy.ended());
    busy.close();
    reading.close();
    stopper.join();
    EXPECT_EQ(held.closes, 0);
    EXPECT_EQ(server.server->stats().open_connections, 0u);
}

TEST(HttpStream, StopEndsTheRestAtTheDeadline) {
    Held held;
    TestServer server;
    held.attach(server);
    server.start();
    Client client(server.port);
    client.send(get("/"));
    const auto exchange = held.take();
    exchange->begin(200, {});
    const auto start = std::chrono::steady_clock::now();
    server.server->stop(200ms);
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_GE(took, 190ms);
    EXPECT_LT(took, 2s);
    EXPECT_EQ(held.closes, 1);
    EXPECT_FALSE(exchange->write("x"));
    exchange->finish();
    EXPECT_EQ(server.server->stats().open_connections, 0u);
    server.server.reset();
    EXPECT_FALSE(exchange->write("the server is gone"));
}

// Writers race with clients that leave and with the end of the server: the sanitizers watch.
TEST(HttpStream, EndsInEveryOrder) {
    for (int round = 0; round < 10; ++round) {
        TestServer server;
        std::mutex mutex;
        std::vector<std::thread> threads;
        server.handler.act = [&](Request, std::shared_ptr<Exchange> exchange) {
            const std::lock_guard lock(mutex);
            threads.emplace_back([exchange = std::move(exchange)] {
                exchange->on_close([exchange] { EXPECT_TRUE(exchange->closed()); });  // owns itself until then
                exchange->begin(200, {});
                for (int i = 0; i < 200 && exchange->write("piece"); ++i) std::this_thread::sleep_for(100us);
                exchange->finish();
            });
        };
        server.start();
        std::vector<std::thread> clients;
        for (int c = 0; c < 8; ++c) {
            clients.emplace_back([&, c] {
                Client client(server.port);
                client.send(get("/"));
                client.receive(std::chrono::milliseconds(c + round));
                if (c % 2 == 0) client.reset();
            });
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(round));
        server.server->stop(std::chrono::milliseconds(round));
        for (std::thread& client : clients) client.join();
        for (std::thread& thread : threads) thread.join();
    }
}

}  // namespace
}  // namespace baleen::serve::net
