#include "serve/store/serve_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/check.h"
#include "base/json.h"

namespace baleen::serve {

namespace {

// "https://example.org", "http://localhost:3000", or "*": what browsers send in Origin, which has no path and no slash at its end.
bool is_origin(std::string_view text) {
    if (text == "*") return true;
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos || scheme == 0) return false;
    const std::string_view host = text.substr(scheme + 3);
    return !host.empty() && host.find_first_of("/ ?#@*,") == std::string_view::npos &&
           std::none_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= 0x7f || (c >= 'A' && c <= 'Z'); });
}

Result<void> check_lanes(const ServeConfig& config) {
    std::set<std::string> names;
    for (const std::string& text : config.lanes) {
        TRY_ASSIGN(const Lane lane, parse_lane(text, config.model));
        if (!names.insert(lane.name).second)
            return invalid_argument(fmt::format("lanes: two are named '{}'; write NAME=MODEL", lane.name));
    }
    return Ok{};
}

}  // namespace

KeyLimits KeyDefaults::limits() const {
    KeyLimits limits;
    if (concurrency > 0) limits.concurrency = concurrency;
    if (!rate.empty()) {
        const Result<Rate> parsed = parse_rate(rate);
        CHECK(parsed.ok(), "key_defaults.rate {} was not checked", rate);
        limits.rate = *parsed;
    }
    return limits;
}

Result<Lane> parse_lane(std::string_view text, const std::string& model) {
    constexpr std::string_view kScript = "script:";
    Lane lane{"main", "", ""};
    std::string_view what = text;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
        lane.name = text.substr(0, equals);
        what = text.substr(equals + 1);
    }
    const bool good_name = !lane.name.empty() && lane.name.size() <= 64 && std::all_of(lane.name.begin(), lane.name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!good_name || what.empty() || what == kScript)
        return invalid_argument(fmt::format(
            "lanes: '{}' is no lane; write NAME=MODEL or NAME=script:FILE, NAME of a-z, 0-9, - and _", printable(text, 80)));
    if (what.starts_with(kScript)) {
        lane.model = model;
        lane.script = what.substr(kScript.size());
    } else {
        lane.model = what;
    }
    return lane;
}

std::vector<Lane> ServeConfig::parsed_lanes() const {
    std::vector<Lane> parsed;
    for (const std::string& text : lanes) {
        Result<Lane> lane = parse_lane(text, model);
        CHECK(lane.ok(), "lanes were not checked: {}", text);
        parsed.push_back(std::move(lane).value());
    }
    if (parsed.empty()) parsed.push_back({"main", model, ""});
    return parsed;
}

std::vector<std::string> ServeConfig::lane_names() const {
    std::vector<std::string> names;
    for (const Lane& lane : parsed_lanes()) names.push_back(lane.name);
    return names;
}

bool ServeConfig::keys_required() const {
    if (keys != KeysWanted::automatic) return keys == KeysWanted::required;
    const Result<net::Endpoint> endpoint = net::parse_endpoint(listen);
    CHECK(endpoint.ok(), "listen was not checked: {}", listen);
    return !net::is_loopback(*endpoint);
}

Result<void> check(const ServeConfig& config) {
    const Result<net::Endpoint> endpoint = net::parse_endpoint(config.listen);
    if (!endpoint.ok()) return with_context("listen", endpoint.error());
    if (config.model.empty()) return invalid_argument("model: is empty; name a model directory, or krill");
    TRY(check_lanes(config));
    if (config.tls_certificate.empty() != config.tls_private_key.empty())
        return invalid_argument(fmt::format("tls: {} is missing; TLS needs certificate and private_key",
                                            config.tls_certificate.empty() ? "certificate" : "private_key"));
    for (const std::string& origin : config.cors_origins)
        if (!is_origin(origin))
            return invalid_argument(fmt::format(
                "cors.origins: '{}' is no origin; write https://example.org as browsers send it, without path, or *", printable(origin, 80)));
    if (config.limits.bodies_bytes_max < config.limits.body_bytes_max)
        return invalid_argument(fmt::format("limits.bodies_bytes, {}, is less than limits.body_bytes, {}: the largest body would never fit",
                                            config.limits.bodies_bytes_max, config.limits.body_bytes_max));
    if (config.limits.target_bytes_max > config.limits.head_bytes_max)
        return invalid_argument(fmt::format("limits.target_bytes, {}, is more than limits.head_bytes, {}, which holds it",
                                            config.limits.target_bytes_max, config.limits.head_bytes_max));
    if (!config.key_defaults.rate.empty()) {
        const Result<Rate> rate = parse_rate(config.key_defaults.rate);
        if (!rate.ok()) return with_context("key_defaults.rate", rate.error());
    }
    return config.models.check(config.lane_names());
}

}  // namespace baleen::serve
