// Aim: a bill equals what the published price of its moment says, to the last digit.
#include "serve/store/prices.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "serve/store/calendar.h"

namespace baleen::serve {
namespace {

std::int64_t time_of(const char* text) { return parse_time(text).value(); }

std::string shown(const std::optional<TokenPrices>& prices) {
    if (!prices) return "none";
    return fmt::format("{} / {} / {}", format_price(prices->hit), format_price(prices->miss), format_price(prices->output));
}

TEST(Money, DecimalsAreExact) {
    EXPECT_EQ(parse_decimal("0.003625", 6).value(), 3625);
    EXPECT_EQ(parse_decimal("12", 6).value(), 12'000'000);
    EXPECT_EQ(parse_decimal(".5", 1).value(), 5);
    EXPECT_EQ(parse_decimal("9223372.036854775807", 12).value(), std::numeric_limits<std::int64_t>::max());
    for (const char* text : {"", ".", "1.", "-1", "1e3", "1,5", "0x1", " 1", "1 ", "0.0000001", "9223372036855"})
        EXPECT_FALSE(parse_decimal(text, 6).ok()) << text;
    EXPECT_FALSE(parse_decimal("9223372.036854775808", 12).ok());
}

TEST(Money, ReadsAmountsWithACurrency) {
    const Money ten{10'000'000'000'000, Currency::usd};
    for (const char* text : {"10USD", "10 USD", "usd10", "USD 10.00", " 10 usd "}) EXPECT_EQ(parse_money(text).value(), ten) << text;
    EXPECT_EQ(parse_money("10", Currency::cny).value(), (Money{10'000'000'000'000, Currency::cny}));
    for (const char* text : {"10", "10EUR", "USD", "-5USD", "1.2.3CNY", ""}) EXPECT_FALSE(parse_money(text).ok()) << text;
}

TEST(Money, WritesAmounts) {
    EXPECT_EQ(format_exact(0), "0.00");
    EXPECT_EQ(format_exact(7'250'000), "0.00000725");
    EXPECT_EQ(format_exact(110'000'000'000'000), "110.00");
    EXPECT_EQ(format_exact(1'500'000'000'000, 0), "1.5");
    EXPECT_EQ(format_exact(1'000'000'000'000, 0), "1");
    EXPECT_EQ(format_exact(-1), "-0.000000000001");
    EXPECT_EQ(format_exact(std::numeric_limits<std::int64_t>::min()), "-9223372.036854775808");
    EXPECT_EQ(format_floor(1'999'999'999'999, 2), "1.99");
    EXPECT_EQ(format_floor(-1, 2), "-0.01");
    EXPECT_EQ(format_floor(-10'000'000'000, 2), "-0.01");
}

// The table of the specification (api 15), each row at a moment in force, off-peak and at peak.
TEST(Prices, AreThePublishedOnes) {
    struct Row {
        const char* model;
        const char* at;
        const char* usd;
        const char* cny;
    };
    const Row rows[] = {
        {"deepseek-v4-flash", "2026-04-23T15:59:59Z", "none", "none"},
        {"deepseek-v4-flash", "2026-04-23T16:00:00Z", "0.028 / 0.14 / 0.28", "0.2 / 1 / 2"},
        {"deepseek-v4-pro", "2026-04-25T00:00:00Z", "0.145 / 1.74 / 3.48", "1 / 12 / 24"},
        {"deepseek-v4-flash", "2026-04-26T12:14:59Z", "0.028 / 0.14 / 0.28", "0.2 / 1 / 2"},
        {"deepseek-v4-flash", "2026-04-26T12:15:00Z", "0.0028 / 0.14 / 0.28", "0.02 / 1 / 2"},
        {"deepseek-v4-pro", "2026-04-26T12:15:00Z", "0.0145 / 1.74 / 3.48", "0.1 / 12 / 24"},
        {"deepseek-v4-pro", "2026-06-15T02:00:00Z", "0.003625 / 0.435 / 0.87", "0.025 / 3 / 6"},
        {"deepseek-v4-flash", "2026-08-16T15:59:59Z", "0.0028 / 0.14 / 0.28", "0.02 / 1 / 2"},
        {"deepseek-v4-flash", "2026-08-16T16:00:00Z", "0.007 / 0.22 / 0.66", "0.05 / 1.5 / 4.5"},
        {"deepseek-v4-flash", "2026-08-17T01:00:00Z", "0.014 / 0.44 / 1.32", "0.1 / 3 / 9"},
        {"deepseek-v4-pro", "2026-08-17T00:59:59Z", "0.022 / 0.66 / 1.98", "0.15 / 4.5 / 13.5"},
        {"deepseek-v4-pro", "2026-08-17T09:59:59Z", "0.044 / 1.32 / 3.96", "0.3 / 9 / 27"},
        {"deepseek-v4-pro", "2026-11-25T10:00:00Z", "0.022 / 0.66 / 1.98", "0.15 / 4.5 / 13.5"},
        {"deepseek-flash", "2026-09-10T03:59:59Z", "none", "none"},
        {"deepseek-flash", "2026-09-10T04:00:00Z", "0.003 / 0.15 / 0.6", "0.02 / 1 / 4"},
        {"deepseek-flash", "2026-11-25T02:00:00Z", "0.006 / 0.3 / 1.2", "0.04 / 2 / 8"},
        {"deepseek-v4-flash", "2026-11-25T02:00:00Z", "0.006 / 0.3 / 1.2", "0.04 / 2 / 8"},
        {"krill", "2026-11-25T02:00:00Z", "none", "none"},
    };
    const PriceList list = PriceList::published();
    for (const Row& row : rows) {
        EXPECT_EQ(shown(list.at(row.model, Currency::usd, time_of(row.at))), row.usd) << row.model << " " << row.at;
        EXPECT_EQ(shown(list.at(row.model, Currency::cny, time_of(row.at))), row.cny) << row.model << " " << row.at;
    }
}

TEST(Prices, PeakHoursFollowBeijing) {
    const PriceList list = PriceList::published();
    const std::map<const char*, bool> moments = {
        {"2026-08-14T02:00:00Z", false},  // before peak hours were in force
        {"2026-08-17T00:59:59Z", false}, {"2026-08-17T01:00:00Z", true},  {"2026-08-17T03:59:59Z", true},
        {"2026-08-17T04:00:00Z", false}, {"2026-08-17T06:00:00Z", true},  {"2026-08-17T10:00:00Z", false},
        {"2026-08-22T02:00:00Z", true},   // the last Saturday with peak hours
        {"2026-08-23T02:00:00Z", false},  // the first Sunday without
        {"2026-08-29T02:00:00Z", false}, {"2026-08-31T02:00:00Z", true},
        {"2026-09-24T02:00:00Z", true},  {"2026-09-25T02:00:00Z", false},  // Mid-Autumn, a Friday
        {"2026-10-07T02:00:00Z", false}, {"2026-10-08T02:00:00Z", true},
        {"2026-10-10T02:00:00Z", false},  // a Saturday worked in exchange: still a Saturday
    };
    for (const auto& [moment, peak] : moments) EXPECT_EQ(list.peak_at(time_of(moment)), peak) << moment;
}

TEST(Prices, CostsAreExact) {
    const PriceList list = PriceList::published();
    const auto june = time_of("2026-06-15");
    // 3,328 x 0.003625 + 25 x 0.435 + 700 x 0.87, per million.
    EXPECT_EQ(list.cost("deepseek-v4-pro", Currency::usd, june, {3328, 25, 700}), 3328 * 3625 + 25 * 435000 + 700 * 870000);
    EXPECT_EQ(format_exact(*list.cost("deepseek-v4-pro", Currency::usd, june, {3328, 25, 700})), "0.000631939");
    EXPECT_EQ(format_exact(*list.cost("deepseek-v4-pro", Currency::usd, june, {0, 1'000'000, 1'000'000})), "1.305");
    EXPECT_EQ(list.cost("deepseek-v4-pro", Currency::usd, june, {0, 0, 0}), 0);
    EXPECT_EQ(list.cost("krill", Currency::usd, june, {1, 1, 1}), std::nullopt);
    EXPECT_EQ(list.cost("deepseek-v4-pro", Currency::cny, june, {0, 0, std::int64_t{1} << 60}), std::nullopt) << "too much to hold";
}

TEST(Prices, ALaterRowReplacesTheSameStart) {
    PriceList list = PriceList::published();
    const std::size_t rows = list.rows().size();
    PriceRow row;
    row.model = "deepseek-v4-pro";
    row.from_ms = time_of("2026-08-17T00:00+08:00");
    row.usual = {1, 2, 3};
    list.add(row);
    EXPECT_EQ(list.rows().size(), rows);
    EXPECT_EQ(list.at("deepseek-v4-pro", Currency::usd, time_of("2026-11-25T02:00Z")), (TokenPrices{1, 2, 3})) << "no peak in this row";
    EXPECT_EQ(shown(list.at("deepseek-v4-pro", Currency::cny, time_of("2026-11-25T02:00Z"))), "0.3 / 9 / 27");
    row.from_ms = time_of("2027-01-01");
    list.add(row);
    EXPECT_EQ(list.rows().size(), rows + 1);
}

TEST(Prices, ReadsHours) {
    EXPECT_EQ(format_hours(parse_hours("09:00-12:00").value()), "09:00-12:00");
    EXPECT_EQ(parse_hours("00:00-24:00")->end, 1440);
    for (const char* text : {"", "9-12", "09:00-09:00", "12:00-09:00", "09:60-10:00", "09:00-24:01", "09:00 12:00", "ab:cd-ef:gh"})
        EXPECT_FALSE(parse_hours(text).ok()) << text;
}

}  // namespace
}  // namespace baleen::serve
