// See roles.hpp. What is followed is small: handlers, schedules, grants and batches. Runs of schedules keep
// the number that they had: their jobs are of kinds, whose handlers are followed.
#include "store/upkeep/roles.hpp"

#include "board/settings.hpp"
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/launch.hpp"
#include "store/commit/remember.hpp"
#include "store/db/clock.hpp"
#include "store/db/schema.hpp"
#include "store/db/sql_names.hpp"
#include "store/definitions/definitions.hpp"
#include "store/schedules/cron_jobs.hpp"
#include "store/schedules/cron_roles.hpp"
#include "store/schedules/schedules.hpp"

namespace foreman::store {

namespace {

#define CHANGED(column) "foreman._role_changed(" column ")"
#define SHOWN(column) column "::pg_catalog.text " EQ " $1"

constinit pg::Statement g_follow_handlers{
    "follow_handler_roles", "UPDATE foreman.handler SET run_as = foreman._role_now(run_as) WHERE " CHANGED(
                                "run_as") " RETURNING kind, serves IS NULL, run_as::pg_catalog.oid, shape"};
constinit pg::Statement g_follow_schedules{
    "follow_schedule_roles",
    "UPDATE foreman.schedule SET run_as = foreman._role_now(run_as) WHERE " CHANGED("run_as")};
constinit pg::Statement g_follow_batches{
    "follow_batch_roles",
    "UPDATE foreman.job_batch SET created_by = foreman._role_now(created_by) WHERE " CHANGED("created_by")};
constinit pg::Statement g_follow_grants{
    "follow_granted_roles",
    "UPDATE foreman.role_grant SET role = foreman._role_now(role) WHERE " CHANGED("role")};

constinit pg::Statement g_move_handlers{
    "reassign_handlers",
    "UPDATE foreman.handler SET run_as = $2 WHERE " SHOWN(
        "run_as") " RETURNING kind, serves IS NULL, run_as::pg_catalog.oid, shape",
    {TEXTOID, OIDOID}};
// Those of cron.job are counted by their rows there.
constinit pg::Statement g_move_schedules{"reassign_schedules",
                                         "UPDATE foreman.schedule SET run_as = $2 WHERE " SHOWN(
                                             "run_as") " RETURNING schedule_id, NOT active AND error " EQ
                                                       " $3",
                                         {TEXTOID, OIDOID, TEXTOID}};
// So that a run that waits finds its command.
constinit pg::Statement g_move_runs{
    "reassign_runs", "UPDATE foreman.schedule_run SET run_as = $2 WHERE " SHOWN("run_as"), {TEXTOID, OIDOID}};
constinit pg::Statement g_move_batches{
    "reassign_batches",
    "UPDATE foreman.job_batch SET created_by = $2 WHERE " SHOWN("created_by"),
    {TEXTOID, OIDOID}};
constinit pg::Statement g_take_grants{
    "reassign_grants",
    "DELETE FROM foreman.role_grant WHERE " SHOWN("role") " RETURNING bundle, role::pg_catalog.oid, queue",
    {TEXTOID}};

constinit pg::Statement g_missing{
    "missing_roles",
    "WITH missing AS (SELECT 'h' AS what, run_as::pg_catalog.text AS name FROM foreman.handler WHERE "
    "shape " NE " 's' UNION ALL SELECT CASE WHEN schedule_id " LT
    " 0 THEN 'c' ELSE 's' END, run_as::pg_catalog.text FROM foreman.schedule UNION ALL SELECT 'g', "
    "role::pg_catalog.text FROM foreman.role_grant) SELECT m.name, pg_catalog.count(*) FILTER (WHERE what " EQ
    " 'h'), pg_catalog.count(*) FILTER (WHERE what " EQ " 's'), pg_catalog.count(*) FILTER (WHERE what " EQ
    " 'c'), pg_catalog.count(*) FILTER (WHERE what " EQ
    " 'g') FROM missing m WHERE m.name OPERATOR(pg_catalog.^@) '?' GROUP BY m.name "
    "ORDER BY pg_catalog.count(*) FILTER (WHERE what " NE " 'g') DESC, m.name"};
constinit pg::Statement g_runners{"roles_of_handlers",
                                  "SELECT DISTINCT run_as::pg_catalog.oid FROM foreman.handler ORDER BY 1"};

constinit pg::Statement g_shown{
    "shown_role",
    "SELECT pg_catalog.ltrim(run_as::pg_catalog.text, '?') FROM foreman.handler WHERE kind " EQ " $1",
    {TEXTOID}};

constinit pg::Statement g_forget_grants{
    "forget_grants", "DELETE FROM foreman.role_grant WHERE role::pg_catalog.oid " EQ " $1", {OIDOID}};

// The rows come from an UPDATE of foreman.handler. Those of schedules' commands are not counted.
int64 tell_handlers(const pg::Rows& rows) {
    if (rows.empty()) return 0;
    announce_change(schema().handler);
    int64 counted = 0;
    for (const pg::Row row : rows) {
        remember_kind(row.view(1), row.boolean(2) ? row.oid(3) : InvalidOid);
        if (row.letter_of<Shape>(4) != Shape::scheduled) counted++;
    }
    return counted;
}

int64 move(pg::Statement& statement, std::string_view shown, Oid to) {
    pg::Args<2> a;
    a.text(1, shown).oid(2, to);
    return static_cast<int64>(statement.execute(a).processed());
}

// What the engine switched off, since its role was gone, goes on.
int64 move_schedules(std::string_view shown, Oid to) {
    pg::ContextResource memory(CurrentMemoryContext);
    pg::vector<int64> stopped(&memory);
    int64 moved = 0;
    {
        const AsOwner scope;
        pg::Args<3> a;
        a.text(1, shown).oid(2, to).text(3, kRoleMissing);
        for (const pg::Row row : g_move_schedules.execute(a)) {
            if (row.i64(1) > 0) moved++;
            if (!row.is_null(2) && row.boolean(2)) stopped.push_back(row.i64(1));
        }
    }
    for (const int64 id : stopped) {
        StoredSchedule s{};
        if (!read_schedule(id, Lock::wait, CurrentMemoryContext, &s)) continue;
        s.settings.active = true;
        update_schedule(id, s.settings, true, now());
    }
    return moved;
}

int64 move_grants(std::string_view shown, Oid to) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, shown);
    const pg::Rows rows = g_take_grants.execute(a);
    for (const pg::Row row : rows) {
        const std::string_view bundle = row.view(1);
        const std::optional<std::string_view> queue =
            row.is_null(3) ? std::nullopt : std::optional(row.view(3));
        if (!has_grants(bundle, row.oid(2))) grant_functions(bundle, row.oid(2), false);
        const bool first = !has_grants(bundle, to);
        put_grant(bundle, to, queue);
        if (first) grant_functions(bundle, to, true);
    }
    return static_cast<int64>(rows.size());
}

}  // namespace

bool follow_roles() {
    if (!follow_cron_roles()) return false;
    const AsOwner scope;
    scope.allow_any_plan();
    tell_handlers(g_follow_handlers.execute());
    g_follow_schedules.execute();
    g_follow_batches.execute();
    if (g_follow_grants.execute().processed() > 0) announce_change(schema().role_grant);
    return true;
}

bool follow_roles(uint64* seen) {
    const uint64 generation = role_generation();
    if (!follow_roles()) return false;
    *seen = generation;
    return true;
}

Reassigned reassign_role(std::string_view shown, Oid to) {
    Reassigned done{};
    done.cron_jobs = move_cron_jobs(shown, to);
    done.schedules = move_schedules(shown, to);
    const AsOwner scope;
    scope.allow_any_plan();
    pg::Args<2> a;
    a.text(1, shown).oid(2, to);
    done.handlers = tell_handlers(g_move_handlers.execute(a));
    move(g_move_runs, shown, to);
    done.batches = move(g_move_batches, shown, to);
    done.grants = move_grants(shown, to);
    return done;
}

TroubledRoles troubled_roles() {
    const MemoryContext caller = CurrentMemoryContext;
    TroubledRoles t{};
    const AsOwner scope;
    scope.allow_any_plan();
    for (const pg::Row row : g_missing.execute()) {
        t.handlers += row.i64(2);
        t.schedules += row.i64(3);
        t.cron_jobs += row.i64(4);
        t.grants += row.i64(5);
        if (row.i64(2) + row.i64(3) + row.i64(4) == 0) continue;
        const std::string_view name = row.view(1).substr(1);
        if (t.missing++ >= kNamedRoles) continue;
        t.names = pg::guarded([&]() -> const char* {
            const MemoryContext before = MemoryContextSwitchTo(caller);
            const char* names =
                psprintf("%s%s\"%.*s\"", t.names == nullptr ? "" : t.names, t.names == nullptr ? "" : ", ",
                         static_cast<int>(name.size()), name.data());
            MemoryContextSwitchTo(before);
            return names;
        });
    }
    for (const pg::Row row : g_runners.execute()) {
        const Oid role = row.oid(1);
        const pg::SessionBar bar = pg::session_bar(role, settings::superuser_handlers);
        if (bar == pg::SessionBar::none || bar == pg::SessionBar::no_such_role) continue;
        if (t.barred++ > 0) continue;
        t.lacks = bar == pg::SessionBar::no_login     ? "LOGIN"
                  : bar == pg::SessionBar::no_connect ? "CONNECT on this database"
                                                      : "foreman.superuser_handlers, being a superuser";
        const char* name = pg::guarded([role]() -> const char* { return GetUserNameFromId(role, false); });
        t.barred_name = pg::copy_text(name, caller);
    }
    return t;
}

const char* shown_role_of(std::string_view kind) {
    const MemoryContext caller = CurrentMemoryContext;
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, kind);
    const pg::Rows rows = g_shown.execute(a);
    return rows.empty() ? "" : pg::copy_text(rows[0].view(1), caller);
}

void forget_grants(Oid role) {
    const AsOwner scope;
    pg::Args<1> a;
    a.oid(1, role);
    if (g_forget_grants.execute(a).processed() > 0) announce_change(schema().role_grant);
}

}  // namespace foreman::store
