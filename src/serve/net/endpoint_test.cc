// Aim: addresses as people write them are read, and what is not one is refused with its reason.
#include "serve/net/endpoint.h"

#include <gtest/gtest.h>

namespace baleen::serve::net {
namespace {

TEST(Endpoint, ReadsWhatPeopleWrite) {
    struct Case {
        const char* text;
        Endpoint endpoint;
        const char* again;
        bool loopback;
    };
    const Case cases[] = {
        {"127.0.0.1:8080", {"127.0.0.1", 8080}, "127.0.0.1:8080", true},
        {"127.9.9.9:0", {"127.9.9.9", 0}, "127.9.9.9:0", true},
        {"[::1]:65535", {"::1", 65535}, "[::1]:65535", true},
        {"localhost:1", {"localhost", 1}, "localhost:1", true},
        {":8080", {"", 8080}, "*:8080", false},
        {"*:8080", {"", 8080}, "*:8080", false},
        {"0.0.0.0:80", {"0.0.0.0", 80}, "0.0.0.0:80", false},
        {"[::]:80", {"::", 80}, "[::]:80", false},
        {"box-1.example:443", {"box-1.example", 443}, "box-1.example:443", false},
    };
    for (const Case& c : cases) {
        const auto endpoint = parse_endpoint(c.text);
        ASSERT_TRUE(endpoint.ok()) << c.text << ": " << endpoint.error().message;
        EXPECT_EQ(*endpoint, c.endpoint) << c.text;
        EXPECT_EQ(to_string(*endpoint), c.again);
        EXPECT_EQ(is_loopback(*endpoint), c.loopback) << c.text;
    }
}

TEST(Endpoint, RefusesTheRestAndSaysWhy) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "no port"},           {"8080", "no port"},         {"host", "no port"},      {"host:", "port is not"},
        {"host:65536", "port is"}, {"host:-1", "port is"},      {"host: 80", "port is"},  {"host:80x", "port is"},
        {"::1:80", "brackets"},    {"[::1:80", "bracket"},      {"[1.2.3.4]:80", "IPv6"}, {"[]:80", "IPv6"},
        {"ho st:80", "neither"},   {"http://host:80", "brackets"}, {"a\nb:80", "neither"},
    };
    for (const auto& [text, reason] : cases) {
        const auto endpoint = parse_endpoint(text);
        ASSERT_FALSE(endpoint.ok()) << text;
        EXPECT_NE(endpoint.error().message.find(reason), std::string::npos) << endpoint.error().message;
        EXPECT_EQ(endpoint.error().message.find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace baleen::serve::net
