#include "text/tokenizer.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>

#include "base/check.h"
#include "base/json.h"
#include "text/bpe.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_added.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {

namespace {

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

Result<std::string> read_whole(const std::filesystem::path& path) {
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
    if (!file) {
        const std::string message = fmt::format("{}: {}", path.string(), std::strerror(errno));
        return errno == ENOENT || errno == ENOTDIR ? not_found(message) : io_error(message);
    }
    std::string text;
    char buffer[1 << 16];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
        text.append(buffer, got);
        if (text.size() > kTokenizerFileBytesMax)
            return resource_exhausted(fmt::format("{}: longer than {} bytes", path.string(), kTokenizerFileBytesMax));
    }
    if (std::ferror(file.get()) != 0) return io_error(fmt::format("{}: {}", path.string(), std::strerror(errno)));
    return text;
}

}  // namespace

struct Tokenizer::State {
    std::vector<TokenizerFile::Token> tokens;    // by id
    std::vector<std::string_view> text_tokens;   // by id: the bytes of those that plain text can become, else empty
    Bpe bpe;
    PreTokenizer splits;
    AddedTokens added;

    // Buffers of one call.
    struct Scratch {
        explicit Scratch(const State& state) : splits(state.splits) {}
        PreTokenizer::Scratch splits;
        Bpe::Scratch bpe;
    };

    void encode_stretch(std::string_view text, std::vector<TokenId>& out, Scratch& scratch) const {
        if (text.empty()) return;
        std::string repaired;
        if (!is_utf8(text)) text = repaired = replace_broken(text);
        splits.split(text, scratch.splits, [&](std::string_view piece) { bpe.encode(piece, out, scratch.bpe); });
    }
};

Tokenizer::Tokenizer(std::unique_ptr<const State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
    std::error_code ignored;
    const std::filesystem::path file = std::filesystem::is_directory(path, ignored) ? path / "tokenizer.json" : path;
    TRY_ASSIGN(const std::string text, read_whole(file));
    return parse(text, file.string());
}

Result<Tokenizer> Tokenizer::parse(std::string_view json, std::string_view file) {
    const std::string where(file);
    auto parsed = parse_tokenizer_json(json);
    if (!parsed.ok()) return with_context(where, std::move(parsed).error());
    auto splits = PreTokenizer::make(parsed->patterns);
    if (!splits.ok()) return with_context(where + ": pre_tokenizer", std::move(splits).error());
    std::unique_ptr<State> state(new State{.tokens = std::move(parsed->tokens), .text_tokens = {}, .bpe = {}, .splits = std::move(*splits), .added = {}});
    std::vector<AddedTokens::Entry> added;
    state->text_tokens.resize(state->tokens.size());
    for (std::size_t id = 0; id < state->tokens.size(); ++id) {
        const TokenizerFile::Token& token = state->tokens[id];
        if (token.from_text) state->text_tokens[id] = token.bytes;
        if (token.added) added.emplace_back(token.bytes, TokenId{static_cast<std::int32_t>(id)});
    }
    state->added = AddedTokens(std::move(added));
    auto bpe = Bpe::make(state->text_tokens, parsed->merges);
    if (!bpe.ok()) return with_context(where, std::move(bpe).error());
    state->bpe = std::move(*bpe);
    return Tokenizer(std::move(state));
}

void Tokenizer::encode(std::string_view text, std::vector<TokenId>& out) const {
    State::Scratch scratch(*state_);
    state_->encode_stretch(text, out, scratch);
}

void Tokenizer::encode_with_special(std::string_view text, std::vector<TokenId>& out) const {
    State::Scratch scratch(*state_);
    std::size_t done = 0;
    while (const auto match = state_->added.next(text, done)) {
        state_->encode_stretch(text.substr(done, match->begin - done), out, scratch);
        out.push_back(match->id);
        done = match->end;
    }
    state_->encode_stretch(text.substr(done), out, scratch);
}

Result<void> Tokenizer::encode(const Prompt& prompt, std::vector<TokenId>& out) const {
    const std::string_view text = prompt.text;
    std::vector<TokenId> controls;
    controls.reserve(prompt.controls.size());
    std::size_t done = 0;
    for (const ControlSpan& span : prompt.controls) {
        CHECK(span.begin >= done && span.end > span.begin && span.end <= text.size(), "control span {}..{} of {} bytes, after {}", span.begin, span.end,
              text.size(), done);
        const std::string_view spelling = text.substr(span.begin, span.end - span.begin);
        const std::optional<TokenId> id = find(spelling);
        if (!id) return not_found(fmt::format("the tokenizer has no control token {}", spelling));
        controls.push_back(*id);
        done = span.end;
    }
    State::Scratch scratch(*state_);
    done = 0;
    for (std::size_t i = 0; i < controls.size(); ++i) {
        state_->encode_stretch(text.substr(done, prompt.controls[i].begin - done), out, scratch);
        out.push_back(controls[i]);
        done = prompt.controls[i].end;
    }
    state_->encode_stretch(text.substr(done), out, scratch);
    return {};
}

std::string_view Tokenizer::bytes(TokenId id) const {
    const auto at = static_cast<std::size_t>(index(id));  // a negative id becomes huge
    return at < state_->tokens.size() ? std::string_view(state_->tokens[at].bytes) : std::string_view();
}

std::optional<TokenId> Tokenizer::find(std::string_view added_token) const { return state_->added.find(added_token); }

bool Tokenizer::is_special(TokenId id) const {
    const auto at = static_cast<std::size_t>(index(id));
    return at < state_->tokens.size() && state_->tokens[at].added;
}

std::int64_t Tokenizer::vocab_size() const { return static_cast<std::int64_t>(state_->tokens.size()); }

}  // namespace baleen::text
