#include "serve/store/usage_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/json.h"
#include "serve/store/calendar.h"
#include "serve/store/database.h"
#include "serve/store/journal.h"

namespace baleen::serve {

namespace {

std::string_view group_column(GroupBy by) {
    switch (by) {
        case GroupBy::key: return "usage.key_id";
        case GroupBy::model: return "usage.model_served";
        case GroupBy::day: return "usage.started_ms / 86400000";
    }
    return "";
}

// Journal files may vanish meanwhile: a running server has taken them in.
Result<ImportReport> take_in_journal(Database& database, const std::filesystem::path& data_dir) {
    TRY_ASSIGN(const std::vector<JournalFile> files, journal_files(journal_directory(data_dir)));
    ImportReport sum;
    for (const JournalFile& file : files) {
        const Result<ImportReport> report = import_journal_file(database, file.path);
        if (!report.ok() && report.error().code == ErrorCode::not_found) continue;
        if (!report.ok()) return report.error();
        sum.files += report->files;
        sum.rows += report->rows;
        sum.known += report->known;
        sum.damaged += report->damaged;
    }
    return sum;
}

void add(UsageSum& total, const UsageSum& row) {
    total.requests += row.requests;
    total.failed += row.failed;
    total.prompt_hit += row.prompt_hit;
    total.prompt_miss += row.prompt_miss;
    total.output += row.output;
    total.reasoning += row.reasoning;
    total.cost_pico += row.cost_pico;
    total.unpriced += row.unpriced;
}

using Cells = std::array<std::string, 9>;

Cells cells_of(const std::string& group, const UsageSum& sum) {
    const auto number = [](std::int64_t value) { return fmt::format("{}", value); };
    return {group, number(sum.requests), number(sum.failed), number(sum.prompt_hit), number(sum.prompt_miss), number(sum.output),
            number(sum.reasoning), format_exact(sum.cost_pico, 2), number(sum.unpriced)};
}

// Characters, not bytes: names may be in any script. Wide characters count as one.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

nlohmann::ordered_json sum_as_json(const UsageSum& sum) {
    return {{"requests", sum.requests},     {"failed", sum.failed}, {"prompt_hit", sum.prompt_hit}, {"prompt_miss", sum.prompt_miss},
            {"output", sum.output},         {"reasoning", sum.reasoning}, {"cost", format_exact(sum.cost_pico, 2)},
            {"unpriced", sum.unpriced}};
}

}  // namespace

std::string_view name(GroupBy by) {
    switch (by) {
        case GroupBy::key: return "key";
        case GroupBy::model: return "model";
        case GroupBy::day: return "day";
    }
    return "";
}

Result<UsageReport> report_usage(const std::filesystem::path& data_dir, const UsageQuery& query) {
    TRY_ASSIGN(Database database, Database::open(data_dir / kDatabaseName, Database::Mode::existing));
    UsageReport report;
    report.query = query;
    TRY_ASSIGN(report.journal, take_in_journal(database, data_dir));

    const std::string cost = query.currency == Currency::usd ? "usd_pico" : "cny_pico";
    TRY_ASSIGN(Statement select, database.prepare(fmt::format(
        "SELECT {0} AS grouped, max(keys.name), max(keys.shown), count(*), sum(status >= 400), sum(prompt_hit), sum(prompt_miss), "
        "sum(output), sum(reasoning), coalesce(sum({1}), 0), sum({1} IS NULL) "
        "FROM usage LEFT JOIN keys ON keys.id = usage.key_id WHERE started_ms >= ? AND started_ms < ? GROUP BY grouped ORDER BY grouped",
        group_column(query.by), cost)));
    select.bind(query.since_ms.value_or(0), query.until_ms.value_or(std::numeric_limits<std::int64_t>::max()));
    for (;;) {
        TRY_ASSIGN(const bool found, select.step());
        if (!found) return report;
        UsageSum sum;
        sum.group = query.by == GroupBy::day ? format_day(select.integer(0) * kDayMs) : select.text(0);
        if (query.by == GroupBy::key) {
            sum.key_name = select.text(1);
            sum.key_shown = select.text(2);
        }
        sum.requests = select.integer(3);
        sum.failed = select.integer(4);
        sum.prompt_hit = select.integer(5);
        sum.prompt_miss = select.integer(6);
        sum.output = select.integer(7);
        sum.reasoning = select.integer(8);
        sum.cost_pico = select.integer(9);
        sum.unpriced = select.integer(10);
        add(report.total, sum);
        report.rows.push_back(std::move(sum));
    }
}

std::string as_table(const UsageReport& report) {
    std::vector<Cells> lines = {{std::string(name(report.query.by)), "requests", "failed", "hit", "miss", "output", "reasoning",
                                 fmt::format("cost {}", name(report.query.currency)), "unpriced"}};
    for (const UsageSum& row : report.rows) {
        std::string group = row.group;
        if (report.query.by == GroupBy::key) group = row.group == "0" ? "(no key)" : fmt::format("{} {}", row.group, row.key_name);
        lines.push_back(cells_of(group, row));
    }
    lines.push_back(cells_of("total", report.total));

    std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
    for (const Cells& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i]));
    std::string out;
    for (const Cells& line : lines) {
        std::string text = line[0] + std::string(widths[0] - width(line[0]), ' ');  // the group to the left, numbers to the right
        for (std::size_t i = 1; i < line.size(); ++i) text += "  " + std::string(widths[i] - width(line[i]), ' ') + line[i];
        out += text + "\n";
    }
    return out;
}

std::string as_json(const UsageReport& report) {
    using nlohmann::ordered_json;
    ordered_json object;
    object["by"] = name(report.query.by);
    object["currency"] = name(report.query.currency);
    object["since"] = report.query.since_ms ? ordered_json(format_time(*report.query.since_ms)) : ordered_json(nullptr);
    object["until"] = report.query.until_ms ? ordered_json(format_time(*report.query.until_ms)) : ordered_json(nullptr);
    object["rows"] = ordered_json::array();
    for (const UsageSum& row : report.rows) {
        ordered_json entry;
        if (report.query.by == GroupBy::key) {
            entry["key"] = row.group == "0" ? ordered_json(nullptr) : ordered_json(std::stoll(row.group));
            entry["name"] = row.key_name;
            entry["shown"] = row.key_shown;
        } else {
            entry[std::string(name(report.query.by))] = row.group;
        }
        entry.update(sum_as_json(row));
        object["rows"].push_back(std::move(entry));
    }
    object["total"] = sum_as_json(report.total);
    return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace baleen::serve
