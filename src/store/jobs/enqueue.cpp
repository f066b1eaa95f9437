// INSERTs of enqueue. One row goes through one saved plan; an array goes through one INSERT .. SELECT over
// unnest.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/enqueue_keyed.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_insert{
    "enqueue",
    "INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, attempt, max_attempts, queue, "
    "kind, args, timeout_us, expires_at, "
    "tags, metadata, alone, origin, origin_id) VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12, "
    "$13, $14, $15)",
    {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID, INT2OID, TEXTOID, TEXTOID, JSONBOID, INT8OID,
     TIMESTAMPTZOID, TEXTARRAYOID, JSONBOID, INT2OID, CHAROID, INT8OID}};

constinit pg::Statement g_insert_array{
    "enqueue_array",
    "INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, "
    "attempt, max_attempts, queue, kind, timeout_us, expires_at, tags, "
    "metadata, alone, args) SELECT pg_catalog.nextval('foreman.job_id_seq'), $1, "
    "$2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $12, a "
    "FROM pg_catalog.unnest($11) AS u(a) RETURNING job_id",
    {TIMESTAMPTZOID, TIMESTAMPTZOID, INT2OID, INT2OID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID,
     TEXTARRAYOID, JSONBOID, JSONBARRAYOID, INT2OID}};

void remember_new(const NewJob& job, int64 first_id, int count) {
    remember_work(job.queue, job.kind, job.priority, job.alone(), job.role, {job.run_at.us, first_id}, count);
    board::QueueDelta delta;
    delta.live = delta.enqueued = count;
    remember_counts(job.queue, delta);
    if (job.expires_at) remember_expiry(*job.expires_at);
}

}  // namespace

int64 next_job_id() { return pg::call<&nextval_internal>(schema().job_id_sequence, false); }

Inserted insert_job(const NewJob& job) {
    if (!job.is_plain()) return insert_keyed(job);
    const AsOwner scope;
    const int64 id = job.id != 0 ? job.id : pg::call<&nextval_internal>(schema().job_id_sequence, false);
    pg::Args<15> a;
    a.i64(1, id)
        .instant(2, job.run_at)
        .instant(3, pg::clock_now())
        .i16(4, job.priority)
        .i16(5, job.max_attempts);
    a.text(6, job.queue).text(7, job.kind).set(8, job.args);
    if (job.timeout_us) a.i64(9, *job.timeout_us);
    if (job.expires_at) a.instant(10, *job.expires_at);
    if (job.tags) a.set(11, *job.tags);
    if (job.metadata) a.set(12, *job.metadata);
    a.i16(13, job.alone());
    if (job.origin != core::Origin::none) a.letter(14, static_cast<char>(job.origin)).i64(15, job.origin_id);
    g_insert.execute(a);
    remember_new(job, id, 1);
    return {id, true, false};
}

void insert_jobs(const NewJob& job, Datum args_array, pg::vector<int64>* ids) {
    const AsOwner scope;
    pg::Args<12> a;
    a.instant(1, job.run_at).instant(2, pg::clock_now()).i16(3, job.priority).i16(4, job.max_attempts);
    a.text(5, job.queue).text(6, job.kind);
    if (job.timeout_us) a.i64(7, *job.timeout_us);
    if (job.expires_at) a.instant(8, *job.expires_at);
    if (job.tags) a.set(9, *job.tags);
    if (job.metadata) a.set(10, *job.metadata);
    a.set(11, args_array).i16(12, job.alone());
    const pg::Rows rows = g_insert_array.execute(a);
    ids->reserve(ids->size() + rows.size());
    for (const pg::Row row : rows) ids->push_back(row.i64(1));
    if (!rows.empty()) remember_new(job, rows[0].i64(1), static_cast<int>(rows.size()));
}

}  // namespace foreman::store
