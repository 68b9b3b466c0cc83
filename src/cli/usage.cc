#include "cli/usage.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "cli/store_options.h"
#include "serve/store/calendar.h"
#include "serve/store/usage_report.h"

namespace baleen::cli {

namespace {

struct Options {
    StoreOptions store;
    std::string by = "model";
    std::string since, until, currency;
    bool json = false;
};

// A day alone as an end means the end of that day.
Result<std::optional<std::int64_t>> parse_bound(const char* option, const std::string& text, bool is_end) {
    if (text.empty()) return std::optional<std::int64_t>();
    Result<std::int64_t> time = serve::parse_time(text);
    if (!time.ok()) return with_context(option, time.error());
    constexpr std::size_t kDayLength = 10;
    return std::optional<std::int64_t>(*time + (is_end && text.size() == kDayLength ? serve::kDayMs : 0));
}

Result<serve::UsageReport> report(const Options& options) {
    TRY_ASSIGN(const serve::ServeConfig config, load_store_config(options.store));
    serve::UsageQuery query;
    for (const serve::GroupBy by : {serve::GroupBy::key, serve::GroupBy::model, serve::GroupBy::day})
        if (options.by == name(by)) query.by = by;
    query.currency = config.currency;
    if (!options.currency.empty()) {
        TRY_ASSIGN(query.currency, serve::parse_currency(options.currency));
    }
    TRY_ASSIGN(query.since_ms, parse_bound("--since", options.since, false));
    TRY_ASSIGN(query.until_ms, parse_bound("--until", options.until, true));
    return serve::report_usage(config.data_dir, query);
}

int run(const Options& options) {
    const Result<serve::UsageReport> made = report(options);
    if (!made.ok()) return store_failure("usage", made.error());
    if (made->journal.damaged > 0)
        fmt::print(stderr, "baleen usage: {} damaged lines in the journal were passed over\n", made->journal.damaged);
    fmt::print("{}", options.json ? as_json(*made) : as_table(*made));
    return 0;
}

}  // namespace

Command add_usage(CLI::App& root) {
    auto options = std::make_shared<Options>();
    CLI::App* app = root.add_subcommand("usage", "Show what the server's clients used, and what it would have cost");
    app->add_option("--by", options->by, "what to add up by")->check(CLI::IsMember({"key", "model", "day"}))->capture_default_str();
    app->add_option("--since", options->since, "from this day or time on: 2026-11-25, 2026-11-25T08:00:00+08:00");
    app->add_option("--until", options->until, "up to this time, or to the end of this day; days are UTC");
    app->add_option("--currency", options->currency, "USD or CNY; without it the configured one");
    app->add_flag("--json", options->json, "print one JSON object");
    add_store_options(*app, options->store);
    app->footer(
        "Costs are the hosted service's, by the prices in force when each request ended.\n"
        "  baleen usage --by day --since 2026-11-01");
    return {app, [options] { return run(*options); }};
}

}  // namespace baleen::cli
