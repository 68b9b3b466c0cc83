#include "cli/generate_output.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/terminal.h"
#include "text/tokenizer_utf8.h"

namespace baleen::cli {

// ---- showing

AnswerSink::AnswerSink(Show show) : show_(show), dim_(takes_style(stderr)) {}

void AnswerSink::write(std::FILE* stream, std::string_view text) {
    if (is_terminal(stream)) fmt::print(stream, "{}", terminal_safe(text));
    else fmt::print(stream, "{}", text);
    std::fflush(stream);
}

void AnswerSink::token(TokenId token) {
    if (show_ != Show::ids) return;
    fmt::print("{}\n", index(token));
    std::fflush(stdout);
}

void AnswerSink::reasoning(std::string_view text) {
    answer_.reasoning += text;
    if (show_ != Show::text) return;
    if (!in_reasoning_) fmt::print(stderr, "{}", dim_ ? kDim : "thinking: ");
    in_reasoning_ = true;
    write(stderr, text);
}

void AnswerSink::leave_reasoning() {
    if (!in_reasoning_) return;
    in_reasoning_ = false;
    fmt::print(stderr, "{}\n", dim_ ? kPlain : "");
    if (is_terminal(stderr)) fmt::print(stderr, "\n");
    std::fflush(stderr);
}

void AnswerSink::content(std::string_view text) {
    answer_.content += text;
    if (show_ != Show::text) return;
    leave_reasoning();
    write(stdout, text);
    line_open_ = text.back() != '\n';
}

void AnswerSink::tool_begin(int, std::string_view id, std::string_view name) {
    answer_.tool_calls.push_back({std::string(id), std::string(name), {}});
    if (show_ != Show::text) return;
    leave_reasoning();
    if (line_open_) fmt::print("\n");
    fmt::print("[tool call] {} ", terminal_safe(name));
    line_open_ = true;
}

void AnswerSink::tool_arguments(int, std::string_view text) {
    answer_.tool_calls.back().arguments += text;
    if (show_ == Show::text) write(stdout, text);
}

void AnswerSink::tool_end(int, bool) {
    if (show_ != Show::text) return;
    fmt::print("\n");
    line_open_ = false;
}

void AnswerSink::finish() {
    leave_reasoning();
    if (line_open_) fmt::print("\n");
    line_open_ = false;
    std::fflush(stdout);
}

// ---- telling

namespace {

using Json = nlohmann::ordered_json;

constexpr double kOutside = -9999;  // the service's value for "not among the likely ones" (api 4.3)

Json to_json(TokenId token, float logprob, const text::Tokenizer* tokenizer) {
    Json json = {{"id", index(token)}};
    if (tokenizer != nullptr) {
        const std::string_view bytes = tokenizer->bytes(token);
        json["token"] = text::replace_broken(bytes);
        json["bytes"] = Json::array();
        for (const char byte : bytes) json["bytes"].push_back(static_cast<unsigned char>(byte));
    }
    json["logprob"] = std::isfinite(logprob) ? static_cast<double>(logprob) : kOutside;
    return json;
}

Json logprobs_json(const AnswerReport& report) {
    if (report.outcome.logprobs.empty()) return nullptr;
    Json content = Json::array(), reasoning = Json::array();
    for (const sched::TokenLogprobs& entry : report.outcome.logprobs) {
        Json json = to_json(entry.token, entry.logprob, report.tokenizer);
        json["top_logprobs"] = Json::array();
        for (const engine::TokenLogprob& top : entry.top) json["top_logprobs"].push_back(to_json(top.token, top.logprob, report.tokenizer));
        (entry.in_reasoning ? reasoning : content).push_back(std::move(json));
    }
    return {{"content", std::move(content)}, {"reasoning_content", std::move(reasoning)}};
}

double per_second(std::int64_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }

}  // namespace

nlohmann::ordered_json to_json(const AnswerReport& report) {
    const sched::Outcome& outcome = report.outcome;
    Json ids = Json::array();
    for (const TokenId id : outcome.ids) ids.push_back(index(id));
    Json calls = Json::array();
    for (const text::ToolCall& call : report.answer.tool_calls)
        calls.push_back({{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
    const sched::Usage& usage = outcome.usage;
    return {{"ids", std::move(ids)},
            {"text", report.tokenizer != nullptr ? Json(report.answer.content) : Json(nullptr)},
            {"reasoning", report.tokenizer != nullptr ? Json(report.answer.reasoning) : Json(nullptr)},
            {"tool_calls", std::move(calls)},
            {"finish_reason", name(outcome.finish)},
            {"stop_sequence", outcome.stop.empty() ? Json(nullptr) : Json(outcome.stop)},
            {"usage",
             {{"prompt_tokens", usage.prompt_tokens},
              {"completion_tokens", usage.completion_tokens},
              {"reasoning_tokens", usage.reasoning_tokens},
              {"total_tokens", usage.total_tokens()}}},
            {"logprobs", logprobs_json(report)},
            {"seed", report.seed},
            {"numerics", report.signature},
            {"timing",
             {{"prompt_seconds", outcome.timing.prompt_seconds},
              {"first_token_seconds", outcome.timing.first_token_seconds},
              {"answer_seconds", outcome.timing.answer_seconds}}},
            {"peak_memory_bytes", peak_memory_bytes()}};
}

std::string summary(const AnswerReport& report) {
    const sched::Outcome& outcome = report.outcome;
    const sched::Usage& usage = outcome.usage;
    const std::int64_t read = usage.prompt_tokens - usage.cached_tokens;
    std::string text = fmt::format("{} tokens", human_count(usage.completion_tokens));
    if (usage.reasoning_tokens > 0) text += fmt::format(" ({} thinking)", human_count(usage.reasoning_tokens));
    // The first token comes with the prompt's last step; the others took a step each.
    if (usage.completion_tokens > 1)
        text += fmt::format(", {:.1f} tokens/s", per_second(usage.completion_tokens - 1, outcome.timing.answer_seconds));
    text += fmt::format("; prompt {} tokens, {:.1f} tokens/s", human_count(read), per_second(read, outcome.timing.prompt_seconds));
    if (usage.cached_tokens > 0) text += fmt::format(" and {} reused", human_count(usage.cached_tokens));
    text += fmt::format("; first token after {:.2f} s; peak memory {}; finish {}", outcome.timing.first_token_seconds,
                        human_bytes(peak_memory_bytes()), name(outcome.finish));
    if (report.sampled) text += fmt::format("; seed {}", report.seed);
    return text;
}

}  // namespace baleen::cli
