#include "text/tokenizer_json.h"

#include <fmt/format.h>

#include <array>
#include <unordered_map>
#include <unordered_set>

#include "base/json.h"
#include "text/pre_tokenizer.h"
#include "text/pre_tokenizer_regex.h"
#include "text/tokenizer_utf8.h"

namespace baleen::text {

namespace {

using nlohmann::json;

// ByteLevel with use_regex splits by this, GPT-2's.
constexpr const char* kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// The byte alphabet of GPT-2: visible Latin-1 characters stand for themselves, the other 68 bytes for U+0100 and up in order.
// Code points beyond it, and those it skips, are -1.
std::array<std::int16_t, 0x144> make_alphabet() {
    std::array<std::int16_t, 0x144> bytes;
    bytes.fill(-1);
    int next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
        const bool visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
        bytes[static_cast<std::size_t>(visible ? byte : next++)] = static_cast<std::int16_t>(byte);
    }
    return bytes;
}

// A vocabulary entry as the bytes it stands for; false if it is not written in the byte alphabet.
bool bytes_of(std::string_view entry, std::string& bytes) {
    static const std::array<std::int16_t, 0x144> alphabet = make_alphabet();
    bytes.clear();
    for (std::size_t at = 0; at < entry.size();) {
        const Utf8Step step = utf8_step(entry.substr(at));
        if (step.kind != Utf8Step::Kind::character || step.code >= alphabet.size() || alphabet[step.code] < 0) return false;
        bytes += static_cast<char>(alphabet[step.code]);
        at += step.bytes;
    }
    return !bytes.empty();
}

// A member, or null if it is not there; `object` may be anything.
const json& member(const json& object, const char* name) {
    static const json null;
    if (!object.is_object()) return null;
    const auto found = object.find(name);
    return found == object.end() ? null : *found;
}

std::string text_of(const json& value) {
    const auto* text = value.get_ptr<const std::string*>();
    return text != nullptr ? *text : std::string();
}

// A boolean that may be absent.
Result<bool> flag(const json& object, const char* name, bool absent, const std::string& where) {
    const json& value = member(object, name);
    if (value.is_null()) return absent;
    if (!value.is_boolean()) return corrupt(fmt::format("{}.{} is not a boolean", where, name));
    return value.get<bool>();
}

Result<std::int32_t> token_id(const json& value, const std::string& where) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= static_cast<std::uint64_t>(kTokenIdsMax))
        return corrupt(fmt::format("{} is no token id below {}", where, kTokenIdsMax));
    return static_cast<std::int32_t>(value.get<std::uint64_t>());
}

class Reader {
  public:
    explicit Reader(const json& root) : root_(root) {}

    Result<TokenizerFile> run() {
        if (!root_.is_object()) return corrupt("not a JSON object");
        for (const char* name : {"truncation", "padding"})
            if (!member(root_, name).is_null()) return unsupported(fmt::format("{} is set", name));
        TRY(normalizer());
        TRY(pre_tokenizer(member(root_, "pre_tokenizer")));
        TRY(decoder());
        TRY(model());
        TRY(vocabulary());
        TRY(merges());
        TRY(added_tokens());
        if (file_.tokens.empty()) return corrupt("no tokens");
        return std::move(file_);
    }

  private:
    Result<void> normalizer() {
        const json& value = member(root_, "normalizer");
        const json& list = member(value, "normalizers");
        if (value.is_null() || (text_of(member(value, "type")) == "Sequence" && list.is_array() && list.empty())) return {};
        return unsupported(fmt::format("a normalizer ({})", printable(text_of(member(value, "type")), 40)));
    }

    Result<void> decoder() {
        const std::string type = text_of(member(member(root_, "decoder"), "type"));
        if (type != "ByteLevel") return unsupported(fmt::format("the decoder \"{}\"", printable(type, 40)));
        return {};
    }

    Result<void> pre_tokenizer(const json& value) {
        if (text_of(member(value, "type")) == "Sequence") {
            const json& list = member(value, "pretokenizers");
            if (!list.is_array()) return corrupt("pre_tokenizer.pretokenizers is not a list");
            if (list.size() > PreTokenizer::kStepsMax) return resource_exhausted(fmt::format("more than {} pre-tokenizers", PreTokenizer::kStepsMax));
            for (const json& step : list) TRY(pre_tokenizer_step(step));
        } else {
            TRY(pre_tokenizer_step(value));
        }
        if (!byte_level_) return unsupported("a pre_tokenizer without ByteLevel");
        return {};
    }

    Result<void> pre_tokenizer_step(const json& step) {
        const std::string type = text_of(member(step, "type"));
        if (byte_level_) return unsupported("a pre-tokenizer after ByteLevel");
        if (type == "Split") return split_step(step);
        if (type != "ByteLevel") return unsupported(fmt::format("the pre-tokenizer \"{}\"", printable(type, 40)));
        byte_level_ = true;
        TRY_ASSIGN(const bool prefix, flag(step, "add_prefix_space", true, "ByteLevel"));
        if (prefix) return unsupported("ByteLevel with add_prefix_space");
        TRY_ASSIGN(const bool regex, flag(step, "use_regex", true, "ByteLevel"));
        if (regex) file_.patterns.push_back(kGpt2Pattern);
        return {};
    }

    Result<void> split_step(const json& step) {
        const std::string behavior = text_of(member(step, "behavior"));
        if (behavior != "Isolated") return unsupported(fmt::format("the split behavior \"{}\"", printable(behavior, 40)));
        TRY_ASSIGN(const bool invert, flag(step, "invert", false, "Split"));
        if (invert) return unsupported("an inverted split");
        const json& pattern = member(step, "pattern");
        const json& regex = member(pattern, "Regex");
        const json& literal = member(pattern, "String");
        const std::string text = text_of(regex.is_string() ? regex : literal);
        if (text.empty()) return corrupt("a Split without a pattern");
        file_.patterns.push_back(regex.is_string() ? text : escape_regex(text));
        return {};
    }

    Result<void> model() {
        const json& model = member(root_, "model");
        const std::string type = text_of(member(model, "type"));
        if (type != "BPE") return unsupported(fmt::format("the model type \"{}\"", printable(type, 40)));
        for (const char* name : {"byte_fallback", "ignore_merges"}) {
            TRY_ASSIGN(const bool set, flag(model, name, false, "model"));
            if (set) return unsupported(fmt::format("model.{}", name));
        }
        if (const json& dropout = member(model, "dropout"); !dropout.is_null() && dropout != 0.0) return unsupported("model.dropout");
        for (const char* name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
            const json& affix = member(model, name);
            if (!affix.is_null() && affix != "") return unsupported(fmt::format("model.{}", name));
        }
        return {};
    }

    TokenizerFile::Token& at(std::int32_t id) {
        if (static_cast<std::size_t>(id) >= file_.tokens.size()) file_.tokens.resize(static_cast<std::size_t>(id) + 1);
        return file_.tokens[static_cast<std::size_t>(id)];
    }

    Result<void> vocabulary() {
        const json& vocab = member(member(root_, "model"), "vocab");
        if (!vocab.is_object()) return corrupt("model.vocab is not an object");
        vocab_.reserve(vocab.size());
        std::string bytes;
        for (const auto& [entry, value] : vocab.get_ref<const json::object_t&>()) {
            if (entry.empty() || entry.size() > kTokenBytesMax) return corrupt(fmt::format("model.vocab: an entry of {} bytes", entry.size()));
            TRY_ASSIGN(const std::int32_t id, token_id(value, fmt::format("model.vocab: \"{}\"", printable(entry, 40))));
            TokenizerFile::Token& token = at(id);
            if (!token.bytes.empty()) return corrupt(fmt::format("model.vocab: the id {} comes twice", id));
            token.from_text = bytes_of(entry, bytes);
            token.bytes = token.from_text ? bytes : entry;
            vocab_.emplace(entry, id);
        }
        return {};
    }

    // Two vocabulary entries as the file names them in one merge.
    static Result<std::pair<std::string_view, std::string_view>> merge_names(const json& merge, std::size_t rank) {
        if (const auto* text = merge.get_ptr<const std::string*>()) {
            const std::string_view whole = *text;
            const std::size_t blank = whole.find(' ');
            if (blank != std::string_view::npos && whole.find(' ', blank + 1) == std::string_view::npos)
                return std::pair(whole.substr(0, blank), whole.substr(blank + 1));
        } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            return std::pair<std::string_view, std::string_view>(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>());
        }
        return corrupt(fmt::format("model.merges[{}] is not a pair", rank));
    }

    Result<void> merges() {
        const json& list = member(member(root_, "model"), "merges");
        if (!list.is_array()) return corrupt("model.merges is not a list");
        if (list.size() > static_cast<std::size_t>(kTokenIdsMax)) return resource_exhausted("model.merges is too long");
        file_.merges.reserve(list.size());
        std::string joined;
        for (std::size_t rank = 0; rank < list.size(); ++rank) {
            TRY_ASSIGN(const auto names, merge_names(list[rank], rank));
            joined.assign(names.first).append(names.second);
            std::int32_t ids[3];
            const std::string_view wanted[3] = {names.first, names.second, joined};
            for (int i = 0; i < 3; ++i) {
                const auto found = vocab_.find(wanted[i]);
                if (found == vocab_.end())
                    return corrupt(fmt::format("model.merges[{}]: \"{}\" is not in model.vocab", rank, printable(wanted[i], 40)));
                if (!file_.tokens[static_cast<std::size_t>(found->second)].from_text)
                    return corrupt(fmt::format("model.merges[{}]: \"{}\" is not in the byte alphabet", rank, printable(wanted[i], 40)));
                ids[i] = found->second;
            }
            file_.merges.push_back({ids[0], ids[1], ids[2]});
        }
        return {};
    }

    Result<void> added_tokens() {
        const json& list = member(root_, "added_tokens");
        if (list.is_null()) return {};
        if (!list.is_array()) return corrupt("added_tokens is not a list");
        std::unordered_set<std::string_view> seen;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const json& entry = list[i];
            const std::string where = fmt::format("added_tokens[{}]", i);
            const auto* content = member(entry, "content").get_ptr<const std::string*>();
            if (content == nullptr || content->empty() || content->size() > kTokenBytesMax) return corrupt(where + ".content is no token");
            TRY_ASSIGN(const std::int32_t id, token_id(member(entry, "id"), where + ".id"));
            for (const char* name : {"single_word", "lstrip", "rstrip"}) {
                TRY_ASSIGN(const bool set, flag(entry, name, false, where));
                if (set) return unsupported(fmt::format("{}.{}", where, name));
            }
            if (!seen.insert(*content).second) return corrupt(fmt::format("{}: \"{}\" comes twice", where, printable(*content, 40)));
            const auto base = vocab_.find(*content);
            TokenizerFile::Token& token = at(id);
            if (base != vocab_.end() ? base->second != id : !token.bytes.empty())
                return corrupt(fmt::format("{}: \"{}\" and the vocabulary disagree about the id {}", where, printable(*content, 40), id));
            if (token.from_text && token.bytes != *content) return unsupported(fmt::format("{}: \"{}\" is also an ordinary token", where, printable(*content, 40)));
            TRY_ASSIGN(token.special, flag(entry, "special", false, where));
            token.added = true;
            token.bytes = *content;
        }
        return {};
    }

    const json& root_;
    TokenizerFile file_;
    std::unordered_map<std::string_view, std::int32_t> vocab_;
    bool byte_level_ = false;
};

}  // namespace

Result<TokenizerFile> parse_tokenizer_json(std::string_view text) {
    TRY_ASSIGN(const json root, parse_json(text, {.bytes = kTokenizerFileBytesMax}));
    return Reader(root).run();
}

}  // namespace baleen::text
