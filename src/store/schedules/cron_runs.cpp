// See cron_runs.hpp.
#include "store/schedules/cron_runs.hpp"

#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/ended.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_begin{
    "begin_cron_run",
    "INSERT INTO foreman.cron_note (run_id, jobid, database, username, command, status, changed_at, due_at) "
    "VALUES ($1, $2, COALESCE($3 OPERATOR(pg_catalog.->>) 'database', pg_catalog.current_database()), "
    "pg_catalog.pg_get_userbyid($4), $5, 'starting', $6, $6)",
    {INT8OID, INT8OID, JSONBOID, OIDOID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_exists{
    "cron_job_exists", "SELECT 1 FROM cron.job WHERE jobid " EQ " $1", {INT8OID}};

constinit pg::Statement g_role_name{
    "cron_job_role", "SELECT username FROM cron.job WHERE jobid " EQ " $1", {INT8OID}};

constinit pg::Statement g_refused{
    "refuse_cron_run",
    "INSERT INTO foreman.cron_note (run_id, jobid, database, username, command, status, return_message, "
    "end_time, changed_at, due_at) SELECT "
    "pg_catalog.nextval('foreman.schedule_run_id_seq'), $1, COALESCE($2 OPERATOR(pg_catalog.->>) 'database', "
    "pg_catalog.current_database()), $3, $4, 'failed', pg_catalog.format('ERROR: role %I does not exist', "
    "$3), $5, $5, $5",
    {INT8OID, JSONBOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};

constinit pg::Statement g_start{
    "start_cron_run",
    "UPDATE foreman.cron_note SET status = 'running', job_pid = $2, start_time = $3, "
    "changed_at = $3, due_at = $3 WHERE run_id " EQ " $1",
    {INT8OID, INT4OID, TIMESTAMPTZOID}};

constinit pg::Statement g_end{"end_cron_run",
                              "UPDATE foreman.cron_note SET status = $2, return_message = $3, end_time = $4, "
                              "changed_at = $4, due_at = $4 WHERE run_id " EQ " $1",
                              {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};

// As clients are shown them.
constinit pg::Statement g_said{"cron_message",
                               "SELECT COALESCE($1 OPERATOR(pg_catalog.#>>) '{}', 'ERROR: ' " CAT
                               " pg_catalog.concat_ws(E'\\n', e.x OPERATOR(pg_catalog.->>) 'message', "
                               "'DETAIL: ' " CAT
                               " pg_catalog.substring(e.x OPERATOR(pg_catalog.->>) 'detail', '.+'), "
                               "'HINT: ' " CAT
                               " pg_catalog.substring(e.x OPERATOR(pg_catalog.->>) 'hint', '.+'), "
                               "'CONTEXT: ' " CAT
                               " pg_catalog.substring(e.x OPERATOR(pg_catalog.->>) 'context', '.+'))) "
                               "FROM (SELECT $2 OPERATOR(pg_catalog.->) -1 AS x) e",
                               {JSONBOID, JSONBOID}};

// Both parts of live_job have an index.
constinit pg::Statement g_unfinished{
    "unfinished_cron_runs",
    "SELECT (SELECT pg_catalog.count(*) FROM foreman.live_job WHERE queue " EQ " 'cron' AND state " EQ
    " 'w') " PLUS " (SELECT pg_catalog.count(*) FROM foreman.live_job WHERE queue " EQ " 'cron' AND state " EQ
    " 'r')"};

constinit bool g_said_superuser = false;

bool role_exists(Oid role) {
    return pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

// Without cron.log_run its run has no note.
void note_end(const Ended& e) {
    const AsOwner scope;
    pg::Args<4> a;
    a.i64(1, e.job->origin_id)
        .text(2, e.next == core::Next::complete ? "succeeded" : "failed")
        .instant(4, e.finished_at);
    if (e.next == core::Next::cancel || e.next == core::Next::remove) {
        a.text(3, kCanceled);
    } else if (e.reason == kServerRestarted) {
        a.text(3, kServerRestarted);
    } else {
        pg::Args<2> m;
        if (e.next == core::Next::complete && e.result) m.set(1, *e.result);
        if (e.errors) m.set(2, *e.errors);
        const pg::Rows said = g_said.execute(m);
        if (!said[0].is_null(1)) a.text(3, said[0].view(1));
    }
    if (g_end.execute(a).processed() > 0) remember_poke(board::kPokeRecords);
}

// The name that cron.job has for a role that is gone; while somebody has locked that table, its number.
std::string_view name_in_cron_job(const StoredSchedule& s) {
    const MemoryContext caller = CurrentMemoryContext;
    const CronSchema tables = cron();
    if (lock_cron_jobs(tables)) {
        const AsOwner scope(tables.owner);
        pg::Args<1> a;
        a.i64(1, cron_job_of(s.id));
        const pg::Rows rows = g_role_name.execute(a);
        if (!rows.empty()) return {pg::copy_text(rows[0].view(1), caller), rows[0].view(1).size()};
    }
    return pg::guarded([&s] { return psprintf("%u", s.settings.run_as); });
}

}  // namespace

bool may_begin_run(const StoredSchedule& s, core::Instant now) {
    if (!is_cron_schedule(s.id)) return true;
    if (!settings::cron_launch_active_jobs) return false;
    const Oid role = s.settings.run_as;
    if (!role_exists(role)) {
        // One that waits would wait for ever.
        if (s.unfinished && s.last_job_id) cancel_run(*s.last_job_id, kCanceled, now);
        if (!settings::cron_log_run) return false;
        const std::string_view name = name_in_cron_job(s);
        const AsOwner scope;
        pg::Args<5> a;
        a.i64(1, cron_job_of(s.id)).set(2, s.settings.args).text(3, name);
        a.text(4, s.settings.command.value_or("")).instant(5, now);
        g_refused.execute(a);
        remember_poke(board::kPokeRecords);
        return false;
    }
    if (!settings::cron_enable_superuser_jobs && pg::call<&superuser_arg>(role)) {
        if (!std::exchange(g_said_superuser, true))
            pg::log(LOG,
                    "pg_foreman: skipping cron job " INT64_FORMAT
                    " since superuser jobs are currently disallowed",
                    cron_job_of(s.id));
        return false;
    }
    return true;
}

bool cron_is_full() {
    const int most = std::max(1, settings::cron_max_running_jobs);
    if (most >= settings::max_executors) return false;  // they bound it
    const AsOwner scope;
    return g_unfinished.execute()[0].i64(1) >= most;
}

bool is_recorded(const StoredSchedule& s) {
    if (!is_cron_schedule(s.id)) return false;
    const CronSchema tables = cron();
    if (lock_cron_jobs(tables)) {
        const AsOwner scope(tables.owner);
        pg::Args<1> a;
        a.i64(1, cron_job_of(s.id));
        if (g_exists.execute(a).empty())
            throw pg::Failure(ERRCODE_UNDEFINED_OBJECT, "cron.job has no job " INT64_FORMAT,
                              cron_job_of(s.id));
    }
    return settings::cron_log_run;
}

void note_cron_run(int64 run_id, const StoredSchedule& s, core::Instant now) {
    const AsOwner scope;
    pg::Args<6> a;
    a.i64(1, run_id).i64(2, cron_job_of(s.id)).set(3, s.settings.args).oid(4, s.settings.run_as);
    a.text(5, s.settings.command.value_or("")).instant(6, now);
    g_begin.execute(a);
    remember_poke(board::kPokeRecords);
}

void note_cron_start(int64 run_id) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, run_id).i32(2, MyProcPid).instant(3, pg::clock_now());
    g_start.execute(a);
    remember_poke(board::kPokeRecords);
}

namespace {

bool is_run(const Job& job) { return job.origin == core::Origin::cron; }

void note_ends(std::span<const Ended> ended) {
    for (const Ended& e : ended) {
        if (is_run(*e.job)) note_end(e);
    }
}

constexpr EndObserver kObserver{is_run, note_ends};

}  // namespace

void observe_cron_runs() noexcept { observe_ends(kObserver); }

}  // namespace foreman::store
