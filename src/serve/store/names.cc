#include "serve/store/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace baleen::serve {

namespace {
constexpr std::size_t kWordMax = 128;  // the cost is quadratic; nothing longer is a name of ours
}

int edit_distance(std::string_view a, std::string_view b) {
    std::vector<int> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = static_cast<int>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
        before_last.swap(last);
        last.swap(row);
    }
    return last[b.size()];
}

std::optional<std::string_view> nearest_name(std::string_view word, std::span<const std::string_view> known) {
    if (word.size() > kWordMax) return std::nullopt;
    std::optional<std::string_view> nearest;
    int least = std::max(2, static_cast<int>(word.size()) / 3) + 1;
    for (const std::string_view name : known) {
        const int distance = edit_distance(word, name);
        if (distance < least) least = distance, nearest = name;
    }
    if (nearest.has_value() || word.size() < 3) return nearest;
    for (const std::string_view name : known)  // "context" for "context_tokens", "body_bytes" for "limits.body_bytes"
        if (name.starts_with(word) || name.ends_with(fmt::format(".{}", word))) return name;
    return std::nullopt;
}

std::string name_advice(std::string_view word, std::span<const std::string_view> known) {
    if (const auto nearest = nearest_name(word, known)) return fmt::format("; did you mean '{}'?", *nearest);
    return fmt::format("; known are {}", fmt::join(known, ", "));
}

}  // namespace baleen::serve
