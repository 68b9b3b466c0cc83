#include "serve/auth.h"

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace baleen::serve {

namespace {

std::string_view trimmed(std::string_view text) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && blank(text.back())) text.remove_suffix(1);
    return text;
}

}  // namespace

std::optional<std::string> presented_key(const net::Request& request) {
    constexpr std::string_view kScheme = "bearer ";
    if (const std::string* header = request.header("authorization")) {
        const std::string_view value = trimmed(*header);
        if (value.size() > kScheme.size() && net::same_word(value.substr(0, kScheme.size()), kScheme))
            return std::string(trimmed(value.substr(kScheme.size())));
    }
    if (const std::string* header = request.header("x-api-key"); header != nullptr && !trimmed(*header).empty()) return std::string(trimmed(*header));
    return std::nullopt;
}

std::variant<Caller, ApiError> identify(Parts& parts, const net::Request& request) {
    const std::optional<std::string> secret = presented_key(request);
    Caller caller;
    if (secret) {
        auto key = parts.keys.find(*secret);
        if (!key.ok()) {
            parts.log.write(LogLevel::error, "keys_unreadable", JsonObject().text("message", key.error().message));
            return internal_error();
        }
        if (*key) {
            caller.key_id = (*key)->id;
            caller.key_name = (*key)->name;
            caller.budget = (*key)->budget;
            caller.limits = (*key)->limits;
            const KeyLimits defaults = parts.config.key_defaults.limits();
            if (!caller.limits.concurrency) caller.limits.concurrency = defaults.concurrency;
            if (!caller.limits.rate) caller.limits.rate = defaults.rate;
            caller.share = fmt::format("key {}", caller.key_id);
            return caller;
        }
    }
    if (parts.keys_required) return secret ? wrong_key(*secret) : malformed_authorization();
    // Whatever clients call themselves keeps their shares apart; it is no identity.
    caller.share = secret ? fmt::format("guest {:016x}", std::hash<std::string>()(*secret)) : "guest";
    return caller;
}

}  // namespace baleen::serve
