// See revive.hpp.
#include "store/jobs/revive.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

namespace {

// Inserted first, and deleted only where that went through: a unique key may be held by a newer job.
#define REVIVE(from, timeout_us, condition) \
    "WITH i AS (INSERT INTO foreman.live_job (job_id" LASTING_COLUMNS(AND_NAME) LASTING_KEY_COLUMNS(AND_NAME) \
    ", errors, run_at, attempt, alone, unique_as, timeout_us) SELECT job_id" LASTING_COLUMNS(AND_NAME)       \
    LASTING_KEY_COLUMNS(AND_NAME) ", errors, $2, 0, "                                                        \
    "CASE WHEN unique_key IS NULL AND concurrency_key IS NULL AND sequence_key IS NULL THEN 0 ELSE 2 END, "  \
    "CASE WHEN unique_as " EQ " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" WHEN unique_as " EQ   \
    " 's'::pg_catalog.\"char\" THEN 't'::pg_catalog.\"char\" ELSE unique_as END, " timeout_us                \
    " FROM " from " WHERE job_id " EQ " $1" condition                                                        \
    " ON CONFLICT DO NOTHING RETURNING job_id, queue, kind, priority, alone, origin, origin_id) "                               \
    "DELETE FROM " from " d USING i WHERE d.job_id " EQ                                                      \
    " i.job_id RETURNING i.queue, i.kind, i.priority, i.alone, i.origin, i.origin_id"

constinit pg::Statement g_revive_dead{
    "revive_dead", REVIVE("foreman.dead_letter", "timeout_us", ""), {INT8OID, TIMESTAMPTZOID}};

constinit pg::Statement g_revive_history{
    "revive_history",
    REVIVE("foreman.job_history", "NULL::pg_catalog.int8", " AND args IS NOT NULL"),
    {INT8OID, TIMESTAMPTZOID}};

constinit pg::Statement g_lacks_args{
    "lacks_args", "SELECT 1 FROM foreman.job_history WHERE job_id " EQ " $1 AND args IS NULL", {INT8OID}};

// Who holds the unique key of a dead letter now, if anybody.
constinit pg::Statement g_superseded_by{
    "superseded_by",
    "SELECT l.job_id FROM foreman.dead_letter d JOIN foreman.live_job l ON l.kind " EQ
    " d.kind AND l.unique_key " EQ " d.unique_key AND (l.unique_as " EQ
    " ANY ('{t,s}'::pg_catalog.\"char\"[])) " EQ " (d.unique_as " EQ
    " ANY ('{t,s}'::pg_catalog.\"char\"[])) WHERE d.job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

constinit pg::Statement g_supersede{
    "supersede",
    "WITH d AS (DELETE FROM foreman.dead_letter WHERE job_id " EQ
    " $1 RETURNING *) INSERT INTO foreman.job_history (job_id" COMMON_COLUMNS(AND_NAME)
    ", started_at, worker_pid, finished_at, outcome, reason) SELECT job_id" COMMON_COLUMNS(AND_NAME)
    ", started_at, worker_pid, $2, 'x', $3 FROM d",
    {INT8OID, TIMESTAMPTZOID, TEXTOID}};

constexpr std::string_view kTakenOver = "superseded by what was asked for in its place";

bool lacks_args(int64 job_id) {
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_lacks_args.execute(a).empty();
}

// A retry that a newer job with the same unique key has made pointless: it ends as cancelled, and says so.
bool supersede(int64 job_id, core::Instant at) {
    pg::Args<1> one;
    one.i64(1, job_id);
    const pg::Rows rows = g_superseded_by.execute(one);
    if (rows.empty()) return false;
    char reason[64];
    std::snprintf(reason, sizeof(reason), "superseded by job " INT64_FORMAT, rows[0].i64(1));
    pg::Args<3> a;
    a.i64(1, job_id).instant(2, at).text(3, reason);
    g_supersede.execute(a);
    return true;
}

}  // namespace

bool revive(int64 job_id, Place place) {
    const Oid user = GetUserId();
    const AsOwner scope;
    const core::Instant at = now();
    pg::Args<2> a;
    a.i64(1, job_id).instant(2, at);
    const pg::Rows rows = (place == Place::dead ? g_revive_dead : g_revive_history).execute(a);
    if (rows.empty()) {
        if (place == Place::history && lacks_args(job_id)) {
            throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                              "job " INT64_FORMAT " cannot be retried: its args were not kept in history",
                              job_id)
                .hint("Raise keep_args of its queue with foreman.alter_queue() before such jobs finish.");
        }
        if (place == Place::dead) supersede(job_id, at);
        return false;
    }
    const pg::Row r = rows[0];
    if (vouches(user, r.view(2), r.view(1)))
        remember_work(r.view(1), r.view(2), r.i16(3), r.i16(4), role_of(r.view(2), r.view(1), r.i16(4)),
                      {at.us, job_id});
    else
        set_unvouched(job_id, board::kUnvouched);
    board::QueueDelta d;
    d.live = 1;
    remember_counts(r.view(1), d);
    if (r.is_null(5) || may_come_back(job_id, static_cast<core::Origin>(r.letter(5)), r.i64(6))) return true;
    Job job;
    if (take_waiting(job_id, CurrentMemoryContext, &job)) cancel_taken(job, kTakenOver, at);
    return false;
}

}  // namespace foreman::store
