// What all generating endpoints have in common: the rules their readers go by, the model and lane a request is for, and the way
// from a job to an answer under way. Internal to the server's handlers.
#pragma once

#include <string>
#include <string_view>

#include "serve/api/request.h"
#include "serve/call.h"
#include "serve/job.h"
#include "serve/store/calendar.h"
#include "serve/store/model_table.h"
#include "text/python_json.h"

namespace baleen::serve {

// A model as it was asked for and is served.
struct ServedModel {
    std::string asked;
    const ModelEntry* entry = nullptr;
    LiveLane* lane = nullptr;
};

Result<ServedModel> served_model(Parts& parts, std::string_view asked, const ResolvedModel& resolved);

// How bodies are read for a model, by configuration.
RequestOptions request_options(const ServeConfig& config, const ModelEntry& entry, std::optional<bool> thinking);
bool same_reading(const RequestOptions& a, const RequestOptions& b);

// "model" of a body that may be wrong elsewhere; empty if it has none.
std::string peek_model(std::string_view body);

// Reads a body whose rules depend on the model it names. `parse` takes RequestOptions and gives the family's request. Most models
// are read alike, so the body is read once with the first model's rules, and again only if they turn out to be others.
template <class Parsed>
struct Reading {
    Parsed request;
    ServedModel model;
};
template <class Parse>
auto read_request(Parts& parts, std::string_view body, ApiFamily family, const Parse& parse)
    -> Result<Reading<typename std::decay_t<decltype(parse(RequestOptions()).value())>>> {
    using Parsed = std::decay_t<decltype(parse(RequestOptions()).value())>;
    const RequestOptions first = request_options(parts.config, parts.config.models.entries().front(), std::nullopt);
    auto request = parse(first);
    const std::string asked = request.ok() ? request->model : peek_model(body);
    const auto resolved = parts.config.models.resolve(asked, family, now_ms(), parts.config.legacy);
    if (resolved.ok()) {
        const RequestOptions right = request_options(parts.config, *resolved->entry, resolved->thinking);
        if (!same_reading(first, right)) request = parse(right);
    }
    if (!request.ok()) return std::move(request).error();
    if (!resolved.ok()) return resolved.error();
    TRY_ASSIGN(ServedModel model, served_model(parts, asked, *resolved));
    return Reading<Parsed>{std::move(*request), std::move(model)};
}

// Gives the job to the lane and the answer to the client; refusals of the scheduler included.
void run_job(Parts& parts, Call& call, const ServedModel& model, const std::string& user_id, sched::Job job, bool stream, OutputCheck check,
             const MakeWriter& make_writer);

}  // namespace baleen::serve
