// Aim: requests come out the same wherever the network cuts them; what is not HTTP, too long or ambiguous is refused with the right
// status; nothing behind a request's end is taken.
#include "serve/net/request_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace baleen::serve::net {
namespace {

using State = RequestReader::State;

struct Read {
    State state = State::head;
    Request request;
    int status = 0;  // of the fault
    std::string reason;
    std::size_t taken = 0;
    bool keep_alive = false;
    bool expects_continue = false;
};

// Feeds `text` in pieces of at most `piece` bytes until the request ends or fails.
Read read(std::string_view text, std::size_t piece = std::string::npos, const Limits& limits = {}) {
    RequestReader reader(limits);
    Read result;
    while (!text.empty() && (reader.state() == State::head || reader.state() == State::body)) {
        const std::string copy(text.substr(0, piece));  // its own memory, so that reading beyond is found
        const std::size_t taken = reader.feed(copy);
        result.taken += taken;
        text.remove_prefix(taken);
    }
    result.state = reader.state();
    result.request = reader.request();
    if (result.state == State::failed) {
        result.status = reader.fault().status;
        result.reason = reader.fault().reason;
    }
    result.keep_alive = reader.keep_alive();
    result.expects_continue = reader.expects_continue();
    return result;
}

// Both at once and cut at every position: the same.
Read read_every_way(const std::string& text, const Limits& limits = {}) {
    const Read whole = read(text, std::string::npos, limits);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        RequestReader reader(limits);
        std::size_t taken = 0;
        for (std::string part : {text.substr(0, cut), text.substr(cut)}) {
            std::string_view rest = part;
            while (!rest.empty() && (reader.state() == State::head || reader.state() == State::body)) {
                const std::size_t n = reader.feed(rest);
                taken += n;
                rest.remove_prefix(n);
            }
        }
        EXPECT_EQ(reader.state(), whole.state) << "cut at " << cut << " of " << text;
        if (reader.state() == State::failed) {
            EXPECT_EQ(reader.fault().status, whole.status) << "cut at " << cut << " of " << text;
            continue;
        }
        EXPECT_EQ(reader.request(), whole.request) << "cut at " << cut << " of " << text;
        EXPECT_EQ(taken, whole.taken) << "cut at " << cut << " of " << text;
    }
    for (const std::size_t piece : {1, 2, 3}) EXPECT_EQ(read(text, piece, limits).state, whole.state) << piece << " of " << text;
    return whole;
}

TEST(RequestReader, WholeRequests) {
    const std::string next = "GET /next HTTP/1.1\r\n";
    const std::string post =
        "POST /v1/chat/completions?beta=true&x HTTP/1.1\r\nHost: a\r\nContent-Type:application/json\r\nContent-Length: 11\r\n"
        "X-Odd:  two  words \t\r\n\r\n{\"a\":\r\n\r\n1}";
    const Read whole = read_every_way(post + next);
    ASSERT_EQ(whole.state, State::complete);
    EXPECT_EQ(whole.taken, post.size());
    EXPECT_EQ(whole.request.method, "POST");
    EXPECT_EQ(whole.request.path, "/v1/chat/completions");
    EXPECT_EQ(whole.request.query, "beta=true&x");
    EXPECT_EQ(whole.request.version, 11);
    EXPECT_EQ(whole.request.body, "{\"a\":\r\n\r\n1}");
    EXPECT_EQ(whole.request.headers, (Headers{{"host", "a"}, {"content-type", "application/json"}, {"content-length", "11"}, {"x-odd", "two  words"}}));
    EXPECT_EQ(*whole.request.header("Content-Type"), "application/json");
    EXPECT_EQ(whole.request.header("accept"), nullptr);
    EXPECT_TRUE(whole.keep_alive);

    const Read chunked = read_every_way(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;x=\"y\"\r\n,\r\n0006 \t;z\r\n world\r\n"
        "0\r\nX-Trailer: dropped\r\n\r\n" + next);
    ASSERT_EQ(chunked.state, State::complete) << chunked.reason;
    EXPECT_EQ(chunked.request.body, "hello, world");
    EXPECT_EQ(chunked.request.headers.size(), 2u);

    const std::string get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const Read closing = read_every_way("\r\n\r\n" + get + next);
    ASSERT_EQ(closing.state, State::complete);
    EXPECT_EQ(closing.taken, get.size() + 4);
    EXPECT_FALSE(closing.keep_alive);

    const Read old = read_every_way("GET / HTTP/1.0\r\n\r\n");
    ASSERT_EQ(old.state, State::complete) << old.reason;
    EXPECT_EQ(old.request.version, 10);
    EXPECT_FALSE(old.keep_alive);
    EXPECT_TRUE(read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keep_alive);

    const Read patient = read_every_way("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
    EXPECT_EQ(patient.state, State::body);
    EXPECT_TRUE(patient.expects_continue);
    EXPECT_FALSE(read("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").expects_continue);
}

TEST(RequestReader, Targets) {
    struct Case {
        const char* line;
        const char* path;
        const char* query;
    };
    const Case cases[] = {
        {"GET /a%20b//c HTTP/1.1", "/a%20b//c", ""},
        {"GET /? HTTP/1.1", "/", ""},
        {"GET /a?b?c HTTP/1.1", "/a", "b?c"},
        {"GET http://host:80/a?b HTTP/1.1", "/a", "b"},
        {"GET HTTPS://host HTTP/1.1", "/", ""},
        {"GET http://host?b HTTP/1.1", "/", "b"},
        {"OPTIONS * HTTP/1.1", "*", ""},
        {"BREW /pot HTTP/1.1", "/pot", ""},
    };
    for (const Case& c : cases) {
        const Read got = read_every_way(std::string(c.line) + "\r\nHost: a\r\n\r\n");
        ASSERT_EQ(got.state, State::complete) << c.line << ": " << got.reason;
        EXPECT_EQ(got.request.path, c.path);
        EXPECT_EQ(got.request.query, c.query);
    }
    for (const char* target : {"*", "host:443", "a/b", "?a", "#"})
        EXPECT_EQ(read_every_way(fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target)).status, 400) << target;
}

TEST(RequestReader, RefusesWhatIsNotHttp) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
    const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
    struct Case {
        std::string text;
        int status;
    };
    const Case cases[] = {
        {std::string("\x16\x03\x01\x02\x00", 5), 400},  // TLS to a plain port, at the first byte
        {"{\"model\":1}\r\n", 400},
        {"GET / HTTP/1.1\n", 400},
        {" GET / HTTP/1.1\r\n", 400},
        {"GET  / HTTP/1.1\r\n", 400},
        {"GET /\r\n", 400},
        {"GET / FOO\r\n", 400},
        {"GET / HTTP/1.1 \r\n", 400},
        {"GET / http/1.1\r\n", 400},
        {"GET / HTTP/2.0\r\n", 505},
        {"PRI * HTTP/2.0\r\n", 505},
        {"GET / HTTP/0.9\r\n", 505},
        {"\r\n\r\n\r\n\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},                       // no Host
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},  // two
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", 400},
        {std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 33), 400},
        {head + "Content-Length: -1\r\n\r\n", 400},
        {head + "Content-Length: 1x\r\n\r\n", 400},
        {head + "Content-Length: \r\n\r\n", 400},
        {head + "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {head + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400},
        {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {head + "Transfer-Encoding: gzip\r\n\r\n", 501},
        {head + "Transfer-Encoding: chunked, gzip\r\n\r\n", 501},
        {head + "Transfer-Encoding: xchunked\r\n\r\n", 501},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {head + "Expect: miracles\r\n\r\n", 417},
        {chunked + "x\r\n", 400},
        {chunked + "-1\r\n", 400},
        {chunked + "11111111111111111\r\n", 400},
        {chunked + "1\r\nabc\r\n", 400},  // shorter waits for more
        {chunked + "1\r\na\n0\n\n", 400},
        {chunked + "1;\r\n", 400},
        {chunked + "0\r\nbad trailer\r\n\r\n", 400},
        {chunked + "0\r\nContent-Length: 1\r\n\r\n", 400},
    };
    for (const Case& c : cases) {
        const Read got = read_every_way(c.text);
        EXPECT_EQ(got.state, State::failed) << c.text;
        EXPECT_EQ(got.status, c.status) << c.text << got.reason;
        EXPECT_FALSE(got.reason.empty());
    }
}

TEST(RequestReader, Limits) {
    Limits limits;
    limits.target_bytes_max = 20;
    limits.head_bytes_max = 100;
    limits.headers_max = 3;
    limits.body_bytes_max = 10;
    const auto status = [&](const std::string& text) { return read_every_way(text, limits).status; };
    const auto target = [](std::size_t bytes) { return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.0\r\n\r\n"; };
    EXPECT_EQ(status(target(20)), 0);
    EXPECT_EQ(status(target(21)), 414);
    EXPECT_EQ(status("GET /" + std::string(95, 'a')), 0);  // 100 bytes, still waiting
    EXPECT_EQ(status("GET /" + std::string(96, 'a')), 414);

    const std::string line = "GET / HTTP/1.0\r\n";  // 16 bytes
    const auto header = [&](std::size_t head_bytes) { return line + "A: " + std::string(head_bytes - 16 - 7, 'b') + "\r\n\r\n"; };
    EXPECT_EQ(status(header(100)), 0);
    EXPECT_EQ(status(header(101)), 431);
    EXPECT_EQ(status(line + "A: " + std::string(200, 'b')), 431);
    EXPECT_EQ(status(line + "A: b\r\nA: b\r\nA: b\r\n\r\n"), 0);
    EXPECT_EQ(status(line + "A: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"), 431);

    const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
    EXPECT_EQ(status(post + "Content-Length: 10\r\n\r\n0123456789"), 0);
    EXPECT_EQ(status(post + "Content-Length: 11\r\n\r\n"), 413);
    EXPECT_EQ(status(post + "Content-Length: 9999999999999\r\n\r\n"), 413);
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(status(chunked + "5\r\n01234\r\n5\r\n01234\r\n0\r\n\r\n"), 0);
    EXPECT_EQ(status(chunked + "5\r\n01234\r\n6\r\n"), 413);
    EXPECT_EQ(status(chunked + "1;" + std::string(200, 'x')), 400);
    EXPECT_EQ(status(chunked + "0\r\nA: " + std::string(200, 'x')), 400);
    EXPECT_EQ(status(chunked + "0\r\nA: b\r\nA: b\r\n\r\n"), 431);  // two headers and two of the trailer
}

// Found by the fuzzer: a bare line feed behind the last chunk's line tripped an assertion of Beast's, in builds that have them.
TEST(RequestReader, LastChunkWaitsForTheEndOfItsTrailer) {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    EXPECT_EQ(read_every_way(head + "0\r\n\n").state, State::body);
    EXPECT_EQ(read_every_way(head + "1\r\na\r\n0\r\n\n").state, State::body);
    EXPECT_EQ(read_every_way(head + "0\r\n\n\r\n\r\n").status, 400);
    EXPECT_EQ(read_every_way(head + "0x\r\n\r\n").status, 400);
    EXPECT_EQ(read_every_way(head + "000;a\r\nB: c\r\n\r\n").state, State::complete);
    EXPECT_EQ(read_every_way(head + "01\r\na\r\n00\r\n\r\n").request.body, "a");
}

// An announced length reserves memory only once a part of it has come.
TEST(RequestReader, AnnouncedIsNotAllocated) {
    const Limits limits;
    RequestReader reader(limits);
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n";
    ASSERT_EQ(reader.feed(head), head.size());
    ASSERT_EQ(reader.feed("x"), 1u);
    EXPECT_LE(reader.request().body.capacity(), std::size_t{128} << 10);
    const std::string part(100 << 10, 'x');
    reader.feed(part);
    EXPECT_GE(reader.request().body.capacity(), 50000000u);  // in one step, not by doubling
}

}  // namespace
}  // namespace baleen::serve::net
