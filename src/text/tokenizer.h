// Text to token ids and back, by a model's tokenizer.json (spec encoding 1). Added tokens are the control tokens: which route
// a text takes decides whether a spelling of one becomes it.
//   encode(text)            plain text only: whatever it spells, no control token comes out. For what users write.
//   encode(Prompt)          control tokens exactly where the template put them; each stretch between two is split and merged
//                           as a whole, whoever wrote its parts.
//   encode_with_special     every spelling becomes its control token, the longest first: the route of the weight
//                           repositories, where a user can forge a turn. For goldens and raw prompts on request.
// Nothing is ever added (no BOS). Input that is not UTF-8 is encoded as if each broken sequence were U+FFFD, so only then
// encode and decode are not inverse. Immutable after load: any number of threads. Load takes about 0.9 s for V4's file;
// encode 0.1 to 0.2 s a megabyte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/types.h"
#include "text/prompt.h"

namespace baleen::text {

class Tokenizer {
  public:
    // A tokenizer.json, or a directory that holds one.
    static Result<Tokenizer> load(const std::filesystem::path& path);
    // `file` names the source in errors.
    static Result<Tokenizer> parse(std::string_view json, std::string_view file);

    Tokenizer(Tokenizer&&) noexcept;
    Tokenizer& operator=(Tokenizer&&) noexcept;
    ~Tokenizer();

    // Each appends to `out`.
    void encode(std::string_view text, std::vector<TokenId>& out) const;
    void encode_with_special(std::string_view text, std::vector<TokenId>& out) const;
    // not_found, naming the token, if this tokenizer lacks one the prompt uses; `out` is then as it was.
    Result<void> encode(const Prompt& prompt, std::vector<TokenId>& out) const;

    // The exact bytes of a token, maybe a part of a character; of an added token its spelling. Empty for ids without a
    // token. Lives as long as the tokenizer.
    std::string_view bytes(TokenId id) const;
    // The id of an added token by its spelling.
    std::optional<TokenId> find(std::string_view added_token) const;
    // Whether the id is an added token, a control token. The file's own "special" flag plays no part: V3's leaves it off
    // for <｜User｜>.
    bool is_special(TokenId id) const;
    // One more than the highest id with a token.
    std::int64_t vocab_size() const;

  private:
    struct State;
    explicit Tokenizer(std::unique_ptr<const State> state);
    std::unique_ptr<const State> state_;
};

}  // namespace baleen::text
