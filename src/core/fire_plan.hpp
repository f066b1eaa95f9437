// What a schedule does when its time has come: which occurrence it runs for, and when it is due next. The
// store asks for it in the transaction that fires. Invariant: the occurrence that is run for is not after
// now, and the next one is after it, so that no occurrence comes twice.
#pragma once

#include <optional>

#include "core/cron_next.hpp"

namespace foreman::core {

/// What becomes of occurrences that nobody fired in time: none is run for, one run for all, or one run for
/// each.
enum class Missed : char { skip = 's', coalesce = 'c', catch_up = 'a' };
/// What becomes of an occurrence while the run before it is unfinished: it is left out, runs when that ends
/// (one at most), runs beside it, or takes its place.
enum class Overlap : char { skip = 's', buffer_one = 'b', allow = 'a', cancel_other = 'x' };

/// An occurrence that is fired so much later than its time is missed, also when it is the last one.
inline constexpr Micros kOnTime = minutes(1);
/// Missed occurrences in a row that catch_up runs for; one run more stands for all others.
inline constexpr int kMaxCatchUp = 100;

struct FirePlan {
    std::optional<Instant> occurrence;  ///< run for this one
    std::optional<Instant> next;        ///< due then; nothing: never again
    int caught_up = 0;                  ///< for the next call
};

/// `due` is an occurrence, not after `now`. caught_up: what the call before said.
FirePlan plan_fire(const Schedule& schedule, Missed missed, Instant due, Instant now, Instant anchor,
                   int caught_up, const Zone& zone) noexcept;

/// Whether the clock was set back so far that the schedule would be silent for more than two of its periods:
/// it starts over then. last: the last occurrence that it fired for, at `fired_at`, or for both when it was
/// made; due: its next.
constexpr bool must_start_over(Instant last, Instant fired_at, Instant due, Instant now) noexcept {
    return now < fired_at && due - now > (due - last) * 2;
}

/// Intervals count from the second that they were made in, so that every second is on the second.
Instant anchor_of(Instant now) noexcept;

}  // namespace foreman::core
