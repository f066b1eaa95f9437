// See cron_roles.hpp.
#include "store/schedules/cron_roles.hpp"

#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/role_ref.hpp"

namespace foreman::store {

namespace {

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

std::string_view copied(std::string_view text) { return {pg::copy_text(text), text.size()}; }

Oid role_named(std::string_view name) {
    const char* text = pg::copy_text(name);
    return pg::guarded([text] { return get_role_oid(text, true); });
}

bool names_missing(std::string_view username) noexcept {
    return !username.empty() && username.front() == kMissingSign;
}

void rename_cron_job(int64 id, std::string_view before, std::string_view after) {
    const AsOwner scope(cron().owner);
    const TrustedCronWrite trusted;
    pg::Args<3> a;
    a.i64(1, id).text(2, before).text(3, after);
    g_rename.execute(a);
}

}  // namespace

// The number that its schedule has decides as long as nobody wrote another name; then the name does.
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

void let_wait(int64 id, std::string_view username) {
    const AsOwner scope;
    pg::Args<3> a;
    a.i64(1, id).text(2, username).text(3, kRoleMissing);
    g_wait_for_role.execute(a);
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

}  // namespace foreman::store
