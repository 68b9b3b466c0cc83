#include "serve/api/fim_answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "serve/net/sse.h"
#include "text/python_json.h"

namespace baleen::serve {

using sched::Outcome;
using text::append_json_string;

namespace {

std::int64_t characters(std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

// {"id":...,"choices":[
std::string head_json(const AnswerHead& head) {
    return fmt::format(
        "{{\"id\":{},\"object\":\"text_completion\",\"created\":{},\"model\":{},\"system_fingerprint\":{},\"choices\":"
        "[",
        json_string(head.id), head.created, json_string(head.model), fingerprint_json(head));
}

std::string choice_json(std::string_view text, std::string_view finish, std::string_view logprobs) {
    std::string out = "{\"text\":";
    append_json_string(text, out);
    out += ",\"index\":0,\"finish_reason\":";
    if (finish.empty())
        out += "null";
    else
        append_json_string(finish, out);
    return out.append(",\"logprobs\":").append(logprobs).append("}");
}

void append_item(std::string_view item, std::string& list) {
    if (!list.empty()) list += ',';
    list += item;
}

}  // namespace

void FimLogprobs::skip(std::string_view text) {
    characters_ += characters(text);
}

void FimLogprobs::show(std::string_view text) {
    std::int64_t offset = characters_;
    for (const sched::TokenLogprobs& token : queue_.take(text)) {
        append_item(std::to_string(offset), offsets_);
        append_item(logprob_json(token.logprob), logprobs_);
        append_item(json_string(shown_token(tokenizer_, token.token)), tokens_);
        std::string top;
        std::vector<std::string> names;
        const auto add = [&](TokenId id, float logprob) {
            std::string name = json_string(shown_token(tokenizer_, id));
            if (std::find(names.begin(), names.end(), name) != names.end()) return;
            append_item(name + ":" + logprob_json(logprob), top);
            names.push_back(std::move(name));
        };
        for (const engine::TokenLogprob& each : token.top) add(each.token, each.logprob);
        add(token.token, token.logprob);
        append_item("{" + top + "}", tops_);
        offset += characters(tokenizer_.bytes(token.token));
    }
    characters_ += characters(text);
}

std::string FimLogprobs::take() {
    if (tokens_.empty()) return "null";
    std::string out =
        fmt::format("{{\"text_offset\":[{}],\"token_logprobs\":[{}],\"tokens\":[{}],\"top_logprobs\":[{}]}}", offsets_,
                    logprobs_, tokens_, tops_);
    for (std::string* list : {&offsets_, &logprobs_, &tokens_, &tops_}) list->clear();
    return out;
}

FimStream::FimStream(const AnswerHead& head, FimAnswerOptions options, AnswerOutlet outlet)
    : head_("data: " + head_json(head)), options_(std::move(options)), outlet_(std::move(outlet)) {
    if (options_.logprobs == nullptr) return;
    logprobs_.emplace(*options_.logprobs);
    logprobs_->skip(options_.echo);
}

void FimStream::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    count_.started(prompt_tokens, cached_tokens);
    if (!options_.echo.empty()) chunk(options_.echo, "null");
}

void FimStream::token(TokenId) {
    count_.token();
}

void FimStream::logprobs(const sched::TokenLogprobs& token) {
    if (logprobs_) logprobs_->add(token);
}

void FimStream::content(std::string_view text) {
    if (logprobs_) logprobs_->show(text);
    chunk(text, logprobs_ ? logprobs_->take() : "null");
}

void FimStream::chunk(std::string_view text, std::string_view logprobs) {
    begun_ = true;
    outlet_.write(fmt::format("{}{}]{}}}\n\n", head_, choice_json(text, "", logprobs),
                              options_.include_usage ? ",\"usage\":null" : ""));
}

void FimStream::finish(std::string_view reason, const sched::Usage& usage) {
    if (outlet_.ending) outlet_.ending({200, reason, usage});
    const std::string counts = usage_json(usage, false);
    std::string out = fmt::format("{}{}],\"usage\":{}}}\n\n", head_, choice_json("", reason, "null"), counts);
    if (options_.usage_chunk && options_.include_usage) out += fmt::format("{}],\"usage\":{}}}\n\n", head_, counts);
    out += net::sse::kDone;
    outlet_.write(std::move(out));
}

void FimStream::finished(const Result<Outcome>& result) {
    if (result.ok()) return finish(sched::name(result->finish), result->usage);
    const std::string_view reason = begun_ ? finish_of(result.error()) : "";
    if (!reason.empty()) return finish(reason, count_.usage());
    const ApiError error = api_error(result.error());
    if (outlet_.ending) outlet_.ending({error.status, "error", count_.usage()});
    if (begun_)
        outlet_.write(error_event(error));
    else
        outlet_.refuse(error);
}

FimBody::FimBody(AnswerHead head, FimAnswerOptions options, AnswerOutlet outlet)
    : head_(std::move(head)), options_(std::move(options)), outlet_(std::move(outlet)), text_(options_.echo) {
    if (options_.logprobs == nullptr) return;
    logprobs_.emplace(*options_.logprobs);
    logprobs_->skip(options_.echo);
}

void FimBody::started(std::int64_t prompt_tokens, std::int64_t cached_tokens) {
    count_.started(prompt_tokens, cached_tokens);
}

void FimBody::token(TokenId) {
    count_.token();
}

void FimBody::logprobs(const sched::TokenLogprobs& token) {
    if (logprobs_) logprobs_->add(token);
}

void FimBody::content(std::string_view text) {
    text_ += text;
    if (logprobs_) logprobs_->show(text);
}

void FimBody::send(std::string_view finish, const sched::Usage& usage) {
    if (outlet_.ending) outlet_.ending({200, finish, usage});
    outlet_.write(fmt::format("{}{}],\"usage\":{}}}", head_json(head_),
                              choice_json(text_, finish, logprobs_ ? logprobs_->take() : "null"),
                              usage_json(usage, false)));
}

void FimBody::finished(const Result<Outcome>& result) {
    if (result.ok()) return send(sched::name(result->finish), result->usage);
    const std::string_view reason = count_.usage().completion_tokens > 0 ? finish_of(result.error()) : "";
    if (!reason.empty()) return send(reason, count_.usage());
    const ApiError error = api_error(result.error());
    if (outlet_.ending) outlet_.ending({error.status, "error", count_.usage()});
    outlet_.refuse(error);
}

}  // namespace baleen::serve
