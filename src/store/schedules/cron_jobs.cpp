// See cron_jobs.hpp. Tables of schema cron are read and written as their owner, who need not be the owner of
// schema foreman.
#include "store/schedules/cron_jobs.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/release.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/schedules/cron_settings.hpp"

namespace foreman::store {

constinit bool TrustedCronWrite::on_ = false;

namespace {

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

Oid extension_owner_table(CronSchema* s) {
    if (get_extension_oid(kCronExtension, true) == InvalidOid) return InvalidOid;
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

}  // namespace

bool lock_cron_jobs(const CronSchema& tables) {
    return pg::call<&ConditionalLockRelationOid>(tables.job, AccessShareLock);
}

std::optional<CronSchema> find_cron() {
    CronSchema found{};
    CronSchema* out = &found;
    if (find_misfit()) return std::nullopt;
    if (pg::guarded([out] { return extension_owner_table(out); }) == InvalidOid) return std::nullopt;
    return found;
}

CronSchema cron() {
    const std::optional<CronSchema> found = find_cron();
    if (!found) {
        if (const auto other = find_misfit()) throw misfit_failure(*other);
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

}  // namespace foreman::store
