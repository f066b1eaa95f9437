// What the dispatcher does with rows, each as one pass inside the caller's transaction; the *_once()
// functions call the same.
#pragma once

#include "board/slots.hpp"
#include "core/time.hpp"
#include "pg/memory.hpp"

namespace foreman::engine {

/// An executor of this database that ended with a job in its hands: the job is given back uncharged, or
/// charged where it was the executor's own fault; its slot is freed after the commit.
bool read_dead_executor(int slot, Oid database, board::SlotReading* out) noexcept;
void settle_dead_executor(const board::SlotReading& dead);
void forget_dead_executor(const board::SlotReading& dead) noexcept;
int64 settle_dead_executors(Oid database);
/// In-server leases whose executor or session is gone (after a restart, or when nobody settled them); their
/// jobs are given back uncharged.
void find_orphans(Oid database, pg::vector<int64>* jobs);
int64 rescue_orphans(Oid database);
/// Leases of outside workers that ended: their jobs are failed with "lease expired", or cancelled where that
/// was asked. Works for about `most`. each_alone: one that cannot be ended is passed over for a minute.
/// returns: how many; next: the earliest end of the others
int64 revive_ended_leases(Oid database, core::Instant now, core::Micros most, core::Instant* next,
                          bool each_alone = false);
/// Jobs that the flight recorder names as culprits of the last crash of the server: charged a crash, dead
/// letters after foreman.max_crashes of them. Those of a batch are only made to run alone.
int64 charge_crashes(Oid database);
/// Sets which role runs each range, of all or of those whose role is in doubt, from the handlers as they are
/// now. What is left after `most` is done when the dispatcher looks again, as it is told to.
void refresh_roles(Oid database, bool all, core::Micros most);
/// Cancels up to `most` jobs whose expires_at has passed, and tells the board when to look again.
int64 expire_due(board::DatabaseSlot* slot, core::Instant now, int most);

}  // namespace foreman::engine
