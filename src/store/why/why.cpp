// Reads the job that is asked for, tells what its row says, and asks the rest. The order of the reasons: what the job is, then what stands in its way, from what is its own to
// what it shares with others.
#include "store/why/why.hpp"

#include <algorithm>

#include "board/leases.hpp"
#include "board/settings.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/access.hpp"
#include "store/why/question.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_job{
    "why_job",
    "SELECT 'l'::pg_catalog.\"char\", state, attempt, queue, kind, run_at, NULL::pg_catalog.text, "
    "blocked_on, COALESCE(concurrency_key, ''), COALESCE(sequence_key, ''), "
    "COALESCE(unique_key, ''), COALESCE(worker_pid, 0), worker, claimed_at, xmax, priority, alone, "
    "claimed_at OPERATOR(pg_catalog.+) (lease_us "
    "OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval), interruptions FROM foreman.live_job WHERE "
    "job_id " EQ
    " $1 UNION ALL SELECT 'h', outcome, attempt, queue, kind, finished_at, reason, NULL, '', '', '', 0, "
    "NULL, "
    "NULL, '0', 0, 0, NULL, 0 FROM foreman.job_history WHERE job_id " EQ
    " $1 UNION ALL SELECT 'd', 'd', attempt, queue, kind, discarded_at, reason, NULL, '', '', '', 0, NULL, "
    "NULL, '0', 0, 0, NULL, 0 FROM foreman.dead_letter WHERE job_id " EQ " $1 LIMIT 1",
    {INT8OID}};

// Whose transaction this is; a prepared one has no pid.
constinit pg::Statement g_transaction{
    "why_transaction",
    "SELECT COALESCE(l.pid, 0), pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object('pid', l.pid, "
    "'role', a.usename, 'since', a.xact_start)) FROM pg_catalog.pg_locks l LEFT JOIN "
    "pg_catalog.pg_stat_activity a ON a.pid " EQ " l.pid WHERE l.locktype " EQ
    " 'transactionid' AND l.transactionid " EQ " $1 AND l.granted AND l.mode " EQ " 'ExclusiveLock' LIMIT 1",
    {XIDOID}};

constinit pg::Statement g_blockers{
    "why_blockers",
    "SELECT pg_catalog.jsonb_build_object('worker_pid', $1, 'blocked_by', "
    "pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('pid', b.pid, 'role', a.usename) ORDER BY b.pid)) "
    "FROM (SELECT DISTINCT u.pid FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS u(pid)) b LEFT "
    "JOIN pg_catalog.pg_stat_activity a ON a.pid " EQ " b.pid HAVING pg_catalog.count(*) " GT " 0",
    {INT4OID}};

std::string_view keep(const pg::Row& row, int column, MemoryContext context) {
    if (row.is_null(column)) return {};
    const std::string_view text = row.view(column);
    return {pg::copy_text(text, context), text.size()};
}

}  // namespace

Datum Question::keep_value(const pg::Row& row, int column) const {
    return pg::copy_varlena(row.datum(column), context());
}

bool Question::read(int64 job_id) {
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_job.execute(a, true);
    if (rows.empty()) return false;
    const pg::Row r = rows[0];
    job_.id = job_id;
    job_.place = r.letter_of<Place>(1);
    job_.state = r.letter_of<core::StoredState>(2);
    job_.attempt = r.i16(3);
    job_.queue = keep(r, 4, context());
    job_.kind = keep(r, 5, context());
    job_.run_at = r.instant(6);
    job_.reason = keep(r, 7, context());
    if (!r.is_null(8)) job_.blocked_on = r.letter_of<core::BlockedOn>(8);
    job_.concurrency_key = keep(r, 9, context());
    job_.sequence_key = keep(r, 10, context());
    job_.unique_key = keep(r, 11, context());
    job_.worker_pid = r.i32(12);
    job_.worker = keep(r, 13, context());
    if (!r.is_null(14)) job_.claimed_at = r.instant(14);
    job_.xmax = DatumGetTransactionId(r.datum(15));
    job_.priority = r.i16(16);
    job_.alone = r.i16(17);
    if (!r.is_null(18)) job_.leased_until = r.instant(18);
    job_.interruptions = r.i16(19);
    board::UnwrittenLease lease;
    if (job_.state == core::StoredState::claimable && board::read_unwritten(job_id, &lease)) {
        const std::string_view worker = lease.worker_name();
        job_.state = core::StoredState::running;
        job_.worker = {pg::copy_text(worker, context()), worker.size()};
        job_.claimed_at = lease.claimed_at;
        job_.leased_until = lease.until;
    }
    return true;
}

void Question::read_executors() {
    if (!board::board_present()) return;
    for (int i = 0; i < board::kMaxSlots; i++) {
        board::SlotReading s;
        if (!board::read_slot(i, &s) || s.state == board::SlotState::dead) continue;
        if (s.state == board::SlotState::busy) busy_++;
        if (s.database == MyDatabaseId) executors_.push_back(s);
    }
}

void Question::add_end() {
    Detail d(context());
    d.text("state", core::state_name(job_.state, false, true));
    d.number("attempt", job_.attempt);
    if (!job_.reason.empty() && may_see_args(job_.queue)) d.text("reason", job_.reason);
    out_.push_back({"finished", d.done(), std::nullopt});
}

const board::SlotReading* Question::runs_in() const {
    const auto runs = std::find_if(executors_.begin(), executors_.end(),
                                   [this](const board::SlotReading& s) { return s.job_id == job_.id; });
    return runs == executors_.end() ? nullptr : &*runs;
}

// By an executor or by a worker outside; and whether the handler waits for a lock.
void Question::add_running(int32 pid, std::optional<core::Instant> since) {
    Detail d(context());
    std::optional<core::Instant> until;
    d.number("attempt", job_.attempt + 1);
    if (pid != 0) d.number("worker_pid", pid);
    if (since) d.number("seconds", (now_ - *since).us / USECS_PER_SEC);
    if (!job_.worker.empty()) {
        d.text("worker_id", job_.worker);
        until = job_.leased_until;
        board::LeaseReading lease;
        if (board::board_present() && board::read_lease(MyDatabaseId, job_.id, &lease)) until = lease.until;
    }
    add("running", d, until);
    if (pid == 0) return;
    const AsOwner scope;
    pg::Args<1> a;
    a.i32(1, pid);
    const pg::Rows rows = g_blockers.execute(a, true);
    if (rows.empty()) return;
    out_.push_back({"waiting_for_lock", keep_value(rows[0], 1), std::nullopt});
}

// Its row is in somebody's transaction: of an executor that runs others of its group first, or of a user.
bool Question::check_holder() {
    if (!TransactionIdIsNormal(job_.xmax) || TransactionIdIsCurrentTransactionId(job_.xmax)) return false;
    const AsOwner scope;
    pg::Args<1> a;
    a.set(1, TransactionIdGetDatum(job_.xmax));
    const pg::Rows rows = g_transaction.execute(a, true);
    if (rows.empty()) return false;
    const int32 pid = rows[0].i32(1);
    for (const board::SlotReading& s : executors_) {
        if (s.pid != pid) continue;
        Detail d(context());
        d.number("worker_pid", pid);
        if (s.job_id != 0) d.number("behind", s.job_id);
        add("claimed", d);
        return true;
    }
    out_.push_back({"locked", keep_value(rows[0], 2), std::nullopt});
    return false;
}

// It begins anew each time, and may do so for ever.
void Question::check_interruptions() {
    if (job_.interruptions == 0) return;
    Detail d(context());
    add("interrupted",
        d.number("times", job_.interruptions).number("max_interruptions", settings::max_interruptions));
}

void Question::check_run_at() {
    if (job_.run_at <= now_) return;
    Detail d(context());
    d.number("attempt", job_.attempt);
    add("due_later", d, job_.run_at);
}

void Question::answer(int64 job_id) {
    const pg::LatestSnapshot fresh;
    if (!read(job_id) || !may_see(job_.queue)) {
        Detail d(context());
        return add("not_found", d.number("job_id", job_id));
    }
    if (job_.place != Place::live) return add_end();
    check_interruptions();
    read_executors();
    if (const board::SlotReading* s = runs_in()) return add_running(s->pid, s->started_at);
    if (job_.state == core::StoredState::running) return add_running(job_.worker_pid, job_.claimed_at);
    if (check_holder()) return;
    check_run_at();
    check_awaited_ends();
    check_key();
    check_sequence();
    check_queue();
    check_room();
    check_handler();
}

void reasons_of(int64 job_id, core::Instant now, pg::vector<Reason>* out) {
    Question(now, out).answer(job_id);
}

}  // namespace foreman::store
