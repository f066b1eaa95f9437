// How long a queue cools down after a handler met somebody's limit, and when that is forgotten. The board
// keeps a Cooling for each queue; store/jobs/settle.cpp and the commit callback ask here. Invariant: the
// counter grows once per window, however many workers report the same limit.
#pragma once

#include "core/time.hpp"

namespace foreman::core {

struct ThrottlePolicy {
    Micros base = seconds(60);  ///< length of the first window
    Micros max{-1};             ///< windows double up to this; negative: all are as long as the first

    friend constexpr bool operator==(const ThrottlePolicy&, const ThrottlePolicy&) noexcept = default;
};

struct Cooling {
    Instant until = kMinusInfinity;  ///< nothing of the queue is claimed before
    int windows = 0;                 ///< in a row so far, the one until `until` included

    friend constexpr bool operator==(const Cooling&, const Cooling&) noexcept = default;
};

/// A success forgets the windows only when the last one ended so long ago: a limiter that flaps keeps
/// escalating.
inline constexpr Micros kThrottleGrace = seconds(120);

/// does: base, or min(base * 2^windows_before, max).
/// units: the exponent stops at 30, less than 0 counts as 0.
Micros throttle_delay(const ThrottlePolicy& policy, int windows_before) noexcept;
/// What a report at `now` makes of it: inside a window that only reaches further, after it the next one
/// begins.
Cooling cool_down(const ThrottlePolicy& policy, Cooling before, Instant now) noexcept;
/// What a success at `now` makes of it.
Cooling after_success(Cooling before, Instant now) noexcept;

}  // namespace foreman::core
