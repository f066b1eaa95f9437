// Jobs that wait for the end of another one, see blocked.hpp. Their statements name neither the state nor,
// but by an order, a column that a second index begins with: then no statistics can make a plan that walks
// more than it was asked for.
#include <algorithm>

#include "board/parts.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "store/commit/remember.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/jobs/blocked_parts.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/find.hpp"

namespace foreman::store {

namespace {

constexpr int64 kAtOnce = 250;

#define WAITS "l.job_id " EQ " ANY ($1) AND l.blocked_on " EQ " ANY ('{d,s}'::pg_catalog.\"char\"[])"

constinit pg::Statement g_dependants{
    "dependants",
    "SELECT d.job_id, d.policy FROM foreman.job_dependency d WHERE (d.depends_on, d.job_id) " GT
    " ($1, $2) AND d.depends_on " LE " $1 ORDER BY d.depends_on, d.job_id LIMIT $3",
    {INT8OID, INT8OID, INT8OID}};
constinit pg::Statement g_lock{"lock_dependants",
                               "SELECT l.job_id, l.blocked_on FROM foreman.live_job l WHERE " WAITS
                               " FOR NO KEY UPDATE SKIP LOCKED",
                               {INT8ARRAYOID}};
constinit pg::Statement g_waiting{
    "waiting_dependants", "SELECT l.job_id FROM foreman.live_job l WHERE " WAITS, {INT8ARRAYOID}};
constinit pg::Statement g_remove_ended{"remove_ended",
                                       "DELETE FROM foreman.job_dependency WHERE depends_on " EQ
                                       " $1 AND job_id " EQ " ANY ($2)",
                                       {INT8OID, INT8ARRAYOID}};
constinit pg::Statement g_remove_all{
    "remove_dependencies",
    "DELETE FROM foreman.job_dependency WHERE ctid " EQ
    " ANY (ARRAY (SELECT d.ctid FROM foreman.job_dependency d WHERE d.job_id " GE " $1 AND d.job_id " LE
    " $1 ORDER BY d.job_id, d.depends_on))",
    {INT8OID}};
// From the end: jobs mostly end in the order of their ids, and what they left there is not walked again.
constinit pg::Statement g_free{
    "free_dependants",
    "SELECT i.id FROM pg_catalog.unnest($1) i (id) WHERE (SELECT d.depends_on FROM foreman.job_dependency d "
    "WHERE d.job_id " GE " i.id AND d.job_id " LE
    " i.id ORDER BY d.job_id DESC, d.depends_on DESC LIMIT 1) IS NULL",
    {INT8ARRAYOID}};
constinit pg::Statement g_let_go{
    "let_dependants_go",
    "UPDATE foreman.live_job l SET state = 'w', blocked_on = NULL WHERE l.job_id " EQ
    " ANY ($1) AND l.blocked_on " EQ
    " 'd'::pg_catalog.\"char\" RETURNING queue, kind, priority, alone, run_at, job_id",
    {INT8ARRAYOID}};
constinit pg::Statement g_next_dependency{"next_dependency",
                                          "SELECT depends_on FROM foreman.job_dependency WHERE depends_on " GT
                                          " $1 ORDER BY depends_on LIMIT 1",
                                          {INT8OID}};

// A successor takes the key over once nobody holds it.
constinit pg::Statement g_succeed{
    "succeed",
    "UPDATE foreman.live_job n SET unique_as = CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END, "
    "state = 'w', blocked_on = NULL WHERE n.job_id " EQ
    " $1 AND NOT EXISTS (SELECT 1 FROM foreman.live_job h WHERE h.kind " EQ " n.kind AND h.unique_key " EQ
    " n.unique_key AND h.unique_as " EQ " CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END) "
    "RETURNING queue, kind, priority, alone, run_at, job_id",
    {INT8OID}};
constinit pg::Statement g_holder_of{
    "holder_of",
    "SELECT h.job_id FROM foreman.live_job n JOIN foreman.live_job h ON h.kind " EQ
    " n.kind AND h.unique_key " EQ " n.unique_key AND h.unique_as " EQ " CASE WHEN n.unique_as " EQ
    " 'n'::pg_catalog.\"char\" THEN 'u'::pg_catalog.\"char\" ELSE 't'::pg_catalog.\"char\" END "
    "WHERE n.job_id " EQ " $1",
    {INT8OID}};
constinit pg::Statement g_wait_for{
    "wait_for_holder",
    "INSERT INTO foreman.job_dependency (depends_on, job_id, policy) VALUES ($1, $2, 'r') ON CONFLICT DO "
    "NOTHING",
    {INT8OID, INT8OID}};

using Ids = pg::vector<int64>;

pg::Rows by_ids(pg::Statement& statement, const Ids& ids) {
    pg::Args<1> a;
    a.set(1, pg::int8_array({ids.data(), ids.size()}));
    return statement.execute(a);
}

void remove_dependencies(int64 job_id) {
    pg::Args<1> a;
    a.i64(1, job_id);
    g_remove_all.execute(a);
}

// The successor of a job that ended; somebody else may have taken the key first.
void let_succeed(int64 job_id, BlockedPass* pass) {
    pg::Args<1> a;
    a.i64(1, job_id);
    const pg::Rows rows = g_succeed.execute(a);
    if (!rows.empty()) {
        pass->released += remember_released(rows);
        return;
    }
    const pg::Rows holder = g_holder_of.execute(a);
    if (holder.empty()) return;
    const int64 holder_id = holder[0].i64(1);
    pg::Args<2> w;
    w.i64(1, holder_id).i64(2, job_id);
    g_wait_for.execute(w);
    remember_awaited({core::EndKind::job, holder_id});
}

void cancel(const Ids& ids, int64 ended, MemoryContext context, core::Instant now, BlockedPass* pass) {
    pg::ContextResource memory(context);
    pg::vector<Job> jobs(&memory);
    take_waiting_many({ids.data(), ids.size()}, context, &jobs);
    char reason[80];
    std::snprintf(reason, sizeof(reason), "job " INT64_FORMAT " did not complete", ended);
    cancel_taken({jobs.data(), jobs.size()}, reason, now);
    for (const Job& j : jobs) remove_dependencies(j.job_id);
    pass->released += static_cast<int64>(jobs.size());
}

// Of jobs that this transaction has locked; `successors` are some of them, in the order of their ids.
void let_go(const Ids& ids, const Ids& successors, MemoryContext context, BlockedPass* pass) {
    pg::ContextResource memory(context);
    Ids dependants(&memory);
    for (const pg::Row r : by_ids(g_free, ids)) {
        const int64 id = r.i64(1);
        if (std::binary_search(successors.begin(), successors.end(), id)) {
            let_succeed(id, pass);
        } else {
            dependants.push_back(id);
        }
    }
    if (!dependants.empty()) pass->released += remember_released(by_ids(g_let_go, dependants));
}

}  // namespace

bool look_at_dependants(EndWalk* walk, MemoryContext context, core::Instant now, BlockedPass* pass) {
    const Found found = find_job(walk->id);
    if (found.place == Place::live) return false;
    const bool completed = found.place == Place::history && found.state == core::StoredState::completed;
    pg::ContextResource memory(context);
    Ids all(&memory);
    Ids to_cancel(&memory);  // those that wait for its success
    {
        pg::Args<3> a;
        a.i64(1, walk->id).i64(2, walk->after).i64(3, kAtOnce);
        for (const pg::Row r : g_dependants.execute(a)) {
            all.push_back(r.i64(1));
            if (!completed && r.letter_of<core::OnDependency>(2) == core::OnDependency::cancel)
                to_cancel.push_back(r.i64(1));
        }
    }
    if (!all.empty()) {
        Ids locked(&memory);
        Ids successors(&memory);
        for (const pg::Row r : by_ids(g_lock, all)) {
            locked.push_back(r.i64(1));
            if (r.letter_of<core::BlockedOn>(2) == core::BlockedOn::successor) successors.push_back(r.i64(1));
        }
        std::sort(locked.begin(), locked.end());
        std::sort(successors.begin(), successors.end());
        const auto without = [&memory](const Ids& from, const Ids& what) {
            Ids rest(&memory);
            std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::back_inserter(rest));
            return rest;
        };
        Ids gone = without(all, locked);
        if (!gone.empty()) {
            Ids waiting(&memory);
            for (const pg::Row r : by_ids(g_waiting, gone)) waiting.push_back(r.i64(1));
            std::sort(waiting.begin(), waiting.end());
            if (!waiting.empty()) walk->locked = true;  // somebody has them
            // The others are gone, or were cancelled and retried since, and wait for nobody.
            for (const int64 id : without(gone, waiting)) remove_dependencies(id);
            to_cancel = without(to_cancel, gone);
        }
        if (!locked.empty()) {
            pg::Args<2> a;
            a.i64(1, walk->id).set(2, pg::int8_array({locked.data(), locked.size()}));
            g_remove_ended.execute(a);
            if (!to_cancel.empty()) cancel(to_cancel, walk->id, context, now, pass);
            const Ids rest = without(locked, to_cancel);
            if (!rest.empty()) let_go(rest, successors, context, pass);
        }
    }
    if (static_cast<int64>(all.size()) == kAtOnce) {
        walk->after = all.back();
        return true;
    }
    if (walk->locked) {
        pass->locked = true;
    } else if (board::board_present()) {
        board::forget_end(MyDatabaseId, {core::EndKind::job, walk->id});
    }
    return false;
}

bool next_awaited(int64* id) {
    pg::Args<1> a;
    a.i64(1, *id);
    const pg::Rows rows = g_next_dependency.execute(a);
    if (rows.empty()) return false;
    *id = rows[0].i64(1);
    return true;
}

}  // namespace foreman::store
