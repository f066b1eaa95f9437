// See cron_follow.hpp.
#include "store/schedules/cron_follow.hpp"

#include <algorithm>
#include <cstdio>

#include "core/cron.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/role_ref.hpp"
#include "store/schedules/cron_roles.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::store {

namespace {

constexpr const char* kZone = "GMT";
constexpr int64 kFollowBatch = 1000;

// Jobs without the schedule that they should have, then schedules without a job. A schedule that the engine
// switched off, and says why, is left alone.
constinit pg::Statement g_astray{
    "cron_jobs_astray",
    "SELECT a.id FROM (SELECT j.jobid FROM cron.job j LEFT JOIN foreman.schedule s ON s.schedule_id " EQ
    " (OPERATOR(pg_catalog.-) j.jobid) WHERE j.jobid " GT " 0 AND (s.schedule_id IS NULL OR s.schedule " NE
    " j.schedule OR s.command " NE " j.command OR s.run_as::pg_catalog.text " NE
    " j.username OR s.timezone " NE
    " $1 OR COALESCE(s.args OPERATOR(pg_catalog.->>) 'database', "
    "pg_catalog.current_database()::pg_catalog.text) " NE " j.database OR (s.active " NE
    " j.active AND s.error IS NULL)) UNION ALL SELECT OPERATOR(pg_catalog.-) s.schedule_id "
    "FROM foreman.schedule s WHERE s.schedule_id " LT
    " 0 AND NOT EXISTS (SELECT 1 FROM cron.job j WHERE j.jobid " EQ
    " (OPERATOR(pg_catalog.-) s.schedule_id))) a (id) WHERE a.id " GT " $3 ORDER BY a.id LIMIT $2",
    {TEXTOID, INT8OID, INT8OID}};

constinit pg::Statement g_elsewhere{
    "cron_elsewhere", "SELECT pg_catalog.jsonb_build_object('database', $1)", {TEXTOID}};

constinit pg::Statement g_all{
    "cron_schedules", "SELECT schedule_id, last_job_id FROM foreman.schedule WHERE schedule_id " LT " 0"};

constinit pg::Statement g_forget_runs{"forget_cron_runs",
                                      "DELETE FROM foreman.schedule_run WHERE schedule_id " LT " 0"};

constinit pg::Statement g_forget_notes{"forget_cron_notes", "DELETE FROM foreman.cron_note"};

std::string_view zone_name() {
    return settings::cron_timezone == nullptr ? kZone : std::string_view(settings::cron_timezone);
}

void cancel_last_run(std::optional<int64> job_id) {
    if (job_id) cancel_run(*job_id, kCanceled, now());
}

void remove(int64 id) {
    StoredSchedule s{};
    if (!read_schedule(-id, Lock::wait, CurrentMemoryContext, &s)) return;
    if (s.unfinished) cancel_last_run(s.last_job_id);
    delete_schedule(-id);
}

// Another database is named in the args of its runs.
Datum args_for(std::string_view database) {
    const MemoryContext caller = CurrentMemoryContext;
    const char* here = pg::guarded([]() -> const char* { return get_database_name(MyDatabaseId); });
    if (here != nullptr && database == here) return pg::jsonb_from_text("{}");
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, database);
    const pg::Rows rows = g_elsewhere.execute(a);
    return pg::jsonb_from_text(pg::jsonb_to_text(rows[0].datum(1)), caller);
}

bool runnable(int64 id, const CronJob& job, bool say) {
    core::Schedule parsed;
    if (core::parse_schedule(job.schedule, core::CronDialect::pg_cron, &parsed).any()) {
        if (say)
            pg::log(LOG, "pg_foreman: invalid schedule of cron job " INT64_FORMAT ": %.*s", id,
                    static_cast<int>(std::min<std::size_t>(job.schedule.size(), 96)), job.schedule.data());
        return false;
    }
    return true;
}

}  // namespace

void follow_cron_job(int64 id, bool say) {
    if (id <= 0) return;
    const std::optional<CronJob> job = read_cron_job(id);
    if (!job) return remove(id);
    const std::optional<Oid> role = role_for_job(id, *job);
    if (!role) return;
    if (!runnable(id, *job, say)) return remove(id);
    const bool waits = *role == kNobody;
    char name[32];
    std::snprintf(name, sizeof(name), "cron:" INT64_FORMAT, id);
    StoredSchedule old{};
    const bool exists = read_schedule(-id, Lock::wait, CurrentMemoryContext, &old);
    ScheduleSettings s;
    s.name = name;
    s.expression = job->schedule;
    s.command = job->command;
    s.args = args_for(job->database);
    s.timezone = zone_name();
    s.queue = kCronQueue;
    s.missed = core::Missed::skip;
    s.overlap = core::Overlap::buffer_one;
    s.active = job->active && !waits;
    s.run_as = waits ? schema().owner : *role;
    s.kind = command_kind_of(s.run_as, CurrentMemoryContext);
    if (!exists) {
        if (!insert_schedule(-id, s, now()))
            throw pg::Failure(ERRCODE_DUPLICATE_OBJECT, "schedule \"%s\" exists", name);
    } else {
        if (!s.active && old.unfinished && !waits) cancel_last_run(old.last_job_id);
        const bool same = s.expression == old.settings.expression && s.timezone == old.settings.timezone;
        update_schedule(-id, s, !same || (s.active && !old.settings.active), now());
    }
    if (waits) let_wait(id, job->username);
}

void follow_cron_jobs(CronPass* pass) {
    const std::optional<CronSchema> tables = find_cron();
    if (!tables) {  // dropped while our library was not loaded
        forget_cron_jobs();
        *pass = {CronPass::kFromTheFirst, CronPass::done};
        return;
    }
    if (!lock_cron_jobs(*tables)) {
        pass->step = CronPass::locked;
        return;
    }
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> astray(&memory);
    {
        // It reads tables of two owners.
        const AsOwner scope(BOOTSTRAP_SUPERUSERID);
        scope.allow_any_plan();
        pg::Args<3> a;
        a.text(1, zone_name()).i64(2, kFollowBatch).i64(3, pass->after);
        for (const pg::Row row : g_astray.execute(a)) astray.push_back(row.i64(1));
    }
    for (const int64 id : astray) follow_cron_job(id, false);
    const bool more = static_cast<int64>(astray.size()) == kFollowBatch;
    pass->after = more ? astray.back() : CronPass::kFromTheFirst;
    pass->step = more ? CronPass::more : CronPass::done;
}

void cancel_cron_runs() {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> jobs(&memory);
    {
        const AsOwner scope;
        for (const pg::Row row : g_all.execute()) {
            if (!row.is_null(2)) jobs.push_back(row.i64(2));
        }
    }
    for (const int64 id : jobs) cancel_last_run(id);
}

void forget_cron_jobs() {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    {
        const AsOwner scope;
        for (const pg::Row row : g_all.execute()) ids.push_back(-row.i64(1));
    }
    for (const int64 id : ids) remove(id);
    if (find_cron()) return;
    const AsOwner scope;
    scope.allow_any_plan();
    g_forget_runs.execute();
    g_forget_notes.execute();
}

}  // namespace foreman::store
