#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "serve/api/balance.h"
#include "serve/api/json_object.h"
#include "serve/api/models.h"
#include "serve/books.h"
#include "serve/handlers.h"
#include "serve/store/calendar.h"

namespace baleen::serve {

namespace {

std::vector<ListedModel> listed_models(const ModelTable& table) {
    std::vector<ListedModel> models;
    for (const ModelEntry& entry : table.entries())
        if (entry.listed) models.push_back({entry.id, entry.owned_by, std::nullopt});
    return models;
}

// Any name that would be served, listed or not.
void model(Parts& parts, Call& call) {
    const auto resolved = parts.config.models.resolve(call.parameter, ApiFamily::openai, now_ms(), parts.config.legacy);
    if (!resolved.ok()) {
        ApiError error = api_error(resolved.error());
        error.status = 404;
        return call.fail(error);
    }
    call.send(200, model_body(ListedModel{resolved->entry->id, resolved->entry->owned_by, std::nullopt}));
}

void balance(Parts& parts, Call& call) {
    if (!call.caller.budget) return call.send(200, balance_body({}));
    constexpr std::int64_t kPicoOfMillionth = 1'000'000;
    const Balance left = balance_left(parts, call.caller);
    const BalanceInfo info{std::string(name(left.currency)), left.granted_pico / kPicoOfMillionth, left.topped_up_pico / kPicoOfMillionth};
    call.send(200, balance_body({&info, 1}));
}

void health(Call& call) { call.send(200, R"({"status":"ok"})"); }

void ready(Parts& parts, Call& call) {
    if (parts.draining) return call.send(503, R"({"status":"stopping"})");
    std::vector<std::string> lanes;
    for (const auto& lane : parts.lanes.all())
        lanes.push_back(JsonObject().text("name", lane->name()).text("model", lane->model()).number("context", lane->service().context()).done());
    call.send(200, JsonObject().text("status", "ready").raw("lanes", fmt::format("[{}]", fmt::join(lanes, ","))).done());
}

}  // namespace

void handle_small(Parts& parts, Call& call) {
    switch (call.route->endpoint) {
        case Endpoint::models: return call.send(200, model_list_body(listed_models(parts.config.models)));
        case Endpoint::model: return model(parts, call);
        case Endpoint::balance: return balance(parts, call);
        case Endpoint::files:
        case Endpoint::anthropic_files: return call.fail(files_not_built());
        case Endpoint::anthropic_root: return call.send(200, R"({"status":"ok"})");
        case Endpoint::health: return health(call);
        case Endpoint::ready: return ready(parts, call);
        case Endpoint::metrics:
            return call.send(200, parts.metrics.text(parts.lanes, parts.network(), parts.workers.waiting()), Metrics::kContentType);
        case Endpoint::chat:
        case Endpoint::completions:
        case Endpoint::responses:
        case Endpoint::messages:
        case Endpoint::count_tokens: break;
    }
    call.fail(internal_error());
}

}  // namespace baleen::serve
