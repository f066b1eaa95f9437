// See timers.hpp.
#include "store/jobs/timers.hpp"

#include "board/my_slot.hpp"
#include "board/parts.hpp"
#include "board/unsettled.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/xact.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/current_job.hpp"
#include "store/jobs/job_columns.hpp"
#include "store/jobs/requests.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_find{"find_timers",
                               "SELECT job_id, state, xmax, queue FROM foreman.live_job WHERE kind " EQ
                               " $1 AND unique_key " EQ " $2 AND " IS_TIMER " ORDER BY unique_as LIMIT 2",
                               {TEXTOID, TEXTOID}};

constinit pg::Statement g_lock{"lock_timer",
                               "SELECT queue FROM foreman.live_job WHERE job_id " EQ " $1 AND state " NE
                               " 'r'::pg_catalog.\"char\" AND " IS_TIMER " FOR UPDATE SKIP LOCKED",
                               {INT8OID}};

constinit pg::Statement g_renew{
    "renew_timer",
    "UPDATE foreman.live_job SET run_at = $2, priority = $3, attempt = 0, max_attempts = $4, queue = $5, "
    "args = $6, timeout_us = $7, expires_at = $8, tags = $9, metadata = $10, alone = $11, errors = NULL, "
    "crashes = 0, interruptions = 0 WHERE job_id " EQ " $1 RETURNING state",
    {INT8OID, TIMESTAMPTZOID, INT2OID, INT2OID, TEXTOID, JSONBOID, INT8OID, TIMESTAMPTZOID, TEXTARRAYOID,
     JSONBOID, INT2OID}};

// What was asked for the timer as it was before.
constinit pg::Statement g_forget_requests{
    "forget_requests", "DELETE FROM foreman.job_request WHERE job_id " EQ " $1", {INT8OID}};

// A request that is honoured when the timer would fire again, and interrupts nothing.
void do_not_fire_again(int64 id, std::string_view reason) {
    Request request{};
    request.action = core::RequestAction::cancel_at_end;
    request.reason = reason;
    insert_request(id, request);
}

bool is_firing(const TimerRow& t) {
    return t.state == core::StoredState::running || is_held_here(t.id) ||
           board::is_executor_transaction(t.xmax) || board::is_unsettled(t.id);
}

}  // namespace

int find_timers(std::string_view kind, std::string_view key, TimerRow (&out)[2]) {
    const AsOwner scope;
    const pg::LatestSnapshot fresh;
    pg::Args<2> a;
    a.text(1, kind).text(2, key);
    int n = 0;
    for (const pg::Row r : g_find.execute(a, true)) {
        TimerRow& t = out[n++];
        t = {r.i64(1), r.letter_of<core::StoredState>(2), DatumGetTransactionId(r.datum(3)), {}};
        board::set_name(&t.queue, r.view(4));
    }
    return n;
}

bool cancel_timer(const TimerRow& timer) {
    const AsOwner scope;
    constexpr std::string_view kReason = "timer cancelled";
    Job job{};
    if (take_waiting(timer.id, CurrentMemoryContext, &job)) {
        cancel_taken(job, kReason, now());
        return true;
    }
    if (is_firing(timer)) {
        do_not_fire_again(timer.id, kReason);
        return true;
    }
    pg::wait_for_changer(timer.xmax);
    return false;
}

bool renew_timer(const NewJob& job, int64 id) {
    pg::Args<1> one;
    one.i64(1, id);
    board::BoardName was{};
    {
        const pg::Rows rows = g_lock.execute(one);
        if (rows.empty()) return false;
        board::set_name(&was, rows[0].view(1));
    }
    g_forget_requests.execute(one);
    pg::Args<11> a;
    a.i64(1, id).instant(2, job.run_at).i16(3, job.priority).i16(4, job.max_attempts).text(5, job.queue);
    a.set(6, job.args).i16(11, job.alone());
    if (job.timeout_us) a.i64(7, *job.timeout_us);
    if (job.expires_at) a.instant(8, *job.expires_at);
    if (job.tags) a.set(9, *job.tags);
    if (job.metadata) a.set(10, *job.metadata);
    const auto state = static_cast<core::StoredState>(g_renew.execute(a)[0].letter(1));
    if (state == core::StoredState::claimable)
        remember_work(job.queue, job.kind, job.priority, job.alone(), job.role, {job.run_at.us, id});
    if (job.expires_at) remember_expiry(*job.expires_at);
    const std::string_view old_queue{was.text, was.len};
    if (old_queue != job.queue) {
        board::QueueDelta delta;
        delta.live = -1;
        remember_counts(old_queue, delta);
        delta.live = 1;
        remember_counts(job.queue, delta);
    }
    return true;
}

void outdate_timer(int64 id) {
    // A handler that fails takes the setting of its own timer back with it.
    const CurrentJob& current = current_job();
    if (current.job != nullptr && current.job->job_id == id && current.job->held) return;
    do_not_fire_again(id, "timer set again");
}

}  // namespace foreman::store
