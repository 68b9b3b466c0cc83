#include "cli/batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/generate_model.h"
#include "cli/generate_output.h"
#include "cli/generate_prompt.h"
#include "cli/terminal.h"
#include "sched/generation.h"
#include "sched/limits.h"

namespace baleen::cli {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
    ModelOptions model;
    SamplingArguments sampling;
    std::string requests;
    std::int64_t tokens_max = 512;
};

struct Request {
    Json id;
    std::vector<TokenId> prompt;
    sched::GenerationRequest generation;
};

constexpr std::size_t kLineBytes = std::size_t{48} << 20;  // a request body of the API at most
constexpr std::int64_t kWorthSharing = 64;                 // tokens; below, computing them again costs less than a copy

Result<Request> read_request(std::string_view line, const Options& options, const ModelFiles& files) {
    TRY_ASSIGN(Json json, parse_ordered_json(line, {.bytes = kLineBytes}));
    if (!json.is_object()) return invalid_argument("expected a JSON object");
    Request request;
    if (const auto id = json.find("id"); id != json.end()) {
        request.id = *id;
        json.erase("id");
    }
    PreparedPrompt prepared;
    SamplingArguments asked;
    std::optional<std::int64_t> tokens_max;
    if (const auto raw = json.find("raw"); raw != json.end()) {
        if (!raw->is_string()) return invalid_argument("raw: expected a string");
        prepared = prepare_raw(raw->get_ref<const std::string&>(), *files.tokenizer);
        if (const auto limit = json.find("max_tokens"); limit != json.end()) {
            if (!limit->is_number_integer()) return invalid_argument("max_tokens: expected an integer");
            tokens_max = limit->get<std::int64_t>();
        }
    } else {
        serve::ChatRequestOptions reading;
        reading.model_required = false;
        reading.honour_sampling = true;
        TRY_ASSIGN(const serve::ChatRequest chat, serve::parse_chat_request(json.dump(), reading));
        TRY_ASSIGN(prepared, prepare_chat(chat, *files.tokenizer));
        tokens_max = chat.max_tokens;
        asked.seed = chat.sampling.seed;
        asked.temperature = static_cast<float>(chat.sampling.temperature);
        asked.top_p = static_cast<float>(chat.sampling.top_p);
    }
    if (prepared.ids.empty()) return invalid_argument("the prompt is empty");
    sched::GenerationRequest& generation = request.generation;
    TRY_ASSIGN(generation.sampling, resolve_sampling(options.sampling.over(asked), files));
    generation.prompt_tokens = static_cast<std::int64_t>(prepared.ids.size());
    TRY_ASSIGN(generation.tokens_max, sched::answer_tokens_max(generation.prompt_tokens, tokens_max, options.tokens_max, files.context_max(options.model)));
    generation.end_tokens = files.end_tokens;
    generation.answer = std::move(prepared.answer);
    generation.call_id_seed = generation.sampling.seed;
    request.prompt = std::move(prepared.ids);
    return request;
}

Result<std::vector<Request>> read_requests(std::istream& in, const Options& options, const ModelFiles& files) {
    std::vector<Request> requests;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
        auto request = read_request(line, options, files);
        if (!request.ok()) return with_context(fmt::format("line {}", number), std::move(request).error());
        requests.push_back(std::move(*request));
    }
    return requests;
}

std::int64_t shared_tokens(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
    return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
}

int likeliest(std::span<const float> logits) { return static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin()); }

// Answers requests in order. Keeps one sequence computed up to where a prompt and the next one part.
class Batch {
  public:
    Batch(const ModelFiles& files, engine::Engine& engine, bool mtp) : files_(files), engine_(engine), mtp_(mtp) {}

    Result<Json> answer(Request request, const std::vector<TokenId>* next);

  private:
    Result<std::unique_ptr<engine::Sequence>> open(const std::vector<TokenId>& prompt);
    Result<std::span<const float>> prefill(engine::Sequence& sequence, const std::vector<TokenId>* next);
    Result<std::span<const float>> advance(engine::Sequence& sequence, TokenId token);

    const ModelFiles& files_;
    engine::Engine& engine_;
    bool mtp_;
    std::unique_ptr<engine::Sequence> base_;
    std::int64_t drafted_ = 0, accepted_ = 0;
};

Result<std::unique_ptr<engine::Sequence>> Batch::open(const std::vector<TokenId>& prompt) {
    const bool continues = base_ && base_->computed() < static_cast<std::int64_t>(prompt.size()) && shared_tokens(base_->tokens(), prompt) >= base_->computed();
    if (!continues) {
        base_.reset();
        return engine_.start({.prompt = prompt});
    }
    std::unique_ptr<engine::Sequence> sequence = base_->fork();
    TRY(sequence->truncate(sequence->computed()));
    for (auto i = static_cast<std::size_t>(sequence->computed()); i < prompt.size(); ++i) TRY(sequence->append(prompt[i]));
    return sequence;
}

Result<std::span<const float>> Batch::prefill(engine::Sequence& sequence, const std::vector<TokenId>* next) {
    const auto total = static_cast<std::int64_t>(sequence.tokens().size());
    // The last token is computed for every prompt, since its logits are wanted.
    const std::int64_t shared = next == nullptr ? 0 : std::min(shared_tokens(sequence.tokens(), *next), std::min(total, static_cast<std::int64_t>(next->size())) - 1);
    const std::int64_t kept = base_ ? base_->computed() : 0;
    const std::int64_t copy_at = shared - kept >= kWorthSharing ? shared : -1;
    std::span<const float> logits;
    while (sequence.pending() > 0) {
        if (Interrupts::raised()) return cancelled("stopped");
        engine::StepSpan span;
        span.sequence = &sequence;
        span.rows = static_cast<int>(std::min<std::int64_t>(sequence.pending(), engine_.options().rows_per_step));
        if (span.rows == sequence.pending()) span.logits = {-1};
        if (copy_at > sequence.computed() && copy_at <= sequence.computed() + span.rows) span.captures = {copy_at};
        engine::StepBatch batch;
        batch.captured = [&](engine::Sequence& at, std::int64_t) { base_ = at.fork(); };
        batch.spans.push_back(std::move(span));
        TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
        if (!report.rows.empty()) logits = report.rows.back().logits;
    }
    return logits;
}

Result<std::span<const float>> Batch::advance(engine::Sequence& sequence, TokenId token) {
    TRY(sequence.append(token));
    engine::StepSpan span;
    span.sequence = &sequence;
    span.rows = 1;
    span.kind = engine::RowKind::decode;
    span.logits = {-1};
    if (mtp_) span.mtp_logits = {sequence.computed() - 1};  // its guess of the token after this one, made without computing this one
    engine::StepBatch batch;
    batch.spans.push_back(std::move(span));
    TRY_ASSIGN(const engine::StepReport report, engine_.step(batch));
    const std::span<const float> logits = report.rows.back().logits;
    if (!report.mtp_rows.empty()) {
        ++drafted_;
        accepted_ += likeliest(report.mtp_rows.back().logits) == likeliest(logits);
    }
    return logits;
}

Result<Json> Batch::answer(Request request, const std::vector<TokenId>* next) {
    const auto start = Clock::now();
    TRY_ASSIGN(const std::unique_ptr<engine::Sequence> sequence, open(request.prompt));
    const std::int64_t reused = sequence->computed();
    drafted_ = accepted_ = 0;
    const engine::SamplingOptions sampling = request.generation.sampling;
    AnswerSink sink(AnswerSink::Show::nothing);
    sched::Generation generation(std::move(request.generation), &*files_.tokenizer, sink);
    TRY_ASSIGN(std::span<const float> logits, prefill(*sequence, next));
    const auto read = Clock::now();
    while (!generation.ended()) {
        if (Interrupts::raised()) return cancelled("stopped");
        const std::optional<TokenId> token = generation.next(logits);
        if (!token) break;
        TRY_ASSIGN(logits, advance(*sequence, *token));
    }
    sched::Outcome& outcome = generation.outcome();
    outcome.usage.cached_tokens = reused;
    outcome.timing.prompt_seconds = outcome.timing.first_token_seconds = std::chrono::duration<double>(read - start).count();
    outcome.timing.answer_seconds = std::chrono::duration<double>(Clock::now() - read).count();
    Json json = {{"id", std::move(request.id)}};
    json.update(to_json({outcome, sink.answer(), &*files_.tokenizer, sampling.seed, sampling.temperature > 0, engine_.numerics_signature()}));
    json["usage"]["cached_tokens"] = reused;
    if (mtp_) json["mtp"] = {{"drafted", drafted_}, {"accepted", accepted_}};
    return json;
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen batch: {}\n", error.message);
    return error.code == ErrorCode::cancelled ? 130 : 1;
}

int run(const Options& options) {
    auto files = open_model_files(options.model);
    if (!files.ok()) return fail(files.error());
    if (!files->tokenizer) return fail(invalid_argument(files->directory.string() + " has no tokenizer.json: requests are text"));
    std::ifstream file;
    if (options.requests != "-") {
        file.open(options.requests, std::ios::binary);
        if (!file) return fail(not_found(options.requests + ": cannot be opened"));
    }
    auto requests = read_requests(options.requests == "-" ? std::cin : file, options, *files);
    if (!requests.ok()) return fail(with_context(options.requests == "-" ? "standard input" : options.requests, std::move(requests).error()));
    if (requests->empty()) return fail(invalid_argument("no request in it"));

    // The longest prompt with its answer, and a second one's last open block.
    std::int64_t context = 0;
    for (const Request& request : *requests) context = std::max(context, request.generation.prompt_tokens + request.generation.tokens_max);
    const Interrupts interrupts;
    auto engine = open_engine(*files, options.model, context + 1024);
    if (!engine.ok()) return fail(engine.error());
    if (options.model.mtp && !(*engine)->has_mtp()) return fail(invalid_argument("--mtp: this checkpoint has no MTP block"));
    Batch batch(*files, **engine, options.model.mtp);
    for (std::size_t i = 0; i < requests->size(); ++i) {
        const std::vector<TokenId>* next = i + 1 < requests->size() ? &(*requests)[i + 1].prompt : nullptr;
        auto answer = batch.answer(std::move((*requests)[i]), next);
        if (!answer.ok()) return fail(answer.error());
        fmt::print("{}\n", answer->dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        std::fflush(stdout);
        if (!options.model.quiet && is_terminal(stderr)) fmt::print(stderr, "\r{} of {}", i + 1, requests->size());
    }
    if (!options.model.quiet && is_terminal(stderr)) fmt::print(stderr, "\n");
    return 0;
}

}  // namespace

Command add_batch(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("batch", "Answer many requests from a file, one JSON object a line");
    add_model_options(*app, options->model);
    add_sampling_options(*app, options->sampling);
    app->add_option("requests", options->requests, "file of request bodies, one a line; - reads standard input")->required();
    app->add_option("--max-tokens", options->tokens_max, "tokens of an answer, where its request says nothing")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
    app->add_flag("--mtp", options->model.mtp, "run the MTP block too, and count how often its guess of the next token was the model's");
    app->footer("A line is a chat-completions body, or {\"raw\": \"text with control tokens spelled out\", \"max_tokens\": 64}; an \"id\" in it comes back\n"
                "with the answer, which has the fields of generate --json. Answers come in order. What a prompt has in common with the one before it\n"
                "is computed once: put questions about one document next to each other.\n"
                "  baleen batch requests.jsonl --temperature 0 > answers.jsonl");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
