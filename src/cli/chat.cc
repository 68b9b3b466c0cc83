#include "cli/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/json.h"
#include "cli/chat_files.h"
#include "cli/chat_input.h"
#include "cli/chat_session.h"
#include "cli/terminal.h"

namespace baleen::cli {

namespace {

constexpr std::int64_t kContextDefault = 65536;  // a chat rarely needs more, and KV is planned for all of it

struct Options {
    ModelOptions model;
    SamplingArguments sampling;
    std::vector<std::string> files;
    std::string system;
    std::string thinking = "on";
    std::optional<std::string> effort;
    std::string prompt_version = "0731";
    std::optional<std::int64_t> tokens_max;
};

constexpr const char* kHelp =
    "/file PATH         hand in a file or a folder with the next message\n"
    "/new               forget the conversation\n"
    "/thinking on|off   think before answering, or answer at once\n"
    "/effort LEVEL      how long to think: low, high or max\n"
    "/stats             tokens, speed, memory\n"
    "/quit              leave; so does ctrl-D\n"
    "A line that ends in \\ goes on in the next. Ctrl-C stops an answer.\n";

// The loop over lines: messages and slash commands.
class Chat {
  public:
    Chat(ChatSession& session, LineReader& reader, const Options& options) : session_(session), reader_(reader), options_(options) {}

    int run();
    // Reads files for the next message and says how many tokens they are; an error if they do not fit.
    Result<void> hand_in(const std::string& path);

  private:
    void say(std::string_view text) const {
        if (!options_.model.quiet) fmt::print(stderr, "{}\n", text);
    }
    void complain(std::string_view text) {
        fmt::print(stderr, "baleen chat: {}\n", text);
        failed_ = true;
    }
    text::Message message_of(const std::string& line) const;
    void send(const std::string& line);
    bool command(std::string_view line);  // false: leave
    void stats() const;
    bool agree(const std::string& question);

    ChatSession& session_;
    LineReader& reader_;
    const Options& options_;
    std::vector<ChatFile> pending_;
    bool failed_ = false;
};

text::Message Chat::message_of(const std::string& line) const {
    std::string text = join_chat_files(pending_);
    if (!text.empty() && !line.empty()) text += "\n\n";
    return text::Message::of(text::Role::user, text + line);
}

bool Chat::agree(const std::string& question) {
    if (!reader_.interactive()) return true;
    const InputLine answer = reader_.read(question + " [y/N] ");
    return answer.kind == InputLine::Kind::text && (answer.text == "y" || answer.text == "Y" || answer.text == "yes");
}

Result<void> Chat::hand_in(const std::string& path) {
    TRY_ASSIGN(ChatFiles read, read_chat_files(path));
    for (const std::string& note : read.notes) say(note);
    if (read.files.empty()) return {};
    const std::size_t had = pending_.size();
    TRY_ASSIGN(const std::int64_t before, session_.prompt_tokens(message_of("")));
    pending_.insert(pending_.end(), read.files.begin(), read.files.end());
    const auto after = session_.prompt_tokens(message_of(""));
    if (!after.ok()) {
        pending_.resize(had);
        return after.error();
    }
    const std::string what = fmt::format("{}: {} tokens", printable(path, 400), human_count(*after - before));
    const std::int64_t context = session_.context();
    const bool fits = *after < context;
    say(fmt::format("{}; {} of {} tokens of the context are in use with it", what, human_count(*after), human_count(context)));
    if (!fits || (*after > context / 2 && !agree("More than half of the context. Hand it in?"))) {
        pending_.resize(had);
        if (fits) return {};
        return resource_exhausted(fmt::format("{} do not fit into what is left of the context of {}; left out (--context gives more, the "
                                              "model knows {})",
                                              what, human_count(context), human_count(session_.engine().config().max_position_embeddings)));
    }
    return {};
}

void Chat::send(const std::string& line) {
    AnswerSink sink(AnswerSink::Show::text);
    Interrupts::reset();
    const auto outcome = session_.turn(message_of(line), sink, options_.model.quiet);
    if (!outcome.ok()) {
        complain(outcome.error().message);
        if (outcome.error().code == ErrorCode::resource_exhausted) say("/new starts a new conversation");
        return;
    }
    if (outcome->finish == sched::FinishReason::cancelled) {
        say("(stopped)");
        Interrupts::reset();
        if (outcome->usage.completion_tokens == 0) return;  // not part of the conversation: files are kept for the next message
    } else if (outcome->finish == sched::FinishReason::length) {
        say("(cut: the limit of tokens is reached)");
    }
    pending_.clear();
}

void Chat::stats() const {
    const ChatTotals& totals = session_.totals();
    if (!session_.last()) return say("nothing was said yet");
    const sched::Outcome& last = *session_.last();
    const sched::Usage& usage = last.usage;
    const auto rate = [](std::int64_t tokens, double seconds) { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0; };
    const std::int64_t computed = usage.prompt_tokens - usage.cached_tokens;
    fmt::print("last turn   prompt {} tokens: {} reused, {} read at {:.0f} tokens/s\n", human_count(usage.prompt_tokens),
               human_count(usage.cached_tokens), human_count(computed), rate(computed, last.timing.prompt_seconds));
    fmt::print("            answer {} tokens, {} of them thinking, {:.0f} tokens/s, first after {:.2f} s\n",
               human_count(usage.completion_tokens), human_count(usage.reasoning_tokens),
               rate(usage.completion_tokens - 1, last.timing.answer_seconds), last.timing.first_token_seconds);
    fmt::print("all {} turns  {} tokens read, {} reused, {} answered\n", totals.turns, human_count(totals.computed_tokens()),
               human_count(totals.reused_tokens), human_count(totals.answer_tokens));
    fmt::print("context     {} of {} tokens\n", human_count(usage.total_tokens()), human_count(session_.context()));
    fmt::print("memory      {} at most so far; {}\n", human_bytes(peak_memory_bytes()), session_.engine().numerics_signature());
    std::fflush(stdout);
}

bool Chat::command(std::string_view line) {
    const std::size_t blank = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, blank);
    std::string argument(line.substr(std::min(blank + 1, line.size())));
    while (argument.ends_with(' ')) argument.pop_back();
    text::ChatPrompt& prompt = session_.request().prompt;
    if (name == "/quit" || name == "/exit") return false;
    if (name == "/help") {
        fmt::print("{}", kHelp);
        std::fflush(stdout);
    } else if (name == "/new") {
        session_.clear();
        pending_.clear();
        say("new conversation");
    } else if (name == "/stats") {
        stats();
    } else if (name == "/file" && !argument.empty()) {
        if (const auto handed = hand_in(argument); !handed.ok()) complain(handed.error().message);
    } else if (name == "/thinking" && (argument == "on" || argument == "off")) {
        prompt.mode = argument == "on" ? text::ThinkingMode::thinking : text::ThinkingMode::chat;
        say("thinking is " + argument);
    } else if (name == "/effort" && text::parse_effort(argument).ok()) {
        prompt.effort = text::parse_effort(argument).value();
        say("effort is " + argument + (prompt.mode == text::ThinkingMode::chat ? ", once thinking is on" : ""));
    } else {
        complain(fmt::format("{}: no such command, or something is missing; /help lists them", printable(line)));
    }
    return true;
}

int Chat::run() {
    bool leaving = false;  // after ctrl-C at an empty prompt
    for (;;) {
        const InputLine line = reader_.read("> ");
        if (line.kind == InputLine::Kind::end) break;
        if (line.kind == InputLine::Kind::interrupted) {
            if (!reader_.interactive()) return 130;
            if (leaving) break;
            say("(ctrl-C again or ctrl-D leaves)");
            leaving = true;
            continue;
        }
        leaving = false;
        if (line.text.find_first_not_of(" \t") == std::string::npos) continue;
        if (line.text.front() == '/') {
            if (!command(line.text)) break;
        } else {
            send(line.text);
        }
    }
    if (reader_.interactive()) fmt::print("\n");
    return failed_ && !reader_.interactive() ? 1 : 0;
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen chat: {}\n", error.message);
    return 1;
}

Result<serve::ChatRequest> request_of(const Options& options) {
    serve::ChatRequest request;
    TRY_ASSIGN(request.prompt.version, text::parse_prompt_version(options.prompt_version));
    request.prompt.mode = options.thinking == "on" ? text::ThinkingMode::thinking : text::ThinkingMode::chat;
    if (options.effort) {
        TRY_ASSIGN(request.prompt.effort, text::parse_effort(*options.effort));
    }
    if (!options.system.empty()) request.prompt.messages.push_back(text::Message::of(text::Role::system, options.system));
    return request;
}

int run(const Options& options) {
    const auto files = open_model_files(options.model);
    if (!files.ok()) return fail(files.error());
    if (!files->tokenizer) return fail(invalid_argument(files->directory.string() + " has no tokenizer.json: there is no text to chat with"));
    const auto sampling = resolve_sampling(options.sampling, *files);
    if (!sampling.ok()) return fail(sampling.error());
    auto request = request_of(options);
    if (!request.ok()) return fail(request.error());

    const Interrupts interrupts;
    ModelOptions model = options.model;
    LineReader reader;
    model.quiet = model.quiet || (!reader.interactive() && !model.verbose);
    const std::int64_t context = options.model.context > 0 ? options.model.context : std::min(kContextDefault, files->config.max_position_embeddings);
    auto engine = open_engine(*files, model, context);
    if (!engine.ok()) return fail(engine.error());
    ChatSession session(*files, **engine, std::move(request).value(), *sampling, options.tokens_max);
    Chat chat(session, reader, options);
    for (const std::string& path : options.files)
        if (const auto handed = chat.hand_in(path); !handed.ok()) return fail(handed.error());
    if (reader.interactive()) fmt::print("{}; /help lists commands\n", files->directory.filename().string());
    return chat.run();
}

}  // namespace

Command add_chat(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("chat", "Talk with a model in the terminal");
    add_model_options(*app, options->model);
    app->get_option("--context")->description("tokens of the conversation at most (default: 65536, or what the model can)");
    app->add_option("--file", options->files, "a file or folder to hand in with the first message; repeatable");
    app->add_option("--system", options->system, "a system message to begin with");
    app->add_option("--thinking", options->thinking, "on or off")->capture_default_str()->check(CLI::IsMember({"on", "off"}));
    app->add_option("--effort", options->effort, "low, high or max: how long to think (default: the prompt format's own)")
        ->check(CLI::IsMember({"low", "high", "max"}));
    app->add_option("--prompt-version", options->prompt_version, "preview, 0731 or v4.1")
        ->capture_default_str()
        ->check(CLI::IsMember({"preview", "0731", "v4.1"}));
    app->add_option("--max-tokens", options->tokens_max, "tokens of an answer at most, thinking included")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30));
    add_sampling_options(*app, options->sampling);
    app->footer(std::string("In the chat:\n") + kHelp +
                "Without a terminal, each line of standard input is a message.\n"
                "  baleen chat\n"
                "  baleen chat --model /models/DeepSeek-V4-Flash --file src/ --effort high\n"
                "  printf 'Who are you?\\nWhat can you do?\\n' | baleen chat --thinking off --temperature 0");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
