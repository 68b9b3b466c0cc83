// Aim: dates and times are read as written, whatever the offset, and refused when they are not dates.
#include "serve/store/calendar.h"

#include <gtest/gtest.h>

#include <ctime>

namespace baleen::serve {
namespace {

std::int64_t read(const char* text) {
    const auto time = parse_time(text);
    EXPECT_TRUE(time.ok()) << text;
    return time.ok() ? *time : -1;
}

TEST(Calendar, ReadsRfc3339) {
    EXPECT_EQ(read("1970-01-01"), 0);
    EXPECT_EQ(read("2026-08-17"), 1786924800000);  // date -u -d 2026-08-17 +%s
    EXPECT_EQ(read("2026-08-17T00:00:00+08:00"), 1786924800000 - 8 * 3600 * 1000);
    EXPECT_EQ(read("2026-08-17 00:00+08:00"), read("2026-08-16T16:00:00Z"));
    EXPECT_EQ(read("2026-08-17T01:02:03.5-03:30"), read("2026-08-17T04:32:03.500Z"));
    EXPECT_EQ(read("2024-02-29t23:59:59.123456789z"), 1709251199123);
}

TEST(Calendar, RefusesWhatIsNoDate) {
    for (const char* text : {"", "today", "2026-8-17", "2026-02-29", "2026-13-01", "2026-00-01", "2026-08-17T00:00:00",
                             "2026-08-17T24:00Z", "2026-08-17T00:60Z", "2026-08-17T00:00:00+8", "2026-08-17T00:00Z ", "1969-12-31",
                             "2026-08-17T00:00:00.Z", "2026-08-17T00:00:00+24:00", "20260817"}) {
        const auto time = parse_time(text);
        ASSERT_FALSE(time.ok()) << text;
        EXPECT_NE(time.error().message.find("write 2026-08-17"), std::string::npos) << text;
    }
}

TEST(Calendar, WritesWhatItReads) {
    for (const char* text : {"1970-01-01T00:00:00Z", "2000-02-29T12:34:56Z", "2026-11-25T01:02:03.007Z", "9999-12-31T23:59:59.999Z"})
        EXPECT_EQ(format_time(read(text)), text);
    // Against the C library, over every day of two centuries.
    for (std::int64_t day = 0; day < 73000; ++day) {
        const std::time_t seconds = day * 86400 + 12345;
        std::tm parts{};
        gmtime_r(&seconds, &parts);
        char expected[32];
        std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%SZ", &parts);
        ASSERT_EQ(format_time(seconds * 1000), expected);
        ASSERT_EQ(parse_time(expected).value(), seconds * 1000);
        ASSERT_EQ(wall_clock(seconds * 1000, 0).weekday, (parts.tm_wday + 6) % 7) << expected;
    }
}

TEST(Calendar, ShowsTheWallClock) {
    const WallClock beijing = wall_clock(read("2026-08-16T16:00:00Z"), 8 * 60);
    EXPECT_EQ(beijing.weekday, 0);  // Monday the 17th
    EXPECT_EQ(beijing.minute, 0);
    EXPECT_EQ(beijing.day * kDayMs, read("2026-08-17"));
    EXPECT_EQ(wall_clock(-1, 0).minute, 24 * 60 - 1);
    EXPECT_EQ(wall_clock(-1, 0).day, -1);
    EXPECT_EQ(parse_offset("-03:30").value(), -210);
    EXPECT_FALSE(parse_offset("8").ok());
}

}  // namespace
}  // namespace baleen::serve
