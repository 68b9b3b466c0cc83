// Points in time as milliseconds since 1970 UTC, read and written as RFC 3339, and what a clock on a wall shows. No time
// zones by name: an offset is part of the text. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace baleen::serve {

inline constexpr std::int64_t kDayMs = 86'400'000;

// "2026-08-17" (midnight UTC), "2026-08-17T00:00:00+08:00", "2026-08-17 00:00Z": T or a blank, seconds and their fraction
// optional, an offset required with a time of day. Years 1970 to 9999.
Result<std::int64_t> parse_time(std::string_view text);
// "+08:00", "-03:30" or "Z" as minutes east of UTC.
Result<int> parse_offset(std::string_view text);

std::string format_time(std::int64_t unix_ms);  // 2026-08-16T16:00:00Z, with .123 unless that is zero
std::string format_day(std::int64_t unix_ms);   // 2026-08-16, of UTC

struct WallClock {
    std::int64_t day = 0;  // since 1970-01-01
    int weekday = 0;       // 0 is Monday
    int minute = 0;        // since midnight
};
WallClock wall_clock(std::int64_t unix_ms, int offset_minutes);

std::int64_t now_ms();  // of the system's clock

}  // namespace baleen::serve
