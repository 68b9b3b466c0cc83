#include "serve/store/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "base/check.h"
#include "base/json.h"
#include "serve/store/names.h"

namespace baleen::serve {

namespace {

constexpr std::int64_t kKiB = 1024, kMiB = kKiB << 10, kGiB = kMiB << 10, kTiB = kGiB << 10;
constexpr std::int64_t kDayOfMs = 86'400'000;

std::int64_t as_number(std::chrono::milliseconds value) { return value.count(); }
template <class T>
std::int64_t as_number(T value) {
    return static_cast<std::int64_t>(value);
}
template <class T>
void assign(T& target, std::int64_t value) {
    target = T(value);
}

// `member` is a lambda from ServeConfig& to a reference.
template <class Member>
Setting numeric(std::string name, SettingKind kind, std::int64_t least, std::int64_t most, Member member, std::string help) {
    Setting setting;
    setting.name = std::move(name);
    setting.kind = kind;
    setting.help = std::move(help);
    setting.least = least;
    setting.most = most;
    setting.number = [member](const ServeConfig& config) { return as_number(member(const_cast<ServeConfig&>(config))); };
    setting.set_number = [member](ServeConfig& config, std::int64_t value) { assign(member(config), value); };
    return setting;
}
template <class Member>
Setting one_of(std::string name, std::vector<std::string_view> words, Member member, std::string help) {
    Setting setting = numeric(std::move(name), SettingKind::choice, 0, 0, member, std::move(help));
    setting.words = std::move(words);
    return setting;
}
template <class Member>
Setting yes_or_no(std::string name, Member member, std::string help) {
    return numeric(std::move(name), SettingKind::boolean, 0, 1, member, std::move(help));
}
template <class Member>
Setting textual(std::string name, SettingKind kind, Member member, std::string help) {
    Setting setting;
    setting.name = std::move(name);
    setting.kind = kind;
    setting.help = std::move(help);
    setting.text = [member](const ServeConfig& config) { return std::string(member(const_cast<ServeConfig&>(config))); };
    setting.set_text = [member](ServeConfig& config, const std::string& value) { member(config) = value; };
    return setting;
}
template <class Member>
Setting several(std::string name, Member member, std::string help) {
    Setting setting;
    setting.name = std::move(name);
    setting.kind = SettingKind::list;
    setting.help = std::move(help);
    setting.list = member;
    return setting;
}

#define MEMBER(path) [](ServeConfig& config) -> auto& { return config.path; }

std::vector<Setting> build_settings() {
    using enum SettingKind;
    std::vector<Setting> all = {
        textual("listen", text, MEMBER(listen), "where to listen, HOST:PORT; port 0 takes a free one"),
        textual("data_dir", path, MEMBER(data_dir), "folder of keys and ledger"),
        textual("model", text, MEMBER(model), "a model directory, or krill"),
        several("lanes", MEMBER(lanes), "what runs models: NAME=MODEL or NAME=script:FILE; none is main=MODEL of the setting model"),
        one_of("compat", {"lenient", "strict"}, MEMBER(compat), "whether what the service's documents refuse is taken all the same"),
        one_of("legacy", {"refuse", "serve"}, MEMBER(legacy), "what becomes of model names after their retirement"),
        one_of("keys", {"auto", "required", "off"}, MEMBER(keys), "whether clients need a key; auto: not on loopback"),
        one_of("currency", {"USD", "CNY"}, MEMBER(currency), "of costs in reports"),
        yes_or_no("default_models", MEMBER(default_models), "whether [[models]], [[legacy_names]] and [[anthropic_names]] add to the built-in ones"),
        yes_or_no("default_prices", MEMBER(default_prices), "whether [[prices]] and [[peak_hours]] add to the built-in ones"),
        numeric("shutdown_grace_ms", milliseconds, 0, kDayOfMs, MEMBER(shutdown_grace_ms), "how long answers under way may take to end"),

        textual("tls.certificate", path, MEMBER(tls_certificate), "PEM file of the certificate chain; empty: no TLS"),
        textual("tls.private_key", path, MEMBER(tls_private_key), "PEM file of its private key"),
        several("cors.origins", MEMBER(cors_origins), "web pages that may call from a browser: https://example.org, or *"),

        numeric("limits.connections", integer, 1, 1'000'000, MEMBER(limits.connections_max), "open at once"),
        numeric("limits.target_bytes", bytes, 256, kMiB, MEMBER(limits.target_bytes_max), "of a request's path and query"),
        numeric("limits.head_bytes", bytes, kKiB, 16 * kMiB, MEMBER(limits.head_bytes_max), "of a request line and its headers"),
        numeric("limits.headers", integer, 8, 10'000, MEMBER(limits.headers_max), "header fields of a request"),
        numeric("limits.body_bytes", bytes, kKiB, kGiB, MEMBER(limits.body_bytes_max), "of a request body"),
        numeric("limits.bodies_bytes", bytes, kKiB, 64 * kTiB, MEMBER(limits.bodies_bytes_max), "of all bodies being read"),
        numeric("limits.read_ahead_bytes", bytes, kKiB, kGiB, MEMBER(limits.read_ahead_bytes_max),
               "of requests that come while their connection's answer is under way"),
        numeric("limits.answer_bytes", bytes, 4 * kKiB, kGiB, MEMBER(limits.answer_bytes_max),
               "of an answer that the client has not taken; beyond, it is cut off"),
        numeric("limits.idle_timeout_ms", milliseconds, 100, kDayOfMs, MEMBER(limits.idle_timeout), "of a connection between requests"),
        numeric("limits.head_timeout_ms", milliseconds, 100, kDayOfMs, MEMBER(limits.head_timeout), "from a request's first byte to its last header"),
        numeric("limits.body_grace_ms", milliseconds, 100, kDayOfMs, MEMBER(limits.body_grace), "for a body, beside its bytes at the least pace"),
        numeric("limits.body_bytes_per_second", bytes, 1, kGiB, MEMBER(limits.body_bytes_per_second_min), "the least pace of a body"),
        numeric("limits.stall_timeout_ms", milliseconds, 100, kDayOfMs, MEMBER(limits.stall_timeout), "of a client that takes nothing of its answer"),
        numeric("limits.linger_timeout_ms", milliseconds, 0, kDayOfMs, MEMBER(limits.linger_timeout), "after an answer that ends the connection"),

        numeric("engine.threads", integer, 0, 4096, MEMBER(engine.threads), "0: one a core this process may use"),
        one_of("engine.numerics", {"official", "weights-only"}, MEMBER(engine.numerics), "the reference's roundings, or none of activations"),
        textual("engine.isa", text, MEMBER(engine.isa), "kernel set; empty: the fastest this CPU has"),
        numeric("engine.context_tokens", integer, 0, std::int64_t{1} << 30, MEMBER(engine.context_tokens), "of one conversation; 0: the model's"),
        numeric("engine.kv_bytes", bytes, 0, 64 * kTiB, MEMBER(engine.kv_bytes), "of the KV pool; 0: one conversation of full context"),
        numeric("engine.rows_per_step", integer, 8, 65536, MEMBER(engine.rows_per_step), "tokens of a step at most"),
        yes_or_no("engine.mmap", MEMBER(engine.mapped), "leave the weights in the page cache instead of reading them into memory"),
        yes_or_no("engine.mtp", MEMBER(engine.mtp), "run the MTP block beside the model"),

        numeric("scheduler.streams_max", integer, 0, 65536, MEMBER(scheduler.streams_max), "answers written at once; 0: what state_bytes holds"),
        numeric("scheduler.state_bytes", bytes, kMiB, 64 * kTiB, MEMBER(scheduler.state_bytes), "of what answers under way hold beside the pool"),
        numeric("scheduler.warm_bytes", bytes, 0, 64 * kTiB, MEMBER(scheduler.warm_bytes), "of states kept of conversations that may go on"),
        numeric("scheduler.prefill_share_percent", integer, 1, 10'000, MEMBER(scheduler.prefill_share_percent),
               "time of a step for prompts, in percent of what its answers take"),
        numeric("scheduler.prefill_least_us", integer, 0, 60'000'000, MEMBER(scheduler.prefill_least_us),
                "microseconds for prompts beside fast answers, at least"),
        numeric("scheduler.prefill_most_ms", milliseconds, 1, 600'000, MEMBER(scheduler.prefill_most_ms), "for prompts beside slow answers, at most"),
        numeric("scheduler.prefill_alone_ms", milliseconds, 1, 600'000, MEMBER(scheduler.prefill_alone_ms), "for prompts of a step without answers"),
        numeric("scheduler.queue_max", integer, 1, 1'000'000, MEMBER(scheduler.queue_max), "requests that wait; one more is answered 429"),
        numeric("scheduler.patience_ms", milliseconds, 0, kDayOfMs, MEMBER(scheduler.patience_ms),
               "how long smaller requests may pass one that does not fit"),
        numeric("scheduler.wait_max_ms", milliseconds, 1000, kDayOfMs, MEMBER(scheduler.wait_max_ms), "a request that has not begun by then is closed"),
        numeric("scheduler.keep_alive_ms", milliseconds, 100, 3'600'000, MEMBER(scheduler.keep_alive_ms), "between signs of life to one that waits"),

        numeric("key_defaults.concurrency", integer, 0, 1'000'000, MEMBER(key_defaults.concurrency),
               "requests in progress of a key without a limit of its own; 0: no limit"),
        textual("key_defaults.rate", text, MEMBER(key_defaults.rate), "requests of such a key, like 60/m; empty: no limit"),
        numeric("ledger.import_ms", milliseconds, 10, 3'600'000, MEMBER(ledger_import_ms), "between imports of the journal into SQLite"),
        one_of("log.level", {"error", "warning", "info", "debug"}, MEMBER(log_level), "what goes to standard error"),
        yes_or_no("log.access", MEMBER(access_log), "a line for every request, without texts and keys"),
    };
    for (Setting& setting : all)
        if (setting.name == "lanes") setting.flag_name = "--lane";
    return all;
}

#undef MEMBER

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr Unit kByteUnits[] = {{"", 1}, {"B", 1}, {"KiB", kKiB}, {"MiB", kMiB}, {"GiB", kGiB}, {"TiB", kTiB}};
constexpr Unit kTimeUnits[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}};
constexpr Unit kNoUnits[] = {{"", 1}};

std::span<const Unit> units_of(SettingKind kind) {
    if (kind == SettingKind::bytes) return kByteUnits;
    if (kind == SettingKind::milliseconds) return kTimeUnits;
    return kNoUnits;
}

std::string example_of(SettingKind kind) {
    if (kind == SettingKind::bytes) return "a number of bytes, like 48MiB";
    if (kind == SettingKind::milliseconds) return "a number of milliseconds, or like 10s";
    return "a whole number";
}

Result<void> store_number(const Setting& setting, std::int64_t value, ServeConfig& config) {
    if (value < setting.least || value > setting.most)
        return invalid_argument(fmt::format("{} is out of bounds; it lies between {} and {}", value, setting.least, setting.most));
    setting.set_number(config, value);
    return Ok{};
}

Result<void> store_number_text(const Setting& setting, std::string_view text, ServeConfig& config) {
    std::size_t digits = 0;
    __int128 value = 0;
    while (digits < text.size() && digits < 19 && text[digits] >= '0' && text[digits] <= '9') value = 10 * value + (text[digits++] - '0');
    std::string_view unit = text.substr(digits);
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    for (const Unit& known : units_of(setting.kind)) {
        if (digits == 0 || unit != known.name) continue;
        const __int128 product = value * known.factor;
        return store_number(setting, static_cast<std::int64_t>(std::min<__int128>(product, INT64_MAX)), config);
    }
    return invalid_argument(fmt::format("'{}' is not {}", printable(text, 60), example_of(setting.kind)));
}

Result<void> store_word(const Setting& setting, std::string_view text, ServeConfig& config) {
    for (std::size_t i = 0; i < setting.words.size(); ++i)
        if (setting.words[i] == text) {
            setting.set_number(config, static_cast<std::int64_t>(i));
            return Ok{};
        }
    return invalid_argument(fmt::format("'{}' is none of {}{}", printable(text, 60), fmt::join(setting.words, ", "),
                                        nearest_name(text, setting.words).has_value() ? name_advice(text, setting.words) : ""));
}

Result<void> store_boolean(const Setting& setting, std::string_view text, ServeConfig& config) {
    for (const auto& [word, value] : std::initializer_list<std::pair<std::string_view, bool>>{
             {"true", true}, {"1", true}, {"yes", true}, {"on", true}, {"false", false}, {"0", false}, {"no", false}, {"off", false}})
        if (text == word) {
            setting.set_number(config, value);
            return Ok{};
        }
    return invalid_argument(fmt::format("'{}' is neither true nor false", printable(text, 60)));
}

Result<void> check_text(std::string_view text) {
    if (text.find('\0') != std::string_view::npos || text.find('\n') != std::string_view::npos)
        return invalid_argument("holds a line break or a NUL");
    return Ok{};
}

std::string derived(std::string_view name, std::string_view prefix, char separator, bool upper) {
    std::string out(prefix);
    for (const char c : name)
        out += c == '.' || c == '_' ? separator : upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    return out;
}

}  // namespace

std::string Setting::flag() const { return flag_name.empty() ? derived(name, "--", '-', false) : flag_name; }
std::string Setting::environment() const { return derived(name, "BALEEN_", '_', true); }

const std::vector<Setting>& settings() {
    static const std::vector<Setting> all = build_settings();
    return all;
}

const Setting* find_setting(std::string_view name) {
    for (const Setting& setting : settings())
        if (setting.name == name) return &setting;
    return nullptr;
}

std::vector<std::string_view> setting_names() {
    std::vector<std::string_view> names;
    for (const Setting& setting : settings()) names.push_back(setting.name);
    return names;
}

Result<void> set_from_text(const Setting& setting, std::string_view text, ServeConfig& config) {
    switch (setting.kind) {
        case SettingKind::integer:
        case SettingKind::bytes:
        case SettingKind::milliseconds: return store_number_text(setting, text, config);
        case SettingKind::boolean: return store_boolean(setting, text, config);
        case SettingKind::choice: return store_word(setting, text, config);
        case SettingKind::text:
        case SettingKind::path:
            TRY(check_text(text));
            setting.set_text(config, std::string(text));
            return Ok{};
        case SettingKind::list: {
            TRY(check_text(text));
            std::vector<std::string>& target = setting.list(config);
            target.clear();
            while (!text.empty()) {
                const std::size_t comma = std::min(text.find(','), text.size());
                if (comma > 0) target.emplace_back(text.substr(0, comma));
                text.remove_prefix(std::min(comma + 1, text.size()));
            }
            return Ok{};
        }
    }
    return Ok{};
}

Result<void> set_from_toml(const Setting& setting, const TomlValue& value, const std::filesystem::path& directory, ServeConfig& config) {
    using Kind = TomlValue::Kind;
    const auto wrong_kind = [&](std::string_view wanted) {
        return invalid_argument(fmt::format("is {}; it takes {}", name(value.kind), wanted));
    };
    switch (setting.kind) {
        case SettingKind::integer:
        case SettingKind::bytes:
        case SettingKind::milliseconds:
            if (value.kind == Kind::integer) return store_number(setting, value.integer, config);
            if (value.kind == Kind::string) return store_number_text(setting, value.text, config);
            return wrong_kind(example_of(setting.kind));
        case SettingKind::boolean:
            if (value.kind != Kind::boolean) return wrong_kind("true or false");
            setting.set_number(config, value.boolean);
            return Ok{};
        case SettingKind::choice:
            if (value.kind != Kind::string) return wrong_kind(fmt::format("one of {}", fmt::join(setting.words, ", ")));
            return store_word(setting, value.text, config);
        case SettingKind::text:
            if (value.kind != Kind::string) return wrong_kind("a string");
            return set_from_text(setting, value.text, config);
        case SettingKind::path: {
            if (value.kind != Kind::string) return wrong_kind("a string");
            TRY(check_text(value.text));
            const std::filesystem::path path = value.text;
            setting.set_text(config, path.empty() || path.is_absolute() ? path : directory / path);
            return Ok{};
        }
        case SettingKind::list: {
            if (value.kind == Kind::string) return set_from_text(setting, value.text, config);
            if (value.kind != Kind::array) return wrong_kind("an array of strings");
            std::vector<std::string> items;
            for (const TomlValue& item : value.items) {
                if (item.kind != Kind::string) return invalid_argument(fmt::format("holds {}; it takes strings", name(item.kind)));
                TRY(check_text(item.text));
                items.push_back(item.text);
            }
            setting.list(config) = std::move(items);
            return Ok{};
        }
    }
    return Ok{};
}

std::string value_as_toml(const Setting& setting, const ServeConfig& config) {
    switch (setting.kind) {
        case SettingKind::integer:
        case SettingKind::bytes:
        case SettingKind::milliseconds: return fmt::format("{}", setting.number(config));
        case SettingKind::boolean: return setting.number(config) != 0 ? "true" : "false";
        case SettingKind::choice: return toml_string(setting.words.at(static_cast<std::size_t>(setting.number(config))));
        case SettingKind::text:
        case SettingKind::path: return toml_string(setting.text(config));
        case SettingKind::list: {
            std::vector<std::string> quoted;
            for (const std::string& item : setting.list(const_cast<ServeConfig&>(config))) quoted.push_back(toml_string(item));
            return fmt::format("[{}]", fmt::join(quoted, ", "));
        }
    }
    return "";
}

}  // namespace baleen::serve
