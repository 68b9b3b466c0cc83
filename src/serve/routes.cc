#include "serve/routes.h"

#include <algorithm>
#include <array>
#include <optional>

namespace baleen::serve {

namespace {

constexpr std::string_view kOpenAi[] = {"", "/v1", "/beta", "/beta/v1"};
constexpr std::string_view kAnthropic[] = {"/anthropic/v1"};
constexpr std::string_view kNone[] = {""};
constexpr std::string_view kParameter = "{id}";

constexpr std::array kRoutes = {
    Route{Endpoint::chat, Prefixes::openai, "/chat/completions", "POST", Shape::openai, false, true},
    Route{Endpoint::completions, Prefixes::openai, "/completions", "POST", Shape::openai, false, true},
    Route{Endpoint::responses, Prefixes::openai, "/responses", "POST", Shape::openai, false, true},
    Route{Endpoint::models, Prefixes::openai, "/models", "GET"},
    Route{Endpoint::model, Prefixes::openai, "/models/{id}", "GET"},
    Route{Endpoint::balance, Prefixes::openai, "/user/balance", "GET"},
    Route{Endpoint::files, Prefixes::openai, "/files", ""},
    Route{Endpoint::files, Prefixes::openai, "/files/{id}", ""},
    Route{Endpoint::messages, Prefixes::anthropic, "/messages", "POST", Shape::anthropic, false, true},
    Route{Endpoint::count_tokens, Prefixes::anthropic, "/messages/count_tokens", "POST", Shape::anthropic},
    Route{Endpoint::anthropic_files, Prefixes::anthropic, "/files", "", Shape::anthropic},
    Route{Endpoint::anthropic_files, Prefixes::anthropic, "/files/{id}", "", Shape::anthropic},
    Route{Endpoint::anthropic_root, Prefixes::none, "/anthropic", "GET", Shape::anthropic, true},
    Route{Endpoint::health, Prefixes::none, "/health", "GET", Shape::openai, true},
    Route{Endpoint::ready, Prefixes::none, "/ready", "GET", Shape::openai, true},
    Route{Endpoint::metrics, Prefixes::none, "/metrics", "GET", Shape::openai, true},
};

// Base URLs are typed by hand (spec api 2).
std::string plain_path(std::string_view path) {
    std::string out;
    for (const char c : path)
        if (c != '/' || !out.ends_with('/')) out += c;
    if (out.size() > 1 && out.ends_with('/')) out.pop_back();
    return out;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

// What stands for {id}, empty without one; nothing if the path is another.
std::optional<std::string_view> matches(const Route& route, std::string_view path) {
    for (const std::string_view prefix : prefixes(route.prefixes)) {
        if (!path.starts_with(prefix)) continue;
        const std::string_view rest = path.substr(prefix.size());
        if (!route.path.ends_with(kParameter)) {
            if (rest == route.path) return std::string_view();
            continue;
        }
        const std::string_view fixed = route.path.substr(0, route.path.size() - kParameter.size());
        if (rest.size() > fixed.size() && rest.starts_with(fixed)) return rest.substr(fixed.size());
    }
    return std::nullopt;
}

}  // namespace

std::string_view name(Endpoint endpoint) {
    switch (endpoint) {
        case Endpoint::chat: return "chat";
        case Endpoint::completions: return "completions";
        case Endpoint::responses: return "responses";
        case Endpoint::models: return "models";
        case Endpoint::model: return "model";
        case Endpoint::balance: return "balance";
        case Endpoint::files: return "files";
        case Endpoint::messages: return "messages";
        case Endpoint::count_tokens: return "count_tokens";
        case Endpoint::anthropic_files: return "anthropic_files";
        case Endpoint::anthropic_root: return "anthropic_root";
        case Endpoint::health: return "health";
        case Endpoint::ready: return "ready";
        case Endpoint::metrics: return "metrics";
    }
    return "unknown";
}

std::span<const Route> routes() { return kRoutes; }

std::span<const std::string_view> prefixes(Prefixes prefixes) {
    switch (prefixes) {
        case Prefixes::none: return kNone;
        case Prefixes::openai: return kOpenAi;
        case Prefixes::anthropic: return kAnthropic;
    }
    return kNone;
}

RouteMatch find_route(std::string_view method, std::string_view path) {
    const std::string plain = plain_path(path);
    RouteMatch match;
    if (plain == "/anthropic" || plain.starts_with("/anthropic/")) match.shape = Shape::anthropic;
    for (const Route& route : kRoutes) {
        const auto parameter = matches(route, plain);
        if (!parameter) continue;
        match.shape = route.shape;
        if (route.method.empty() || method == route.method || (method == "HEAD" && route.method == "GET")) {
            match.route = &route;
            match.parameter = percent_decoded(*parameter);
        }
        if (route.method.empty()) match.allowed = {"GET", "HEAD", "POST", "DELETE"};
        else match.allowed.push_back(route.method);
        if (route.method == "GET") match.allowed.push_back("HEAD");
    }
    return match;
}

}  // namespace baleen::serve
