#include "sched/limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace baleen::sched {

Result<std::int64_t> answer_tokens_max(std::int64_t prompt, std::optional<std::int64_t> requested, std::int64_t otherwise,
                                       std::int64_t context) {
    if (requested && *requested < 1) return invalid_argument(fmt::format("max_tokens: {} is not at least 1", *requested));
    const std::int64_t left = context - prompt;
    const std::int64_t wanted = requested.value_or(1);  // without a wish, room for one token is enough
    if (wanted > left) {
        return resource_exhausted(fmt::format("This model's maximum context length is {} tokens. However, you requested {} tokens ({} in "
                                              "the messages, {} in the completion). Please reduce the length of the messages or "
                                              "completion.",
                                              context, static_cast<std::uint64_t>(prompt) + static_cast<std::uint64_t>(wanted), prompt, wanted));
    }
    return requested ? *requested : std::min(otherwise, left);
}

}  // namespace baleen::sched
