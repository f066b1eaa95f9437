// See cron_records.hpp.
#include "store/schedules/cron_records.hpp"

#include <csignal>

#include "board/parts.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/encoding.hpp"
#include "pg/latch.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/schedules/cron_jobs.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_next{"next_cron_note", "SELECT due_at FROM foreman.cron_note WHERE recorded " NE
                                                 " status ORDER BY due_at LIMIT 1"};

constinit pg::Statement g_due{"due_cron_notes",
                              "SELECT run_id FROM foreman.cron_note WHERE recorded " NE
                              " status AND due_at " LE " $1 ORDER BY due_at, run_id LIMIT $2",
                              {TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_read{
    "cron_note",
    "SELECT jobid, database, username, command, status, return_message, job_pid, start_time, end_time, runid "
    "FROM foreman.cron_note WHERE run_id " EQ " $1",
    {INT8OID}};

constinit pg::Statement g_insert{
    "insert_cron_run",
    "INSERT INTO cron.job_run_details (jobid, database, username, command, status, return_message, job_pid, "
    "start_time, end_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING runid",
    {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_update{
    "update_cron_run",
    "UPDATE cron.job_run_details SET status = $2, return_message = $3, job_pid = $4, start_time = $5, "
    "end_time = $6 WHERE runid " EQ " $1",
    {INT8OID, TEXTOID, TEXTOID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};

constinit pg::Statement g_fire_deferred{"fire_deferred_triggers", "SET CONSTRAINTS ALL IMMEDIATE"};

constinit pg::Statement g_done{"drop_cron_note",
                               "DELETE FROM foreman.cron_note WHERE run_id " EQ " $1 AND status " EQ
                               " $2 AND end_time IS NOT NULL",
                               {INT8OID, TEXTOID}};

constinit pg::Statement g_recorded{
    "mark_cron_note",
    "UPDATE foreman.cron_note SET recorded = $2, runid = $3, tries = 0, error = NULL WHERE run_id " EQ " $1",
    {INT8OID, TEXTOID, INT8OID}};

// Twice as long a pause each time: 1 second, at most 17 minutes.
constinit pg::Statement g_postpone{
    "postpone_cron_note",
    "UPDATE foreman.cron_note SET tries = tries " PLUS " 1, error = $2, due_at = $3 " PLUS
    " pg_catalog.make_interval(secs => pg_catalog.power(2, LEAST(tries, 10))) WHERE run_id " EQ
    " $1 RETURNING tries",
    {INT8OID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_move_on{
    "move_cron_run_ids_on",
    "SELECT pg_catalog.setval('cron.runid_seq', d.most) FROM (SELECT pg_catalog.max(runid) AS most "
    "FROM cron.job_run_details) d, cron.runid_seq s WHERE d.most " GE " s.last_value"};

constinit pg::Statement g_unrecorded{
    "unrecorded_cron_runs",
    "SELECT pg_catalog.count(*), pg_catalog.extract('epoch', $1 " MINUS
    " pg_catalog.min(changed_at))::pg_catalog.int8, pg_catalog.max(error) FROM foreman.cron_note "
    "WHERE recorded " NE " status AND changed_at " LT " ($1 " MINUS " '5 s'::pg_catalog.interval)",
    {TIMESTAMPTZOID}};

constinit pg::Statement g_prune{
    "prune_cron_notes", "DELETE FROM foreman.cron_note WHERE end_time " LT " $1", {TIMESTAMPTZOID}};

constexpr core::Micros kKeep = core::days(7);

// Held until the transaction ends, as the statement's own lock would be.
bool lock_details() {
    return pg::guarded([] {
        const Oid nsp = get_namespace_oid("cron", true);
        const Oid table = OidIsValid(nsp) ? get_relname_relid("job_run_details", nsp) : InvalidOid;
        return OidIsValid(table) && ConditionalLockRelationOid(table, RowExclusiveLock);
    });
}

template <int N>
void copy_columns(const pg::Row& row, std::initializer_list<int> columns, pg::Args<N>* to, int first) {
    for (const int column : columns) {
        if (!row.is_null(column)) to->set(first, row.datum(column));
        first++;
    }
}

// As the table's owner, which this session is; triggers plan their own statements as in any session.
std::optional<int64> write_record(Oid owner, const pg::Row& note) {
    const AsOwner scope(owner);
    scope.allow_any_plan();
    std::optional<int64> runid;
    if (note.is_null(10)) {
        pg::Args<9> a;
        copy_columns(note, {1, 2, 3, 4, 5, 6, 7, 8, 9}, &a, 1);
        const pg::Rows rows = g_insert.execute(a);
        if (!rows.empty()) runid = rows[0].i64(1);  // a trigger of the user may leave it out
    } else {
        runid = note.i64(10);
        pg::Args<6> a;
        copy_columns(note, {10, 5, 6, 7, 8, 9}, &a, 1);
        g_update.execute(a);
    }
    g_fire_deferred.execute();
    return runid;
}

}  // namespace

std::optional<core::Instant> next_record() {
    const AsOwner scope;
    const pg::Rows rows = g_next.execute();
    return rows.empty() ? std::nullopt : std::optional(rows[0].instant(1));
}

void due_records(core::Instant now, int max, pg::vector<int64>* out) {
    const AsOwner scope;
    pg::Args<2> a;
    a.instant(1, now).i64(2, max);
    for (const pg::Row row : g_due.execute(a)) out->push_back(row.i64(1));
}

bool met_old_run_id(const pg::PgError& e) noexcept {
    return e.sqlstate() == ERRCODE_UNIQUE_VIOLATION &&
           std::strcmp(e.constraint(), "job_run_details_pkey") == 0;
}

bool record_run(int64 run_id) {
    const std::optional<CronSchema> tables = find_cron();
    if (!tables || !lock_details()) return false;
    const AsOwner scope;
    pg::Args<1> a;
    a.i64(1, run_id);
    const pg::Rows rows = g_read.execute(a);
    if (rows.empty()) return true;
    const std::optional<int64> runid = write_record(tables->owner, rows[0]);
    // Last: nobody who ends a run waits for the triggers above.
    const Datum status = rows[0].datum(5);
    pg::Args<2> d;
    d.i64(1, run_id).set(2, status);
    if (g_done.execute(d).processed() > 0) return true;
    pg::Args<3> m;
    m.i64(1, run_id).set(2, status);
    if (runid) m.i64(3, *runid);
    g_recorded.execute(m);
    return true;
}

int postpone_record(int64 run_id, const char* error) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, run_id).text(2, error).instant(3, now());
    const pg::Rows rows = g_postpone.execute(a);
    return rows.empty() ? 0 : rows[0].i32(1);
}

bool move_record_ids_on() {
    const std::optional<CronSchema> tables = find_cron();
    if (!tables || !lock_details()) return false;
    const AsOwner scope(tables->owner);
    return !g_move_on.execute().empty();
}

Unrecorded unrecorded_runs() {
    const AsOwner scope;
    pg::Args<1> a;
    a.instant(1, now());
    const pg::Rows rows = g_unrecorded.execute(a);
    Unrecorded u;
    u.runs = rows[0].i64(1);
    if (!rows[0].is_null(2)) u.seconds = rows[0].i64(2);
    if (!rows[0].is_null(3)) {
        pg::copy_cut(u.error, rows[0].view(3));
    }
    return u;
}

int64 prune_notes(core::Instant now) {
    const AsOwner scope;
    pg::Args<1> a;
    a.instant(1, now - kKeep);
    return static_cast<int64>(g_prune.execute(a).processed());
}

bool become_clerk() noexcept {
    const board::PartGuard guard(board::BoardLock::directory, LW_EXCLUSIVE);
    board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
    if (d == nullptr || (d->clerk_pid != 0 && kill(d->clerk_pid, 0) == 0)) return false;
    d->clerk_procno = pg::this_process().procno;
    d->clerk_pid = MyProcPid;
    return true;
}

void leave_clerk() noexcept {
    if (board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
        d != nullptr && d->clerk_pid == MyProcPid)
        d->clerk_pid = 0;
}

bool wake_clerk() noexcept {
    const board::DatabaseSlot* d = board::database_slot(MyDatabaseId);
    return d != nullptr && pg::set_latch_of(d->clerk_procno, d->clerk_pid);
}

}  // namespace foreman::store
