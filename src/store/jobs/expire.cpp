// See expire.hpp.
#include "store/jobs/expire.hpp"

#include "pg/datum.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/jobs/control.hpp"
#include "store/jobs/job_columns.hpp"

namespace foreman::store {

namespace {

// Asked twice: before the lock, so that what is leased takes no place among the $2, and after it, when it counts.
constinit pg::Statement g_expired{
    "expired",
    "WITH c AS MATERIALIZED (SELECT ctid FROM foreman.live_job WHERE expires_at " LE " $1 AND state " NE
    " 'r'::pg_catalog.\"char\" AND foreman._is_free(job_id) ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP "
    "LOCKED) "
    "DELETE FROM foreman.live_job WHERE ctid " EQ
    " ANY (ARRAY (SELECT ctid FROM c)) AND foreman._is_free(job_id) "
    "RETURNING " JOB_COLUMNS,
    {TIMESTAMPTZOID, INT8OID}};

constinit pg::Statement g_next_expiry{
    "next_expiry",
    "SELECT expires_at FROM foreman.live_job WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT 1"};

}  // namespace

int64 expire_jobs(core::Instant at, int max, core::Instant* next) {
    const AsOwner scope;
    pg::Context context("foreman expiry", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<Job> jobs(&memory);
    {
        pg::Args<2> a;
        a.instant(1, at).i64(2, max);
        for (const pg::Row row : g_expired.execute(a)) {
            Job j{};
            copy_job(row, context.get(), &j);
            jobs.push_back(j);
        }
    }
    if (!jobs.empty()) cancel_taken({jobs.data(), jobs.size()}, "expired", at);
    const pg::Rows rest = g_next_expiry.execute();
    *next = rest.empty() ? core::kPlusInfinity : rest[0].instant(1);
    return static_cast<int64>(jobs.size());
}

}  // namespace foreman::store
