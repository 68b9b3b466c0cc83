#include "text/tokenizer_added.h"

#include <algorithm>

namespace baleen::text {

AddedTokens::AddedTokens(std::vector<Entry> entries) : entries_(std::move(entries)) {
    std::sort(entries_.begin(), entries_.end());
    for (const Entry& entry : entries_) starts_[static_cast<unsigned char>(entry.first[0])] = true;
}

std::optional<TokenId> AddedTokens::find(std::string_view spelling) const {
    const auto found = std::lower_bound(entries_.begin(), entries_.end(), spelling, [](const Entry& entry, std::string_view key) { return entry.first < key; });
    if (found == entries_.end() || found->first != spelling) return std::nullopt;
    return found->second;
}

std::optional<AddedTokens::Match> AddedTokens::next(std::string_view text, std::size_t from) const {
    for (std::size_t begin = from; begin < text.size(); ++begin) {
        if (!starts_[static_cast<unsigned char>(text[begin])]) continue;
        std::optional<Match> longest;
        auto low = entries_.begin(), high = entries_.end();
        for (std::size_t depth = 0; begin + depth < text.size(); ++depth) {
            // Within the range all spellings share `depth` bytes; the one that ends there has been taken and comes first.
            const auto byte = static_cast<unsigned char>(text[begin + depth]);
            const auto at_depth = [depth](const Entry& entry) {
                return depth < entry.first.size() ? static_cast<int>(static_cast<unsigned char>(entry.first[depth])) : -1;
            };
            low = std::partition_point(low, high, [&](const Entry& entry) { return at_depth(entry) < byte; });
            high = std::partition_point(low, high, [&](const Entry& entry) { return at_depth(entry) == byte; });
            if (low == high) break;
            if (low->first.size() == depth + 1) longest = Match{begin, begin + depth + 1, low->second};
        }
        if (longest) return longest;
    }
    return std::nullopt;
}

}  // namespace baleen::text
