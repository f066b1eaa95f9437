// See batches.hpp.
#include "store/jobs/batches.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_insert{"insert_batch",
                                 "INSERT INTO foreman.job_batch (name, on_success, on_complete, on_discard, "
                                 "created_by, created_at) VALUES "
                                 "($1, $2, $3, $4, $5, $6) RETURNING batch_id",
                                 {TEXTOID, TEXTOID, TEXTOID, TEXTOID, OIDOID, TIMESTAMPTZOID}};

constinit pg::Statement g_join{"join_batch",
                               "SELECT finished_at IS NOT NULL, created_by::pg_catalog.oid FROM "
                               "foreman.job_batch WHERE batch_id " EQ " $1 FOR KEY SHARE",
                               {INT8OID}};

constinit pg::Statement g_lock{
    "lock_batch",
    "SELECT name, on_success, on_complete, on_discard, discarded_at IS NOT NULL, "
    "finished_at IS NOT NULL, filled_at IS NOT NULL, created_by::pg_catalog.oid FROM "
    "foreman.job_batch WHERE batch_id " EQ " $1 FOR UPDATE SKIP LOCKED",
    {INT8OID}};
constinit pg::Statement g_exists{
    "batch_exists", "SELECT 1 FROM foreman.job_batch WHERE batch_id " EQ " $1", {INT8OID}};

constinit pg::Statement g_unfinished{
    "batch_unfinished", "SELECT 1 FROM foreman.live_job WHERE batch_id " EQ " $1 LIMIT 1", {INT8OID}};
constinit pg::Statement g_discarded{
    "batch_discarded", "SELECT 1 FROM foreman.dead_letter WHERE batch_id " EQ " $1 LIMIT 1", {INT8OID}};
constinit pg::Statement g_ended{
    "batch_ended",
    "SELECT pg_catalog.count(*) FILTER (WHERE outcome " EQ
    " 'c'::pg_catalog.\"char\"), pg_catalog.count(*) FILTER (WHERE outcome " EQ
    " 'x'::pg_catalog.\"char\"), (SELECT pg_catalog.count(*) FROM foreman.dead_letter WHERE batch_id " EQ
    " $1) FROM foreman.job_history WHERE batch_id " EQ " $1",
    {INT8OID}};

constinit pg::Statement g_note_discard{"batch_discard",
                                       "UPDATE foreman.job_batch SET discarded_at = $2 WHERE batch_id " EQ
                                       " $1",
                                       {INT8OID, TIMESTAMPTZOID}};
constinit pg::Statement g_note_filled{"batch_filled",
                                      "UPDATE foreman.job_batch SET filled_at = $2 WHERE batch_id " EQ " $1",
                                      {INT8OID, TIMESTAMPTZOID}};
constinit pg::Statement g_note_finish{"batch_finish",
                                      "UPDATE foreman.job_batch SET finished_at = $2 WHERE batch_id " EQ
                                      " $1",
                                      {INT8OID, TIMESTAMPTZOID}};

constinit pg::Statement g_args{
    "batch_args",
    "SELECT pg_catalog.jsonb_build_object('batch_id', $1, 'name', $2, 'completed', $3, 'cancelled', $4, "
    "'discarded', $5)",
    {INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID}};

constinit pg::Statement g_open{
    "next_open_batch",
    "SELECT batch_id FROM foreman.job_batch WHERE finished_at IS NULL AND batch_id " GT
    " $1 ORDER BY batch_id LIMIT 1",
    {INT8OID}};

struct Ends {
    int64 completed, cancelled, discarded;
    int64 all() const noexcept { return completed + cancelled + discarded; }
};

Ends count_ends(int64 batch_id) {
    pg::Args<1> a;
    a.i64(1, batch_id);
    const pg::Rows rows = g_ended.execute(a);
    return {rows[0].i64(1), rows[0].i64(2), rows[0].i64(3)};
}

// A job that the batch's maker could enqueue itself. When the handler came later, in a queue that he may not
// feed, it waits in the default queue.
void enqueue_callback(std::string_view kind, Oid maker, int64 batch_id, std::string_view name,
                      const Ends& ends, core::Instant now) {
    if (kind.empty()) return;
    pg::Args<5> a;
    a.i64(1, batch_id).text(2, name).i64(3, ends.completed).i64(4, ends.cancelled).i64(5, ends.discarded);
    const pg::Rows rows = g_args.execute(a);
    const Handler& handler = find_handler(kind);
    NewJob job;
    job.kind = kind;
    job.unvouched = !may_feed(maker, handler.queue_name()) ||
                    (!handler.exists && !vouches(maker, kind, handler.queue_name()));
    job.queue = job.unvouched ? kDefaultQueue : handler.queue_name();
    job.priority = find_queue(job.queue).priority;
    if (handler.max_attempts > 0) job.max_attempts = handler.max_attempts;
    job.run_at = now;
    job.role = handler.run_as;
    job.origin = core::Origin::batch;
    job.origin_id = batch_id;
    job.args = rows[0].datum(1);
    insert_job(job);
}

std::string_view keep(const pg::Row& row, int column) {
    if (row.is_null(column)) return {};
    const std::string_view text = row.view(column);
    return {pg::copy_text(text), text.size()};
}

bool exists(pg::Statement& statement, int64 batch_id) {
    pg::Args<1> a;
    a.i64(1, batch_id);
    return !statement.execute(a).empty();
}

}  // namespace

int64 insert_batch(const NewBatch& batch) {
    const Oid user = GetUserId();
    const AsOwner scope;
    pg::Args<6> a;
    a.text(1, batch.name).oid(5, user).instant(6, now());
    if (batch.on_success) a.text(2, *batch.on_success);
    if (batch.on_complete) a.text(3, *batch.on_complete);
    if (batch.on_discard) a.text(4, *batch.on_discard);
    return g_insert.execute(a)[0].i64(1);
}

void join_batch(int64 batch_id) {
    const Oid user = GetUserId();
    bool all = may_all(Bundle::operate);
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, batch_id);
    const pg::Rows rows = g_join.execute(a);
    if (rows.empty() || !(all || pg::call<&has_privs_of_role>(user, rows[0].oid(2)))) {
        throw pg::Failure(ERRCODE_INVALID_PARAMETER_VALUE, "batch_id " INT64_FORMAT " does not exist",
                          batch_id)
            .hint("Allowed: what foreman.create_batch() returned to this role.");
    }
    if (rows[0].boolean(1)) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "batch " INT64_FORMAT " is finished",
                          batch_id)
            .hint("Enqueue the jobs of a batch in one transaction, or before the first of them can end.");
    }
    remember_awaited({core::EndKind::batch, batch_id});
}

BatchLook look_at_batch(int64 batch_id, bool filled, core::Instant now) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, batch_id);
    const pg::Rows rows = g_lock.execute(a);
    if (rows.empty()) return exists(g_exists, batch_id) ? BatchLook::locked : BatchLook::done;
    const pg::Row r = rows[0];
    if (r.boolean(6)) return BatchLook::done;
    const bool discard_told = r.boolean(5);
    const bool known_as_filled = r.boolean(7);
    const std::string_view name = keep(r, 1);
    const std::string_view on_success = keep(r, 2);
    const std::string_view on_complete = keep(r, 3);
    const std::string_view on_discard = keep(r, 4);
    const Oid maker = r.oid(8);
    pg::Args<2> note;
    note.i64(1, batch_id).instant(2, now);
    const bool finished = !exists(g_unfinished, batch_id);
    const bool discarded = !discard_told && exists(g_discarded, batch_id);
    // Once in a batch's life, for a look after a restart.
    if (!finished && !known_as_filled) g_note_filled.execute(note);
    if (!finished && !discarded) return BatchLook::open;
    const Ends ends = count_ends(batch_id);
    if (discarded) {
        g_note_discard.execute(note);
        enqueue_callback(on_discard, maker, batch_id, name, ends, now);
    }
    if (!finished || (ends.all() == 0 && !filled && !known_as_filled)) return BatchLook::open;
    g_note_finish.execute(note);
    if (ends.completed == ends.all()) enqueue_callback(on_success, maker, batch_id, name, ends, now);
    enqueue_callback(on_complete, maker, batch_id, name, ends, now);
    return BatchLook::done;
}

bool next_open_batch(int64* id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, *id);
    const pg::Rows rows = g_open.execute(a);
    if (rows.empty()) return false;
    *id = rows[0].i64(1);
    return true;
}

}  // namespace foreman::store
