#include "serve/api/anthropic_answer.h"

#include <fmt/format.h>

#include <optional>

#include "base/check.h"
#include "serve/api/anthropic_error.h"
#include "serve/api/json_object.h"

namespace baleen::serve {

using sched::FinishReason;
using sched::Outcome;
using sched::Usage;

namespace {

std::string call_id(const AnthropicAnswerOptions& options, int call) {
    return fmt::format("toolu_{}_{}", options.id, call);
}

JsonObject usage_fields(const Usage& usage) {
    JsonObject out;
    out.number("input_tokens", usage.prompt_tokens - usage.cached_tokens);  // what was not in the cache
    out.number("cache_creation_input_tokens", 0);
    out.number("cache_read_input_tokens", usage.cached_tokens);
    return out.number("output_tokens", usage.completion_tokens);
}

std::string message(const AnthropicAnswerOptions& options, std::string_view content, std::string_view stop_reason,
                    std::string_view stop_sequence, const Usage& usage) {
    return JsonObject()
        .text("id", options.id)
        .text("type", "message")
        .text("role", "assistant")
        .text("model", options.model)
        .raw("content", content)
        .raw("stop_reason", stop_reason)
        .raw("stop_sequence", stop_sequence)
        .raw("usage", usage_fields(usage).text("service_tier", "standard").done())
        .done();
}

std::string json_string(std::string_view text) {
    std::string out;
    text::append_json_string(text, out);
    return out;
}

std::string stop_reason(const Outcome& outcome) {
    switch (outcome.finish) {
        case FinishReason::length:
            return json_string("max_tokens");
        case FinishReason::tool_calls:
            return json_string("tool_use");
        case FinishReason::stop:
        case FinishReason::cancelled:
            break;
    }
    return json_string(outcome.stop.empty() ? "end_turn" : "stop_sequence");
}
std::string stop_sequence(const Outcome& outcome) {
    return outcome.stop.empty() ? "null" : json_string(outcome.stop);
}

// Why there is no whole answer, if there is none. A cancelled one is told only to a client who still listens.
std::optional<ApiError> failure(const Result<Outcome>& result) {
    if (!result.ok()) return api_error(result.error());
    if (result->finish == FinishReason::cancelled) return api_error(cancelled("cancelled"));
    return std::nullopt;
}

}  // namespace

AnthropicStream::AnthropicStream(AnthropicAnswerOptions options, std::function<void(std::string)> send)
    : options_(std::move(options)), send_(std::move(send)) {}

void AnthropicStream::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    Usage usage;
    usage.prompt_tokens = prompt_tokens;
    usage.cached_tokens = cached_tokens;
    std::string out = sse("message_start", JsonObject()
                                               .text("type", "message_start")
                                               .raw("message", message(options_, "[]", "null", "null", usage))
                                               .done());
    if (options_.thinking) open(Block::thinking, R"({"type":"thinking","thinking":"","signature":""})", out);
    begun_ = true;
    send_(std::move(out));
}

void AnthropicStream::reasoning(std::string_view text) {
    std::string out;
    if (block_ != Block::thinking) {
        close(out);
        open(Block::thinking, R"({"type":"thinking","thinking":"","signature":""})", out);
    }
    delta("thinking_delta", "thinking", text, out);
    send_(std::move(out));
}

void AnthropicStream::content(std::string_view text) {
    std::string out;
    if (block_ != Block::text) {
        close(out);
        open(Block::text, R"({"type":"text","text":""})", out);
    }
    delta("text_delta", "text", text, out);
    send_(std::move(out));
}

void AnthropicStream::tool_begin(int call, std::string_view, std::string_view name) {
    std::string out;
    close(out);
    open(Block::tool,
         JsonObject()
             .text("type", "tool_use")
             .text("id", call_id(options_, call))
             .text("name", name)
             .raw("input", "{}")
             .done(),
         out);
    send_(std::move(out));
}

void AnthropicStream::tool_arguments(int, std::string_view text) {
    std::string out;
    delta("input_json_delta", "partial_json", text, out);
    send_(std::move(out));
}

void AnthropicStream::tool_end(int, bool) {
    std::string out;
    close(out);
    send_(std::move(out));
}

void AnthropicStream::finished(const Result<Outcome>& result) {
    if (const std::optional<ApiError> error = failure(result)) {
        send_(anthropic_error_event(*error, options_.request_id));
        return;
    }
    std::string out;
    close(out);
    const std::string end =
        JsonObject().raw("stop_reason", stop_reason(*result)).raw("stop_sequence", stop_sequence(*result)).done();
    out += sse("message_delta", JsonObject()
                                    .text("type", "message_delta")
                                    .raw("delta", end)
                                    .raw("usage", usage_fields(result->usage).done())
                                    .done());
    out += sse("message_stop", R"({"type":"message_stop"})");
    send_(std::move(out));
}

std::string AnthropicStream::keep_alive() const {
    return begun_ ? sse("ping", R"({"type":"ping"})") : ": keep-alive\n\n";
}

void AnthropicStream::open(Block block, const std::string& content, std::string& out) {
    block_ = block;
    out += sse(
        "content_block_start",
        JsonObject().text("type", "content_block_start").number("index", blocks_).raw("content_block", content).done());
    if (blocks_++ == 0) out += sse("ping", R"({"type":"ping"})");
}

void AnthropicStream::close(std::string& out) {
    if (block_ == Block::none) return;
    if (block_ == Block::thinking) delta("signature_delta", "signature", options_.id, out);
    out +=
        sse("content_block_stop", JsonObject().text("type", "content_block_stop").number("index", blocks_ - 1).done());
    block_ = Block::none;
}

void AnthropicStream::delta(std::string_view type, std::string_view name, std::string_view text, std::string& out) {
    out += sse("content_block_delta", JsonObject()
                                          .text("type", "content_block_delta")
                                          .number("index", blocks_ - 1)
                                          .raw("delta", JsonObject().text("type", type).text(name, text).done())
                                          .done());
}

AnthropicWhole::AnthropicWhole(AnthropicAnswerOptions options, std::function<void(int, std::string)> done)
    : options_(std::move(options)), done_(std::move(done)) {}

void AnthropicWhole::tool_begin(int call, std::string_view, std::string_view name) {
    CHECK(call == static_cast<int>(calls_.size()), "call={} of {}", call, calls_.size());
    calls_.push_back({std::string(name), {}});
}

void AnthropicWhole::tool_arguments(int, std::string_view text) {
    calls_.back().arguments += text;
}

void AnthropicWhole::finished(const Result<Outcome>& result) {
    if (const std::optional<ApiError> error = failure(result)) {
        done_(error->status, anthropic_error_body(*error, options_.request_id));
        return;
    }
    std::string blocks;
    const auto add = [&](const JsonObject& block) { blocks += (blocks.empty() ? "" : ",") + block.done(); };
    if (options_.thinking)
        add(JsonObject().text("type", "thinking").text("thinking", thinking_).text("signature", options_.id));
    if (!text_.empty()) add(JsonObject().text("type", "text").text("text", text_));
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        // Arguments that were cut are not JSON: then the input is empty.
        const Result<text::PythonJson> input = text::parse_python_json(calls_[i].arguments);
        add(JsonObject()
                .text("type", "tool_use")
                .text("id", call_id(options_, static_cast<int>(i)))
                .text("name", calls_[i].name)
                .raw("input", input.ok() && input->is_object() ? compact_json(*input) : "{}"));
    }
    done_(200, message(options_, "[" + blocks + "]", stop_reason(*result), stop_sequence(*result), result->usage));
}

}  // namespace baleen::serve
