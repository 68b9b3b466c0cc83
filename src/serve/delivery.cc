#include "serve/delivery.h"

#include <algorithm>

#include "serve/api/anthropic_error.h"
#include "serve/job.h"
#include "serve/net/sse.h"

namespace baleen::serve {

namespace {

constexpr std::string_view kJson = "application/json";
// JSON may begin with white space: what a client that waits for a whole answer can be told meanwhile (spec api 6).
constexpr std::string_view kBlankLine = "\n";

}  // namespace

std::string body_of(Shape shape, const ApiError& error, std::string_view request_id) {
    return shape == Shape::anthropic ? anthropic_error_body(error, request_id) : error_body(error);
}

Delivery::Delivery(DeliverySetup setup, const MakeWriter& make_writer) : setup_(std::move(setup)), last_sent_(setup_.came) {
    Outlet outlet;
    outlet.outlet.write = [this](std::string bytes) { write(std::move(bytes)); };
    outlet.outlet.refuse = [this](const ApiError& error) { refuse(error); };
    outlet.outlet.ending = [this](const AnswerEnd& end) { ending(end); };
    outlet.whole = [this](int status, std::string body) { whole(status, std::move(body)); };
    writer_ = make_writer(std::move(outlet));
}

// ---- towards the client

void Delivery::begin(std::string_view type) {
    begun_ = true;
    net::Headers headers = setup_.headers;
    headers.push_back({"Content-Type", std::string(type)});
    headers.push_back({"Cache-Control", "no-cache"});
    headers.push_back({"X-Accel-Buffering", "no"});  // proxies in between pass pieces on at once
    setup_.exchange->begin(200, std::move(headers));
}

// A piece of a stream, or a body of 200.
void Delivery::write(std::string bytes) {
    if (!setup_.stream) return whole(200, std::move(bytes));
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    if (!begun_) begin(net::sse::kContentType);
    setup_.exchange->write(std::move(bytes));
    last_sent_ = Clock::now();
}

void Delivery::whole(int status, std::string body) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    if (begun_) {  // by a sign of life: its status is out
        setup_.exchange->write(std::move(body));
        setup_.exchange->finish();
        return;
    }
    net::Headers headers = setup_.headers;
    headers.push_back({"Content-Type", std::string(kJson)});
    setup_.exchange->send(status, std::move(headers), std::move(body));
}

// An error before any byte of the answer itself.
void Delivery::refuse(const ApiError& error) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        if (begun_ && setup_.stream) {
            setup_.exchange->write(setup_.shape == Shape::anthropic ? anthropic_error_event(error, setup_.request_id) : error_event(error));
            setup_.exchange->finish();
            ended_ = true;
            return;
        }
    }
    whole(error.status, body_of(setup_.shape, error, setup_.request_id));
}

void Delivery::end() {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    setup_.exchange->finish();
}

void Delivery::ending(const AnswerEnd& end) {
    if (recorded_) return;
    recorded_ = true;
    AnswerRecord record;
    record.status = end.status;
    record.finish = end.finish;
    record.usage = end.usage;
    record.computed_before = computed_before_;
    record.timing = timing_;
    record.seconds = std::chrono::duration<double>(Clock::now() - setup_.came).count();
    record.client_left = setup_.exchange->closed();
    if (setup_.record) setup_.record(record);
    setup_.slot.release();  // before the client can see the end and ask for more
}

void Delivery::not_taken(const ApiError& error) {
    ending({error.status, "error", usage_});
    refuse(error);
}

bool Delivery::tick(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (ended_) return true;
    if (!started_ && now - setup_.came >= setup_.wait_max && !too_late_) {
        too_late_ = true;
        return false;
    }
    if (now - last_sent_ < setup_.keep_alive) return true;
    last_sent_ = now;
    if (!begun_) begin(setup_.stream ? net::sse::kContentType : kJson);
    setup_.exchange->write(setup_.stream ? (writer_.keep_alive ? writer_.keep_alive() : std::string(net::sse::kKeepAlive))
                                         : std::string(kBlankLine));
    return true;
}

// ---- from the scheduler

void Delivery::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    {
        const std::lock_guard lock(mutex_);
        started_ = true;
    }
    computed_before_ = cached_tokens;
    usage_.prompt_tokens = prompt_tokens;
    usage_.cached_tokens = reported_hits(cached_tokens, prompt_tokens);
    writer_.sink->started(prompt_tokens, usage_.cached_tokens);
}

void Delivery::token(TokenId token) {
    ++usage_.completion_tokens;
    writer_.sink->token(token);
}

void Delivery::reasoning(std::string_view text) {
    usage_.reasoning_tokens = usage_.completion_tokens;
    writer_.sink->reasoning(text);
}

void Delivery::content(std::string_view text) {
    if (setup_.check.wants_content()) content_ += text;
    writer_.sink->content(text);
}

void Delivery::tool_begin(int call, std::string_view id, std::string_view name) {
    if (setup_.check.wants_arguments()) calls_.push_back({std::string(name), {}});
    writer_.sink->tool_begin(call, id, name);
}

void Delivery::tool_arguments(int call, std::string_view text) {
    if (!calls_.empty()) calls_.back().arguments += text;
    writer_.sink->tool_arguments(call, text);
}

bool Delivery::paused() {
    const std::size_t pending = setup_.exchange->pending_bytes();
    paused_ = pending > (paused_ ? kResumeBytes : kPauseBytes);
    return paused_;
}

// What was promised about an answer that came to its own end; one that was cut says so itself.
Result<void> Delivery::kept(const sched::Outcome& outcome) const {
    if (outcome.finish == sched::FinishReason::tool_calls) {
        for (const Call& call : calls_) TRY(setup_.check.arguments(call.name, call.arguments));
        return Ok();
    }
    if (outcome.finish != sched::FinishReason::stop || !outcome.stop.empty() || !setup_.check.wants_content()) return Ok();
    return setup_.check.content(content_);
}

void Delivery::finished(const Result<sched::Outcome>& result) {
    bool started = false, too_late = false;
    {
        const std::lock_guard lock(mutex_);
        started = started_;
        too_late = too_late_;
    }
    if (!result.ok()) {
        if (!writer_.checks) {
            const ApiError error = api_error(result.error());
            ending({error.status, "error", usage_});
            if (!started) return refuse(error);
        }
        writer_.sink->finished(result);
        ending({500, "error", usage_});
        return end();
    }
    if (!started) {  // ended while it waited: by its client, for the time it took, or by a server that stops
        const ApiError error = too_late ? overloaded() : api_error(cancelled("it had not begun"));
        ending({error.status, std::string(name(result->finish)), usage_});
        return refuse(error);
    }
    sched::Outcome told = *result;
    told.usage.cached_tokens = reported_hits(told.usage.cached_tokens, told.usage.prompt_tokens);
    timing_ = told.timing;
    const Result<void> good = writer_.checks ? Result<void>() : kept(told);
    if (!good.ok()) {
        const ApiError error = broken_promise(good.error());
        ending({error.status, "error", told.usage});
        bool begun = false;
        {
            const std::lock_guard lock(mutex_);
            begun = begun_;
        }
        if (begun && setup_.stream && writer_.fail) writer_.fail(error);
        else refuse(error);
    } else {
        if (!writer_.checks) ending({200, name(told.finish), told.usage});
        writer_.sink->finished(Result<sched::Outcome>(std::move(told)));
        ending({200, "", usage_});  // an encoder that said nothing
    }
    end();
}

// ---- Pulse

Pulse::Pulse(std::chrono::milliseconds period) : period_(period), thread_([this] { run(); }) {}

Pulse::~Pulse() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Pulse::add(std::weak_ptr<Delivery> answer, std::function<void()> cancel) {
    const std::lock_guard lock(mutex_);
    entries_.push_back({std::move(answer), std::move(cancel)});
}

void Pulse::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, period_, [&] { return stop_; })) {
        std::vector<Entry> entries = std::move(entries_);
        entries_.clear();
        lock.unlock();
        const auto now = std::chrono::steady_clock::now();
        std::erase_if(entries, [&](Entry& entry) {
            const auto answer = entry.answer.lock();
            if (answer == nullptr) return true;
            if (!answer->tick(now)) entry.cancel();
            return false;
        });
        lock.lock();
        entries_.insert(entries_.end(), std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end()));
    }
}

}  // namespace baleen::serve
