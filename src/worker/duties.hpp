// What the dispatcher does with rows, each as one pass inside the caller's transaction; the *_once()
// functions call the same.
#pragma once

#include "core/time.hpp"
#include "store/board.hpp"

namespace foreman::worker {

/// Jobs that executors of this database held when they ended: given back uncharged, or charged where it was
/// their own fault.
int64 settle_dead_executors(Oid database);
/// In-server leases whose executor is gone (after a restart, or when nobody settled them): given back
/// uncharged.
int64 rescue_orphans(Oid database);
/// Leases of outside workers that ended: their jobs are failed with "lease expired", or cancelled where that
/// was asked. returns: how many; next: the earliest end of the others
int64 revive_ended_leases(Oid database, core::Instant now, core::Instant* next);
/// Jobs that the flight recorder names as culprits of the last crash of the server: charged a crash, dead
/// letters after foreman.max_crashes of them. Those of a batch are only made to run alone.
int64 charge_crashes(Oid database);
/// Reads every range from the rows and sets its head exactly, as a raise does.
void reread_ranges(Oid database);
/// Sets which role runs each range of the board, from the handlers as they are now.
void refresh_roles(Oid database);
/// Lets blocked jobs go on: those that hints on the board name, or everything. false: look again soon.
bool release_blocked(store::DatabaseSlot* slot, core::Instant now, bool everything);
/// Cancels jobs whose expires_at has passed and notes the next one.
int64 expire_due(store::DatabaseSlot* slot, core::Instant now);

}  // namespace foreman::worker
