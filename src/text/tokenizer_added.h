// Finds spellings of added tokens in text: leftmost first, of those the longest. The tokens lie sorted; a match narrows the
// range of those that share the bytes read so far, which ends at the second byte nearly always. Immutable; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.h"

namespace baleen::text {

class AddedTokens {
  public:
    using Entry = std::pair<std::string_view, TokenId>;
    struct Match {
        std::size_t begin, end;
        TokenId id;
    };

    AddedTokens() = default;
    // The spellings must outlive the object, be distinct and not empty.
    explicit AddedTokens(std::vector<Entry> entries);

    std::optional<TokenId> find(std::string_view spelling) const;
    // The first match that begins at or after `from`.
    std::optional<Match> next(std::string_view text, std::size_t from) const;

  private:
    std::vector<Entry> entries_;         // by spelling
    std::array<bool, 256> starts_ = {};  // first bytes
};

}  // namespace baleen::text
