#include "serve/books.h"

#include <fmt/format.h>

#include <cmath>

#include "base/json.h"
#include "serve/store/calendar.h"
#include "serve/store/ledger.h"
#include "serve/store/usage_row.h"

namespace baleen::serve {

namespace {

std::string_view ledger_name(Endpoint endpoint) { return endpoint == Endpoint::chat ? "chat.completions" : name(endpoint); }

std::int64_t milliseconds(double seconds) { return std::llround(seconds * 1000); }

UsageRow row_of(const Bill& bill, const AnswerRecord& record) {
    UsageRow row;
    row.id = bill.request_id;
    row.total_ms = milliseconds(record.seconds);
    row.started_ms = now_ms() - row.total_ms;
    row.key_id = bill.key_id;
    row.user_id = bill.user_id;
    row.endpoint = ledger_name(bill.endpoint);
    row.model_asked = bill.model_asked;
    row.model_served = bill.model_served;
    row.prompt_hit = record.usage.cached_tokens;
    row.prompt_miss = record.usage.prompt_tokens - record.usage.cached_tokens;
    row.output = record.usage.completion_tokens;
    row.reasoning = record.usage.reasoning_tokens;
    row.finish = record.finish;
    row.status = record.status;
    row.stream = bill.stream;
    if (record.usage.completion_tokens > 0)
        row.first_token_ms = milliseconds(record.timing.queue_seconds + record.timing.first_token_seconds);
    return row;
}

void log_answer(Parts& parts, const Bill& bill, const AnswerRecord& record) {
    if (!parts.log.wants(LogLevel::info)) return;
    JsonObject line;
    line.text("id", bill.request_id).text("endpoint", name(bill.endpoint));
    if (bill.key_id != 0) line.number("key", bill.key_id);
    line.text("model", bill.model_served).text("lane", bill.lane).raw("stream", bill.stream ? "true" : "false");
    line.number("status", record.status).text("finish", record.finish);
    line.number("prompt_tokens", record.usage.prompt_tokens)
        .number("cache_hit_tokens", record.usage.cached_tokens)
        .number("reused_tokens", record.computed_before)
        .number("completion_tokens", record.usage.completion_tokens)
        .number("reasoning_tokens", record.usage.reasoning_tokens);
    line.raw("queue_ms", fmt::format("{:.1f}", record.timing.queue_seconds * 1000))
        .raw("prompt_ms", fmt::format("{:.1f}", record.timing.prompt_seconds * 1000))
        .raw("first_token_ms", fmt::format("{:.1f}", record.timing.first_token_seconds * 1000))
        .raw("ms", fmt::format("{:.1f}", record.seconds * 1000));
    if (record.client_left) line.raw("client_left", "true");
    parts.log.write(LogLevel::info, "answer", line);
}

}  // namespace

void enter_in_books(Parts& parts, const Bill& bill, const AnswerRecord& record) {
    UsageRow row = row_of(bill, record);
    set_cost(parts.config.prices, bill.prices, row);
    const Result<void> kept = parts.ledger.append(row);
    // The answer exists and goes out all the same; the operator must know that its row does not.
    if (!kept.ok())
        parts.log.write(LogLevel::error, "ledger_row_lost", JsonObject().text("id", row.id).text("message", printable(kept.error().message, 300)));
    parts.metrics.generated(bill.model_served, record);
    log_answer(parts, bill, record);
}

Balance balance_left(const Parts& parts, const Caller& caller) {
    const Money budget = caller.budget.value_or(Money{});
    return balance_of(budget, parts.ledger.spent(caller.key_id, budget.currency).pico);
}

}  // namespace baleen::serve
