#include "serve/api/chat_answer.h"

#include <fmt/format.h>

#include "serve/net/sse.h"
#include "text/python_json.h"

namespace baleen::serve {

using sched::FinishReason;
using sched::Outcome;
using text::append_json_string;

namespace {

// Only an end of the model's own is checked: a cut says so in finish_reason.
bool ended_by_itself(const Outcome& outcome) {
    return outcome.finish == FinishReason::stop && outcome.stop.empty();
}

std::string call_json(int index, std::string_view id, std::string_view name, std::string_view arguments) {
    std::string out = fmt::format("{{\"index\":{},\"id\":", index);
    append_json_string(id, out);
    out += ",\"type\":\"function\",\"function\":{\"name\":";
    append_json_string(name, out);
    out += ",\"arguments\":";
    append_json_string(arguments, out);
    return out + "}}";
}

template <class Calls>
Result<void> check_kept(const OutputCheck& check, const Outcome& outcome, std::string_view content,
                        const Calls& calls) {
    if (ended_by_itself(outcome)) TRY(check.content(content));
    if (outcome.finish == FinishReason::tool_calls)
        for (const auto& call : calls) TRY(check.arguments(call.name, call.arguments));
    return Ok();
}

}  // namespace

ChatStream::ChatStream(const AnswerHead& head, ChatAnswerOptions options, AnswerOutlet outlet)
    : options_(std::move(options)), outlet_(std::move(outlet)) {
    if (options_.logprobs != nullptr) logprobs_.emplace(*options_.logprobs);
    head_ = fmt::format(
        "data: {{\"id\":{},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{},\"system_fingerprint\":{},"
        "\"choices\":[",
        json_string(head.id), head.created, json_string(head.model), fingerprint_json(head));
}

void ChatStream::begin() {
    if (std::exchange(begun_, true)) return;
    chunk(options_.thinking ? R"("role":"assistant","content":null,"reasoning_content":"")"
                            : R"("role":"assistant","content":"")");
}

void ChatStream::chunk(std::string_view delta, std::string_view logprobs) {
    std::string out = head_;
    out.append("{\"index\":0,\"delta\":{").append(delta).append("},\"logprobs\":").append(logprobs);
    out += ",\"finish_reason\":null}]";
    if (options_.include_usage) out += ",\"usage\":null";
    out += "}\n\n";
    outlet_.write(std::move(out));
}

void ChatStream::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    count_.started(prompt_tokens, cached_tokens);
    begin();
}

void ChatStream::token(TokenId) {
    count_.token();
}

void ChatStream::logprobs(const sched::TokenLogprobs& token) {
    if (logprobs_) logprobs_->add(token);
}

std::string ChatStream::logprobs_of(std::string_view kind, std::string_view shown) {
    if (!logprobs_) return "null";
    const std::vector<sched::TokenLogprobs> tokens = logprobs_->take(shown);
    if (tokens.empty()) return "null";
    return fmt::format("{{\"{}\":{}}}", kind, logprob_list_json(*options_.logprobs, tokens));
}

void ChatStream::reasoning(std::string_view text) {
    begin();
    count_.reasoning();
    chunk("\"content\":null,\"reasoning_content\":" + json_string(text), logprobs_of("reasoning_content", text));
}

void ChatStream::content(std::string_view text) {
    begin();
    if (options_.check.wants_content()) content_ += text;
    std::string delta = "\"content\":";
    append_json_string(text, delta);
    if (options_.thinking) delta += ",\"reasoning_content\":null";
    chunk(delta, logprobs_of("content", text));
}

void ChatStream::tool_begin(int call, std::string_view id, std::string_view name) {
    begin();
    if (logprobs_) logprobs_->drop();
    if (options_.check.wants_arguments()) calls_.push_back({std::string(name), {}});
    chunk("\"tool_calls\":[" + call_json(call, id, name, "") + "]");
}

void ChatStream::tool_arguments(int call, std::string_view text) {
    if (logprobs_) logprobs_->drop();
    if (options_.check.wants_arguments() && !calls_.empty()) calls_.back().arguments += text;
    chunk(fmt::format("\"tool_calls\":[{{\"index\":{},\"function\":{{\"arguments\":{}}}}}]", call, json_string(text)));
}

void ChatStream::tool_end(int, bool) {
    if (logprobs_) logprobs_->drop();
}

void ChatStream::finish(std::string_view reason, const sched::Usage& usage) {
    begin();
    if (outlet_.ending) outlet_.ending({200, reason, usage});
    const std::string counts = usage_json(usage, options_.thinking);
    std::string out = head_;
    out += "{\"index\":0,\"delta\":{\"content\":\"\"";
    if (options_.thinking) out += ",\"reasoning_content\":null";
    out.append("},\"logprobs\":null,\"finish_reason\":\"").append(reason).append("\"}],\"usage\":").append(counts);
    out += "}\n\n";
    if (options_.usage_chunk && options_.include_usage)
        out.append(head_).append("],\"usage\":").append(counts).append("}\n\n");
    out += net::sse::kDone;
    outlet_.write(std::move(out));
}

void ChatStream::fail(const ApiError& error, const sched::Usage& usage) {
    if (outlet_.ending) outlet_.ending({error.status, "error", usage});
    if (begun_)
        outlet_.write(error_event(error));
    else
        outlet_.refuse(error);
}

void ChatStream::finished(const Result<Outcome>& result) {
    if (!result.ok()) {
        const std::string_view reason = begun_ ? finish_of(result.error()) : "";
        if (reason.empty())
            fail(api_error(result.error()), count_.usage());
        else
            finish(reason, count_.usage());
        return;
    }
    const Result<void> kept = check_kept(options_.check, *result, content_, calls_);
    if (!kept.ok())
        fail(broken_promise(kept.error()), result->usage);
    else
        finish(sched::name(result->finish), result->usage);
}

ChatBody::ChatBody(AnswerHead head, ChatAnswerOptions options, AnswerOutlet outlet)
    : head_(std::move(head)), options_(std::move(options)), outlet_(std::move(outlet)) {
    if (options_.logprobs != nullptr) logprobs_.emplace(*options_.logprobs);
}

void ChatBody::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    count_.started(prompt_tokens, cached_tokens);
}

void ChatBody::token(TokenId) {
    count_.token();
}

void ChatBody::logprobs(const sched::TokenLogprobs& token) {
    if (logprobs_) logprobs_->add(token);
}

void ChatBody::reasoning(std::string_view text) {
    count_.reasoning();
    reasoning_ += text;
    if (!logprobs_) return;
    for (sched::TokenLogprobs& token : logprobs_->take(text)) reasoning_logprobs_.push_back(std::move(token));
}

void ChatBody::content(std::string_view text) {
    content_ += text;
    if (!logprobs_) return;
    for (sched::TokenLogprobs& token : logprobs_->take(text)) content_logprobs_.push_back(std::move(token));
}

void ChatBody::tool_begin(int, std::string_view id, std::string_view name) {
    if (logprobs_) logprobs_->drop();
    calls_.push_back({std::string(id), std::string(name), {}});
}

void ChatBody::tool_arguments(int, std::string_view text) {
    if (logprobs_) logprobs_->drop();
    if (!calls_.empty()) calls_.back().arguments += text;
}

void ChatBody::send(std::string_view finish, const sched::Usage& usage) {
    if (outlet_.ending) outlet_.ending({200, finish, usage});
    std::string out = fmt::format(
        "{{\"id\":{},\"object\":\"chat.completion\",\"created\":{},\"model\":{},\"choices\":[{{\"index\":0,"
        "\"message\":{{\"role\":\"assistant\",\"content\":",
        json_string(head_.id), head_.created, json_string(head_.model));
    append_json_string(content_, out);
    if (options_.thinking) {
        out += ",\"reasoning_content\":";
        append_json_string(reasoning_, out);
    }
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        out += i == 0 ? ",\"tool_calls\":[" : ",";
        out += call_json(static_cast<int>(i), calls_[i].id, calls_[i].name, calls_[i].arguments);
    }
    if (!calls_.empty()) out += ']';
    out += "},\"logprobs\":";
    if (reasoning_logprobs_.empty() && content_logprobs_.empty()) {
        out += "null";
    } else {
        out += '{';
        if (!content_logprobs_.empty())
            out.append("\"content\":").append(logprob_list_json(*options_.logprobs, content_logprobs_));
        if (!reasoning_logprobs_.empty())
            out.append(content_logprobs_.empty() ? "" : ",")
                .append("\"reasoning_content\":")
                .append(logprob_list_json(*options_.logprobs, reasoning_logprobs_));
        out += '}';
    }
    out.append(",\"finish_reason\":\"").append(finish).append("\"}],\"usage\":");
    out.append(usage_json(usage, options_.thinking)).append(",\"system_fingerprint\":").append(fingerprint_json(head_));
    out += '}';
    outlet_.write(std::move(out));
}

void ChatBody::refuse(const ApiError& error, const sched::Usage& usage) {
    if (outlet_.ending) outlet_.ending({error.status, "error", usage});
    outlet_.refuse(error);
}

void ChatBody::finished(const Result<Outcome>& result) {
    if (!result.ok()) {
        const std::string_view reason = count_.usage().completion_tokens > 0 ? finish_of(result.error()) : "";
        if (reason.empty())
            refuse(api_error(result.error()), count_.usage());
        else
            send(reason, count_.usage());
        return;
    }
    const Result<void> kept = check_kept(options_.check, *result, content_, calls_);
    if (!kept.ok())
        refuse(broken_promise(kept.error()), result->usage);
    else
        send(sched::name(result->finish), result->usage);
}

}  // namespace baleen::serve
