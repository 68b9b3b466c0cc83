#include "cli/encode.h"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "cli/model_path.h"
#include "serve/api/anthropic_request.h"
#include "serve/api/chat_request.h"
#include "serve/api/fim_request.h"
#include "serve/api/responses_request.h"
#include "text/encoding.h"
#include "text/tokenizer.h"

namespace baleen::cli {

namespace {

struct Options {
    std::string messages;
    std::string format = "chat";
    std::string model = "krill";
    std::string version = "0731";
    std::string rules = "service";
    bool ids = false;
    bool json = false;
};

int fail(const Error& error) {
    fmt::print(stderr, "baleen encode: {}\n", error.message);
    return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

// A file, or stdin for "-"; one byte more than a body may have is enough to know that it is too long.
Result<std::string> read_body(const std::string& path) {
    const std::size_t most = serve::ChatRequestOptions().body_bytes_max + 1;
    std::FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
    if (file == nullptr) return not_found(fmt::format("{}: cannot be opened", path));
    std::string text;
    char buffer[1 << 16];
    while (const std::size_t got = text.size() < most ? std::fread(buffer, 1, sizeof buffer, file) : 0)
        text.append(buffer, got);
    const bool broken = std::ferror(file) != 0;
    if (file != stdin) std::fclose(file);
    if (broken) return io_error(fmt::format("{}: cannot be read", path));
    return text;
}

Result<std::vector<TokenId>> token_ids(const text::Prompt& prompt, const std::string& model) {
    TRY_ASSIGN(const std::filesystem::path directory, resolve_model(model));
    TRY_ASSIGN(const text::Tokenizer tokenizer, text::Tokenizer::load(directory));
    std::vector<TokenId> ids;
    TRY(tokenizer.encode(prompt, ids));
    return ids;
}

std::string id_list(const std::vector<TokenId>& ids) {
    std::string list = "[";
    for (const TokenId id : ids)
        fmt::format_to(std::back_inserter(list), "{}{}", list.size() > 1 ? "," : "", index(id));
    return list + "]";
}

std::string_view start_name(text::OutputStart start) {
    switch (start) {
        case text::OutputStart::reasoning:
            return "reasoning";
        case text::OutputStart::content:
            return "content";
        case text::OutputStart::tool_block:
            return "tool_calls";
    }
    return "";
}

std::string as_json(const text::Prompt& prompt, text::OutputStart start, const std::vector<TokenId>* ids) {
    std::string out = "{\"prompt\":";
    text::append_json_string(prompt.text, out);
    out += ",\"controls\":[";  // byte ranges of control tokens
    for (std::size_t i = 0; i < prompt.controls.size(); ++i)
        fmt::format_to(std::back_inserter(out), "{}[{},{}]", i > 0 ? "," : "", prompt.controls[i].begin,
                       prompt.controls[i].end);
    fmt::format_to(std::back_inserter(out), "],\"answer_starts_in\":\"{}\"", start_name(start));
    if (ids != nullptr) out += fmt::format(",\"ids\":{},\"tokens\":{}", id_list(*ids), ids->size());
    return out + "}\n";
}

// What a request of the family comes down to.
Result<text::ChatPrompt> read_request(const std::string& body, const std::string& format,
                                      const serve::ChatRequestOptions& options) {
    if (format == "anthropic") {
        TRY_ASSIGN(serve::Request request, serve::parse_anthropic_request(body, options));
        return std::move(request.prompt);
    }
    if (format == "responses") {
        TRY_ASSIGN(serve::ResponsesRequest request, serve::parse_responses_request(body, options));
        return std::move(request.prompt);
    }
    TRY_ASSIGN(serve::ChatRequest request, serve::parse_chat_request(body, options));
    return std::move(request.prompt);
}

struct Rendered {
    text::Prompt prompt;
    text::OutputStart start = text::OutputStart::content;
};

Result<Rendered> render(const std::string& body, const Options& options) {
    serve::ChatRequestOptions request_options;
    request_options.model_required = false;
    TRY_ASSIGN(request_options.version, text::parse_prompt_version(options.version));
    request_options.images = request_options.version == text::PromptVersion::v41;
    if (options.format == "fim") {  // no conversation, so no rules either
        TRY_ASSIGN(const serve::FimRequest request, serve::parse_fim_request(body, request_options));
        return Rendered{request.rendered(), text::OutputStart::content};
    }
    TRY_ASSIGN(const text::ChatPrompt conversation, read_request(body, options.format, request_options));
    const text::EncodingRules rules = options.rules == "weights"  ? text::EncodingRules::hf()
                                      : options.rules == "recipe" ? text::EncodingRules::recipe_0_2()
                                                                  : text::EncodingRules::rec();
    TRY_ASSIGN(text::Prompt prompt, text::render(conversation, rules));
    return Rendered{std::move(prompt), text::output_start(conversation, rules)};
}

Result<std::string> encode(const Options& options) {
    TRY_ASSIGN(const std::string body, read_body(options.messages));
    TRY_ASSIGN(const Rendered rendered, render(body, options));
    std::vector<TokenId> ids;
    if (options.ids) {
        TRY_ASSIGN(ids, token_ids(rendered.prompt, options.model));
    }
    if (options.json) return as_json(rendered.prompt, rendered.start, options.ids ? &ids : nullptr);
    return options.ids ? id_list(ids) + "\n" : rendered.prompt.text;
}

int run(const Options& options) {
    const Result<std::string> out = encode(options);
    if (!out.ok()) return fail(out.error());
    if (std::fwrite(out->data(), 1, out->size(), stdout) == out->size() && std::fflush(stdout) == 0) return 0;
    return fail(io_error("stdout cannot be written"));
}

}  // namespace

Command add_encode(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app =
        root.add_subcommand("encode", "Print the exact prompt of an API request, and nothing after it");
    app->add_option("--messages", options->messages,
                    "the request body, as the API takes it; model may be missing; - is stdin")
        ->required();
    app->add_option("--format", options->format,
                    "whose request it is: chat (completions), responses, anthropic (Messages), fim (text completions)")
        ->check(CLI::IsMember({"chat", "responses", "anthropic", "fim"}))
        ->capture_default_str();
    app->add_option("--prompt-version", options->version, "which release's prompt")
        ->check(CLI::IsMember({"preview", "0731", "v4.1"}))
        ->capture_default_str();
    app->add_option(
           "--rules", options->rules,
           "service (the API's), weights (the encoder in the weight repositories), recipe (deepseek-recipe 0.2.0)")
        ->check(CLI::IsMember({"service", "weights", "recipe"}))
        ->capture_default_str();
    app->add_flag("--ids", options->ids, "print the token ids instead");
    app->add_option("--model", options->model, "whose tokenizer makes the ids: a model directory, or krill")
        ->capture_default_str();
    app->add_flag("--json", options->json,
                  "print one JSON object: prompt, byte ranges of control tokens, where the answer starts, ids");
    app->footer(
        "Defaults and errors are those of the API: thinking is on, effort is high.\n"
        "  echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}' | baleen encode --messages -");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
