#include "cli/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/store_options.h"
#include "serve/store/calendar.h"
#include "serve/store/key_store.h"
#include "serve/store/usage_report.h"
#include "text/python_json.h"

namespace baleen::cli {

namespace {

using serve::ApiKey;
using serve::Currency;
using serve::Database;
using serve::KeyStore;
using serve::Money;
using serve::Rate;

struct Options {
    StoreOptions store;
    std::string name;
    std::int64_t id = 0;
    std::string budget, concurrency, rate;  // as written; "none" takes a limit away
    bool json = false;
};

Result<std::optional<Money>> parse_budget(const std::string& text, Currency currency) {
    if (text == "none") return std::optional<Money>();
    Result<Money> money = serve::parse_money(text, currency);
    if (!money.ok()) return with_context("--budget", money.error());
    return std::optional<Money>(*money);
}

Result<std::optional<std::int64_t>> parse_concurrency(const std::string& text) {
    constexpr std::int64_t kMost = 1'000'000;
    if (text == "none") return std::optional<std::int64_t>();
    std::int64_t value = 0;
    const bool digits = !text.empty() && text.size() <= 7 && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits) value = std::stoll(text);
    if (value < 1 || value > kMost) return invalid_argument(fmt::format("--concurrency: '{}' is neither 1 to {} nor none", text, kMost));
    return std::optional<std::int64_t>(value);
}

Result<std::optional<Rate>> parse_rate_limit(const std::string& text) {
    if (text == "none") return std::optional<Rate>();
    Result<Rate> rate = serve::parse_rate(text);
    if (!rate.ok()) return with_context("--rate", rate.error());
    return std::optional<Rate>(*rate);
}

// What the options say of a key's limits; a limit that is not mentioned is absent.
Result<KeyStore::Changes> parse_changes(const Options& options, Currency currency) {
    KeyStore::Changes changes;
    if (!options.budget.empty()) {
        TRY_ASSIGN(changes.budget, parse_budget(options.budget, currency));
    }
    if (!options.concurrency.empty()) {
        TRY_ASSIGN(changes.concurrency, parse_concurrency(options.concurrency));
    }
    if (!options.rate.empty()) {
        TRY_ASSIGN(changes.rate, parse_rate_limit(options.rate));
    }
    return changes;
}

std::string json_string(std::string_view text) {
    std::string out;
    text::append_json_string(text, out);
    return out;
}

// A listed key with what it has spent, by currency; absent if the ledger has no row of it.
struct Listed {
    ApiKey key;
    std::optional<Money> spent;  // in the budget's currency, else in the configured one
};

std::string left_of(const Listed& listed) {
    if (!listed.key.budget.has_value()) return "";
    const std::int64_t spent = listed.spent ? listed.spent->pico : 0;
    return serve::format_floor(serve::balance_of(*listed.key.budget, spent).total_pico, 2);
}

std::string as_json(const Listed& listed) {
    const ApiKey& key = listed.key;
    std::string out = fmt::format("{{\"id\":{},\"name\":{},\"shown\":{},\"created\":\"{}\",\"revoked\":", key.id, json_string(key.name), json_string(key.shown),
                                  serve::format_time(key.created_ms));
    out += key.revoked_ms ? fmt::format("\"{}\"", serve::format_time(*key.revoked_ms)) : "null";
    out += fmt::format(",\"concurrency\":{}", key.limits.concurrency ? fmt::format("{}", *key.limits.concurrency) : "null");
    out += fmt::format(",\"rate\":{}", key.limits.rate ? fmt::format("\"{}\"", serve::format_rate(*key.limits.rate)) : "null");
    if (key.budget)
        out += fmt::format(",\"budget\":\"{}\",\"left\":\"{}\",\"currency\":\"{}\"", serve::format_exact(key.budget->pico), left_of(listed),
                           name(key.budget->currency));
    else
        out += ",\"budget\":null,\"left\":null,\"currency\":null";
    return out + "}";
}

int add(const Options& options) {
    const Result<serve::ServeConfig> config = load_store_config(options.store);
    if (!config.ok()) return store_failure("keys add", config.error());
    const Result<KeyStore::Changes> limits = parse_changes(options, config->currency);
    if (!limits.ok()) return store_failure("keys add", limits.error());
    const auto store = KeyStore::open(config->data_dir, Database::Mode::create);
    if (!store.ok()) return store_failure("keys add", store.error());
    const auto made = (*store)->add(options.name, limits->budget.value_or(std::nullopt),
                                    {limits->concurrency.value_or(std::nullopt), limits->rate.value_or(std::nullopt)}, serve::now_ms());
    if (!made.ok()) return store_failure("keys add", made.error());
    if (options.json) {
        fmt::print("{{\"id\":{},\"name\":{},\"key\":\"{}\"}}\n", made->key.id, json_string(made->key.name), made->secret);
    } else {
        fmt::print("{}\n", made->secret);
        fmt::print(stderr, "key {} '{}': it is shown this once; clients send it as Authorization: Bearer\n", made->key.id, made->key.name);
    }
    return 0;
}

// Every key with its spending, from one report per currency.
Result<std::vector<Listed>> list_keys(const serve::ServeConfig& config) {
    TRY_ASSIGN(const auto store, KeyStore::open(config.data_dir, Database::Mode::existing));
    TRY_ASSIGN(const std::vector<ApiKey> keys, store->list());
    std::map<Currency, std::map<std::string, std::int64_t>> spent;
    for (const Currency currency : {Currency::usd, Currency::cny}) {
        serve::UsageQuery query;
        query.by = serve::GroupBy::key;
        query.currency = currency;
        TRY_ASSIGN(const serve::UsageReport report, serve::report_usage(config.data_dir, query));
        for (const serve::UsageSum& row : report.rows) spent[currency][row.group] = row.cost_pico;
    }
    std::vector<Listed> listed;
    for (const ApiKey& key : keys) {
        const Currency currency = key.budget ? key.budget->currency : config.currency;
        listed.push_back({key, Money{spent[currency][fmt::format("{}", key.id)], currency}});
    }
    return listed;
}

int list(const Options& options) {
    const Result<serve::ServeConfig> config = load_store_config(options.store);
    if (!config.ok()) return store_failure("keys list", config.error());
    const Result<std::vector<Listed>> listed = list_keys(*config);
    if (!listed.ok()) return store_failure("keys list", listed.error());
    if (options.json) {
        std::string out = "[";
        for (const Listed& entry : *listed) out += (out.size() > 1 ? "," : "") + as_json(entry);
        fmt::print("{}]\n", out);
        return 0;
    }
    fmt::print("{:>4}  {:<17}  {:<10}  {:<10}  {:>8}  {:>8}  {:>14}  {:>14}  {}\n", "id", "key", "created", "revoked", "at once", "rate", "budget", "left", "name");
    for (const Listed& entry : *listed) {
        const ApiKey& key = entry.key;
        const std::string budget = key.budget ? fmt::format("{} {}", serve::format_exact(key.budget->pico), name(key.budget->currency)) : "";
        fmt::print("{:>4}  {:<17}  {:<10}  {:<10}  {:>8}  {:>8}  {:>14}  {:>14}  {}\n", key.id, key.shown, serve::format_day(key.created_ms),
                   key.revoked_ms ? serve::format_day(*key.revoked_ms) : "", key.limits.concurrency ? fmt::format("{}", *key.limits.concurrency) : "",
                   key.limits.rate ? serve::format_rate(*key.limits.rate) : "", budget, left_of(entry), key.name);
    }
    return 0;
}

int change(const Options& options) {
    const Result<serve::ServeConfig> config = load_store_config(options.store);
    if (!config.ok()) return store_failure("keys change", config.error());
    const Result<KeyStore::Changes> changes = parse_changes(options, config->currency);
    if (!changes.ok()) return store_failure("keys change", changes.error());
    const auto store = KeyStore::open(config->data_dir, Database::Mode::existing);
    if (!store.ok()) return store_failure("keys change", store.error());
    const auto changed = (*store)->change(options.id, *changes);
    if (!changed.ok()) return store_failure("keys change", changed.error());
    fmt::print("key {} '{}' ({}) is changed\n", changed->id, changed->name, changed->shown);
    return 0;
}

int revoke(const Options& options) {
    const Result<serve::ServeConfig> config = load_store_config(options.store);
    if (!config.ok()) return store_failure("keys revoke", config.error());
    const auto store = KeyStore::open(config->data_dir, Database::Mode::existing);
    if (!store.ok()) return store_failure("keys revoke", store.error());
    const auto revoked = (*store)->revoke(options.id, serve::now_ms());
    if (!revoked.ok()) return store_failure("keys revoke", revoked.error());
    fmt::print("key {} '{}' ({}) is revoked\n", revoked->id, revoked->name, revoked->shown);
    return 0;
}

void add_limit_options(CLI::App& app, Options& options) {
    app.add_option("--budget", options.budget, "what its requests may cost in all, by the hosted service's prices: 10USD, 70CNY, or none");
    app.add_option("--concurrency", options.concurrency, "requests in progress at once, or none");
    app.add_option("--rate", options.rate, "requests per s, m, h or d: 60/m, or none");
}

}  // namespace

Command add_keys(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("keys", "Make, list, change and revoke the keys of the server's clients");
    app->require_subcommand(1);
    app->footer(
        "A running server sees changes at the next request.\n"
        "  export DEEPSEEK_API_KEY=$(baleen keys add laptop --budget 10USD --rate 60/m)");

    CLI::App* add_app = app->add_subcommand("add", "Make a key and print it, this once");
    add_app->add_option("name", options->name, "what to call it in lists and reports")->required();
    add_limit_options(*add_app, *options);
    add_app->add_flag("--json", options->json, "print id, name and key as one JSON object");
    CLI::App* list_app = app->add_subcommand("list", "Show all keys, with what is left of their budgets");
    list_app->add_flag("--json", options->json, "print a JSON array");
    CLI::App* change_app = app->add_subcommand("change", "Change limits of a key; what is not named stays");
    change_app->add_option("id", options->id, "the key's number")->required();
    add_limit_options(*change_app, *options);
    CLI::App* revoke_app = app->add_subcommand("revoke", "Take a key back for good; its usage stays in the ledger");
    revoke_app->add_option("id", options->id, "the key's number")->required();
    for (CLI::App* command : {add_app, list_app, change_app, revoke_app}) add_store_options(*command, options->store);

    return {app, [options, add_app, list_app, change_app] {
                if (add_app->parsed()) return add(*options);
                if (list_app->parsed()) return list(*options);
                if (change_app->parsed()) return change(*options);
                return revoke(*options);
            }};
}

}  // namespace baleen::cli
