// The parts of store/jobs/blocked.hpp: what one look at a key, at the end of a job or at a batch does. Each
// is bounded, and part of one step.
#pragma once

#include "board/waits.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "store/jobs/blocked.hpp"

namespace foreman::store {

/// Notes for the commit what a statement made claimable: its rows are (queue, kind, priority, alone, run_at,
/// job_id).
/// returns: how many
int64 remember_released(const pg::Rows& rows);

// ---- keys, blocked_keys.cpp -------------------------------------------------

void look_at_key(const board::KeyName& n, BlockedPass* pass);
/// The next (queue, key) with parked jobs, in their order. false: there is none.
bool next_parked(core::BlockedOn type, board::BoardName* queue, board::BoardName* key);

// ---- ends of jobs, dependants.cpp -------------------------------------------

/// does: lets the next of those go that wait for the job of `walk`, some hundreds at most.
/// returns: false when it has looked at all of them
bool look_at_dependants(EndWalk* walk, MemoryContext context, core::Instant now, BlockedPass* pass);
/// The least id above `id` that a job waits for. false: there is none.
bool next_awaited(int64* id);

}  // namespace foreman::store
