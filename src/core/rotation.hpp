// How the executor slots of a cluster go round among roles and databases: an executor is a session of one
// role in one database, so a role without one can only run when somebody else's leaves. Dispatchers ask when
// no slot is free. Invariant: never more executors are asked to leave than there are demands that nobody
// serves, so slots are not emptied in vain; and every demand is served in the order of its age, so no role
// starves.
#pragma once

#include <cstdint>
#include <span>

#include "core/time.hpp"

namespace foreman::core {

/// How long an executor keeps its slot before a busy one must make room: starting a session takes
/// milliseconds.
inline constexpr Micros kMinTenure = milliseconds(500);

/// An executor. One that starts counts as busy; one that was asked to leave is no holder any more.
struct Holder {
    std::uint32_t db = 0;
    std::uint32_t role = 0;
    bool idle = false;
    Instant idle_since;    ///< when idle; after now: the clock was set back since
    Instant tenure_since;  ///< when it got the slot, by a clock that nobody sets
};

/// A role of a database with due work, since when it has wanted an executor.
struct Demand {
    std::uint32_t db = 0;
    std::uint32_t role = 0;
    Instant since;  ///< by the same clock as tenure_since
};

inline constexpr int kNobody = -1;

/// does: which demand the next free slot belongs to: the oldest whose role has no executor in that database.
/// returns: an index into `demands`, or kNobody.
/// cost: demands x holders.
int next_demand(std::span<const Holder> holders, std::span<const Demand> demands) noexcept;

/// does: who should leave for the oldest demand that nobody serves. An idle executor first, the longest idle;
///     else, among those that have had their kMinTenure, one whose role has another; else the one with the
///     longest tenure.
/// units: `leaving` counts slots that are free or being vacated: they serve the oldest demands; `now` is by
///     the clock of tenures.
/// returns: an index into `holders`, or kNobody.
/// cost: holders x (demands + holders).
int choose_leaver(std::span<const Holder> holders, std::span<const Demand> demands, int leaving,
                  Instant now) noexcept;

/// How long an executor must have been idle before it makes room for a colleague of a busy one.
inline constexpr Micros kMinIdle = seconds(1);

/// does: who should leave so that (db, role), which has an executor and more due work, may have another: of
///     the others' executors that have been idle for kMinIdle the one idle the longest; nobody while demands
///     are unserved or slots are being vacated.
/// returns: an index into `holders`, or kNobody.
/// cost: holders x demands.
int choose_idle_leaver(std::span<const Holder> holders, std::span<const Demand> demands, int leaving,
                       std::uint32_t db, std::uint32_t role, Instant now) noexcept;

}  // namespace foreman::core
