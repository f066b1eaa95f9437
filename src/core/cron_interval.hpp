// Schedules that are an interval: `30 seconds`, `90 minutes`, `1 day 12 hours`, `01:30`. Called by cron.cpp.
// Invariant: an interval that parses is a second to ten years long.
#pragma once

#include "core/cron_text.hpp"

namespace foreman::core {

/// A sign, a number that is followed by a letter, a point or a colon, a P with a number, an @ with a blank:
/// no field and no name begins so.
bool looks_like_interval(Cursor in) noexcept;
/// Numbers with units of the server's own interval; months and years are refused.
ScheduleFault read_interval(Cursor* in, Schedule* out) noexcept;
/// pg_cron's: 1 to 59 seconds.
ScheduleFault read_cron_interval(Cursor* in, Schedule* out) noexcept;

}  // namespace foreman::core
