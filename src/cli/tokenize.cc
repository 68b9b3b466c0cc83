#include "cli/tokenize.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/json.h"
#include "cli/model_path.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace baleen::cli {

namespace {

constexpr std::size_t kInputBytesMax = std::size_t{1} << 30;

struct Options {
    std::string model = "krill";
    bool decode = false;
    bool special = false;
    bool json = false;
};

Result<std::string> read_stdin() {
    std::string text;
    char buffer[1 << 16];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, stdin)) {
        text.append(buffer, got);
        if (text.size() > kInputBytesMax) return resource_exhausted(fmt::format("more than {} bytes on stdin", kInputBytesMax));
    }
    if (std::ferror(stdin) != 0) return io_error("stdin cannot be read");
    return text;
}

// A directory with a tokenizer.json, such a file, or the name of a model.
Result<text::Tokenizer> load(const std::string& model) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(model, ignored)) return text::Tokenizer::load(model);
    TRY_ASSIGN(const std::filesystem::path directory, resolve_model(model));
    return text::Tokenizer::load(directory);
}

// Ids as a JSON array, or separated by blanks, line ends or commas.
Result<std::vector<TokenId>> parse_ids(std::string_view text, std::int64_t vocab_size) {
    constexpr std::string_view kBlank = " \t\r\n,";
    const auto begin = text.find_first_not_of(" \t\r\n");
    const auto end = text.find_last_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return std::vector<TokenId>();
    text = text.substr(begin, end - begin + 1);
    if (text.front() == '[') {
        if (text.back() != ']') return invalid_argument("the array of ids does not end");
        text = text.substr(1, text.size() - 2);
    }
    std::vector<TokenId> ids;
    for (std::size_t at = text.find_first_not_of(kBlank); at < text.size(); at = text.find_first_not_of(kBlank, at)) {
        const std::size_t stop = std::min(text.find_first_of(kBlank, at), text.size());
        std::int32_t id = -1;
        const auto [rest, error] = std::from_chars(text.data() + at, text.data() + stop, id);
        if (error != std::errc() || rest != text.data() + stop || id < 0 || id >= vocab_size)
            return invalid_argument(fmt::format("\"{}\" is no token id below {}", printable(text.substr(at, stop - at), 40), vocab_size));
        ids.push_back(TokenId{id});
        at = stop;
    }
    return ids;
}

int fail(const Error& error) {
    fmt::print(stderr, "baleen tokenize: {}\n", error.message);
    return error.code == ErrorCode::invalid_argument ? 2 : 1;
}

int write_out(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return 0;
    return fail(io_error("stdout cannot be written"));
}

int decode(const text::Tokenizer& tokenizer, std::string_view input, const Options& options) {
    const auto ids = parse_ids(input, tokenizer.vocab_size());
    if (!ids.ok()) return fail(ids.error());
    std::string bytes;
    for (const TokenId id : *ids) bytes += tokenizer.bytes(id);
    if (!options.json) return write_out(bytes);
    std::string text;
    text::Detokenizer detokenizer(tokenizer);
    for (const TokenId id : *ids) detokenizer.push(id, text);
    detokenizer.flush(text);
    return write_out(nlohmann::json{{"text", text}, {"bytes", bytes.size()}}.dump() + "\n");
}

int encode(const text::Tokenizer& tokenizer, std::string_view input, const Options& options) {
    std::vector<TokenId> ids;
    if (options.special) tokenizer.encode_with_special(input, ids);
    else tokenizer.encode(input, ids);
    std::string line = options.json ? "{\"ids\":[" : "[";
    for (const TokenId id : ids) fmt::format_to(std::back_inserter(line), "{},", index(id));
    if (!ids.empty()) line.pop_back();
    line += options.json ? fmt::format("],\"tokens\":{},\"bytes\":{}}}\n", ids.size(), input.size()) : "]\n";
    return write_out(line);
}

int run(const Options& options) {
    const auto tokenizer = load(options.model);
    if (!tokenizer.ok()) return fail(tokenizer.error());
    const auto input = read_stdin();
    if (!input.ok()) return fail(input.error());
    return options.decode ? decode(*tokenizer, *input, options) : encode(*tokenizer, *input, options);
}

}  // namespace

Command add_tokenize(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("tokenize", "Turn text on stdin into token ids, or ids into text; nothing is added");
    app->add_option("--model", options->model, "model directory, tokenizer.json, or krill")->capture_default_str();
    app->add_flag("--decode", options->decode, "read ids (a JSON array, or separated by blanks) and write their exact bytes");
    app->add_flag("--special", options->special, "let spellings of control tokens in the text become them");
    app->add_flag("--json", options->json, "print one JSON object, with counts; with --decode broken bytes show as U+FFFD");
    app->footer("  printf 'Hello, world!' | baleen tokenize\n"
                "  printf '<｜User｜>Hi' | baleen tokenize --special | baleen tokenize --decode");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
