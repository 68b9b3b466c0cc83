#include "cli/generate.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "cli/generate_input.h"
#include "cli/generate_model.h"
#include "cli/generate_output.h"
#include "cli/generate_prompt.h"
#include "cli/terminal.h"
#include "sched/limits.h"
#include "sched/run.h"

namespace baleen::cli {

namespace {

struct Options {
    ModelOptions model;
    SamplingArguments sampling;
    InputOptions input;
    std::optional<std::int64_t> tokens_max;
    std::vector<std::string> stops;
    std::optional<int> logprobs;
    bool ignore_eos = false;
    bool json = false;
};

int fail(const Error& error) {
    fmt::print(stderr, "baleen generate: {}\n", error.message);
    return 1;
}

int usage(std::string_view what) {
    fmt::print(stderr, "baleen generate: {} (see baleen generate --help)\n", what);
    return 2;
}

// Everything that can be wrong is found out before the weights are read; the context is what prompt and answer need.
struct Prepared {
    ModelFiles files;
    GenerateInput input;
    sched::GenerationRequest request;
};

Result<Prepared> prepare(const Options& options) {
    TRY_ASSIGN(ModelFiles files, open_model_files(options.model));
    Prepared prepared{std::move(files), {}, {}};
    TRY_ASSIGN(prepared.input, read_input(options.input, prepared.files));
    GenerateInput& input = prepared.input;
    if (input.prompt.ids.empty()) return invalid_argument("the prompt is empty");

    sched::GenerationRequest& request = prepared.request;
    TRY_ASSIGN(request.sampling, resolve_sampling(options.sampling.over(input.sampling), prepared.files));
    request.prompt_tokens = static_cast<std::int64_t>(input.prompt.ids.size());
    const std::optional<std::int64_t> wanted = options.tokens_max ? options.tokens_max : input.tokens_max;
    TRY_ASSIGN(request.tokens_max, sched::answer_tokens_max(request.prompt_tokens, wanted, input.prompt.tokens_default,
                                                            prepared.files.context_max(options.model)));
    if (!options.ignore_eos) request.end_tokens = prepared.files.end_tokens;
    request.answer = std::move(input.prompt.answer);
    if (!options.stops.empty()) (request.answer ? request.answer->stop : request.stops) = options.stops;
    request.top_logprobs = options.logprobs.value_or(input.top_logprobs);
    request.call_id_seed = request.sampling.seed;
    return prepared;
}

int run(const Options& options) {
    auto prepared = prepare(options);
    if (!prepared.ok()) return fail(prepared.error());
    const ModelFiles& files = prepared->files;
    const text::Tokenizer* tokenizer = files.tokenizer ? &*files.tokenizer : nullptr;
    ModelOptions model = options.model;
    model.quiet = model.quiet || options.json;

    const Interrupts interrupts;
    auto engine = open_engine(files, model, prepared->request.prompt_tokens + prepared->request.tokens_max);
    if (!engine.ok()) return fail(engine.error());
    const engine::SamplingOptions sampling = prepared->request.sampling;
    AnswerSink sink(options.json ? AnswerSink::Show::nothing : tokenizer == nullptr ? AnswerSink::Show::ids : AnswerSink::Show::text);
    sched::Generation generation(std::move(prepared->request), tokenizer, sink);
    sched::Timeline timeline(**engine, sched::Timeline::Turns::one);
    if (const auto opened = timeline.open(std::move(prepared->input.prompt.ids)); !opened.ok()) return fail(opened.error());
    PromptProgress progress(model.quiet);
    const auto outcome = sched::run(timeline, generation, {.progress = [&](std::int64_t done, std::int64_t total) { progress.show(done, total); },
                                                           .cancelled = [] { return Interrupts::raised(); }});
    progress.end();
    sink.finish();
    if (!outcome.ok()) return fail(outcome.error());

    const AnswerReport report{*outcome, sink.answer(), tokenizer, sampling.seed, sampling.temperature > 0, (*engine)->numerics_signature()};
    if (options.json) fmt::print("{}\n", to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    else if (!options.model.quiet) fmt::print(stderr, "{}\n", summary(report));
    return outcome->finish == sched::FinishReason::cancelled ? 130 : 0;
}

int check_and_run(const Options& options) {
    if (const auto wrong = check_input(options.input); !wrong.ok()) return usage(wrong.error().message);
    if (options.tokens_max && *options.tokens_max < 1) return usage("--max-tokens must be at least 1");
    if (options.logprobs && !options.json) return usage("--logprobs needs --json");
    return run(options);
}

}  // namespace

Command add_generate(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("generate", "Answer one prompt: text, a conversation, or token ids");
    add_model_options(*app, options->model);
    add_input_options(*app, options->input);
    add_sampling_options(*app, options->sampling);
    app->add_option("--max-tokens", options->tokens_max, "tokens of the answer, thinking included (default: 8192, thinking 65536, or what fits)");
    app->add_option("--stop", options->stops, "end the answer before this text; repeatable, at most 16")->allow_extra_args(false)->expected(1, 16);
    app->add_option("--logprobs", options->logprobs, "with --json: log-probabilities of the tokens and of this many likely ones each")
        ->check(CLI::Range(0, 20));
    app->add_flag("--ignore-eos", options->ignore_eos, "go on at the end token, to --max-tokens");
    app->add_flag("--json", options->json, "print one JSON object at the end, and nothing while it runs");
    app->footer("The answer goes to stdout, thinking to stderr, dim on a terminal. Ctrl-C ends the answer; what there is stays, exit code 130.\n"
                "  baleen generate --prompt \"Who are you?\"\n"
                "  baleen generate --prompt \"Who are you?\" --thinking off --temperature 0 --json\n"
                "  baleen generate --messages request.json     a request body of /chat/completions\n"
                "  baleen generate --model /models/DeepSeek-V4-Flash --prompt - --effort high < question.txt\n"
                "  echo '[0, 17, 4, 99]' | baleen generate --model tests/golden/tiny/checkpoint --ids - --temperature 0 --max-tokens 24");
    return {app, [options] { return check_and_run(*options); }};
}

}  // namespace baleen::cli
