// See cron_import.hpp. Temporary tables carry the rows over: both extensions have their tables under one
// name.
#include "store/schedules/cron_import.hpp"

#include "pg/call.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "store/db/sql_names.hpp"

namespace foreman::store {

namespace {

#define JOB_COLUMNS "jobid, schedule, command, nodename, nodeport, database, username, active, jobname"
#define RUN_COLUMNS \
    "jobid, runid, job_pid, database, username, command, status, return_message, start_time, end_time"

constexpr const char* kKeep[] = {
    // jobname is of type name before pg_cron 1.5.
    "CREATE TEMPORARY TABLE foreman_import_job AS SELECT jobid, schedule, command, nodename, nodeport, "
    "database, username, active, jobname::pg_catalog.text AS jobname FROM cron.job",
    "CREATE TEMPORARY TABLE foreman_import_run AS SELECT " RUN_COLUMNS " FROM cron.job_run_details",
    "CREATE TEMPORARY TABLE foreman_import_sequence AS SELECT 'cron.jobid_seq'::pg_catalog.text AS name, "
    "last_value, is_called FROM cron.jobid_seq UNION ALL SELECT 'cron.runid_seq', last_value, is_called FROM "
    "cron.runid_seq",
    // Who may use the schema, and who may call the two functions that are not for everybody.
    "CREATE TEMPORARY TABLE foreman_import_grant AS "
    "SELECT pg_catalog.format('GRANT USAGE ON SCHEMA cron TO %s', g.role) AS command FROM "
    "(SELECT CASE WHEN a.grantee " EQ
    " 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS role "
    "FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE n.nspname " EQ
    " 'cron' AND a.privilege_type " EQ " 'USAGE' AND a.grantee " NE
    " n.nspowner) g UNION ALL SELECT pg_catalog.format('GRANT EXECUTE ON FUNCTION %s TO %s', "
    "p.oid::pg_catalog.regprocedure, CASE WHEN a.grantee " EQ
    " 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END) "
    "FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a WHERE p.pronamespace " EQ
    " 'cron'::pg_catalog.regnamespace AND p.proname " EQ
    " ANY (ARRAY['schedule_in_database', 'alter_job']) AND a.grantee " NE " p.proowner"};

constexpr const char* kMove[] = {
    "DROP EXTENSION pg_cron", "CREATE EXTENSION pg_foreman_cron",
    "INSERT INTO cron.job_run_details (" RUN_COLUMNS ") SELECT " RUN_COLUMNS
    " FROM pg_temp.foreman_import_run",
    "SELECT pg_catalog.setval(s.name::pg_catalog.regclass, s.last_value, s.is_called) FROM "
    "pg_temp.foreman_import_sequence s",
    "INSERT INTO cron.job (" JOB_COLUMNS ") SELECT " JOB_COLUMNS " FROM pg_temp.foreman_import_job"};

constexpr const char* kForget[] = {
    "DROP TABLE pg_temp.foreman_import_job, pg_temp.foreman_import_run, "
    "pg_temp.foreman_import_sequence, pg_temp.foreman_import_grant"};

uint64 run(const char* sql) {
    pg::Statement statement("import_pg_cron", sql);
    const uint64 rows = statement.execute().processed();
    statement.forget();
    return rows;
}

void repeat_grants() {
    pg::Statement list("import_grants", "SELECT command FROM pg_temp.foreman_import_grant");
    {
        const pg::Rows grants = list.execute();
        for (const pg::Row row : grants) run(pg::copy_text(row.view(1)));
    }
    list.forget();
}

}  // namespace

int64 import_pg_cron() {
    if (!pg::guarded([] { return OidIsValid(get_extension_oid("pg_cron", true)); })) {
        throw pg::Failure(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                          "extension pg_cron is not installed in this database")
            .hint("Run CREATE EXTENSION pg_foreman_cron when there is nothing to import.");
    }
    const pg::SpiSession spi;
    for (const char* sql : kKeep) run(sql);
    uint64 moved = 0;
    for (const char* sql : kMove) moved = run(sql);
    repeat_grants();
    for (const char* sql : kForget) run(sql);
    return static_cast<int64>(moved);
}

}  // namespace foreman::store
