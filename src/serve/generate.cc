#include "serve/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "serve/books.h"
#include "serve/ids.h"

namespace baleen::serve {

namespace {

// The scheduler's refusals: the queue is full, or the server stops. What is wrong with the request itself has been said before.
ApiError refusal_of(const Error& error) {
    if (error.code == ErrorCode::resource_exhausted && error.message.find("maximum context length") == std::string::npos)
        return too_many_requests(error.message);
    return api_error(error);
}

}  // namespace

Result<ServedModel> served_model(Parts& parts, std::string_view asked, const ResolvedModel& resolved) {
    ServedModel model;
    model.asked = asked;
    model.entry = resolved.entry;
    model.lane = &parts.lanes.find(ModelTable::lane_of(*resolved.entry, parts.lane_names));
    return model;
}

RequestOptions request_options(const ServeConfig& config, const ModelEntry& entry, std::optional<bool> thinking) {
    RequestOptions options;
    options.version = entry.prompt;
    options.images = entry.images;
    options.default_thinking = thinking.value_or(true);
    options.strict_reasoning = config.compat == Compat::strict;
    options.body_bytes_max = config.limits.body_bytes_max;
    return options;
}

bool same_reading(const RequestOptions& a, const RequestOptions& b) {
    return a.version == b.version && a.images == b.images && a.default_thinking == b.default_thinking;
}

std::string peek_model(std::string_view body) {
    text::PythonJsonLimits limits;
    limits.bytes = std::max(limits.bytes, body.size());
    const auto tree = text::parse_python_json(body, limits);
    if (!tree.ok() || !tree->is_object()) return {};
    const text::PythonJson* model = tree->find("model");
    return model != nullptr && model->is_string() ? model->text : std::string();
}

void run_job(Parts& parts, Call& call, const ServedModel& model, const std::string& user_id, sched::Job job, bool stream, OutputCheck check,
             const MakeWriter& make_writer) {
    job.key = call.caller.share;
    job.space = reuse_space(call.caller.key_id == 0 ? "" : fmt::format("{}", call.caller.key_id), user_id);

    DeliverySetup setup;
    setup.exchange = call.exchange;
    setup.headers = call.headers;
    setup.shape = call.route->shape;
    setup.request_id = call.id;
    setup.stream = stream;
    setup.check = std::move(check);
    setup.slot = std::move(call.slot);
    setup.keep_alive = std::chrono::milliseconds(parts.config.scheduler.keep_alive_ms);
    setup.wait_max = std::chrono::milliseconds(parts.config.scheduler.wait_max_ms);
    setup.came = call.came;
    parts.metrics.in_progress(1);
    setup.record = [&parts, bill = Bill{call.route->endpoint, call.id, call.caller.key_id, call.caller.key_name, model.asked, model.entry->id,
                                        std::string(model.entry->price_name()), model.lane->name(), user_id, stream}](const AnswerRecord& record) {
        parts.metrics.in_progress(-1);
        enter_in_books(parts, bill, record);
    };

    const auto delivery = std::make_shared<Delivery>(std::move(setup), make_writer);
    sched::Service& service = model.lane->service();
    const auto submitted = service.submit(std::move(job), delivery);
    if (!submitted.ok()) return delivery->not_taken(refusal_of(submitted.error()));
    const auto cancel = [&service, id = *submitted] { service.cancel(id); };
    call.exchange->on_close(cancel);
    parts.pulse.add(delivery, cancel);
}

}  // namespace baleen::serve
