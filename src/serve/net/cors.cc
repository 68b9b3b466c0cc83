#include "serve/net/cors.h"

#include <algorithm>

namespace baleen::serve::net {
namespace {

bool every_page(const Origins& origins) { return std::find(origins.begin(), origins.end(), "*") != origins.end(); }

bool allowed(const Origins& origins, const Request& request) {
    const std::string* origin = request.header("origin");
    return origin != nullptr && (every_page(origins) || std::find(origins.begin(), origins.end(), *origin) != origins.end());
}

}  // namespace

Headers cors_headers(const Origins& origins, const Request& request) {
    if (origins.empty()) return {};
    // Keys come in headers, never in cookies, so "*" is enough for every page and no credentials are allowed.
    if (every_page(origins)) return {{"Access-Control-Allow-Origin", "*"}, {"Access-Control-Expose-Headers", "*"}};
    Headers headers = {{"Vary", "Origin"}};
    if (!allowed(origins, request)) return headers;
    headers.push_back({"Access-Control-Allow-Origin", *request.header("origin")});
    headers.push_back({"Access-Control-Expose-Headers", "*"});
    return headers;
}

std::optional<Response> cors_preflight(const Origins& origins, const Request& request) {
    if (origins.empty() || request.method != "OPTIONS" || request.header("origin") == nullptr ||
        request.header("access-control-request-method") == nullptr)
        return std::nullopt;
    Response response{.status = 204, .headers = {}, .body = {}};
    if (!allowed(origins, request)) return response;
    response.headers.push_back({"Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE, OPTIONS"});
    // Asked for by name, since Authorization is not covered by "*".
    if (const std::string* wanted = request.header("access-control-request-headers"))
        response.headers.push_back({"Access-Control-Allow-Headers", *wanted});
    if (request.header("access-control-request-private-network") != nullptr)
        response.headers.push_back({"Access-Control-Allow-Private-Network", "true"});
    response.headers.push_back({"Access-Control-Max-Age", "86400"});
    return response;
}

}  // namespace baleen::serve::net
