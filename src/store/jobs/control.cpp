// See control.hpp.
#include "store/jobs/control.hpp"

#include <algorithm>
#include <iterator>

#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

namespace {

// Asked after the lock: what somebody outside has leased on the board alone is not waiting.
#define WAITING_ROW                                                                                          \
    "ctid " EQ " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ " $1 AND w.state " NE \
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) AND foreman._is_free(job_id)"

constinit pg::Statement g_take{
    "take_waiting", "DELETE FROM foreman.live_job WHERE " WAITING_ROW " RETURNING " JOB_COLUMNS, {INT8OID}};

constinit pg::Statement g_take_many{
    "take_waiting_many",
    "DELETE FROM foreman.live_job WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ " ANY ($1) AND w.state " NE
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) AND foreman._is_free(job_id) RETURNING " JOB_COLUMNS,
    {INT8ARRAYOID}};

constinit pg::Statement g_move{"move_waiting",
                               "UPDATE foreman.live_job SET run_at = COALESCE($2, run_at), priority = "
                               "COALESCE($3, priority) WHERE " WAITING_ROW
                               " RETURNING queue, kind, priority, alone, run_at, job_id, state, blocked_on, "
                               "concurrency_key",
                               {INT8OID, TIMESTAMPTZOID, INT2OID}};

constinit pg::Statement g_set_unvouched{
    "set_unvouched",
    "UPDATE foreman.live_job SET alone = alone OPERATOR(pg_catalog.&) 3::pg_catalog.int2 "
    "OPERATOR(pg_catalog.|) $2 WHERE job_id " EQ
    " $1 RETURNING queue, kind, priority, alone, run_at, "
    "job_id, state, blocked_on, concurrency_key",
    {INT8OID, INT2OID}};

constinit pg::Statement g_delete_history{
    "delete_history", "DELETE FROM foreman.job_history WHERE job_id " EQ " $1", {INT8OID}};
constinit pg::Statement g_delete_dead{
    "delete_dead", "DELETE FROM foreman.dead_letter WHERE job_id " EQ " $1", {INT8OID}};

}  // namespace

void cancel_taken(const Job& job, std::string_view reason, core::Instant at) {
    const Ended e{&job, core::Next::cancel, job.attempt, std::nullopt, at, std::nullopt, reason, job.errors};
    record_ended({&e, 1});
}

void cancel_taken(std::span<const Job> jobs, std::string_view reason, core::Instant at) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<Ended> ended(&memory);
    ended.reserve(jobs.size());
    for (const Job& j : jobs)
        ended.push_back(
            {&j, core::Next::cancel, j.attempt, std::nullopt, at, std::nullopt, reason, j.errors});
    record_ended({ended.data(), ended.size()});
}

void delete_taken(const Job& job) {
    if (job.held) delete_held({&job.job_id, 1});
    board::QueueDelta d;
    d.live = -1;
    remember_counts(job.queue, d);
    remember_end_of(job);
    const Ended e{&job, core::Next::remove, job.attempt, std::nullopt, now(), std::nullopt, {}, job.errors};
    tell_observers({&e, 1});
}

bool take_waiting(int64 job_id, MemoryContext context, Job* out) {
    if (is_held_here(job_id)) return false;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_take.execute(a);
    if (rows.empty()) return false;
    copy_job(rows[0], context, out);
    return true;
}

void take_waiting_many(std::span<const int64> ids, MemoryContext context, pg::vector<Job>* out) {
    const AsOwner scope;
    pg::Args<1> a;
    pg::ContextResource memory(context);
    pg::vector<int64> others(&memory);
    std::copy_if(ids.begin(), ids.end(), std::back_inserter(others),
                 [](int64 id) { return !is_held_here(id); });
    a.set(1, pg::int8_array({others.data(), others.size()}));
    for (const pg::Row row : g_take_many.execute(a)) {
        Job j{};
        copy_job(row, context, &j);
        out->push_back(j);
    }
}

void set_unvouched(int64 job_id, int16 bit) {
    pg::Args<2> a;
    a.i64(1, job_id).i16(2, bit);
    remember_moved(g_set_unvouched.execute(a)[0]);
}

bool move_waiting(int64 job_id, std::optional<core::Instant> run_at, std::optional<int16> priority,
                  Oid user) {
    if (is_held_here(job_id)) return false;
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, job_id);
    if (run_at) a.instant(2, *run_at);
    if (priority) a.i16(3, *priority);
    const pg::Rows rows = g_move.execute(a);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    if (board::is_unvouched(r.i16(4)) && vouches(user, r.view(2), r.view(1)))
        set_unvouched(job_id, 0);
    else
        remember_moved(r);
    return true;
}

bool delete_finished(int64 job_id, Place place) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    return (place == Place::dead ? g_delete_dead : g_delete_history).execute(a).processed() > 0;
}

}  // namespace foreman::store
