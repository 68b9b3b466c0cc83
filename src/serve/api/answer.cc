#include "serve/api/answer.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/python_json.h"

namespace baleen::serve {

std::string json_string(std::string_view text) {
    std::string out;
    text::append_json_string(text, out);
    return out;
}

std::string fingerprint_json(const AnswerHead& head) {
    return head.fingerprint.empty() ? "null" : json_string(head.fingerprint);
}

std::string usage_json(const sched::Usage& usage, bool thinking) {
    const std::int64_t miss = std::max<std::int64_t>(usage.prompt_tokens - usage.cached_tokens, 0);
    return fmt::format(
        "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{},\"prompt_tokens_details\":{{\"cached_"
        "tokens\":{}}},{}"
        "\"prompt_cache_hit_tokens\":{},\"prompt_cache_miss_tokens\":{}}}",
        usage.prompt_tokens, usage.completion_tokens, usage.total_tokens(), usage.cached_tokens,
        thinking ? fmt::format("\"completion_tokens_details\":{{\"reasoning_tokens\":{}}},", usage.reasoning_tokens)
                 : "",
        usage.cached_tokens, miss);
}

std::string_view finish_of(const Error& error) {
    return error.code == ErrorCode::resource_exhausted ? "insufficient_system_resource" : "";
}

}  // namespace baleen::serve
