// Which schedules are due, and what else is to fire. See fire.hpp.
#include "pg/datum.hpp"
#include "store/db/schema.hpp"
#include "store/schedules/fire.hpp"
#include "store/schedules/schedule_columns.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_due{
    "due_schedules",
    "SELECT schedule_id, next_fire_at FROM foreman.schedule WHERE active AND next_fire_at " LE
    " $1 AND (next_fire_at, schedule_id) " GT " ($2, $3) ORDER BY next_fire_at, schedule_id LIMIT $4",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID}};

constinit pg::Statement g_next{
    "next_fire",
    "SELECT (SELECT s.next_fire_at FROM foreman.schedule s WHERE s.active AND s.next_fire_at " GT
    " $1 ORDER BY s.next_fire_at, s.schedule_id LIMIT 1), EXISTS (SELECT 1 FROM foreman.schedule s "
    "WHERE s.active AND s.next_fire_at " LE " $1)",
    {TIMESTAMPTZOID}};

constinit pg::Statement g_buffered{"buffered_schedules",
                                   "SELECT s.schedule_id FROM foreman.schedule s WHERE s.buffered_at IS NOT "
                                   "NULL AND s.active AND s.schedule_id " GT
                                   " $1 AND NOT EXISTS (SELECT 1 FROM foreman.live_job j WHERE j.job_id " EQ
                                   " s.last_job_id) ORDER BY s.schedule_id LIMIT $2",
                                   {INT8OID, INT8OID}};

constinit pg::Statement g_any_buffered{
    "any_buffered", "SELECT 1 FROM foreman.schedule s WHERE s.buffered_at IS NOT NULL AND s.active LIMIT 1"};

constinit pg::Statement g_started{
    "started_schedules",
    "SELECT s.schedule_id FROM foreman.schedule s WHERE s.boot_at IS NOT NULL AND s.active AND s.boot_at " NE
    " $3 AND s.schedule_id " GT " $1 ORDER BY s.schedule_id LIMIT $2",
    {INT8OID, INT8OID, TIMESTAMPTZOID}};

constinit pg::Statement g_ahead{"ahead_schedules",
                                "SELECT s.schedule_id FROM (SELECT a.schedule_id FROM foreman.schedule a "
                                "WHERE COALESCE(a.last_fired_at, a.anchor_at) " GT
                                " $3 AND a.active OFFSET 0) s WHERE s.schedule_id " GT
                                " $1 ORDER BY s.schedule_id LIMIT $2",
                                {INT8OID, INT8OID, TIMESTAMPTZOID}};

}  // namespace

void find_due(core::Instant now, DueSchedule after, int max, pg::vector<DueSchedule>* out) {
    const AsOwner scope;
    pg::Args<4> a;
    a.instant(1, now).instant(2, after.at).i64(3, after.id).i64(4, max);
    for (const pg::Row row : g_due.execute(a)) out->push_back({row.i64(1), row.instant(2)});
}

void find_others(FireReason reason, core::Instant now, int64 after, int max, pg::vector<int64>* out) {
    const AsOwner scope;
    if (reason == FireReason::buffered) {
        pg::Args<2> a;
        a.i64(1, after).i64(2, max);
        for (const pg::Row row : g_buffered.execute(a)) out->push_back(row.i64(1));
        return;
    }
    pg::Args<3> a;
    a.i64(1, after).i64(2, max).instant(3, reason == FireReason::started ? core::Instant{PgStartTime} : now);
    for (const pg::Row row : (reason == FireReason::started ? g_started : g_ahead).execute(a))
        out->push_back(row.i64(1));
}

NextFire next_fire(core::Instant now) {
    const AsOwner scope;
    pg::Args<1> a;
    a.instant(1, now);
    const pg::Rows rows = g_next.execute(a);
    return {rows[0].is_null(1) ? core::kPlusInfinity : rows[0].instant(1), rows[0].boolean(2)};
}

bool any_buffered() {
    const AsOwner scope;
    return !g_any_buffered.execute().empty();
}

}  // namespace foreman::store
