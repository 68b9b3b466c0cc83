// What the server answers, as one table: the dispatcher looks requests up in it, 404 and 405 follow from it, and docs/openapi.yaml
// is checked against it. Paths are the service's (spec api 2, 3): every OpenAI route with and without /v1, and with /beta and
// /beta/v1 in front; Messages under /anthropic; what is our own without a prefix. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace baleen::serve {

enum class Endpoint : std::uint8_t {
    chat,
    completions,
    responses,
    models,
    model,
    balance,
    files,
    messages,
    count_tokens,
    anthropic_files,
    anthropic_root,
    health,
    ready,
    metrics,
};
std::string_view name(Endpoint endpoint);  // "chat", "completions", ...: labels of metrics and the ledger

// Whose errors a path answers with.
enum class Shape : std::uint8_t { openai, anthropic };

// Where the same route answers as well.
enum class Prefixes : std::uint8_t {
    none,       // the path as it stands
    openai,     // "", /v1, /beta, /beta/v1
    anthropic,  // /anthropic/v1
};

struct Route {
    Endpoint endpoint{};
    Prefixes prefixes = Prefixes::none;
    std::string_view path;    // behind the prefix; {id} at its end stands for anything
    std::string_view method;  // GET brings HEAD along; empty: any
    Shape shape = Shape::openai;
    bool open = false;       // asks for no key
    bool generates = false;  // runs a model: counts against the limits of a key
};

std::span<const Route> routes();
std::span<const std::string_view> prefixes(Prefixes prefixes);

struct RouteMatch {
    const Route* route = nullptr;     // of this path and method
    std::string parameter;            // {id}, percent-decoded
    std::vector<std::string_view> allowed;  // methods of the path, if it is known; empty: 404
    Shape shape = Shape::openai;      // also of unknown paths
};
// `path` as it came. Doubled slashes and one at the end do not count.
RouteMatch find_route(std::string_view method, std::string_view path);

}  // namespace baleen::serve
