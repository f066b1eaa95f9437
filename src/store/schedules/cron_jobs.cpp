// See cron_jobs.hpp. Tables of schema cron are read and written as their owner, who need not be the owner of
// schema foreman.
#include "store/schedules/cron_jobs.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/role_ref.hpp"
#include "store/schedules/cron_settings.hpp"
#include "store/schedules/fire.hpp"

namespace foreman::store {

constinit bool TrustedCronWrite::on_ = false;

namespace {

constexpr const char* kZone = "GMT";
constexpr int64 kFollowBatch = 1000;

constinit pg::Statement g_put{
    "put_cron_job",
    "INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, active, jobname) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
    "ON CONFLICT ON CONSTRAINT jobname_username_uniq DO UPDATE SET schedule = EXCLUDED.schedule, "
    "command = EXCLUDED.command, database = EXCLUDED.database RETURNING jobid",
    {TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, BOOLOID, TEXTOID}};

constinit pg::Statement g_change{
    "change_cron_job",
    "UPDATE cron.job SET schedule = COALESCE($2, schedule), command = COALESCE($3, command), "
    "database = COALESCE($4, database), username = COALESCE($5, username), active = COALESCE($6, active) "
    "WHERE jobid " EQ " $1 AND ($7 IS NULL OR username " EQ " $7)",
    {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID}};

constinit pg::Statement g_delete{"delete_cron_job", "DELETE FROM cron.job WHERE jobid " EQ " $1", {INT8OID}};

constinit pg::Statement g_read{
    "cron_job",
    "SELECT schedule, command, database, username, active FROM cron.job WHERE jobid " EQ " $1",
    {INT8OID}};

constinit pg::Statement g_find{"cron_job_by_name",
                               "SELECT jobid FROM cron.job WHERE jobname " EQ " $1 AND username " EQ " $2",
                               {TEXTOID, TEXTOID}};

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

// The role of a schedule: its number now, how it is shown, whether it is shown as $2, and whether it was
// until it was renamed or dropped.
constinit pg::Statement g_pair{
    "cron_role",
    "SELECT foreman._role_now(run_as)::pg_catalog.oid, run_as::pg_catalog.text, run_as::pg_catalog.text " EQ
    " $2, foreman._role_stored(run_as) " EQ
    " $2 AND foreman._role_changed(run_as) FROM foreman.schedule WHERE schedule_id " EQ " $1",
    {INT8OID, TEXTOID}};
constinit pg::Statement g_changed{
    "changed_cron_roles",
    "SELECT OPERATOR(pg_catalog.-) schedule_id, foreman._role_stored(run_as), run_as::pg_catalog.text FROM "
    "foreman.schedule WHERE schedule_id " LT " 0 AND foreman._role_changed(run_as)"};
// A name that another job of the role has already is given up: the job is what counts.
constinit pg::Statement g_rename{
    "rename_cron_role",
    "UPDATE cron.job j SET username = $3, jobname = CASE WHEN NOT EXISTS (SELECT 1 FROM cron.job o WHERE "
    "o.jobname " EQ " j.jobname AND o.username " EQ " $3) THEN j.jobname END WHERE j.jobid " EQ
    " $1 AND j.username " EQ " $2",
    {INT8OID, TEXTOID, TEXTOID}};
constinit pg::Statement g_of_role{
    "cron_jobs_of_role", "SELECT jobid FROM cron.job WHERE username " EQ " $1 ORDER BY jobid", {TEXTOID}};
constinit pg::Statement g_give{"give_cron_schedule",
                               "UPDATE foreman.schedule SET run_as = $2 WHERE schedule_id " EQ
                               " (OPERATOR(pg_catalog.-) $1)",
                               {INT8OID, OIDOID}};
constinit pg::Statement g_wait_for_role{
    "cron_schedule_without_role",
    "UPDATE foreman.schedule SET run_as = $2::foreman.role_ref, active = false, next_fire_at = NULL, "
    "error = $3 WHERE schedule_id " EQ " (OPERATOR(pg_catalog.-) $1)",
    {INT8OID, TEXTOID, TEXTOID}};

constinit pg::Statement g_all{
    "cron_schedules", "SELECT schedule_id, last_job_id FROM foreman.schedule WHERE schedule_id " LT " 0"};
constinit pg::Statement g_forget_runs{"forget_cron_runs",
                                      "DELETE FROM foreman.schedule_run WHERE run_id " LT " 0"};

constinit pg::Statement g_forget_notes{"forget_cron_notes", "DELETE FROM foreman.cron_note"};

Oid extension_owner_table(CronSchema* s) {
    if (get_extension_oid("pg_foreman_cron", true) == InvalidOid) return InvalidOid;
    const Oid nsp = get_namespace_oid("cron", true);
    if (nsp == InvalidOid) return InvalidOid;
    s->job = get_relname_relid("job", nsp);
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(s->job));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    s->owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return s->job;
}

std::string_view copied(std::string_view text) { return {pg::copy_text(text), text.size()}; }

Oid role_named(std::string_view name) {
    const char* text = pg::copy_text(name);
    return pg::guarded([text] { return get_role_oid(text, true); });
}

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

void rename_cron_job(int64 id, std::string_view before, std::string_view after) {
    const AsOwner scope(cron().owner);
    const TrustedCronWrite trusted;
    pg::Args<3> a;
    a.i64(1, id).text(2, before).text(3, after);
    g_rename.execute(a);
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

bool names_missing(std::string_view username) noexcept {
    return !username.empty() && username.front() == kMissingSign;
}

// The number that its schedule has decides as long as nobody wrote another name; then the name does. nothing:
// the name was another when it was written, and the job has been followed under the one that it has now.
std::optional<Oid> role_for_job(int64 id, const CronJob& job) {
    {
        const MemoryContext caller = CurrentMemoryContext;
        std::string_view shown;
        const AsOwner scope;
        pg::Args<2> a;
        a.i64(1, -id).text(2, job.username);
        const pg::Rows rows = g_pair.execute(a);
        if (!rows.empty()) {
            const pg::Row row = rows[0];
            if (row.boolean(3)) return row.oid(1);
            if (row.boolean(4)) shown = {pg::copy_text(row.view(2), caller), row.view(2).size()};
        }
        if (!shown.empty()) {
            rename_cron_job(id, job.username, shown);
            return std::nullopt;
        }
    }
    if (names_missing(job.username)) return kNobody;
    const Oid role = role_named(job.username);
    if (role != InvalidOid) return role;
    pg::log(LOG, "pg_foreman: role \"%.*s\" of cron job " INT64_FORMAT " does not exist",
            static_cast<int>(job.username.size()), job.username.data(), id);
    rename_cron_job(id, job.username, shown_missing(job.username));
    return std::nullopt;
}

// Its schedule is there, and does nothing until the job is given to a role.
void let_wait(int64 id, std::string_view username) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, id).text(2, username).text(3, kRoleMissing);
    g_wait_for_role.execute(a);
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

bool lock_cron_jobs(const CronSchema& tables) {
    return pg::call<&ConditionalLockRelationOid>(tables.job, AccessShareLock);
}

std::optional<CronSchema> find_cron() {
    CronSchema found{};
    CronSchema* out = &found;
    if (pg::guarded([out] { return extension_owner_table(out); }) == InvalidOid) return std::nullopt;
    return found;
}

CronSchema cron() {
    const std::optional<CronSchema> found = find_cron();
    if (!found) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "extension pg_foreman_cron is not installed in this database")
            .hint("Run CREATE EXTENSION pg_foreman_cron.");
    }
    return *found;
}

int64 put_cron_job(const NewCronJob& job) {
    const AsOwner scope(cron().owner);
    const TrustedCronWrite trusted;
    pg::Args<8> a;
    a.text(1, job.schedule).text(2, job.command);
    a.text(3, settings::cron_host == nullptr ? "localhost" : settings::cron_host).i32(4, PostPortNumber);
    a.text(5, job.database).text(6, job.username).boolean(7, job.active);
    if (job.name) a.text(8, *job.name);
    return g_put.execute(a)[0].i64(1);
}

bool change_cron_job(int64 id, const CronJobChange& change, std::optional<std::string_view> owner) {
    const AsOwner scope(cron().owner);
    const TrustedCronWrite trusted;
    pg::Args<7> a;
    a.i64(1, id);
    if (change.schedule) a.text(2, *change.schedule);
    if (change.command) a.text(3, *change.command);
    if (change.database) a.text(4, *change.database);
    if (change.username) a.text(5, *change.username);
    if (change.active) a.boolean(6, *change.active);
    if (owner) a.text(7, *owner);
    return g_change.execute(a).processed() > 0;
}

bool delete_cron_job(int64 id) {
    const AsOwner scope(cron().owner);
    const TrustedCronWrite trusted;
    pg::Args<1> a;
    a.i64(1, id);
    return g_delete.execute(a).processed() > 0;
}

std::optional<CronJob> read_cron_job(int64 id) {
    const MemoryContext caller = CurrentMemoryContext;
    const AsOwner scope(cron().owner);
    pg::Args<1> a;
    a.i64(1, id);
    const pg::Rows rows = g_read.execute(a);
    if (rows.empty()) return std::nullopt;
    const pg::CurrentScope memory(caller);
    const pg::Row row = rows[0];
    return CronJob{copied(row.view(1)), copied(row.view(2)), copied(row.view(3)), copied(row.view(4)),
                   row.boolean(5)};
}

std::optional<int64> find_cron_job(std::string_view name, std::string_view username) {
    const AsOwner scope(cron().owner);
    pg::Args<2> a;
    a.text(1, name).text(2, username);
    const pg::Rows rows = g_find.execute(a);
    return rows.empty() ? std::nullopt : std::optional(rows[0].i64(1));
}

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

bool follow_cron_roles() {
    const std::optional<CronSchema> tables = find_cron();
    if (!tables) return true;
    pg::ContextResource memory(CurrentMemoryContext);
    struct Change {
        int64 id;
        std::string_view before, after;
    };
    pg::vector<Change> changed(&memory);
    const MemoryContext caller = CurrentMemoryContext;
    {
        const AsOwner scope;
        scope.allow_any_plan();
        for (const pg::Row row : g_changed.execute()) {
            const pg::CurrentScope kept(caller);
            changed.push_back({row.i64(1), copied(row.view(2)), copied(row.view(3))});
        }
    }
    if (changed.empty()) return true;
    if (!lock_cron_jobs(*tables)) return false;
    for (const Change& c : changed) rename_cron_job(c.id, c.before, c.after);
    return true;
}

int64 move_cron_jobs(std::string_view shown, Oid to) {
    const std::optional<CronSchema> tables = find_cron();
    if (!tables) return 0;
    const char* name = pg::guarded([to]() -> const char* { return GetUserNameFromId(to, false); });
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> ids(&memory);
    {
        const AsOwner scope(tables->owner);
        pg::Args<1> a;
        a.text(1, shown);
        for (const pg::Row row : g_of_role.execute(a)) ids.push_back(row.i64(1));
    }
    for (const int64 id : ids) {
        {
            const AsOwner scope;
            pg::Args<2> a;
            a.i64(1, id).oid(2, to);
            g_give.execute(a);
        }
        rename_cron_job(id, shown, name);
    }
    return static_cast<int64>(ids.size());
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
