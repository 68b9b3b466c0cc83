// One request on its way through the handlers, and what they share. Internal to the server: server.cc owns the parts, the
// handlers (handlers.h) use them. A Call belongs to whoever holds it, one thread at a time; the parts are safe for all.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/api/errors.h"
#include "serve/delivery.h"
#include "serve/lanes.h"
#include "serve/log.h"
#include "serve/net/handler.h"
#include "serve/net/server.h"
#include "serve/routes.h"
#include "serve/server_metrics.h"
#include "serve/store/key_store.h"
#include "serve/store/serve_config.h"
#include "serve/workers.h"

namespace baleen::serve {

class Ledger;

// Who asks.
struct Caller {
    std::int64_t key_id = 0;  // 0: without a key of ours
    std::string key_name;
    KeyLimits limits;
    std::optional<Money> budget;
    std::string share;  // whose share of the machine its requests use
};

struct Parts {
    Parts(const ServeConfig& config, Lanes& lanes, KeyStore& keys, Ledger& ledger, Log& log)
        : config(config), lanes(lanes), keys(keys), ledger(ledger), log(log), keys_required(config.keys_required()), lane_names(lanes.names()) {}

    const ServeConfig& config;
    Lanes& lanes;
    KeyStore& keys;
    Ledger& ledger;
    Log& log;
    const bool keys_required;
    const std::vector<std::string> lane_names;
    ServerMetrics metrics;
    KeyGate gate;
    Pulse pulse{std::chrono::milliseconds(250)};
    Workers workers{{}};
    std::atomic<bool> draining = false;
    std::function<net::ServerStats()> network;
};

struct Call {
    net::Request request;
    std::shared_ptr<net::Exchange> exchange;
    const Route* route = nullptr;
    std::string parameter;  // {id} of the path
    Caller caller;
    std::string id;         // of the request
    net::Headers headers;   // of its answer, whatever it is
    KeyGate::Slot slot;
    std::chrono::steady_clock::time_point came = std::chrono::steady_clock::now();

    void send(int status, std::string body, std::string_view type = "application/json");
    void fail(const ApiError& error, net::Headers more = {});
};

// Headers that name a request: the service's own, and those the official clients read.
net::Headers id_headers(std::string_view id);

}  // namespace baleen::serve
