// See cron_next.hpp. Local times are reckoned as instants of a clock without zone ("wall"); civil dates by
// Howard Hinnant's algorithms (https://howardhinnant.github.io/date_algorithms.html).
#include "core/cron_next.hpp"

#include <algorithm>
#include <bit>

#include "core/validate.hpp"

namespace foreman::core {

namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kEpochDays = 10'957;  // from 1970 to 2000
/// Longer than clocks are ever put back.
constexpr Micros kLookBack = days(2);

constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) noexcept {
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

struct Date {
    std::int64_t year;
    int month, day;
};

constexpr std::int64_t days_of(const Date& d) noexcept {
    const std::int64_t y = d.month <= 2 ? d.year - 1 : d.year;
    const std::int64_t era = floor_div(y, 400);
    const std::int64_t yoe = y - era * 400;
    const std::int64_t doy = (153 * (d.month > 2 ? d.month - 3 : d.month + 9) + 2) / 5 + d.day - 1;
    const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146'097 + doe - 719'468 - kEpochDays;
}

constexpr Date date_of(std::int64_t days_since_2000) noexcept {
    const std::int64_t z = days_since_2000 + kEpochDays + 719'468;
    const std::int64_t era = floor_div(z, 146'097);
    const std::int64_t doe = z - era * 146'097;
    const std::int64_t yoe = (doe - doe / 1'460 + doe / 36'524 - doe / 146'096) / 365;
    const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const std::int64_t mp = (5 * doy + 2) / 153;
    const int day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
    const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
    return {yoe + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

constexpr int days_in_month(std::int64_t year, int month) noexcept {
    if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static_assert(days_of({2000, 1, 1}) == 0 && days_of({2000, 3, 1}) == 60);

// 2000-01-01 was a Saturday.
constexpr int weekday_of(std::int64_t days_since_2000) noexcept {
    return static_cast<int>(((days_since_2000 % 7) + 13) % 7);
}

constexpr int kNoBit = -1;
/// The least member of a set that is at least `from`.
constexpr int next_bit(std::uint64_t set, int from) noexcept {
    if (from > 63) return kNoBit;
    const std::uint64_t rest = set >> from;
    return rest == 0 ? kNoBit : from + std::countr_zero(rest);
}

bool day_matches(const Schedule& s, const Date& d, std::int64_t day_number) noexcept {
    const bool day = s.last_day ? d.day == days_in_month(d.year, d.month) : (s.days >> d.day & 1) != 0;
    const bool weekday = (s.weekdays >> weekday_of(day_number) & 1) != 0;
    return s.days_and_weekdays ? day && weekday : day || weekday;
}

/// The first second of the day, from `from` on, that matches; kDay: none.
std::int64_t next_time(const Schedule& s, std::int64_t from) noexcept {
    int hour = static_cast<int>(from / 3600);
    int minute = static_cast<int>(from / 60 % 60);
    int second = next_bit(s.seconds, static_cast<int>(from % 60));
    if (second == kNoBit) minute++;
    const int wanted_minute = minute;
    minute = next_bit(s.minutes, minute);
    if (minute == kNoBit) hour++;
    const int wanted_hour = hour;
    hour = next_bit(s.hours, hour);
    if (hour == kNoBit) return kDay;
    if (hour != wanted_hour || minute == kNoBit) minute = next_bit(s.minutes, 0);
    if (hour != wanted_hour || minute != wanted_minute || second == kNoBit) second = next_bit(s.seconds, 0);
    return hour * 3600 + minute * 60 + second;
}

/// The first matching second of the wall clock in [from, limit), in seconds since 2000.
std::optional<std::int64_t> next_wall(const Schedule& s, std::int64_t from, std::int64_t limit) noexcept {
    std::int64_t day = floor_div(from, kDay);
    std::int64_t time = from - day * kDay;
    Date date = date_of(day);
    while (day * kDay < limit) {
        if ((s.months >> date.month & 1) == 0) {
            day += days_in_month(date.year, date.month) - date.day + 1;
        } else {
            if (day_matches(s, date, day)) {
                const std::int64_t found = next_time(s, time);
                if (found < kDay) {
                    const std::int64_t wall = day * kDay + found;
                    return wall < limit ? std::optional(wall) : std::nullopt;
                }
            }
            day++;
        }
        time = 0;
        date = date_of(day);
    }
    return std::nullopt;
}

constexpr std::int64_t ceil_second(std::int64_t us) noexcept { return -floor_div(-us, kSecond); }

std::optional<Instant> next_calendar(const Schedule& s, Instant after, Instant last,
                                     const Zone& zone) noexcept {
    Instant begin = after - kLookBack;  // of the period that is looked at
    ZonePeriod period = zone.period_at(begin);
    std::int64_t reached = (begin + period.offset).us;  // what the local clock has shown before
    for (;;) {
        const Instant ends = std::min(period.ends, last + Micros{1});
        const std::int64_t wall_end = (ends + period.offset).us;
        if (ends > after) {
            const Instant first = std::max(begin, after + Micros{1});
            if (s.every_hour()) {
                reached = (first + period.offset).us;
            } else if (begin <= after) {
                reached = std::max(reached, (first + period.offset).us);
            }
            if (wall_end > reached) {
                if (const auto wall = next_wall(s, ceil_second(reached), ceil_second(wall_end)))
                    return std::max(begin, Instant{*wall * kSecond} - period.offset);
            }
        }
        reached = std::max(reached, wall_end);
        if (period.ends > last) return std::nullopt;
        begin = period.ends;
        period = zone.period_at(begin);
    }
}

std::optional<Instant> next_interval(Micros every, Instant after, Instant anchor) noexcept {
    if (!is_finite(anchor)) return std::nullopt;
    if (anchor > after) return anchor;
    const std::int64_t n = (after - anchor).us / every.us + 1;
    return anchor + every * n;
}

}  // namespace

std::optional<Instant> next_after(const Schedule& schedule, Instant after, Instant anchor,
                                  const Zone& zone) noexcept {
    // A day from the ends of what may be stored, so that nothing saturates on the way.
    const Instant last = std::min(after + kSearch, kLastInstant - days(2));
    if (after < kFirstInstant + days(4) || after > last) return std::nullopt;
    switch (schedule.type) {
        case ScheduleType::calendar:
            return next_calendar(schedule, after, last, zone);
        case ScheduleType::interval: {
            const auto next = next_interval(schedule.every, after, anchor);
            return next && *next <= last ? next : std::nullopt;
        }
        case ScheduleType::reboot:
            break;
    }
    return std::nullopt;
}

// Whatever is known lies in [found, until], and nothing that fires is after `until`.
Instant latest_until(const Schedule& schedule, Instant first, Instant now, Instant anchor,
                     const Zone& zone) noexcept {
    Instant found = first;
    Instant until = now;
    while (found < until) {
        const Instant middle = found + Micros{(until - found).us / 2};
        const auto next = next_after(schedule, middle, anchor, zone);
        if (next && *next <= until) {
            found = *next;
        } else {
            // Nothing in (middle, until].
            const auto after_found =
                middle == found ? std::nullopt : next_after(schedule, found, anchor, zone);
            if (!after_found || *after_found > middle) return found;
            found = *after_found;
            until = middle;
        }
    }
    return found;
}

}  // namespace foreman::core
