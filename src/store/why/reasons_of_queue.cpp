// What a job shares with other jobs and is in its way: limits of its queue, its keys, its sequence, and the
// ends of jobs that it waits for. See question.hpp.
#include <algorithm>

#include "board/queue_limits.hpp"
#include "board/unwritten_leases.hpp"
#include "board/waits.hpp"
#include "pg/datum.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/jobs.hpp"
#include "store/why/question.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_key_holders{
    "why_key",
    "SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND concurrency_key " EQ " $2 AND (state " EQ
    " 'r'::pg_catalog.\"char\" OR job_id " EQ " ANY ($3)) ORDER BY job_id LIMIT 100",
    {TEXTOID, TEXTOID, INT8ARRAYOID}};

constinit pg::Statement g_queue_holders{
    "why_queue_holders",
    "SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND state " EQ
    " 'r'::pg_catalog.\"char\" UNION SELECT job_id FROM foreman.live_job WHERE queue " EQ " $1 AND job_id " EQ
    " ANY ($2) ORDER BY job_id LIMIT 100",
    {TEXTOID, INT8ARRAYOID}};

constinit pg::Statement g_dependencies{"why_dependencies",
                                       "SELECT depends_on FROM foreman.job_dependency WHERE job_id " EQ
                                       " $1 ORDER BY depends_on LIMIT 100",
                                       {INT8OID}};

constinit pg::Statement g_state{"why_state",
                                "SELECT state, attempt " GT " 0, run_at " LE
                                " $2 FROM foreman.live_job WHERE job_id " EQ " $1",
                                {INT8OID, TIMESTAMPTZOID}};

}  // namespace

// What of the queue runs: leased, or named by an executor.
void Question::list_holders(pg::vector<int64>* holders) {
    const AsOwner scope;
    pg::vector<int64> busy(&memory_);
    board::jobs_held_on_board(&busy);
    pg::Args<2> a;
    a.text(1, job_.queue).set(2, pg::int8_array({busy.data(), busy.size()}));
    for (const pg::Row r : g_queue_holders.execute(a, true)) holders->push_back(r.i64(1));
}

void Question::check_queue_limits() {
    const board::QueueUse use = board::read_queue_use(board::queue_entry_of(job_.queue));
    if (use.max_running > 0 && use.running >= use.max_running) {
        pg::vector<int64> holders(&memory_);
        list_holders(&holders);
        Detail d(context());
        d.text("queue", job_.queue).number("max_running", use.max_running);
        add("limit_full", d.numbers("held_by", {holders.data(), holders.size()}));
    }
    if (use.rate_limit > 0 && use.rate_opens > now_) {
        Detail d(context());
        add("rate_limited", d.text("queue", job_.queue).number("rate_limit", use.rate_limit), use.rate_opens);
    }
}

void Question::check_queue() {
    if (find_queue(job_.queue).paused) {
        Detail d(context());
        add("paused", d.text("queue", job_.queue));
    }
    if (!board::board_present()) return;
    const core::Cooling cooling = board::read_cooling(MyDatabaseId, job_.queue);
    if (cooling.until > now_) {
        Detail d(context());
        add("cooling_down", d.text("queue", job_.queue).number("windows", cooling.windows), cooling.until);
    }
    check_queue_limits();
}

void Question::check_key() {
    if (job_.concurrency_key.empty()) return;
    const int limit = find_queue(job_.queue).max_running_per_key;
    const board::KeyName name{core::BlockedOn::key, job_.queue, job_.concurrency_key};
    const bool parked = job_.state == core::StoredState::blocked && job_.blocked_on == core::BlockedOn::key;
    if (!parked && (!board::board_present() || board::key_running(MyDatabaseId, name) < limit)) return;
    const AsOwner scope;
    pg::vector<int64> busy(&memory_);
    for (const board::SlotReading& s : executors_) busy.push_back(s.job_id);
    pg::Args<3> a;
    a.text(1, job_.queue).text(2, job_.concurrency_key).set(3, pg::int8_array({busy.data(), busy.size()}));
    pg::vector<int64> holders(&memory_);
    for (const pg::Row r : g_key_holders.execute(a, true)) holders.push_back(r.i64(1));
    Detail d(context());
    d.text("concurrency_key", job_.concurrency_key).number("max_running_per_key", limit);
    add("key_busy", d.numbers("held_by", {holders.data(), holders.size()}));
}

void Question::check_sequence() {
    if (job_.sequence_key.empty()) return;
    const AsOwner scope;
    pg::vector<int64> ids(&memory_);
    sequence_order(job_.queue, job_.sequence_key, find_queue(job_.queue).skip_later, SequencePart::all, now_,
                   1, &ids);
    if (ids.empty() || ids[0] >= job_.id) return;
    Detail d(context());
    d.text("sequence_key", job_.sequence_key).number("head", ids[0]);
    pg::Args<2> a;
    a.i64(1, ids[0]).instant(2, now_);
    const pg::Rows rows = g_state.execute(a, true);
    if (!rows.empty()) {
        const bool runs = std::any_of(executors_.begin(), executors_.end(),
                                      [&](const board::SlotReading& s) { return s.job_id == ids[0]; });
        d.text("head_state", runs ? "running"
                                  : core::state_name(rows[0].letter_of<core::StoredState>(1),
                                                     rows[0].boolean(2), rows[0].boolean(3)));
    }
    add("sequence", d);
}

// Other jobs: dependencies, or the one whose unique key it takes over.
void Question::check_awaited_ends() {
    if (job_.state != core::StoredState::blocked) return;
    const bool successor = job_.blocked_on == core::BlockedOn::successor;
    if (!successor && job_.blocked_on != core::BlockedOn::dependency) return;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, job_.id);
    pg::vector<int64> others(&memory_);
    for (const pg::Row r : g_dependencies.execute(a, true)) others.push_back(r.i64(1));
    Detail d(context());
    if (successor) d.text("unique_key", job_.unique_key);
    add(successor ? "unique_key" : "dependencies", d.numbers("jobs", {others.data(), others.size()}));
}

}  // namespace foreman::store
