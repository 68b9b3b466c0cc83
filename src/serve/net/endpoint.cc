#include "serve/net/endpoint.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "base/json.h"

namespace baleen::serve::net {
namespace {

bool is_name(std::string_view host) {
    if (host.empty() || host.size() > 253) return false;
    for (const char c : host) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '-' && c != '.' && c != '_') return false;
    }
    return true;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return invalid_argument(fmt::format("address '{}': {}; give HOST:PORT, as in 127.0.0.1:8080 or [::1]:8080", printable(text), why));
    };
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return wrong("there is no port");
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);

    Endpoint endpoint;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return wrong("the port is not 0 to 65535");

    if (host.empty() || host == "*") return endpoint;
    boost::system::error_code not_address;
    if (host.front() == '[') {
        if (host.back() != ']') return wrong("a bracket is missing");
        host = host.substr(1, host.size() - 2);
        const auto address = boost::asio::ip::make_address(std::string(host), not_address);
        if (not_address || !address.is_v6()) return wrong("what is in brackets is not an IPv6 address");
    } else if (host.find(':') != std::string_view::npos) {
        return wrong("an IPv6 address needs brackets");
    } else if (!is_name(host)) {
        return wrong("this is neither an address nor a host name");
    }
    endpoint.host = host;
    return endpoint;
}

std::string to_string(const Endpoint& endpoint) {
    if (endpoint.host.find(':') != std::string::npos) return fmt::format("[{}]:{}", endpoint.host, endpoint.port);
    return fmt::format("{}:{}", endpoint.host.empty() ? "*" : endpoint.host, endpoint.port);
}

bool is_loopback(const Endpoint& endpoint) {
    if (endpoint.host == "localhost") return true;
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(endpoint.host, error);
    return !error && address.is_loopback();
}

}  // namespace baleen::serve::net
