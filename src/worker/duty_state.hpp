// What the duties of a dispatcher keep between turns. Part of the process, never of the board: a new
// dispatcher begins from nothing.
#pragma once

#include "board/databases.hpp"
#include "board/overstay.hpp"
#include "engine/attempts.hpp"
#include "engine/fire.hpp"
#include "engine/range_reader.hpp"
#include "store/feed/projections.hpp"
#include "store/jobs/blocked.hpp"
#include "store/schedules/cron_follow.hpp"
#include "store/upkeep/prune.hpp"
#include "store/upkeep/statistics.hpp"
#include "store/upkeep/upkeep.hpp"
#include "worker/clerk.hpp"

namespace foreman::worker {

/// A pass over the requests, which goes on at each turn.
struct RequestRound {
    int64 after = PG_INT64_MIN;  // how far it has come, the least when none goes on
    int64 left = 0;              // requests for jobs that somebody holds
    uint32 generation = 0;
    bool interrupt = false;  // running handlers were told nothing yet
    core::Instant began{};
};

struct DutyState : engine::Attempts {
    explicit DutyState(Oid oid) : database(oid), slot(board::database_slot(oid)), reader(oid), clerk(oid) {}

    const Oid database;
    board::DatabaseSlot* const slot;  // nullptr: the launcher knows no such database

    bool copied = false;  // the database is a copy of another
    bool said_copied = false;
    bool identity_read = false;
    core::Instant end_of_grace{core::kPlusInfinity};  // steady clock: of handlers that run on after stop()

    core::Instant orphans_until{core::kMinusInfinity};  // steady clock
    store::PreparedSet prepared{};
    engine::RangeReader reader;
    uint64 roles_seen = 0;
    bool all_handlers = false;
    RequestRound requests;
    board::Overstayers overstayers;
    store::BlockedWork blocked{true};
    store::MinuteStatistics minutes;
    store::SplitCounter split;
    core::Instant split_began{};  // steady clock
    Clerk clerk;
    int64 cron_followed = store::CronPass::kFromTheFirst;  // how far a pass has come
    bool cron_held = false;  // what ran when cron.launch_active_jobs was switched off is cancelled
    engine::Troubled troubled_schedules;
    pg::Context projection_context{"foreman projections"};
    pg::ContextResource projection_memory{projection_context};
    pg::vector<store::ProjectionWatch> projections{&projection_memory};
    core::Instant projections_rest{core::kMinusInfinity};  // steady clock: no look before
    store::RunPruner run_pruner;
    store::Pruner pruner;
};

}  // namespace foreman::worker
