#include "sched/script_lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/json.h"

namespace baleen::sched {

namespace {

constexpr double kPausedSeconds = 0.005;  // between looks at readers that are behind
constexpr std::int64_t kBlocks = std::int64_t{1} << 40;  // no KV is held
constexpr double kRateMost = 1e6;
constexpr double kSecondsMost = 3600;

using Json = nlohmann::json;

Result<std::string> text_of(const Json& value, std::string_view name) {
    if (!value.is_string()) return invalid_argument(fmt::format("{}: not a string", name));
    return value.get<std::string>();
}

Result<double> number_of(const Json& value, std::string_view name, double least, double most) {
    if (!value.is_number()) return invalid_argument(fmt::format("{}: not a number", name));
    const double number = value.get<double>();
    if (!(number >= least && number <= most)) return invalid_argument(fmt::format("{}: not between {} and {}", name, least, most));
    return number;
}

Result<std::vector<std::string>> match_of(const Json& value) {
    std::vector<std::string> match;
    if (value.is_array()) {
        for (const Json& part : value) {
            TRY_ASSIGN(std::string text, text_of(part, "match"));
            match.push_back(std::move(text));
        }
    } else {
        TRY_ASSIGN(std::string text, text_of(value, "match"));
        match.push_back(std::move(text));
    }
    return match;
}

Result<std::vector<TokenId>> ids_of(const Json& value, std::int64_t vocab) {
    if (!value.is_array()) return invalid_argument("tokens: not a list");
    std::vector<TokenId> ids;
    for (const Json& id : value) {
        if (!id.is_number_integer() || id.get<double>() < 0 || id.get<double>() >= static_cast<double>(vocab))
            return invalid_argument(fmt::format("tokens: {} is not an id of this vocabulary of {}", printable(id.dump()), vocab));
        ids.push_back(TokenId{id.get<std::int32_t>()});
    }
    return ids;
}

Result<ScriptLine> line_of(std::string_view text, const text::Tokenizer& tokenizer) {
    TRY_ASSIGN(const Json json, parse_json(text));
    if (!json.is_object()) return invalid_argument("not an object");
    ScriptLine line;
    std::optional<std::string> answer, reasoning;
    bool tokens = false;
    for (const auto& [name, value] : json.items()) {
        if (name == "match") {
            TRY_ASSIGN(line.match, match_of(value));
        } else if (name == "text") {
            TRY_ASSIGN(answer, text_of(value, name));
        } else if (name == "reasoning") {
            TRY_ASSIGN(reasoning, text_of(value, name));
        } else if (name == "tokens") {
            tokens = true;
            TRY_ASSIGN(line.tokens, ids_of(value, tokenizer.vocab_size()));
        } else if (name == "tokens_per_second") {
            TRY_ASSIGN(line.tokens_per_second, number_of(value, name, 1e-3, kRateMost));
        } else if (name == "first_token_seconds") {
            TRY_ASSIGN(line.first_token_seconds, number_of(value, name, 0, kSecondsMost));
        } else {
            return invalid_argument(fmt::format("unknown field {}", printable(name)));
        }
    }
    if (tokens == answer.has_value()) return invalid_argument("one of text and tokens must be there");
    if (reasoning && !answer) return invalid_argument("reasoning: only beside text");
    if (answer) tokenizer.encode_with_special(*answer, line.tokens);
    if (reasoning) {
        line.has_reasoning = true;
        tokenizer.encode_with_special(*reasoning + "</think>" + *answer, line.with_reasoning);
    }
    return line;
}

}  // namespace

Result<Script> Script::parse(std::string_view jsonl, std::string_view file, const text::Tokenizer& tokenizer) {
    Script script;
    int number = 0;
    while (!jsonl.empty()) {
        const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
        std::string_view text = jsonl.substr(0, end);
        jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
        ++number;
        if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        auto line = line_of(text, tokenizer);
        if (!line.ok()) return with_context(fmt::format("{}, line {}", file, number), std::move(line).error());
        script.lines_.push_back(std::move(line).value());
    }
    if (script.lines_.empty()) return invalid_argument(fmt::format("{}: no answers in it", file));
    return script;
}

const ScriptLine* Script::find(std::string_view prompt) const {
    for (const ScriptLine& line : lines_) {
        const bool all = std::all_of(line.match.begin(), line.match.end(),
                                     [&](const std::string& text) { return prompt.find(text) != std::string_view::npos; });
        if (all) return &line;
    }
    return nullptr;
}

ScriptLane::ScriptLane(Script script, const text::Tokenizer& tokenizer, ScriptLaneOptions options)
    : script_(std::move(script)), tokenizer_(tokenizer), options_(options), think_(tokenizer.find("<think>")) {}

Room ScriptLane::room() const {
    const int running = static_cast<int>(streams_.size());
    return {.streams = options_.streams_max - running, .running = running, .blocks_free = kBlocks, .blocks_reclaimable = 0};
}

Result<std::int64_t> ScriptLane::open(StreamId id, StreamRequest request, double now) {
    std::string prompt;
    for (const TokenId token : request.tokens) prompt += tokenizer_.bytes(token);
    Stream stream;
    stream.id = id;
    stream.line = script_.find(prompt);
    if (stream.line == nullptr) return not_found("the script has no answer to this prompt");
    const bool thinks = think_ && request.tokens.back() == *think_;
    stream.tokens = thinks && stream.line->has_reasoning ? &stream.line->with_reasoning : &stream.line->tokens;
    stream.opened = now;
    places_[id] = streams_.size();
    streams_.push_back(stream);
    return 0;
}

ScriptLane::Stream& ScriptLane::find(StreamId id) {
    const auto place = places_.find(id);
    CHECK(place != places_.end(), "stream {} is not open", std::to_underlying(id));
    return streams_[place->second];
}

void ScriptLane::push(StreamId, TokenId) {}

void ScriptLane::close(StreamId id) {
    Stream& stream = find(id);
    places_[streams_.back().id] = places_[id];
    places_.erase(id);
    stream = streams_.back();
    streams_.pop_back();
}

void ScriptLane::pause(StreamId id, bool paused) { find(id).paused = paused; }

// When its next token is due: a schedule counted from the start, so that a late token makes no other late. The end comes with
// the last token.
double ScriptLane::Stream::due() const {
    if (line->tokens_per_second == 0 || played == 0) return opened + line->first_token_seconds;
    const std::size_t at = std::min(played, tokens->size() - 1);
    return opened + line->first_token_seconds + static_cast<double>(at) / line->tokens_per_second;
}

const LaneStep& ScriptLane::step(double now) {
    step_.rows.clear();
    double next = INFINITY;
    for (Stream& stream : streams_) {
        if (stream.paused) {
            next = std::min(next, now + kPausedSeconds);
            continue;
        }
        if (stream.due() <= now) {
            const bool end = stream.played == stream.tokens->size();
            step_.rows.push_back({stream.id, {}, end ? std::nullopt : std::optional((*stream.tokens)[stream.played])});
            if (end) continue;
            ++stream.played;
        }
        next = std::min(next, stream.due());
    }
    step_.stream_rows = static_cast<int>(step_.rows.size());
    step_.due.reset();
    if (next > now && next < INFINITY) step_.due = next;
    return step_;
}

}  // namespace baleen::sched
