#include "cli/chat_session.h"

#include "cli/generate_prompt.h"
#include "cli/terminal.h"
#include "sched/limits.h"

namespace baleen::cli {

void ChatTotals::add(const sched::Outcome& outcome) {
    ++turns;
    prompt_tokens += outcome.usage.prompt_tokens;
    reused_tokens += outcome.usage.cached_tokens;
    answer_tokens += outcome.usage.completion_tokens;
    prompt_seconds += outcome.timing.prompt_seconds;
    answer_seconds += outcome.timing.answer_seconds;
}

ChatSession::ChatSession(const ModelFiles& files, engine::Engine& engine, serve::ChatRequest request, engine::SamplingOptions sampling,
                         std::optional<std::int64_t> tokens_max)
    : files_(files), engine_(engine), timeline_(engine, sched::Timeline::Turns::many), request_(std::move(request)),
      first_messages_(request_.prompt.messages.size()), sampling_(sampling), tokens_max_(tokens_max) {}

Result<std::int64_t> ChatSession::prompt_tokens(const text::Message& message) const {
    serve::ChatRequest next = request_;
    next.prompt.messages.push_back(message);
    TRY_ASSIGN(const PreparedPrompt prompt, prepare_chat(next, *files_.tokenizer));
    return static_cast<std::int64_t>(prompt.ids.size());
}

Result<sched::Outcome> ChatSession::turn(text::Message message, AnswerSink& sink, bool quiet) {
    serve::ChatRequest next = request_;
    next.prompt.messages.push_back(std::move(message));
    TRY_ASSIGN(PreparedPrompt prompt, prepare_chat(next, *files_.tokenizer));

    sched::GenerationRequest generation;
    generation.prompt_tokens = static_cast<std::int64_t>(prompt.ids.size());
    TRY_ASSIGN(generation.tokens_max, sched::answer_tokens_max(generation.prompt_tokens, tokens_max_, prompt.tokens_default, context()));
    generation.sampling = sampling_;
    generation.end_tokens = files_.end_tokens;
    generation.answer = std::move(prompt.answer);
    generation.call_id_seed = sampling_.seed + static_cast<std::uint64_t>(totals_.turns);
    TRY(timeline_.open(std::move(prompt.ids)));

    sched::Generation running(std::move(generation), &*files_.tokenizer, sink);
    PromptProgress progress(quiet);
    auto outcome = sched::run(timeline_, running, {.progress = [&](std::int64_t done, std::int64_t total) { progress.show(done, total); },
                                                   .cancelled = [] { return Interrupts::raised(); }});
    progress.end();
    sink.finish();
    if (!outcome.ok()) return outcome;

    const Answer& answer = sink.answer();
    if (outcome->finish != sched::FinishReason::cancelled || outcome->usage.completion_tokens > 0) {
        text::Message reply = text::Message::of(text::Role::assistant, answer.content);
        if (!answer.reasoning.empty()) reply.reasoning_content = answer.reasoning;
        reply.tool_calls = answer.tool_calls;
        next.prompt.messages.push_back(std::move(reply));
        request_.prompt.messages = std::move(next.prompt.messages);
    }
    totals_.add(*outcome);
    last_ = *outcome;
    return outcome;
}

void ChatSession::clear() {
    request_.prompt.messages.resize(first_messages_);
    timeline_.clear();
}

}  // namespace baleen::cli
