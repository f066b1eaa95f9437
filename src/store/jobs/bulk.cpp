// See bulk.hpp.
#include "store/jobs/bulk.hpp"

#include <algorithm>

#include "board/slots.hpp"
#include "board/unwritten_leases.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "pg/xact.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/requests.hpp"
#include "store/jobs/revive.hpp"

namespace foreman::store {

namespace {

#define MATCHES                                                                              \
    "j.job_id " GT " $1 AND ($2 IS NULL OR j.kind " EQ " $2) AND ($3 IS NULL OR j.queue " EQ \
    " $3) AND ($4 IS NULL OR j.tags OPERATOR(pg_catalog.@>) $4) "

// The states as the view jobs shows them: an executor's job is claimable in its row. Those of $7 are running.
constinit pg::Statement g_live{"bulk_live",
                               "SELECT j.job_id FROM foreman.live_job j WHERE " MATCHES
                               "AND ($5 IS NULL OR j.enqueued_at " LE " $5) AND ($6 IS NULL OR $6 " EQ
                               " foreman._state_name(j.state, j.job_id " EQ " ANY ($7), j.attempt " GT
                               " 0, j.run_at " LE " $8)) ORDER BY j.job_id LIMIT $9",
                               {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTOID,
                                INT8ARRAYOID, TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_still_live{
    "bulk_still_live", "SELECT job_id FROM foreman.live_job WHERE job_id " EQ " ANY ($1)", {INT8ARRAYOID}};

#define FINISHED_MATCHES \
    MATCHES "AND ($5 IS NULL OR j.finished_at " LE " $5) AND ($6 IS NULL OR j.outcome " EQ " $6) "
#define DEAD_MATCHES MATCHES "AND ($5 IS NULL OR j.discarded_at " LE " $5) "

constinit pg::Statement g_delete_history{
    "bulk_delete_history",
    "DELETE FROM foreman.job_history h USING (SELECT j.tableoid AS t, j.ctid AS c FROM foreman.job_history j "
    "WHERE " FINISHED_MATCHES "ORDER BY j.job_id LIMIT $7 FOR UPDATE SKIP LOCKED) v WHERE h.tableoid " EQ
    " v.t AND h.ctid " EQ " v.c RETURNING h.job_id",
    {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, CHAROID, INT8OID}};
constinit pg::Statement g_delete_dead{
    "bulk_delete_dead",
    "DELETE FROM foreman.dead_letter WHERE ctid " EQ
    " ANY (ARRAY (SELECT j.ctid FROM foreman.dead_letter j WHERE " DEAD_MATCHES
    "AND $6 IS NULL ORDER BY j.job_id LIMIT $7 FOR UPDATE SKIP LOCKED)) RETURNING job_id",
    {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, CHAROID, INT8OID}};
constinit pg::Statement g_lock_history{
    "bulk_lock_history",
    "SELECT j.job_id FROM foreman.job_history j WHERE " FINISHED_MATCHES
    "AND j.args IS NOT NULL ORDER BY j.job_id LIMIT $7 FOR UPDATE SKIP LOCKED",
    {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, CHAROID, INT8OID}};
constinit pg::Statement g_lock_dead{
    "bulk_lock_dead",
    "SELECT j.job_id FROM foreman.dead_letter j WHERE " DEAD_MATCHES
    "AND $6 IS NULL ORDER BY j.job_id LIMIT $7 FOR UPDATE SKIP LOCKED",
    {INT8OID, TEXTOID, TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, CHAROID, INT8OID}};

template <int N>
void set_filter(pg::Args<N>* a, const JobFilter& f, int64 after) {
    a->i64(1, after);
    if (f.kind) a->text(2, *f.kind);
    if (f.queue) a->text(3, *f.queue);
    if (f.tags) a->set(4, *f.tags);
    if (f.until) a->instant(5, *f.until);
}

void find_live(const JobFilter& f, int64 after, int64 most, pg::vector<int64>* ids) {
    const AsOwner scope;
    pg::vector<int64> running(ids->get_allocator());
    board::jobs_held_on_board(&running);
    pg::Args<9> a;
    set_filter(&a, f, after);
    if (f.state) a.text(6, *f.state);
    a.set(7, pg::int8_array({running.data(), running.size()})).instant(8, now()).i64(9, most);
    for (const pg::Row row : g_live.execute(a)) ids->push_back(row.i64(1));
}

// What is somebody else's gets a request, unless it has ended meanwhile.
int64 request_rest(const pg::vector<int64>& ids, const pg::vector<Job>& taken, core::RequestAction action) {
    pg::vector<int64> rest(ids.get_allocator());
    for (const int64 id : ids) {
        if (std::none_of(taken.begin(), taken.end(), [id](const Job& j) { return j.job_id == id; }))
            rest.push_back(id);
    }
    if (rest.empty()) return 0;
    pg::vector<int64> held(ids.get_allocator());
    {
        const AsOwner scope;
        pg::Args<1> a;
        a.set(1, pg::int8_array({rest.data(), rest.size()}));
        for (const pg::Row row : g_still_live.execute(a)) held.push_back(row.i64(1));
    }
    Request request{};
    request.action = action;
    for (const int64 id : held) insert_request(id, request);
    return static_cast<int64>(held.size());
}

template <class Taken>
Batch act_on_live(const JobFilter& f, int64 after, int64 most, core::RequestAction action,
                  MemoryContext context, Taken what) {
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    find_live(f, after, most, &ids);
    if (ids.empty()) return {after, 0, false};
    pg::vector<Job> taken(&memory);
    take_waiting_many({ids.data(), ids.size()}, context, &taken);
    what(taken);
    const int64 requested = request_rest(ids, taken, action);
    return {ids.back(), static_cast<int64>(taken.size()) + requested, static_cast<int64>(ids.size()) == most};
}

template <int N>
void set_outcome(pg::Args<N>* a, const JobFilter& f) {
    if (f.state && *f.state != "discarded")
        a->letter(6, *f.state == "completed" ? core::StoredState::completed : core::StoredState::cancelled);
}

}  // namespace

Batch cancel_some(const JobFilter& f, int64 after, int64 most, MemoryContext context) {
    return act_on_live(f, after, most, core::RequestAction::cancel, context, [](const pg::vector<Job>& jobs) {
        cancel_taken({jobs.data(), jobs.size()}, {}, now());
    });
}

Batch delete_live_some(const JobFilter& f, int64 after, int64 most, MemoryContext context) {
    return act_on_live(f, after, most, core::RequestAction::remove, context, [](const pg::vector<Job>& jobs) {
        for (const Job& j : jobs) delete_taken(j);
    });
}

Batch delete_finished_some(const JobFilter& f, Place place, int64 after, int64 most) {
    const AsOwner scope;
    pg::Args<7> a;
    set_filter(&a, f, after);
    if (place == Place::history) set_outcome(&a, f);
    a.i64(7, most);
    const pg::Rows rows = (place == Place::dead ? g_delete_dead : g_delete_history).execute(a);
    Batch b{after, static_cast<int64>(rows.size()), static_cast<int64>(rows.size()) == most};
    for (const pg::Row row : rows) b.last_id = std::max(b.last_id, row.i64(1));
    return b;
}

Batch retry_some(const JobFilter& f, Place place, int64 after, int64 most, MemoryContext context) {
    pg::ContextResource memory(context);
    pg::vector<int64> ids(&memory);
    {
        const AsOwner scope;
        pg::Args<7> a;
        set_filter(&a, f, after);
        if (place == Place::history) set_outcome(&a, f);
        a.i64(7, most);
        for (const pg::Row row : (place == Place::dead ? g_lock_dead : g_lock_history).execute(a))
            ids.push_back(row.i64(1));
    }
    Batch b{after, 0, static_cast<int64>(ids.size()) == most};
    for (const int64 id : ids) b.touched += revive(id, place) ? 1 : 0;
    if (!ids.empty()) b.last_id = ids.back();
    return b;
}

}  // namespace foreman::store
