#include <algorithm>
#include <ctime>
#include <utility>

#include "serve/api/anthropic_answer.h"
#include "serve/api/anthropic_error.h"
#include "serve/api/anthropic_request.h"
#include "serve/api/chat_answer.h"
#include "serve/api/chat_request.h"
#include "serve/api/fim_answer.h"
#include "serve/api/fim_request.h"
#include "serve/api/responses_answer.h"
#include "serve/api/responses_request.h"
#include "serve/generate.h"
#include "serve/handlers.h"
#include "serve/ids.h"

namespace baleen::serve {

namespace {

std::int64_t seconds_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

AnswerHead head_of(std::string id, const ServedModel& model) {
    return {std::move(id), seconds_now(), model.entry->id, model.lane->fingerprint()};
}

// What a request makes the server promise; a schema the reader let pass and the check does not understand is the client's to mend.
Result<OutputCheck> check_of(const Request& request) { return OutputCheck::of(request); }

template <class Stream, class Body, class Options>
AnswerWriter openai_writer(bool stream, AnswerHead head, Options options, Outlet outlet) {
    AnswerWriter writer;
    writer.checks = true;
    if (stream) writer.sink = std::make_unique<Stream>(head, std::move(options), std::move(outlet.outlet));
    else writer.sink = std::make_unique<Body>(std::move(head), std::move(options), std::move(outlet.outlet));
    return writer;
}

Result<void> chat(Parts& parts, Call& call) {
    TRY_ASSIGN(auto read, read_request(parts, call.request.body, ApiFamily::openai, [&](const RequestOptions& options) {
                   return parse_chat_request(call.request.body, ChatRequestOptions{options});
               }));
    const ChatRequest& request = read.request;
    TRY_ASSIGN(OutputCheck check, check_of(request));
    TRY_ASSIGN(sched::Job job, make_job(request, *read.model.entry, *read.model.lane, random_number()));
    ChatAnswerOptions options;
    options.thinking = request.thinking();
    options.include_usage = request.include_usage;
    options.logprobs = request.logprobs ? &read.model.lane->tokenizer() : nullptr;
    options.check = std::move(check);
    const AnswerHead head = head_of(random_uuid(), read.model);
    run_job(parts, call, read.model, request.user_id, std::move(job), request.stream, {}, [&](Outlet outlet) {
        return openai_writer<ChatStream, ChatBody>(request.stream, head, std::move(options), std::move(outlet));
    });
    return Ok();
}

// The job of a text completion: no roles, no parsing of the answer.
Result<sched::Job> completion_job(const FimRequest& request, const ServedModel& model) {
    sched::Job job;
    const Result<void> encoded = model.lane->tokenizer().encode(request.rendered(), job.prompt);
    if (!encoded.ok()) return invalid_argument(encoded.error().message);  // a model without the tokens of FIM
    const std::uint64_t random = random_number();
    const auto tokens = static_cast<std::int64_t>(job.prompt.size());
    TRY_ASSIGN(job.generation.tokens_max, answer_limit(*model.entry, *model.lane, tokens, request.max_tokens, kFimTokensMax));
    TRY_ASSIGN(job.generation.sampling, job_sampling(request.sampling, random));
    job.generation.end_tokens = model.lane->end_tokens();
    job.generation.ignore_end = request.sampling.ignore_eos;
    job.generation.stops = request.stop;
    job.generation.top_logprobs = request.logprobs.value_or(-1);
    job.generation.call_id_seed = random;
    return job;
}

Result<void> completions(Parts& parts, Call& call) {
    TRY_ASSIGN(auto read, read_request(parts, call.request.body, ApiFamily::openai,
                                       [&](const RequestOptions& options) { return parse_fim_request(call.request.body, options); }));
    const FimRequest& request = read.request;
    TRY_ASSIGN(sched::Job job, completion_job(request, read.model));
    FimAnswerOptions options;
    if (request.echo) options.echo = request.prompt;
    options.include_usage = request.include_usage;
    options.logprobs = request.logprobs ? &read.model.lane->tokenizer() : nullptr;
    const AnswerHead head = head_of(random_uuid(), read.model);
    run_job(parts, call, read.model, request.user_id, std::move(job), request.stream, {}, [&](Outlet outlet) {
        return openai_writer<FimStream, FimBody>(request.stream, head, std::move(options), std::move(outlet));
    });
    return Ok();
}

// A way to end with an error for encoders that take errors of the parts: the message reaches the client, as of a request.
std::function<void(const ApiError&)> fail_through(sched::EventSink& sink) {
    return [&sink](const ApiError& error) { sink.finished(invalid_argument(error.message)); };
}

Result<void> responses(Parts& parts, Call& call) {
    TRY_ASSIGN(auto read, read_request(parts, call.request.body, ApiFamily::openai,
                                       [&](const RequestOptions& options) { return parse_responses_request(call.request.body, options); }));
    const ResponsesRequest& request = read.request;
    TRY_ASSIGN(OutputCheck check, check_of(request));
    TRY_ASSIGN(sched::Job job, make_job(request, *read.model.entry, *read.model.lane, random_number()));
    ResponsesAnswerOptions options;
    options.id = "resp_" + random_hex(32);
    options.model = read.model.entry->id;
    options.thinking = request.thinking();
    options.echo = request.echo;
    options.tools = request.tools;
    options.clock = seconds_now;
    if (request.logprobs)
        options.token_bytes = [&tokenizer = read.model.lane->tokenizer()](TokenId token) { return std::string(tokenizer.bytes(token)); };
    run_job(parts, call, read.model, request.user_id, std::move(job), request.stream, std::move(check), [&](Outlet outlet) {
        AnswerWriter writer;
        if (request.stream) writer.sink = std::make_unique<ResponsesAnswer>(options, ResponsesAnswer::Stream(std::move(outlet.outlet.write)));
        else writer.sink = std::make_unique<ResponsesAnswer>(options, ResponsesAnswer::Whole(std::move(outlet.whole)));
        writer.keep_alive = [] { return ResponsesAnswer::keep_alive(); };
        writer.fail = fail_through(*writer.sink);
        return writer;
    });
    return Ok();
}

Result<void> messages(Parts& parts, Call& call) {
    TRY_ASSIGN(auto read, read_request(parts, call.request.body, ApiFamily::anthropic,
                                       [&](const RequestOptions& options) { return parse_anthropic_request(call.request.body, options); }));
    Request& request = read.request;
    // More than the model gives is lowered, not refused: clients of this family send what other models can do.
    if (request.max_tokens) request.max_tokens = static_cast<int>(std::min<std::int64_t>(*request.max_tokens, read.model.entry->output_tokens_max));
    TRY_ASSIGN(OutputCheck check, check_of(request));
    TRY_ASSIGN(sched::Job job, make_job(request, *read.model.entry, *read.model.lane, random_number()));
    AnthropicAnswerOptions options;
    options.id = "msg_" + random_letters(24);
    options.model = read.model.entry->id;
    options.thinking = request.thinking();
    options.request_id = call.id;
    run_job(parts, call, read.model, request.user_id, std::move(job), request.stream, std::move(check), [&](Outlet outlet) {
        AnswerWriter writer;
        if (request.stream) {
            auto stream = std::make_unique<AnthropicStream>(options, outlet.outlet.write);
            writer.keep_alive = [&stream = *stream] { return stream.keep_alive(); };
            writer.fail = [write = outlet.outlet.write, id = options.request_id](const ApiError& error) { write(anthropic_error_event(error, id)); };
            writer.sink = std::move(stream);
        } else {
            writer.sink = std::make_unique<AnthropicWhole>(options, std::move(outlet.whole));
        }
        return writer;
    });
    return Ok();
}

Result<void> count_tokens(Parts& parts, Call& call) {
    TRY_ASSIGN(const auto read, read_request(parts, call.request.body, ApiFamily::anthropic,
                                             [&](const RequestOptions& options) { return parse_anthropic_request(call.request.body, options); }));
    TRY_ASSIGN(const std::vector<TokenId> prompt, prompt_tokens(read.request.prompt, *read.model.lane));
    call.send(200, JsonObject().number("input_tokens", static_cast<std::int64_t>(prompt.size())).done());
    return Ok();
}

void answer(Call& call, Result<void> result) {
    if (!result.ok()) call.fail(api_error(result.error()));
}

}  // namespace

void handle_chat(Parts& parts, Call& call) { answer(call, chat(parts, call)); }
void handle_completions(Parts& parts, Call& call) { answer(call, completions(parts, call)); }
void handle_responses(Parts& parts, Call& call) { answer(call, responses(parts, call)); }
void handle_messages(Parts& parts, Call& call) { answer(call, messages(parts, call)); }
void handle_count_tokens(Parts& parts, Call& call) { answer(call, count_tokens(parts, call)); }

}  // namespace baleen::serve
