// Who may have the next free executor slot, and who leaves to make one free: the demands of roles without an
// executor, and the wish for room of roles that have one. The rules are core/rotation.hpp's; slots.cpp asks.
// Invariant: a demand stands only as long as its dispatcher finds due work of the role at each of its looks.
// A demand that nobody serves any more would keep every free slot from everybody else.
// Locks: the directory LWLock, which the callers of functions named _locked hold.
#pragma once

#include "board/board.hpp"
#include "pg/memory.hpp"

namespace foreman::board {

inline SlotState state_of(ExecutorSlot& s) noexcept {
    return static_cast<SlotState>(pg_atomic_read_u32(&s.state));
}

/// The demands of one database, as its dispatcher reads them.
struct OwnDemand {
    Oid role;
    Instant since;  ///< steady clock
    bool is_due;    ///< for the reader's own use; false at first
};
using OwnDemands = pg::static_vector<OwnDemand, kMaxDemands>;

/// does: reads the demands of the database, sorted by role.
void read_demands(Oid database, OwnDemands* out) noexcept;
/// does: forgets a demand, and gives the next oldest one its turn.
void forget_demand(Oid database, Oid role) noexcept;
/// does: the same for all demands of the database: it is stopped.
void forget_demands(Oid database) noexcept;

/// does: whether no demand is older than that of this role.
bool is_turn_of_locked(Oid database, Oid role) noexcept;
/// does: remembers a demand; asks an executor to leave when all slots are `full`, else tells the database
///     whose turn it is.
void remember_demand_locked(Oid database, Oid role, bool full) noexcept;
void forget_demand_locked(Oid database, Oid role) noexcept;
/// does: tells the dispatcher of the oldest demand that a slot is free.
void serve_oldest_demand_locked() noexcept;

/// What executors of other roles and databases do; the executor that makes room first decides.
enum class Others { none, busy, just_idle, idle };
Others others_do(Oid database, Oid role) noexcept;

/// does: has whoever rests or leaves next tell this database's dispatcher.
/// returns: false when that was arranged before.
bool want_room(DatabaseSlot& d) noexcept;
void tell_who_wants_room() noexcept;

/// A role that has an executor has more due work, and no slot is free: asks a long idle executor of another
/// role or database to leave. Answers the time of the steady clock at which to try again; whoever rests or
/// leaves before that pokes the dispatcher.
Instant make_room(Oid database, Oid role, Instant now, Instant steady) noexcept;

}  // namespace foreman::board
