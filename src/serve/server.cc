#include "serve/server.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <thread>
#include <utility>

#include "base/json.h"
#include "serve/api/anthropic_error.h"
#include "serve/auth.h"
#include "serve/books.h"
#include "serve/handlers.h"
#include "serve/ids.h"
#include "serve/net/server.h"

namespace baleen::serve {

namespace {

constexpr std::string_view kJson = "application/json";

net::ServerOptions network_options(const ServeConfig& config) {
    net::ServerOptions options;
    const auto endpoint = net::parse_endpoint(config.listen);
    if (endpoint.ok()) options.listen = {*endpoint};
    if (!config.tls_certificate.empty()) options.tls = net::TlsFiles{config.tls_certificate.string(), config.tls_private_key.string()};
    options.cors_origins = config.cors_origins;
    options.limits = config.limits;
    return options;
}

bool needs_worker(Endpoint endpoint) {
    switch (endpoint) {
        case Endpoint::chat:
        case Endpoint::completions:
        case Endpoint::responses:
        case Endpoint::messages:
        case Endpoint::count_tokens: return true;
        default: return false;
    }
}

void run_handler(Parts& parts, Call& call) {
    switch (call.route->endpoint) {
        case Endpoint::chat: return handle_chat(parts, call);
        case Endpoint::completions: return handle_completions(parts, call);
        case Endpoint::responses: return handle_responses(parts, call);
        case Endpoint::messages: return handle_messages(parts, call);
        case Endpoint::count_tokens: return handle_count_tokens(parts, call);
        default: return handle_small(parts, call);
    }
}

}  // namespace

net::Headers id_headers(std::string_view id) {
    net::Headers headers;
    for (const char* name : {"x-ds-trace-id", "x-request-id", "request-id"}) headers.push_back({name, std::string(id)});
    return headers;
}

void Call::send(int status, std::string body, std::string_view type) {
    net::Headers all = headers;
    all.push_back({"Content-Type", std::string(type)});
    exchange->send(status, std::move(all), std::move(body));
}

void Call::fail(const ApiError& error, net::Headers more) {
    net::Headers all = headers;
    all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    all.push_back({"Content-Type", std::string(kJson)});
    exchange->send(error.status, std::move(all), body_of(route != nullptr ? route->shape : Shape::openai, error, id));
}

struct ApiServer::Impl : net::Handler {
    Impl(const ServeConfig& config, Lanes& lanes, KeyStore& keys, Ledger& ledger, Log& log)
        : parts(config, lanes, keys, ledger, log), network(network_options(config), *this) {
        parts.network = [this] { return network.stats(); };
    }

    std::optional<net::Response> screen(const net::Request& head) override {
        const RouteMatch match = find_route(head.method, head.path);
        if (head.method == "OPTIONS" && !match.allowed.empty()) return std::nullopt;
        if (match.route == nullptr) return unroutable(head, match);
        if (match.route->open) return std::nullopt;
        auto caller = identify(parts, head);
        if (const ApiError* error = std::get_if<ApiError>(&caller)) return response(match.shape, *error);
        return std::nullopt;
    }

    void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override {
        const RouteMatch match = find_route(request.method, request.path);
        auto call = std::make_shared<Call>();
        call->route = match.route;
        call->parameter = match.parameter;
        call->id = random_hex(32);
        call->headers = id_headers(call->id);
        call->exchange = std::move(exchange);
        if (match.route == nullptr) {  // screen lets only this by
            call->headers.push_back({"Allow", fmt::format("{}, OPTIONS", fmt::join(match.allowed, ", "))});
            return call->exchange->send(204, std::move(call->headers), "");
        }
        if (!match.route->open) {
            auto caller = identify(parts, request);
            if (const ApiError* error = std::get_if<ApiError>(&caller)) return call->fail(*error);
            call->caller = std::get<Caller>(std::move(caller));
        }
        call->request = std::move(request);
        if (!needs_worker(match.route->endpoint)) return run_handler(parts, *call);
        if (match.route->generates && !admitted(*call)) return;
        const std::size_t bytes = call->request.body.size();
        if (!parts.workers.post(bytes, [this, call] { run_handler(parts, *call); })) call->fail(overloaded());
    }

    std::string protocol_error(int status, std::string_view reason) override { return error_body(serve::protocol_error(status, reason)); }

    void answered(const net::AccessRecord& record) override {
        const RouteMatch match = find_route(record.method, record.path);
        parts.metrics.answered(match.route != nullptr ? name(match.route->endpoint) : "other", record.status, record.milliseconds / 1000);
        if (!parts.config.access_log || !parts.log.wants(LogLevel::info)) return;
        JsonObject line;
        line.text("remote", record.remote)
            .text("method", printable(record.method, 20))
            .text("path", printable(record.path, 200))
            .number("status", record.status)
            .number("bytes", static_cast<std::int64_t>(record.bytes))
            .raw("ms", fmt::format("{:.1f}", record.milliseconds));
        if (record.aborted) line.raw("aborted", "true");
        parts.log.write(LogLevel::info, "request", line);
    }

    // Whether the key may have one more request under way, and can pay for it. If not, it has been told.
    bool admitted(Call& call) {
        if (parts.draining) {
            call.fail(overloaded());
            return false;
        }
        if (call.caller.key_id == 0) return true;
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        KeyGate::Answer answer =
            parts.gate.enter(call.caller.key_id, call.caller.limits, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
        if (answer.refusal) {
            net::Headers more;
            if (answer.refusal->retry_after_ms > 0) more.push_back({"Retry-After", fmt::format("{}", (answer.refusal->retry_after_ms + 999) / 1000)});
            call.fail(too_many_requests(answer.refusal->message), std::move(more));
            return false;
        }
        call.slot = std::move(answer.slot);
        if (!call.caller.budget) return true;
        if (balance_left(parts, call.caller).available) return true;
        call.fail(insufficient_balance());
        return false;
    }

    net::Response response(Shape shape, const ApiError& error, net::Headers more = {}) const {
        const std::string id = random_hex(32);
        net::Response response{error.status, id_headers(id), body_of(shape, error, id)};
        response.headers.push_back({"Content-Type", std::string(kJson)});
        response.headers.insert(response.headers.end(), more.begin(), more.end());
        return response;
    }
    net::Response unroutable(const net::Request& head, const RouteMatch& match) const {
        if (match.allowed.empty()) return response(match.shape, unknown_path(head.method, head.path));
        const std::string allowed = fmt::format("{}", fmt::join(match.allowed, ", "));
        return response(match.shape, method_not_allowed(head.method, allowed), {{"Allow", allowed}});
    }

    Parts parts;
    net::Server network;  // ends before the parts its handler uses
    bool started = false;
    bool stopped = false;
};

ApiServer::ApiServer(const ServeConfig& config, Lanes& lanes, KeyStore& keys, Ledger& ledger, Log& log)
    : impl_(std::make_unique<Impl>(config, lanes, keys, ledger, log)) {}

ApiServer::~ApiServer() { shutdown(std::chrono::milliseconds(0)); }

Result<void> ApiServer::start() {
    TRY(impl_->network.start());
    impl_->started = true;
    return Ok();
}

const std::vector<std::string>& ApiServer::addresses() const { return impl_->network.addresses(); }

bool ApiServer::shutdown(std::chrono::milliseconds grace) {
    // The last bytes of answers that were cancelled still have to reach their clients.
    constexpr std::chrono::milliseconds kLastWords{2000};
    if (std::exchange(impl_->stopped, true)) return true;
    impl_->parts.draining = true;
    std::thread network;
    if (impl_->started) network = std::thread([&] { impl_->network.stop(grace + kLastWords); });
    const auto end = std::chrono::steady_clock::now() + grace;
    bool all = true;
    for (const auto& lane : impl_->parts.lanes.all()) {
        const std::chrono::duration<double> left = end - std::chrono::steady_clock::now();
        all = lane->service().drain(std::max(0.0, left.count())) && all;
    }
    if (network.joinable()) network.join();
    return all;
}

}  // namespace baleen::serve
