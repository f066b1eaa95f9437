// When a duty of the dispatcher is asked, by what it answered last. Driven by worker/dispatcher.cpp, which has
// one DutyTimes for each entry of its table. A duty may have an instant of its own besides, by the clock that
// users set; pauses go by the steady clock, and stay as long as they are when somebody sets the other one.
// Invariant: nobody sleeps past an instant at which a duty is to be asked, and a duty that cannot do what its
// instant wants is not asked without a pause.
#pragma once

#include <algorithm>

#include "core/time.hpp"

namespace foreman::core {

/// What a duty answers: when it wants to be asked again. What pokes for it comes at once all the same.
struct Again {
    enum class How {
        done,   // after its period, or at its instant
        more,   // at the next turn, when the others had theirs
        later,  // it failed: after its pause for failures
        at,     // at `at`, by the steady clock, or at its instant
        rest,   // not before `at`, by the steady clock, whatever its instant is
    };
    How how = How::done;
    Instant at{};
};
inline constexpr Again kDone{Again::How::done, {}};
inline constexpr Again kMore{Again::How::more, {}};
inline constexpr Again kLater{Again::How::later, {}};
constexpr Again again_at(Instant steady) noexcept { return {Again::How::at, steady}; }
constexpr Again rest_until(Instant steady) noexcept { return {Again::How::rest, steady}; }

/// Until when one may sleep: the less of both.
struct SleepBounds {
    Instant wake = kPlusInfinity;   // by the clock
    Instant pause = kPlusInfinity;  // by the steady one
};

class DutyTimes {
  public:
    /// at_start: it is asked at the first turn, unless it is poked for then.
    explicit constexpr DutyTimes(bool at_start = false) noexcept
        : next_(at_start ? kMinusInfinity : kPlusInfinity) {}

    /// Whether it is to be asked without a poke. due: its instant, plus infinity when it has none.
    constexpr bool is_due(Instant due, Instant now, Instant steady) const noexcept {
        return steady >= next_ || (due <= now && steady >= rest_);
    }

    /// period: plus infinity is what 0 means.
    constexpr void answered(Again again, Micros period, Micros retry, Instant steady) noexcept {
        next_ = kPlusInfinity;
        rest_ = kMinusInfinity;
        switch (again.how) {
            case Again::How::done:
                if (period > Micros{0}) next_ = steady + period;
                break;
            case Again::How::more:
                next_ = kMinusInfinity;
                break;
            case Again::How::later:
                next_ = rest_ = steady + retry;
                break;
            case Again::How::at:
                next_ = again.at;
                break;
            case Again::How::rest:
                rest_ = again.at;
                break;
        }
    }

    constexpr void bound(Instant due, Instant now, SleepBounds* bounds) const noexcept {
        bounds->pause = std::min(bounds->pause, next_);
        if (due > now) {
            bounds->wake = std::min(bounds->wake, due);
        } else {
            bounds->pause = std::min(bounds->pause, rest_);
        }
    }

  private:
    Instant next_;                   // asked then
    Instant rest_ = kMinusInfinity;  // and not for its instant before
};

}  // namespace foreman::core
