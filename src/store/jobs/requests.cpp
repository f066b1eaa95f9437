// See requests.hpp.
#include "store/jobs/requests.hpp"

#include "board/debug_points.hpp"
#include "board/leases.hpp"
#include "board/parts.hpp"
#include "board/unsettled.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/find.hpp"

namespace foreman::store {

namespace {

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

constinit pg::Statement g_lock_waiting{"lock_waiting",
                                       "SELECT 1 FROM foreman.live_job w WHERE w.job_id " EQ
                                       " $1 AND w.state " NE
                                       " 'r'::pg_catalog.\"char\" FOR UPDATE SKIP LOCKED",
                                       {INT8OID}};

// The last transaction of this process that asked for something: the board hears of that at its commit.
constinit TransactionId g_requested_in = InvalidTransactionId;

// One job's requests; false: somebody holds the job, they stay.
bool apply_to(int64 job_id, MemoryContext context) {
    const Found found = find_job(job_id);
    if (found.place != Place::live) {
        take_request(job_id, context);
        return true;
    }
    board::debug_point(board::DebugPoint::inside_requests);
    pg::Args<1> a;
    a.i64(1, job_id);
    // Before the lock, which would keep it from whoever judges; and after it, as what is leased on the board alone looks as
    // if it waited.
    if (board::is_unsettled(job_id) || g_lock_waiting.execute(a).empty() || board::is_unwritten(job_id) ||
        board::is_unsettled(job_id))
        return false;
    const Request r = take_request(job_id, context);
    if (r.action == core::RequestAction::none) return true;  // applied meanwhile by whoever held the job
    if (r.action == core::RequestAction::reschedule) {
        move_waiting(job_id, r.run_at, r.priority, InvalidOid);
        return true;
    }
    Job job{};
    if (!take_waiting(job_id, context, &job)) return true;
    if (r.action == core::RequestAction::remove) {
        delete_taken(job);
    } else {
        cancel_taken(job, r.reason, now());
    }
    return true;
}

}  // namespace

void insert_request(int64 job_id, const Request& request) {
    const AsOwner scope;
    pg::Args<6> a;
    a.i64(1, job_id).letter(2, request.action);
    if (!request.reason.empty()) a.text(3, request.reason);
    if (request.run_at) a.instant(4, *request.run_at);
    if (request.priority) a.i16(5, *request.priority);
    a.instant(6, now());
    g_insert_request.execute(a);
    remember_request(job_id, request.action == core::RequestAction::cancel ||
                                 request.action == core::RequestAction::remove);
    g_requested_in = pg::call<&GetTopTransactionId>();
}

Request take_request(int64 job_id, MemoryContext context) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_take_requests.execute(a);
    Request r{};
    if (rows.empty()) return r;
    r.action = rows[0].letter_of<core::RequestAction>(1);
    // This is when it would run again.
    if (r.action == core::RequestAction::cancel_at_end) r.action = core::RequestAction::cancel;
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

bool requests_open() noexcept {
    board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
    return d == nullptr || pg_atomic_read_u32(&d->requests_open) != 0 ||
           (TransactionIdIsValid(g_requested_in) && g_requested_in == GetTopTransactionIdIfAny());
}

RequestPass apply_requests(int64 after, core::Micros most, bool interrupt) {
    const AsOwner scope;
    const core::Instant end = pg::steady_now() + most;
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
            if (has_stop_request(id) && !(interrupt && board::interrupt_job(MyDatabaseId, id)))
                board::mark_lease_cancelled(MyDatabaseId, id);
            pg::Args<1> one;
            one.i64(1, id);
            g_thin_out.execute(one);
            pass.left++;
        }
    }
    return pass;
}

}  // namespace foreman::store
