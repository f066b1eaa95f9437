// Runs of schedules leave when their jobs have left the history. See RunPruner in fire.hpp.
#include "pg/datum.hpp"
#include "store/db/schema.hpp"
#include "store/definitions/queues.hpp"
#include "store/schedules/fire.hpp"
#include "store/schedules/schedule_columns.hpp"

namespace foreman::store {

namespace {

constexpr int kPruneLook = 500;  // each is looked for in every partition of the history

// Of $2 runs that fired before $1, behind ($3, $4). Subqueries, not joins: of the history no more than an
// index is to be read, whatever the statistics say.
constinit pg::Statement g_prune{
    "prune_runs",
    "WITH w AS MATERIALIZED (SELECT r.fired_at, r.run_id, r.job_id FROM foreman.schedule_run r WHERE "
    "r.fired_at " LT " $1 AND (r.fired_at, r.run_id) " GT
    " ($3, $4) ORDER BY r.fired_at, r.run_id LIMIT $2), d AS (DELETE FROM foreman.schedule_run WHERE "
    "run_id " EQ
    " ANY (ARRAY (SELECT w.run_id FROM w WHERE (SELECT 1 FROM foreman.live_job j WHERE j.job_id " EQ
    " w.job_id LIMIT 1) IS NULL AND (SELECT 1 FROM foreman.dead_letter d WHERE d.job_id " EQ
    " w.job_id LIMIT 1) IS NULL AND (SELECT 1 FROM foreman.job_history h WHERE h.job_id " EQ
    " w.job_id LIMIT 1) IS NULL)) RETURNING run_id) SELECT (SELECT pg_catalog.count(*) FROM w), "
    "(SELECT pg_catalog.count(*) FROM d), w.fired_at, w.run_id FROM w ORDER BY w.fired_at DESC, w.run_id "
    "DESC LIMIT 1",
    {TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_least_retention{
    "least_retention",
    "SELECT LEAST('7 days'::pg_catalog.interval, pg_catalog.min(retain_completed)) FROM foreman.queue"};

}  // namespace

bool RunPruner::step(core::Instant now) {
    const AsOwner scope;
    if (!active_) {
        const pg::Rows least = g_least_retention.execute();
        *this = RunPruner();
        before_ = now - core::Micros{interval_us(least[0].optional_datum(1))};
    }
    active_ = false;
    pg::Args<4> a;
    a.instant(1, before_).i64(2, kPruneLook).instant(3, fired_at_).i64(4, run_id_);
    const pg::Rows rows = g_prune.execute(a);
    if (rows.empty()) return false;
    removed_ += rows[0].i64(2);
    fired_at_ = rows[0].instant(3);
    run_id_ = rows[0].i64(4);
    active_ = rows[0].i64(1) == kPruneLook;
    return active_;
}

}  // namespace foreman::store
