// What the dispatcher does, as a table of duties (duty_table.cpp): for each why it is asked, when, and in
// which state of its database. The dispatcher asks them in the order of the table, again and again, and sleeps
// as long as none is to be asked. To add one, write its function (job_duties.cpp, database_duties.cpp) and its entry.
// Invariant: a duty works for about kStep and answers that there is more: what is due elsewhere goes on in
// between. Each has its own transactions and handles its own errors (engine/attempts.hpp): one that fails
// holds up no other.
#pragma once

#include <span>

#include "board/layout.hpp"
#include "core/duty_times.hpp"
#include "pg/prelude.hpp"

namespace foreman::worker {

struct DutyState;  // duty_state.hpp

constexpr core::Micros kStep = core::milliseconds(10);

/// Pokes that nobody sends: the dispatcher gives them to its duties itself, beside those of board::Poke.
inline constexpr uint32 kPokeSetBack = 1U << 31;  // the clock was set back
inline constexpr uint32 kPokeCompare = 1U << 30;  // what is on the board is to be compared with the rows
inline constexpr uint32 kPokeCounted = 1U << 29;  // the jobs have been counted
inline constexpr uint32 kPokeStarted = 1U
                                       << 28;  // what was loaded while the database was stopped told nobody

/// What is asked when a dispatcher starts, and when its database does, beside what comes by itself.
inline constexpr uint32 kPokeBegin =
    board::kPokeReread | board::kPokeExecutor | board::kPokeRequests | board::kPokeRecords;

/// One turn of the dispatcher: each duty that is to be asked is asked once.
struct Turn {
    core::Instant now;     // by the clock, when the turn began
    core::Instant steady;  // by the steady one
    uint32 pokes;          // why there is a turn; a duty may add some, for those behind it
    const char* name;      // of the duty that is being asked
};

/// In which state of its database a duty is asked. Each state has all that those before it need.
enum class While : uint8 {
    always,   // also in a database that is a copy of another, where nothing may be touched
    ours,     // it is no copy; whether stopped or not
    started,  // jobs may run: one that is being restored is stopped, and what comes in the way waits
    enabled,  // and foreman.enabled is on
};

struct Duty {
    /// Under which the server log and health() say that it fails.
    const char* name;
    While open = While::ours;
    /// Any of these asks it at once. One that only says that its instant came closer is not among them: it
    /// wakes the dispatcher, which reads the instant.
    uint32 pokes = 0;
    /// Its instant by the clock, of the board or its own; none: it has no such instant.
    core::Instant (*due)(const DutyState&) = nullptr;
    /// Asked at the first turn, unasked.
    bool at_start = false;
    /// After kDone it is asked again so long later; 0: not by itself.
    core::Micros period{};
    /// After kLater.
    core::Micros retry = core::seconds(1);
    /// needs:   no transaction is open
    /// errors:  57P01 only, so that the process ends
    core::Again (*run)(DutyState&, Turn&);
};

inline constexpr std::size_t kMostDuties = 64;
std::span<const Duty> duties() noexcept;

}  // namespace foreman::worker
