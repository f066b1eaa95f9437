// See duty.hpp. The order is that in which a turn asks them: first what says whether anything may be touched,
// then what makes the board true, then what acts by it, and at last what can wait.
#include "board/settings.hpp"
#include "store/db/schema.hpp"
#include "store/schedules/cron_follow.hpp"
#include "store/schedules/cron_settings.hpp"
#include "worker/duty.hpp"
#include "worker/duty_state.hpp"

namespace foreman::worker {

// Nobody but this table asks them. In job_duties.cpp:
using DutyFunction = core::Again(DutyState&, Turn&);
DutyFunction settle_dead, look_at_prepared, compare_board, read_ranges, read_leases, read_handlers,
    apply_requests, write_leases, revive_leases, release_blocked, expire_jobs, wake_projections;
// In database_duties.cpp:
DutyFunction read_queues, look_at_identity, follow_roles, end_minute, count_jobs, count_split, keep_clerk,
    follow_cron_jobs, hold_cron_jobs, fire_schedules, make_partitions, prune_runs, prune_history;

namespace {

constexpr core::Micros kCompare = core::minutes(5);
constexpr core::Micros kUpkeep = core::minutes(10);
// Somebody reads history for long: soon again, but its readers and writers queue behind each try.
constexpr core::Micros kUpkeepRetry = core::seconds(30);

template <board::BoardInstant board::DatabaseSlot::*Instant>
core::Instant on_board(const DutyState& s) {
    return (s.slot->*Instant).read();
}
// For what is not poked for, but seen: at once, or not at all.
constexpr core::Instant now_if(bool wanted) { return wanted ? core::kMinusInfinity : core::kPlusInfinity; }

core::Instant minute_ends(const DutyState& s) { return s.minutes.end_of_minute(); }
core::Instant roles_changed(const DutyState& s) { return now_if(store::role_generation() != s.roles_seen); }
core::Instant clerk_ended(const DutyState& s) { return now_if(s.clerk.ended()); }
core::Instant cron_switched(const DutyState& s) {
    return now_if(s.cron_held == settings::cron_launch_active_jobs);
}

constexpr Duty kTable[] = {
    {.name = "pg_foreman: reading whether this database may run jobs",
     .open = While::always,
     .pokes = board::kPokeIdentity,
     .run = look_at_identity},
    {.name = "pg_foreman: reading settings of queues",
     .open = While::always,
     .pokes = board::kPokeQueues,
     .run = read_queues},
    {.name = "pg_foreman: settling jobs of executors that ended",
     .pokes = board::kPokeExecutor | board::kPokeOrphans,
     .run = settle_dead},
    {.name = "pg_foreman: looking at prepared transactions",
     .pokes = board::kPokePrepared,
     .at_start = true,
     .run = look_at_prepared},
    {.name = "pg_foreman: comparing the board with the rows",
     .pokes = board::kPokeReread,
     .period = kCompare,
     .run = compare_board},
    {.name = "pg_foreman: reading ranges from the rows",
     .pokes = kPokeCompare,
     .due = on_board<&board::DatabaseSlot::off_board_due>,
     .run = read_ranges},
    {.name = "pg_foreman: reading leases from the rows", .pokes = kPokeCompare, .run = read_leases},
    {.name = "pg_foreman: following roles", .due = roles_changed, .run = follow_roles},
    {.name = "pg_foreman: reading handlers",
     .pokes = board::kPokeHandlers | board::kPokeNewKinds,
     .run = read_handlers},
    {.name = "pg_foreman: applying requests", .pokes = board::kPokeRequests, .run = apply_requests},
    {.name = "pg_foreman: writing leases into their rows",
     .pokes = kPokeSetBack,
     .due = on_board<&board::DatabaseSlot::next_lease_write>,
     .run = write_leases},
    {.name = "pg_foreman: reviving jobs of ended leases",
     .pokes = kPokeSetBack,
     .due = on_board<&board::DatabaseSlot::next_lease_end>,
     .run = revive_leases},
    {.name = "pg_foreman: releasing blocked jobs",
     .pokes = board::kPokeBlocked | kPokeCompare,
     .run = release_blocked},
    {.name = "pg_foreman: looking for events of projections",
     .open = While::enabled,
     .pokes = board::kPokeFeed | board::kPokeReread | kPokeCompare,
     .run = wake_projections},
    {.name = "pg_foreman: writing statistics", .pokes = kPokeSetBack, .due = minute_ends, .run = end_minute},
    {.name = "pg_foreman: counting jobs", .pokes = kPokeStarted, .at_start = true, .run = count_jobs},
    {.name = "pg_foreman: counting jobs that are due later", .pokes = kPokeCounted, .run = count_split},
    {.name = "pg_foreman: recording runs of cron.job",
     .open = While::started,
     .pokes = board::kPokeRecords,
     .due = clerk_ended,
     .period = kUpkeep,  // were it ended by somebody and not ours
     .run = keep_clerk},
    {.name = "pg_foreman: following cron.job",
     .open = While::started,
     .pokes = board::kPokeReread,
     .run = follow_cron_jobs},
    {.name = "pg_foreman: cancelling jobs of cron.job",
     .open = While::started,
     .due = cron_switched,
     .run = hold_cron_jobs},
    {.name = "pg_foreman: firing schedules",
     .open = While::enabled,
     .pokes = board::kPokeReread | kPokeSetBack,
     .due = on_board<&board::DatabaseSlot::next_fire>,
     .run = fire_schedules},
    {.name = "pg_foreman: expiring jobs",
     .open = While::started,
     .pokes = board::kPokeReread,
     .due = on_board<&board::DatabaseSlot::next_expiry>,
     .run = expire_jobs},
    {.name = "pg_foreman: making partitions",
     .open = While::started,
     .at_start = true,
     .period = kUpkeep,
     .retry = kUpkeepRetry,
     .run = make_partitions},
    {.name = "pg_foreman: pruning runs of schedules",
     .open = While::started,
     .at_start = true,
     .period = kUpkeep,
     .retry = kUpkeepRetry,
     .run = prune_runs},
    {.name = "pg_foreman: pruning",
     .open = While::started,
     .at_start = true,
     .period = kUpkeep,
     .retry = kUpkeepRetry,
     .run = prune_history},
};

}  // namespace

static_assert(std::size(kTable) <= kMostDuties);
std::span<const Duty> duties() noexcept { return kTable; }

}  // namespace foreman::worker
