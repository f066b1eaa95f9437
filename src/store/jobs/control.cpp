// See control.hpp.
#include "store/jobs/control.hpp"

#include <algorithm>
#include <iterator>

#include "board/debug_points.hpp"
#include "board/leases.hpp"
#include "board/parts.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/jobs/ended.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

namespace {

#define WAITING_ROW                                                                                          \
    "ctid " EQ " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ " $1 AND w.state " NE \
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED))"

constinit pg::Statement g_find{
    "find_job",
    "SELECT 'l'::pg_catalog.\"char\", state, queue FROM foreman.live_job WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'h'::pg_catalog.\"char\", outcome, queue FROM foreman.job_history WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'd'::pg_catalog.\"char\", 'd'::pg_catalog.\"char\", queue FROM foreman.dead_letter "
    "WHERE job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

constinit pg::Statement g_take{
    "take_waiting", "DELETE FROM foreman.live_job WHERE " WAITING_ROW " RETURNING " JOB_COLUMNS, {INT8OID}};

constinit pg::Statement g_take_many{
    "take_waiting_many",
    "DELETE FROM foreman.live_job WHERE ctid " EQ
    " ANY (ARRAY (SELECT w.ctid FROM foreman.live_job w WHERE w.job_id " EQ " ANY ($1) AND w.state " NE
    " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED)) RETURNING " JOB_COLUMNS,
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

constinit pg::Statement g_insert_request{
    "insert_request",
    "INSERT INTO foreman.job_request (job_id, action, reason, run_at, priority, requested_at) VALUES ($1, "
    "$2, $3, $4, $5, $6)",
    {INT8OID, CHAROID, TEXTOID, TIMESTAMPTZOID, INT2OID, TIMESTAMPTZOID}};

constinit pg::Statement g_take_requests{"take_requests",
                                        "WITH r AS (DELETE FROM foreman.job_request WHERE job_id " EQ
                                        " $1 RETURNING request_id, action, reason, run_at, priority) "
                                        "SELECT action, reason, run_at, priority FROM r ORDER BY action " EQ
                                        " 'r'::pg_catalog.\"char\", action " EQ
                                        " ANY ('{c,n}'::pg_catalog.\"char\"[]), request_id DESC LIMIT 1",
                                        {INT8OID}};

constinit pg::Statement g_stop_request{"stop_request",
                                       "SELECT 1 FROM foreman.job_request WHERE job_id " EQ
                                       " $1 AND action " EQ " ANY ('{c,d}'::pg_catalog.\"char\"[]) LIMIT 1",
                                       {INT8OID}};

constinit pg::Statement g_request_jobs{"request_jobs",
                                       "SELECT DISTINCT job_id FROM foreman.job_request WHERE job_id " GT
                                       " $1 ORDER BY job_id LIMIT 100",
                                       {INT8OID}};

// Of a job that somebody holds, however often something is asked of it: the latest of each action counts.
constinit pg::Statement g_thin_out{
    "thin_requests",
    "DELETE FROM foreman.job_request WHERE ctid " EQ
    " ANY (ARRAY (SELECT r.ctid FROM foreman.job_request r WHERE r.job_id " EQ " $1 AND r.request_id " LT
    " (SELECT n.request_id FROM foreman.job_request n WHERE n.job_id " EQ " $1 AND n.action " EQ
    " r.action ORDER BY n.request_id DESC LIMIT 1) LIMIT 10000 FOR UPDATE SKIP LOCKED))",
    {INT8OID}};

// Inserted first, and deleted only where that went through: a unique key may be held by a newer job.
#define REVIVE(from, columns, condition)                                                                    \
    "WITH i AS (INSERT INTO foreman.live_job (job_id, run_at, enqueued_at, priority, attempt, "             \
    "max_attempts, "                                                                                        \
    "alone, queue, kind, args, tags, metadata, errors, batch_id, unique_key, unique_as, concurrency_key, "  \
    "sequence_key, timeout_us) SELECT job_id, $2, enqueued_at, priority, 0, max_attempts, "                 \
    "CASE WHEN unique_key IS NULL AND concurrency_key IS NULL AND sequence_key IS NULL THEN 0 ELSE 2 END, " \
    "queue, kind, args, tags, metadata, errors, batch_id, unique_key, "                                     \
    "CASE WHEN unique_as " EQ " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" WHEN unique_as " EQ  \
    " 's'::pg_catalog.\"char\" THEN 't'::pg_catalog.\"char\" ELSE unique_as END, concurrency_key, "         \
    "sequence_key, " columns " FROM " from " WHERE job_id " EQ " $1" condition                              \
    " ON CONFLICT DO NOTHING RETURNING job_id, queue, kind, priority, alone) "                              \
    "DELETE FROM " from " d USING i WHERE d.job_id " EQ                                                     \
    " i.job_id RETURNING i.queue, i.kind, i.priority, i.alone"

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
    " $1 RETURNING *) INSERT INTO foreman.job_history (job_id, finished_at, run_at, enqueued_at, started_at, "
    "priority, attempt, max_attempts, outcome, queue, kind, args, reason, tags, metadata, errors, "
    "worker_pid, "
    "batch_id, unique_key, unique_as, concurrency_key, sequence_key) SELECT job_id, $2, run_at, enqueued_at, "
    "started_at, priority, attempt, max_attempts, 'x', queue, kind, args, $3, tags, metadata, errors, "
    "worker_pid, batch_id, unique_key, unique_as, concurrency_key, sequence_key FROM d",
    {INT8OID, TIMESTAMPTZOID, TEXTOID}};

constinit pg::Statement g_lock_waiting{"lock_waiting",
                                       "SELECT 1 FROM foreman.live_job w WHERE w.job_id " EQ
                                       " $1 AND w.state " NE
                                       " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED",
                                       {INT8OID}};

constinit pg::Statement g_delete_history{
    "delete_history", "DELETE FROM foreman.job_history WHERE job_id " EQ " $1", {INT8OID}};
constinit pg::Statement g_delete_dead{
    "delete_dead", "DELETE FROM foreman.dead_letter WHERE job_id " EQ " $1", {INT8OID}};

constinit pg::Statement g_answer{
    "answer",
    "SELECT state, attempt " GT " 0, run_at, NULL::pg_catalog.jsonb FROM foreman.live_job WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT outcome, false, finished_at, result FROM foreman.job_history WHERE job_id " EQ
    " $1 "
    "UNION ALL SELECT 'd'::pg_catalog.\"char\", false, discarded_at, NULL FROM foreman.dead_letter WHERE "
    "job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

constinit pg::Statement g_expired{
    "expired",
    "WITH c AS MATERIALIZED (SELECT ctid FROM foreman.live_job WHERE expires_at " LE " $1 AND state " NE
    " 'r'::pg_catalog.\"char\" ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) "
    "DELETE FROM foreman.live_job WHERE ctid " EQ
    " ANY (ARRAY (SELECT ctid FROM c)) "
    "RETURNING " JOB_COLUMNS,
    {TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_next_expiry{
    "next_expiry",
    "SELECT expires_at FROM foreman.live_job WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1"};

// The last transaction of this process that asked for something: the board hears of that at its commit.
constinit TransactionId g_requested_in = InvalidTransactionId;

bool lacks_args(int64 job_id) {
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_lacks_args.execute(a).empty();
}

// A retry that a newer job with the same unique key has made pointless: it ends as cancelled, and says so.
bool supersede(int64 job_id, Instant at) {
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

// One job's requests; false: somebody holds the job, they stay.
bool apply_to(int64 job_id, MemoryContext context) {
    const Found found = find_job(job_id);
    if (found.place != Place::live) {
        take_request(job_id, context);
        return true;
    }
    debug_point(DebugPoint::inside_requests);
    pg::Args<1> a;
    a.i64(1, job_id);
    if (g_lock_waiting.execute(a).empty()) return false;
    const Request r = take_request(job_id, context);
    if (r.action == RequestAction::none) return true;  // applied meanwhile by whoever held the job
    if (r.action == RequestAction::reschedule) {
        move_waiting(job_id, r.run_at, r.priority, InvalidOid);
        return true;
    }
    Job job{};
    if (!take_waiting(job_id, context, &job)) return true;
    if (r.action == RequestAction::remove) {
        delete_taken(job);
    } else {
        cancel_taken(job, r.reason, now());
    }
    return true;
}

}  // namespace

void cancel_taken(const Job& job, std::string_view reason, Instant at) {
    const Ended e{&job, core::Next::cancel, job.attempt, std::nullopt, at, std::nullopt, reason, job.errors};
    record_ended({&e, 1});
}

void cancel_taken(std::span<const Job> jobs, std::string_view reason, Instant at) {
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
    QueueDelta d;
    d.live = -1;
    remember_counts(job.queue, d);
    remember_end_of(job);
    const Ended e{&job, core::Next::cancel, job.attempt, std::nullopt, now(), std::nullopt, {}, std::nullopt};
    tell_observers({&e, 1});
}

Found find_job(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_find.execute(a);
    Found f{};
    if (rows.empty()) return f;
    const char place = rows[0].letter(1);
    f.place = place == 'l' ? Place::live : place == 'h' ? Place::history : Place::dead;
    f.state = rows[0].letter(2);
    set_name(&f.queue, rows[0].view(3));
    return f;
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

// Who reschedules or retries a job stands for it as if he had enqueued it.
static void set_unvouched(int64 job_id, int16 bit) {
    pg::Args<2> a;
    a.i64(1, job_id).i16(2, bit);
    remember_moved(g_set_unvouched.execute(a)[0]);
}

bool move_waiting(int64 job_id, std::optional<Instant> run_at, std::optional<int16> priority, Oid user) {
    if (is_held_here(job_id)) return false;
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, job_id);
    if (run_at) a.instant(2, *run_at);
    if (priority) a.i16(3, *priority);
    const pg::Rows rows = g_move.execute(a);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    if (is_unvouched(r.i16(4)) && vouches(user, r.view(2), r.view(1)))
        set_unvouched(job_id, 0);
    else
        remember_moved(r);
    return true;
}

void insert_request(int64 job_id, const Request& request) {
    const AsOwner scope;
    pg::Args<6> a;
    a.i64(1, job_id).letter(2, static_cast<char>(request.action));
    if (!request.reason.empty()) a.text(3, request.reason);
    if (request.run_at) a.instant(4, *request.run_at);
    if (request.priority) a.i16(5, *request.priority);
    a.instant(6, now());
    g_insert_request.execute(a);
    remember_request(job_id,
                     request.action == RequestAction::cancel || request.action == RequestAction::remove);
    g_requested_in = pg::call<&GetTopTransactionId>();
}

Request take_request(int64 job_id, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_take_requests.execute(a);
    Request r{};
    if (rows.empty()) return r;
    r.action = static_cast<RequestAction>(rows[0].letter(1));
    // This is when it would run again.
    if (r.action == RequestAction::cancel_at_end) r.action = RequestAction::cancel;
    if (!rows[0].is_null(2)) {
        const std::string_view reason = rows[0].view(2);
        r.reason = {pg::copy_text(reason, context), reason.size()};
    }
    if (!rows[0].is_null(3)) r.run_at = rows[0].instant(3);
    if (!rows[0].is_null(4)) r.priority = rows[0].i16(4);
    return r;
}

bool has_stop_request(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    return !g_stop_request.execute(a).empty();
}

bool revive(int64 job_id, Place place) {
    const Oid user = GetUserId();
    const AsOwner scope;
    const Instant at = now();
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
        set_unvouched(job_id, kUnvouched);
    QueueDelta d;
    d.live = 1;
    remember_counts(r.view(1), d);
    return true;
}

bool delete_finished(int64 job_id, Place place) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    return (place == Place::dead ? g_delete_dead : g_delete_history).execute(a).processed() > 0;
}

std::optional<Answer> read_answer(int64 job_id, Instant at, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_answer.execute(a);
    if (rows.empty()) return std::nullopt;
    const pg::Row r = rows[0];
    const auto state = static_cast<core::StoredState>(r.letter(1));
    Answer answer{core::state_name(state, r.boolean(2), r.instant(3) <= at), core::is_terminal(state),
                  std::nullopt};
    if (!r.is_null(4)) {
        const Datum value = r.datum(4);
        answer.result = pg::guarded([&] {
            const MemoryContext old = MemoryContextSwitchTo(context);
            const Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
            MemoryContextSwitchTo(old);
            return copy;
        });
    }
    return answer;
}

bool requests_open() noexcept {
    DatabaseSlot* d = database_slot(MyDatabaseId);
    return d == nullptr || pg_atomic_read_u32(&d->requests_open) != 0 ||
           (TransactionIdIsValid(g_requested_in) && g_requested_in == GetTopTransactionIdIfAny());
}

RequestPass apply_requests(int64 after, core::Micros most, bool interrupt) {
    const AsOwner scope;
    const Instant end = pg::steady_now() + most;
    pg::Context context("foreman requests", CurrentMemoryContext);
    pg::ContextResource memory(context);
    RequestPass pass{0, 0, after, true};
    while (pass.more && pg::steady_now() < end) {
        pg::vector<int64> ids(&memory);
        pg::Args<1> a;
        a.i64(1, pass.after);
        for (const pg::Row row : g_request_jobs.execute(a)) ids.push_back(row.i64(1));
        pass.more = !ids.empty();
        for (const int64 id : ids) {
            if (pg::steady_now() >= end) break;
            pass.after = id;
            if (apply_to(id, context.get())) {
                pass.applied++;
                continue;
            }
            // Asked for while its claim was about to commit: the board did not know the lease yet.
            if (has_stop_request(id) && !(interrupt && interrupt_job(MyDatabaseId, id)))
                mark_lease_cancelled(MyDatabaseId, id);
            pg::Args<1> one;
            one.i64(1, id);
            g_thin_out.execute(one);
            pass.left++;
        }
    }
    return pass;
}

int64 expire_jobs(Instant at, int max, Instant* next) {
    const AsOwner scope;
    pg::Context context("foreman expiry", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<Job> jobs(&memory);
    {
        pg::Args<2> a;
        a.instant(1, at).i64(2, max);
        for (const pg::Row row : g_expired.execute(a)) {
            Job j{};
            copy_job(row, context.get(), &j);
            jobs.push_back(j);
        }
    }
    if (!jobs.empty()) cancel_taken({jobs.data(), jobs.size()}, "expired", at);
    const pg::Rows rest = g_next_expiry.execute();
    *next = rest.empty() ? core::kPlusInfinity : rest[0].instant(1);
    return static_cast<int64>(jobs.size());
}

}  // namespace foreman::store
