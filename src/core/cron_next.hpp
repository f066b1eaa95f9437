// When a schedule fires next, in a time zone. Asked by the store when a schedule is seeded and fires, and by
// foreman.next_runs(). The zone comes in as an interface, since its rules are the server's.
// Invariant: next_after() is greater than the instant it was asked for, and asking again from its answer
// gives each occurrence once, in order.
//
// When clocks change: a schedule of fixed hours fires once for each of its local times, at the first instant
// at which the local clock has reached it for the first time. So a local time that is skipped fires right
// after the gap, once for all that were skipped, and a local time that comes twice fires the first time. A
// schedule whose hours are all 24 fires whenever the local clock shows one of its times, as do intervals by
// elapsed time: every 5 minutes is every 5 minutes on these days, too.
#pragma once

#include <optional>

#include "core/cron.hpp"
#include "core/time.hpp"

namespace foreman::core {

/// A stretch of time in which a zone's local clock does not jump.
struct ZonePeriod {
    Micros offset{};              ///< local time minus UTC
    Instant ends{kPlusInfinity};  ///< the first instant that is not in it
};

/// The rules of a time zone.
class Zone {
  public:
    /// The period that holds `at`; its end is after `at`.
    virtual ZonePeriod period_at(Instant at) const noexcept = 0;

  protected:
    Zone() = default;
    Zone(const Zone&) = default;
    Zone& operator=(const Zone&) = default;
    ~Zone() = default;
};

/// 29 February on a given weekday can be 40 years away (around a year like 2100).
inline constexpr Micros kSearch = days(std::int64_t{50} * 366);

/// does: the first occurrence after `after`. An interval counts from `anchor`, which calendars do not look
///     at: the least anchor + n * every, n >= 0, that is later.
/// returns: nullopt when there is none within kSearch and the year 9999, for @reboot, and when `after` is
///     infinite.
/// cost: about a microsecond for the next minute; 50 years of days at most.
std::optional<Instant> next_after(const Schedule& schedule, Instant after, Instant anchor,
                                  const Zone& zone) noexcept;

/// does: the last occurrence that is not after `now`; `first` is one, and not after it.
/// cost: about 50 times that of next_after().
Instant latest_until(const Schedule& schedule, Instant first, Instant now, Instant anchor,
                     const Zone& zone) noexcept;

}  // namespace foreman::core
