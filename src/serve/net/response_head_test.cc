// Aim: an answer's head has the bytes HTTP/1.1 wants, the server alone frames it, and no value can smuggle a header. CORS answers
// the pages of the list and nobody else.
#include "serve/net/response_head.h"

#include <gtest/gtest.h>

#include "serve/net/cors.h"

namespace baleen::serve::net {
namespace {

TEST(ResponseHead, Bytes) {
    ResponseHead head{.status = 200, .version = 11, .framing = Framing::length, .length = 5, .keep_alive = true, .server = "baleen", .now = 784111777};
    const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    EXPECT_EQ(response_head(head, {{"Content-Type", "application/json"}}, {{"Vary", "Origin"}}),
              "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nVary: Origin\r\nServer: baleen\r\n" + date + "Content-Length: 5\r\n\r\n");
    head.framing = Framing::chunked;
    head.server = {};
    EXPECT_EQ(response_head(head, {}), "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n");
    head.framing = Framing::none;
    head.keep_alive = false;
    head.status = 429;
    EXPECT_EQ(response_head(head, {}), "HTTP/1.1 429 Too Many Requests\r\n" + date + "Connection: close\r\n\r\n");
    head.version = 10;
    head.keep_alive = true;
    EXPECT_EQ(response_head(head, {}), "HTTP/1.1 429 Too Many Requests\r\n" + date + "Connection: keep-alive\r\n\r\n");
    head.status = 599;
    EXPECT_TRUE(response_head(head, {}).starts_with("HTTP/1.1 599 Unknown\r\n"));
    EXPECT_EQ(http_date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(ResponseHead, HeadersCannotBreakOut) {
    const Headers hostile = {{"X", "a\r\nSet-Cookie: b"}, {"Y", std::string("c\0d\x7f\te", 6)}, {"A b", "c"}, {"A:", "c"}, {"", "c"}, {"A\n", "c"},
                             {"connection", "close"}, {"Content-LENGTH", "7"}, {"Transfer-Encoding", "gzip"}, {"date", "now"}};
    EXPECT_EQ(response_head({}, hostile), "HTTP/1.1 200 OK\r\nX: a  Set-Cookie: b\r\nY: c d \te\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n");
}

TEST(ResponseHead, Chunks) {
    EXPECT_EQ(chunk("hello"), "5\r\nhello\r\n");
    EXPECT_EQ(chunk(std::string(256, 'x')), "100\r\n" + std::string(256, 'x') + "\r\n");
}

Request browser(std::string method, std::string origin, Headers more = {}) {
    Request request;
    request.method = std::move(method);
    request.headers = {{"origin", std::move(origin)}};
    request.headers.insert(request.headers.end(), more.begin(), more.end());
    return request;
}

TEST(Cors, OnlyTheListed) {
    const Origins none;
    const Origins listed = {"https://a.example", "http://localhost:3000"};
    const Origins every = {"*"};
    const Request friendly = browser("GET", "https://a.example");
    EXPECT_TRUE(cors_headers(none, friendly).empty());
    EXPECT_EQ(*find_header(cors_headers(listed, friendly), "access-control-allow-origin"), "https://a.example");
    for (const char* other : {"https://a.example.evil", "http://a.example", "https://A.example", "null", ""}) {
        const Headers headers = cors_headers(listed, browser("GET", other));
        EXPECT_EQ(find_header(headers, "access-control-allow-origin"), nullptr) << other;
        EXPECT_EQ(*find_header(headers, "vary"), "Origin");  // a cache must not give one page's answer to another
    }
    EXPECT_EQ(*find_header(cors_headers(every, browser("GET", "null")), "access-control-allow-origin"), "*");
}

TEST(Cors, Preflight) {
    const Headers asking = {{"access-control-request-method", "POST"}, {"access-control-request-headers", "authorization,x-api-key"}};
    const Origins listed = {"https://a.example"};
    EXPECT_FALSE(cors_preflight({}, browser("OPTIONS", "https://a.example", asking)).has_value());
    EXPECT_FALSE(cors_preflight(listed, browser("OPTIONS", "https://a.example")).has_value());
    EXPECT_FALSE(cors_preflight(listed, browser("POST", "https://a.example", asking)).has_value());
    const auto yes = cors_preflight(listed, browser("OPTIONS", "https://a.example", asking));
    ASSERT_TRUE(yes.has_value());
    EXPECT_EQ(yes->status, 204);
    EXPECT_EQ(*find_header(yes->headers, "access-control-allow-headers"), "authorization,x-api-key");
    EXPECT_NE(find_header(yes->headers, "access-control-allow-methods")->find("POST"), std::string::npos);
    const auto no = cors_preflight(listed, browser("OPTIONS", "https://b.example", asking));
    ASSERT_TRUE(no.has_value());
    EXPECT_TRUE(no->headers.empty());
}

}  // namespace
}  // namespace baleen::serve::net
