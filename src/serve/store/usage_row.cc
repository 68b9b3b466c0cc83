#include "serve/store/usage_row.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json.h"

namespace baleen::serve {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t kNameBytesMax = 128;
// Every byte of a text may become \u00xx.
static_assert(6 * (kRowTextBytesMax + 5 * kNameBytesMax) + 1024 < kRowBytesMax);

// Cut to `bytes_max` without leaving half a character behind.
std::string cut(std::string text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    std::size_t end = bytes_max;
    while (end > 0 && bytes_max - end < 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text.resize(end);
    return text;
}

// Bytes that are no UTF-8 replaced, as nlohmann's writer does it; then short enough. Replacing makes a text longer.
std::string clean(const std::string& text, std::size_t bytes_max) {
    const std::string quoted = json(cut(text, bytes_max)).dump(-1, ' ', false, json::error_handler_t::replace);
    return cut(json::parse(quoted).get<std::string>(), bytes_max);
}

// Takes members of one object; the first that is missing or of the wrong kind is remembered.
class Members {
  public:
    explicit Members(const json& object) : object_(object) {}
    void take(const char* name, std::string& target) {
        const auto at = object_.find(name);
        if (at != object_.end() && at->is_string()) target = at->get<std::string>();
        else fail(name);
    }
    template <class Integer>
    void take(const char* name, Integer& target) {
        const auto at = object_.find(name);
        if (at != object_.end() && at->is_number_integer() && (!at->is_number_unsigned() || at->get<std::uint64_t>() <= INT64_MAX) &&
            std::in_range<Integer>(at->get<std::int64_t>()))
            target = static_cast<Integer>(at->get<std::int64_t>());
        else fail(name);
    }
    void take(const char* name, bool& target) {
        const auto at = object_.find(name);
        if (at != object_.end() && at->is_boolean()) target = at->get<bool>();
        else fail(name);
    }
    void take(const char* name, std::optional<std::int64_t>& target) {
        const auto at = object_.find(name);
        if (at != object_.end() && at->is_null()) return target.reset();
        std::int64_t value = 0;
        take(name, value);
        target = value;
    }
    const std::string& missing() const { return missing_; }

  private:
    void fail(const char* name) {
        if (missing_.empty()) missing_ = name;
    }
    const json& object_;
    std::string missing_;
};

ordered_json maybe(const std::optional<std::int64_t>& value) { return value.has_value() ? ordered_json(*value) : ordered_json(nullptr); }

}  // namespace

void set_cost(const PriceList& prices, std::string_view price_name, UsageRow& row) {
    const std::int64_t ended_ms = row.started_ms + row.total_ms;
    const TokenCounts tokens{row.prompt_hit, row.prompt_miss, row.output};
    row.usd_pico = prices.cost(price_name, Currency::usd, ended_ms, tokens);
    row.cny_pico = prices.cost(price_name, Currency::cny, ended_ms, tokens);
}

UsageRow fitted(UsageRow row) {
    row.user_id = clean(row.user_id, kRowTextBytesMax);
    for (std::string* text : {&row.id, &row.endpoint, &row.model_asked, &row.model_served, &row.finish}) *text = clean(*text, kNameBytesMax);
    for (std::int64_t* number : {&row.started_ms, &row.key_id, &row.prompt_hit, &row.prompt_miss, &row.output, &row.reasoning, &row.total_ms})
        *number = std::max<std::int64_t>(*number, 0);
    return row;
}

std::string encode_row(const UsageRow& row) {
    const ordered_json object = {
        {"id", row.id},
        {"started_ms", row.started_ms},
        {"key_id", row.key_id},
        {"user_id", row.user_id},
        {"endpoint", row.endpoint},
        {"model_asked", row.model_asked},
        {"model_served", row.model_served},
        {"prompt_hit", row.prompt_hit},
        {"prompt_miss", row.prompt_miss},
        {"output", row.output},
        {"reasoning", row.reasoning},
        {"finish", row.finish},
        {"status", row.status},
        {"stream", row.stream},
        {"first_token_ms", maybe(row.first_token_ms)},
        {"total_ms", row.total_ms},
        {"usd_pico", maybe(row.usd_pico)},
        {"cny_pico", maybe(row.cny_pico)},
    };
    std::string line = object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    CHECK(line.size() <= kRowBytesMax, "a row of {} bytes was not fitted", line.size());
    return line;
}

Result<UsageRow> decode_row(std::string_view text) {
    const Result<json> object = parse_json(text, {.bytes = kRowBytesMax, .depth = 8, .keys = 64, .values = 256});
    if (!object.ok()) return corrupt("row: " + object.error().message);
    if (!object->is_object()) return corrupt("row: is no object");
    UsageRow row;
    Members members(*object);
    members.take("id", row.id);
    members.take("started_ms", row.started_ms);
    members.take("key_id", row.key_id);
    members.take("user_id", row.user_id);
    members.take("endpoint", row.endpoint);
    members.take("model_asked", row.model_asked);
    members.take("model_served", row.model_served);
    members.take("prompt_hit", row.prompt_hit);
    members.take("prompt_miss", row.prompt_miss);
    members.take("output", row.output);
    members.take("reasoning", row.reasoning);
    members.take("finish", row.finish);
    members.take("status", row.status);
    members.take("stream", row.stream);
    members.take("first_token_ms", row.first_token_ms);
    members.take("total_ms", row.total_ms);
    members.take("usd_pico", row.usd_pico);
    members.take("cny_pico", row.cny_pico);
    if (!members.missing().empty()) return corrupt(fmt::format("row: '{}' is missing or of the wrong kind", members.missing()));
    if (row.id.empty()) return corrupt("row: 'id' is empty");
    return row;
}

}  // namespace baleen::serve
