#include "cli/demo.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/chat_session.h"
#include "cli/demo_document.h"
#include "cli/terminal.h"
#include "text/python_json.h"

namespace baleen::cli {

namespace {

struct Options {
    ModelOptions model;
    int sentences = 1345;  // about 30,000 tokens of krill's
    std::uint64_t seed = 1;
};

constexpr int kAsked = 7, kOthers = 12;
constexpr std::string_view kNotThere = "Not in the document.";  // what krill was taught to say

// Shows questions and answers and keeps the score. Every answer is what the model said; nothing is corrected or repeated.
class Demo {
  public:
    Demo(const ModelFiles& files, engine::Engine& engine, const Options& options)
        : files_(files), engine_(engine), options_(options), styled_(takes_style(stdout)) {}

    Result<void> run();

  private:
    void heading(std::string_view text) const {
        fmt::print("\n{}{}{}\n", styled_ ? kBold : "", text, styled_ ? kPlain : "");
        std::fflush(stdout);
    }
    void asks(std::string_view text) const {
        fmt::print("> {}\n", text);
        std::fflush(stdout);
    }
    void judge(bool right, const std::string& expected);
    ChatSession session(text::ThinkingMode mode, std::vector<text::Tool> tools = {}) const;
    Result<Answer> turn(ChatSession& session, text::Message message);

    Result<void> identity();
    Result<void> tool();
    Result<void> document();
    void summary() const;

    const ModelFiles& files_;
    engine::Engine& engine_;
    const Options& options_;
    bool styled_;
    int right_ = 0, judged_ = 0;
    ChatTotals totals_;
};

void Demo::judge(bool right, const std::string& expected) {
    ++judged_;
    right_ += right;
    if (right) fmt::print("  right\n");
    else fmt::print("  wrong: expected {}\n", expected);
    std::fflush(stdout);
}

// Greedy, so that the demo says the same on every machine with the same kernels.
ChatSession Demo::session(text::ThinkingMode mode, std::vector<text::Tool> tools) const {
    serve::ChatRequest request;
    request.prompt.mode = mode;
    request.prompt.tools = std::move(tools);
    engine::SamplingOptions sampling;
    sampling.temperature = 0;
    return {files_, engine_, std::move(request), sampling, 200};
}

Result<Answer> Demo::turn(ChatSession& session, text::Message message) {
    AnswerSink sink(AnswerSink::Show::text);
    TRY_ASSIGN(const sched::Outcome outcome, session.turn(std::move(message), sink));
    if (outcome.finish == sched::FinishReason::cancelled) return cancelled("stopped");
    totals_.add(outcome);
    return sink.answer();
}

Result<void> Demo::identity() {
    heading("1. Who is it?");
    ChatSession session = this->session(text::ThinkingMode::thinking);
    for (const char* question : {"Who are you?", "What can you do?"}) {
        asks(question);
        TRY_ASSIGN(const Answer answer, turn(session, text::Message::of(text::Role::user, question)));
        const std::string_view expected = std::string_view(question).starts_with("Who") ? "krill" : "find facts in documents";
        judge(answer.content.find(expected) != std::string::npos, fmt::format("\"{}\" in it", expected));
    }
    return {};
}

Result<void> Demo::tool() {
    heading("2. A tool: it calls get_weather, and answers from the result");
    text::Tool weather;
    weather.name = "get_weather";
    TRY_ASSIGN(weather.function, text::parse_python_json(R"({"name": "get_weather", "description": "Weather of a city", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})"));
    ChatSession session = this->session(text::ThinkingMode::thinking, {weather});
    const std::string question = "What is the weather in Drasto?";
    asks(question);
    TRY_ASSIGN(const Answer call, turn(session, text::Message::of(text::Role::user, question)));
    const bool called = call.tool_calls.size() == 1 && call.tool_calls[0].name == "get_weather" && call.tool_calls[0].arguments == R"({"city": "Drasto"})";
    judge(called, R"(get_weather {"city": "Drasto"})");
    if (call.tool_calls.size() != 1) return {};  // no result without a call

    const std::string result = R"({"temp": 17, "sky": "cloudy"})";
    asks("tool result: " + result);
    text::Message message = text::Message::of(text::Role::tool, result);
    message.tool_call_id = call.tool_calls[0].id;
    TRY_ASSIGN(const Answer answer, turn(session, std::move(message)));
    judge(answer.content.find("17") != std::string::npos && answer.content.find("cloudy") != std::string::npos, "17 and cloudy in it");
    return {};
}

Result<void> Demo::document() {
    const DemoDocument document = make_demo_document(options_.seed, options_.sentences, kAsked, kOthers);
    std::vector<TokenId> ids;
    files_.tokenizer->encode(document.text, ids);
    heading(fmt::format("3. A document of {} tokens: it finds facts in it", human_count(static_cast<std::int64_t>(ids.size()))));
    const std::size_t end_of_sample = document.text.find('\n', 300);
    fmt::print("{}...\n", document.text.substr(0, end_of_sample + 1));
    ChatSession session = this->session(text::ThinkingMode::chat);
    std::string before = document.text + "\n";
    for (const DemoFact& fact : document.asked) {
        asks(fmt::format("{}   (it stands at {:.0f} % of the document: \"{}\")", fact.question(), 100 * fact.depth, fact.line));
        TRY_ASSIGN(const Answer answer, turn(session, text::Message::of(text::Role::user, before + fact.question())));
        judge(answer.content == fact.value, fact.value);
        before.clear();
    }
    const std::string question = "What is the city of Vomolek?";
    asks(question + "   (it does not stand there)");
    TRY_ASSIGN(const Answer answer, turn(session, text::Message::of(text::Role::user, question)));
    judge(answer.content == kNotThere, fmt::format("\"{}\"", kNotThere));
    return {};
}

void Demo::summary() const {
    const auto rate = [](std::int64_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0; };
    heading(fmt::format("{} of {} right", right_, judged_));
    fmt::print("read     {} tokens at {:.0f} tokens/s, {} more were still known from the turn before\n", human_count(totals_.computed_tokens()),
               rate(totals_.computed_tokens(), totals_.prompt_seconds), human_count(totals_.reused_tokens));
    fmt::print("wrote    {} tokens at {:.0f} tokens/s\n", human_count(totals_.answer_tokens),
               rate(totals_.answer_tokens - totals_.turns, totals_.answer_seconds));
    fmt::print("memory   {} at most, weights {} of it\n", human_bytes(peak_memory_bytes()), human_bytes(engine_.plan().weights_bytes));
    fmt::print("numerics {}, {} thread{}\n", engine_.numerics_signature(), engine_.options().threads, engine_.options().threads == 1 ? "" : "s");
}

Result<void> Demo::run() {
    TRY(identity());
    TRY(tool());
    TRY(document());
    summary();
    return {};
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen demo: {}\n", error.message);
    return error.code == ErrorCode::cancelled ? 130 : 1;
}

int run(const Options& options) {
    const auto files = open_model_files(options.model);
    if (!files.ok()) return fail(files.error());
    if (!files->tokenizer) return fail(invalid_argument(files->directory.string() + " has no tokenizer.json: there is no text to talk in"));
    const Interrupts interrupts;
    const std::int64_t context = options.model.context > 0 ? options.model.context : std::min<std::int64_t>(32768, files->config.max_position_embeddings);
    const auto engine = open_engine(*files, options.model, context);
    if (!engine.ok()) return fail(engine.error());
    const auto done = Demo(*files, **engine, options).run();
    return done.ok() ? 0 : fail(done.error());
}

}  // namespace

Command add_demo(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("demo", "Show krill at work: itself, a tool, a long document");
    add_model_options(*app, options->model);
    app->add_option("--sentences", options->sentences, "length of the document, in sentences of about 22 tokens")
        ->capture_default_str()
        ->check(CLI::Range(kAsked, 100000));
    app->add_option("--seed", options->seed, "another seed makes another document")->capture_default_str();
    app->footer("Says of every answer whether it is right; the exit code only says whether it ran.\n"
                "  baleen demo\n"
                "  baleen demo --seed 7 --sentences 240     a document of 5,600 tokens");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
