#include "serve/api/responses_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "text/tokenizer_utf8.h"

namespace baleen::serve {

using sched::FinishReason;
using sched::Outcome;
using sched::TokenLogprobs;

namespace {

constexpr float kLogprobFloor = -9999.0F;  // JSON has no infinity; the service's own number (api 4.3)

void append_token(const std::string& bytes, float logprob, std::string& out) {
    out += "\"token\":";
    text::append_json_string(text::replace_broken(bytes), out);  // a token may hold part of a character
    fmt::format_to(std::back_inserter(out), ",\"logprob\":{},\"bytes\":[",
                   float_json(std::max(logprob, kLogprobFloor)));
    for (std::size_t i = 0; i < bytes.size(); ++i)
        fmt::format_to(std::back_inserter(out), "{}{}", i > 0 ? "," : "",
                       static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
    out += ']';
}

std::string optional_text(const std::optional<std::string>& text) {
    if (!text) return "null";
    std::string out;
    text::append_json_string(*text, out);
    return out;
}

JsonObject content_fields(std::string_view type) {
    JsonObject out;
    return out.text("type", type).number("content_index", 0);
}

std::string usage_json(const sched::Usage& usage) {
    return JsonObject()
        .number("input_tokens", usage.prompt_tokens)
        .raw("input_tokens_details", JsonObject().number("cached_tokens", usage.cached_tokens).done())
        .number("output_tokens", usage.completion_tokens)
        .raw("output_tokens_details", JsonObject().number("reasoning_tokens", usage.reasoning_tokens).done())
        .number("total_tokens", usage.total_tokens())
        .done();
}

}  // namespace

ResponsesAnswer::ResponsesAnswer(ResponsesAnswerOptions options, Stream send)
    : options_(std::move(options)), send_(std::move(send)), created_(options_.clock()) {}

ResponsesAnswer::ResponsesAnswer(ResponsesAnswerOptions options, Whole done)
    : options_(std::move(options)), done_(std::move(done)), created_(options_.clock()) {}

void ResponsesAnswer::started(std::int64_t, std::int64_t) {
    begun_ = true;
    if (!streams()) return;
    for (const char* type : {"response.created", "response.in_progress"})
        event(type, JsonObject().text("type", type).raw("response", response({})).number("sequence_number", next()));
    flush();
}

// They come before the text they belong to, and also for tokens that show nothing.
void ResponsesAnswer::logprobs(const TokenLogprobs& logprobs) {
    if (!options_.token_bytes) return;
    const std::string bytes = options_.token_bytes(logprobs.token);
    // What ends the reasoning is no part of the text, nor is what stood before it.
    if (options_.thinking && bytes == "</think>" && (items_.empty() || items_.back().kind == Kind::reasoning)) {
        held_logprobs_.clear();
        return;
    }
    std::string entry = "{";
    append_token(bytes, logprobs.logprob, entry);
    entry += ",\"top_logprobs\":[";
    for (std::size_t i = 0; i < logprobs.top.size(); ++i) {
        entry += i > 0 ? ",{" : "{";
        append_token(options_.token_bytes(logprobs.top[i].token), logprobs.top[i].logprob, entry);
        entry += '}';
    }
    held_logprobs_.push_back(entry + "]}");
}

std::string ResponsesAnswer::take_logprobs() {
    std::string out;
    for (const std::string& entry : held_logprobs_) out += (out.empty() ? "" : ",") + entry;
    held_logprobs_.clear();
    return out;
}

void ResponsesAnswer::reasoning(std::string_view text) {
    held_logprobs_.clear();  // only those of the answer's text are told
    text_item(Kind::reasoning, "rs");
    grow(text, "");
    flush();
}

void ResponsesAnswer::content(std::string_view text) {
    text_item(Kind::message, "msg");
    grow(text, take_logprobs());
    flush();
}

void ResponsesAnswer::tool_begin(int, std::string_view id, std::string_view name) {
    held_logprobs_.clear();
    if (Item* item = open_item()) item->commentary = true;
    close("completed");
    const bool custom = options_.tools.custom.count(std::string(name)) > 0;
    Item& item = open(custom ? Kind::custom_call : Kind::function_call, custom ? "ctc" : "fc");
    item.call_id = id;
    item.name = name;
    const auto member = options_.tools.members.find(item.name);
    if (member != options_.tools.members.end()) item.name = member->second.name, item.space = member->second.space;
    tell_item("response.output_item.added");
    flush();
}

void ResponsesAnswer::tool_arguments(int, std::string_view text) {
    if (items_.back().kind == Kind::custom_call) {
        std::string input;
        custom_.push(text, input);
        if (!input.empty()) grow(input, "");
    } else {
        grow(text, "");
    }
    flush();
}

// A call that was cut stays open: what its status is shows at the end.
void ResponsesAnswer::tool_end(int, bool complete) {
    if (complete) close("completed");
    flush();
}

void ResponsesAnswer::finished(const Result<Outcome>& result) {
    End end;
    end.ended = true;
    if (!result.ok() || result->finish == FinishReason::cancelled) {
        end.status = "failed";
        end.error = api_error(result.ok() ? cancelled("cancelled") : result.error());
    } else if (result->finish == FinishReason::length) {
        end.status = "incomplete";
        end.incomplete = "max_output_tokens";
    } else {
        end.status = "completed";
    }
    if (result.ok()) end.usage = result->usage;
    if (end.error && !streams()) {
        done_(end.error->status, error_body(*end.error));
        return;
    }
    if (!begun_) started(0, 0);  // an answer that failed before it began
    close(end.status == "completed" ? "completed" : "incomplete");
    if (!streams()) {
        done_(200, response(end));
        return;
    }
    const std::string type = "response." + end.status;
    event(type, JsonObject().text("type", type).raw("response", response(end)).number("sequence_number", next()));
    flush();
}

// ---- items

std::string ResponsesAnswer::Item::part() const {
    JsonObject out;
    if (kind == Kind::reasoning) {
        out.text("type", "reasoning_text");
    } else {
        out.text("type", "output_text").raw("annotations", "[]").raw("logprobs", "[" + logprobs + "]");
    }
    return out.text("text", text).done();
}

std::string ResponsesAnswer::Item::json() const {
    JsonObject out;
    const std::string parts = text.empty() ? "[]" : "[" + part() + "]";
    switch (kind) {
        case Kind::reasoning:
            return out.text("type", "reasoning")
                .text("id", id)
                .text("status", status)
                .raw("content", parts)
                .raw("summary", "[]")
                .text("encrypted_content", encrypted)
                .done();
        case Kind::message:
            return out.text("type", "message")
                .text("id", id)
                .text("status", status)
                .text("role", "assistant")
                .text("phase", commentary ? "commentary" : "final_answer")
                .raw("content", parts)
                .done();
        case Kind::function_call:
            out.text("type", "function_call").text("id", id).text("status", status).text("call_id", call_id);
            out.text("name", name);
            if (!space.empty()) out.text("namespace", space);
            return out.text("arguments", text).done();
        case Kind::custom_call:
            return out.text("type", "custom_tool_call")
                .text("id", id)
                .text("status", status)
                .text("call_id", call_id)
                .text("name", name)
                .text("input", text)
                .done();
    }
    return out.done();
}

// The open item, if text of this kind goes on in it, or a new one.
void ResponsesAnswer::text_item(Kind kind, const char* prefix) {
    if (const Item* item = open_item(); item != nullptr && item->kind == kind) return;
    close("completed");
    Item& item = open(kind, prefix);
    item.encrypted = fmt::format("{}-{}", options_.id, index());
    if (!streams()) return;
    tell_item("response.output_item.added");
    event("response.content_part.added", content_fields("response.content_part.added")
                                             .text("item_id", item.id)
                                             .number("output_index", index())
                                             .raw("part", item.part())
                                             .number("sequence_number", next()));
}

ResponsesAnswer::Item& ResponsesAnswer::open(Kind kind, const char* prefix) {
    items_.emplace_back();
    open_ = true;
    Item& item = items_.back();
    item.kind = kind;
    item.id = fmt::format("{}_{}_{}", prefix, options_.id, index());
    return item;
}

void ResponsesAnswer::grow(std::string_view piece, const std::string& logprobs) {
    Item& item = items_.back();
    item.text += piece;
    if (!logprobs.empty()) item.logprobs += (item.logprobs.empty() ? "" : ",") + logprobs;
    if (!streams()) return;
    static constexpr const char* kTypes[] = {"response.reasoning_text.delta", "response.output_text.delta",
                                             "response.function_call_arguments.delta",
                                             "response.custom_tool_call_input.delta"};
    const char* type = kTypes[static_cast<int>(item.kind)];
    JsonObject fields = item.is_text() ? content_fields(type) : JsonObject().text("type", type);
    fields.text("delta", piece).text("item_id", item.id);
    if (item.kind == Kind::message) fields.raw("logprobs", "[" + logprobs + "]");
    fields.number("output_index", index());
    event(type, fields.number("sequence_number", next()));
}

void ResponsesAnswer::close(const char* status) {
    Item* item = open_item();
    if (item == nullptr) return;
    if (item->kind == Kind::custom_call) {
        std::string rest;
        custom_.finish(rest);
        if (!rest.empty()) grow(rest, "");
    }
    open_ = false;
    item->status = status;
    if (!streams()) return;
    item->is_text() ? close_text(*item) : close_call(*item);
    tell_item("response.output_item.done");
}

void ResponsesAnswer::close_text(const Item& item) {
    const char* type = item.kind == Kind::reasoning ? "response.reasoning_text.done" : "response.output_text.done";
    JsonObject fields = content_fields(type);
    fields.text("item_id", item.id);
    if (item.kind == Kind::message) fields.raw("logprobs", "[" + item.logprobs + "]");
    fields.number("output_index", index()).number("sequence_number", next());
    event(type, fields.text("text", item.text));
    event("response.content_part.done", content_fields("response.content_part.done")
                                            .text("item_id", item.id)
                                            .number("output_index", index())
                                            .raw("part", item.part())
                                            .number("sequence_number", next()));
}

void ResponsesAnswer::close_call(const Item& item) {
    const bool custom = item.kind == Kind::custom_call;
    const char* type = custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done";
    event(type, JsonObject()
                    .text("type", type)
                    .text(custom ? "input" : "arguments", item.text)
                    .text("item_id", item.id)
                    .number("output_index", index())
                    .number("sequence_number", next()));
}

// ---- events and the response object

// That the last item is there, or is whole.
void ResponsesAnswer::tell_item(const char* type) {
    event(type, JsonObject()
                    .text("type", type)
                    .raw("item", items_.back().json())
                    .number("output_index", index())
                    .number("sequence_number", next()));
}

void ResponsesAnswer::event(std::string_view type, const JsonObject& fields) {
    if (streams()) out_ += sse(type, fields.done());
}

void ResponsesAnswer::flush() {
    if (out_.empty()) return;
    send_(std::move(out_));
    out_.clear();
}

// All fields, those that are not served as null or with the only value they have.
std::string ResponsesAnswer::response(const End& end) const {
    std::string output;
    if (end.ended)
        for (const Item& item : items_) output += (output.empty() ? "" : ",") + item.json();
    const ResponsesEcho& echo = options_.echo;
    JsonObject out;
    out.text("id", options_.id).text("object", "response").number("created_at", created_).text("status", end.status);
    out.raw("background", "false");
    out.raw("completed_at", end.ended && !end.error ? std::to_string(options_.clock()) : "null");
    out.null("content_filters");
    out.raw("error",
            !end.error ? "null" : JsonObject().text("code", "server_error").text("message", end.error->message).done());
    out.raw("frequency_penalty", "0.0");
    out.raw("incomplete_details", end.incomplete.empty() ? "null" : JsonObject().text("reason", end.incomplete).done());
    out.raw("instructions", optional_text(echo.instructions));
    out.raw("max_output_tokens", echo.max_output_tokens ? std::to_string(*echo.max_output_tokens) : "null");
    out.null("max_tool_calls").text("model", options_.model).null("moderation");
    out.raw("output", "[" + output + "]");
    out.raw("parallel_tool_calls", "true").raw("presence_penalty", "0.0");
    out.null("previous_response_id").null("prompt_cache_key").null("prompt_cache_retention");
    out.raw("reasoning", echo.reasoning).null("safety_identifier").text("service_tier", "default");
    out.raw("store", "false").raw("temperature", float_json(echo.temperature)).raw("text", echo.text);
    out.raw("tool_choice", echo.tool_choice).raw("tools", echo.tools);
    out.number("top_logprobs", echo.top_logprobs).raw("top_p", float_json(echo.top_p));
    out.text("truncation", "disabled");
    out.raw("usage", end.usage ? usage_json(*end.usage) : "null");
    out.raw("user", optional_text(echo.user)).raw("metadata", "{}");
    return out.done();
}

}  // namespace baleen::serve
