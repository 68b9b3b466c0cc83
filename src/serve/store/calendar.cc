#include "serve/store/calendar.h"

#include <fmt/format.h>

#include <chrono>

#include "base/json.h"

namespace baleen::serve {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// Digits taken from the front of a text.
class Reader {
  public:
    explicit Reader(std::string_view text) : rest_(text) {}
    bool number(int digits, int least, int most, int& value) {
        if (rest_.size() < static_cast<std::size_t>(digits)) return false;
        value = 0;
        for (int i = 0; i < digits; ++i) {
            if (rest_[i] < '0' || rest_[i] > '9') return false;
            value = 10 * value + (rest_[i] - '0');
        }
        rest_.remove_prefix(digits);
        return value >= least && value <= most;
    }
    bool skip(std::string_view any_of) {
        if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool done() const { return rest_.empty(); }
    std::string_view rest() const { return rest_; }

    // Digits after a point, cut to milliseconds.
    bool fraction(int& milliseconds) {
        int scale = 100, seen = 0;
        milliseconds = 0;
        while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
            milliseconds += scale * (rest_.front() - '0');
            scale /= 10;
            ++seen;
            rest_.remove_prefix(1);
        }
        return seen > 0 && seen <= 9;
    }

  private:
    std::string_view rest_;
};

bool read_offset(Reader& in, int& minutes) {
    minutes = 0;
    if (in.skip("Zz")) return in.done();
    const bool west = in.rest().starts_with('-');
    int hours = 0, more = 0;
    if (!in.skip("+-") || !in.number(2, 0, 23, hours) || !in.skip(":") || !in.number(2, 0, 59, more)) return false;
    minutes = (west ? -1 : 1) * (60 * hours + more);
    return in.done();
}

bool read_time(std::string_view text, std::int64_t& unix_ms) {
    Reader in(text);
    int year = 0, month = 0, day = 0;
    if (!in.number(4, 1970, 9999, year) || !in.skip("-") || !in.number(2, 1, 12, month) || !in.skip("-") ||
        !in.number(2, 1, 31, day))
        return false;
    const year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                              std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return false;
    unix_ms = sys_days(date).time_since_epoch().count() * kDayMs;
    if (in.done()) return true;

    int hour = 0, minute = 0, second = 0, milliseconds = 0, offset = 0;
    if (!in.skip("Tt ") || !in.number(2, 0, 23, hour) || !in.skip(":") || !in.number(2, 0, 59, minute)) return false;
    if (in.skip(":") && !in.number(2, 0, 59, second)) return false;
    if (in.skip(".") && !in.fraction(milliseconds)) return false;
    if (!read_offset(in, offset)) return false;
    unix_ms += (std::int64_t{60} * (60 * hour + minute - offset) + second) * 1000 + milliseconds;
    return true;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Result<std::int64_t> parse_time(std::string_view text) {
    std::int64_t unix_ms = 0;
    if (read_time(text, unix_ms)) return unix_ms;
    return invalid_argument(
        fmt::format("'{}' is no date or time; write 2026-08-17, or with a time and an offset 2026-08-17T00:00:00+08:00",
                    printable(text, 40)));
}

Result<int> parse_offset(std::string_view text) {
    Reader in(text);
    int minutes = 0;
    if (read_offset(in, minutes)) return minutes;
    return invalid_argument(fmt::format("'{}' is no offset from UTC; write +08:00", printable(text, 40)));
}

std::string format_day(std::int64_t unix_ms) {
    const year_month_day date{sys_days(days(floor_div(unix_ms, kDayMs)))};
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()));
}

std::string format_time(std::int64_t unix_ms) {
    const std::int64_t of_day = unix_ms - floor_div(unix_ms, kDayMs) * kDayMs;
    const std::int64_t second = of_day / 1000, milliseconds = of_day % 1000;
    std::string text = fmt::format("{}T{:02}:{:02}:{:02}", format_day(unix_ms), second / 3600, second / 60 % 60, second % 60);
    if (milliseconds != 0) text += fmt::format(".{:03}", milliseconds);
    return text + "Z";
}

WallClock wall_clock(std::int64_t unix_ms, int offset_minutes) {
    const std::int64_t local = unix_ms + std::int64_t{60'000} * offset_minutes;
    WallClock clock;
    clock.day = floor_div(local, kDayMs);
    clock.weekday = static_cast<int>(((clock.day + 3) % 7 + 7) % 7);  // 1970-01-01 was a Thursday
    clock.minute = static_cast<int>((local - clock.day * kDayMs) / 60'000);
    return clock;
}

std::int64_t now_ms() {
    using std::chrono::milliseconds;
    return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace baleen::serve
