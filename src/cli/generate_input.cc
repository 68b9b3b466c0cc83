#include "cli/generate_input.h"

#include <fmt/format.h>

#include <cstdio>

#include "io/read_file.h"

namespace baleen::cli {

namespace {

constexpr std::size_t kInputBytesMax = std::size_t{48} << 20;  // the service's limit for a request body (api 2)

Result<std::string> read_stdin() {
    std::string text;
    char buffer[65536];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin)) {
        if (text.size() + got > kInputBytesMax) return resource_exhausted(fmt::format("standard input: more than {} bytes", kInputBytesMax));
        text.append(buffer, got);
    }
    if (std::ferror(stdin)) return io_error("standard input cannot be read");
    return text;
}

// The text itself, or standard input for "-".
Result<std::string> text_of(const std::string& argument) {
    if (argument == "-") return read_stdin();
    return argument;
}

Result<std::string> file_of(const std::string& argument) {
    if (argument == "-") return read_stdin();
    return io::read_file(argument, kInputBytesMax);
}

// One user message with the options of the command line.
Result<serve::ChatRequest> request_of(std::string message, const InputOptions& options) {
    serve::ChatRequest request;
    request.prompt.messages.push_back(text::Message::of(text::Role::user, std::move(message)));
    request.prompt.mode = options.thinking == "off" ? text::ThinkingMode::chat : text::ThinkingMode::thinking;
    if (options.effort) {
        TRY_ASSIGN(request.prompt.effort, text::parse_effort(*options.effort));
    }
    TRY_ASSIGN(request.prompt.version, text::parse_prompt_version(options.prompt_version));
    return request;
}

// A request body; the command line wins over it.
Result<GenerateInput> from_body(std::string_view body, const InputOptions& options, const text::Tokenizer& tokenizer) {
    serve::ChatRequestOptions rules;
    TRY_ASSIGN(rules.version, text::parse_prompt_version(options.prompt_version));
    rules.model_required = false;
    rules.default_thinking = options.thinking != "off";
    rules.honour_sampling = true;
    TRY_ASSIGN(serve::ChatRequest request, serve::parse_chat_request(body, rules));
    if (options.thinking) {
        request.prompt.mode = options.thinking == "off" ? text::ThinkingMode::chat : text::ThinkingMode::thinking;
        if (options.thinking == "on" && request.prompt.tool_forced()) return invalid_argument("Thinking mode does not support this tool_choice");
    }
    if (options.effort) {
        TRY_ASSIGN(request.prompt.effort, text::parse_effort(*options.effort));
    }
    GenerateInput input;
    TRY_ASSIGN(input.prompt, prepare_chat(request, tokenizer));
    input.tokens_max = request.max_tokens;
    input.sampling.temperature = static_cast<float>(request.sampling.temperature);
    input.sampling.top_p = static_cast<float>(request.sampling.top_p);
    input.sampling.top_k = request.sampling.top_k;
    input.sampling.min_p = static_cast<float>(request.sampling.min_p);
    input.sampling.seed = request.sampling.seed;
    if (request.logprobs) input.top_logprobs = request.top_logprobs;
    return input;
}

}  // namespace

void add_input_options(CLI::App& app, InputOptions& options) {
    app.add_option("--prompt", options.prompt, "one user message; - reads it from standard input");
    app.add_option("--raw", options.raw, "text as it stands, control tokens spelled out; - reads standard input");
    app.add_option("--ids", options.ids, "file with a JSON array of token ids; - reads standard input");
    app.add_option("--messages", options.messages, "file with a chat-completions request body; - reads standard input");
    app.add_option("--thinking", options.thinking, "on or off (default: on, or what the request body says)")->check(CLI::IsMember({"on", "off"}));
    app.add_option("--effort", options.effort, "low, high or max: how long to think (default: the prompt format's own, or what the body says)")
        ->check(CLI::IsMember({"low", "high", "max"}));
    app.add_option("--prompt-version", options.prompt_version, "preview (V4 of April), 0731 (V4-Flash-0731, V4-Pro-0813) or v4.1")
        ->capture_default_str()
        ->check(CLI::IsMember({"preview", "0731", "v4.1"}));
}

Result<void> check_input(const InputOptions& options) {
    const int given = options.prompt.has_value() + options.raw.has_value() + options.ids.has_value() + options.messages.has_value();
    if (given != 1) return invalid_argument("give one of --prompt, --raw, --ids, --messages");
    if ((options.raw || options.ids) && (options.thinking || options.effort))
        return invalid_argument("--thinking and --effort shape a chat prompt; they do nothing with --raw or --ids");
    return {};
}

Result<GenerateInput> read_input(const InputOptions& options, const ModelFiles& files) {
    GenerateInput input;
    if (options.ids) {
        TRY_ASSIGN(const std::string json, file_of(*options.ids));
        auto prompt = prepare_ids(json, files.config.vocab_size);
        if (!prompt.ok()) return with_context(*options.ids == "-" ? "standard input" : *options.ids, std::move(prompt).error());
        input.prompt = std::move(prompt).value();
        return input;
    }
    if (!files.tokenizer) {
        return invalid_argument(fmt::format("{} has no tokenizer.json, so it understands token ids only (--ids)", files.directory.string()));
    }
    if (options.raw) {
        TRY_ASSIGN(const std::string text, text_of(*options.raw));
        input.prompt = prepare_raw(text, *files.tokenizer);
        return input;
    }
    if (options.messages) {
        TRY_ASSIGN(const std::string body, file_of(*options.messages));
        auto read = from_body(body, options, *files.tokenizer);
        if (!read.ok()) return with_context(*options.messages == "-" ? "standard input" : *options.messages, std::move(read).error());
        return read;
    }
    TRY_ASSIGN(std::string text, text_of(*options.prompt));
    TRY_ASSIGN(const serve::ChatRequest request, request_of(std::move(text), options));
    TRY_ASSIGN(input.prompt, prepare_chat(request, *files.tokenizer));
    return input;
}

}  // namespace baleen::cli
