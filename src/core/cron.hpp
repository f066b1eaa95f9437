// When a schedule fires, as its author wrote it: five cron fields, six with leading seconds, @names, or an
// interval. The api room parses what users pass in, the store parses what it stored; cron_next.hpp says when
// it fires. Invariant: what parses can fire: sets are not empty, dates exist, an interval is at least a
// second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/time.hpp"

namespace foreman::core {

enum class ScheduleType : std::uint8_t { calendar, interval, reboot };

/// Bit i of a set stands for the value i (days and months from 1, Sunday is bit 0 of weekdays).
struct Schedule {
    ScheduleType type = ScheduleType::calendar;
    bool last_day = false;          ///< the day of the month was written `$`
    bool days_and_weekdays = true;  ///< both must match; otherwise one of them is enough
    std::uint8_t weekdays = 0;
    std::uint16_t months = 0;
    std::uint32_t days = 0;
    std::uint32_t hours = 0;
    std::uint64_t minutes = 0;
    std::uint64_t seconds = 0;
    Micros every{};  ///< of an interval

    /// Every hour of the day: goes by elapsed time when the clocks change, see cron_next.hpp.
    constexpr bool every_hour() const noexcept { return hours == kAllHours; }
    static constexpr std::uint32_t kAllHours = (1U << 24) - 1;

    friend constexpr bool operator==(const Schedule&, const Schedule&) noexcept = default;
};

/// pg_cron: five fields only, and no interval but 1 to 59 seconds.
enum class CronDialect : std::uint8_t { foreman, pg_cron };

inline constexpr std::size_t kMaxScheduleBytes = 999;
inline constexpr Micros kLeastEvery = seconds(1);
inline constexpr Micros kMostEvery = days(3660);

/// Why a text is not a schedule. allowed: empty when it is one; lives as long as the program.
struct ScheduleFault {
    std::size_t position = 0;  ///< bytes before the fault
    std::string_view allowed;  ///< what may stand there, in words
    constexpr bool any() const noexcept { return !allowed.empty(); }
};

/// does: reads a schedule. Fields are `*`, a, a-b, either with /step where it is a range, and lists of these;
///     months and weekdays have English names of three letters; 0 and 7 are Sunday; `$` alone is the last
///     day. Days and weekdays must both match when one of them begins with `*`; otherwise one is enough.
///     Ranges do not wrap around. Leading empty lines and lines that begin with # are skipped.
/// returns: the first fault; *out is set only when there is none.
/// cost: one pass, no allocation.
ScheduleFault parse_schedule(std::string_view text, CronDialect dialect, Schedule* out) noexcept;

}  // namespace foreman::core
