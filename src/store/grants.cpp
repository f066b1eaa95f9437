// Who was granted what: rows of role_grant, and the GRANTs of functions and views that go with them.
#include "pg/call.hpp"
#include "pg/datum.hpp"
#include "pg/memory.hpp"
#include "store/definitions.hpp"
#include "store/schema.hpp"
#include "store/sql_names.hpp"

namespace foreman::store {

namespace {

constinit pg::Statement g_put_grant{
    "put_grant",
    "INSERT INTO foreman.role_grant (bundle, role, queue) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    {TEXTOID, REGROLEOID, TEXTOID}};
constinit pg::Statement g_remove_grant{"remove_grant",
                                       "DELETE FROM foreman.role_grant WHERE bundle " EQ
                                       " $1 AND role::pg_catalog.oid " EQ " $2::pg_catalog.oid AND (queue " EQ
                                       " $3 OR (queue IS NULL AND $3 IS NULL))",
                                       {TEXTOID, REGROLEOID, TEXTOID}};
constinit pg::Statement g_has_grants{"has_grants",
                                     "SELECT 1 FROM foreman.role_grant WHERE bundle " EQ
                                     " $1 AND role::pg_catalog.oid " EQ " $2::pg_catalog.oid LIMIT 1",
                                     {TEXTOID, REGROLEOID}};

constinit pg::Statement g_remove_queue_grants{"remove_queue_grants",
                                              "DELETE FROM foreman.role_grant WHERE queue " EQ
                                              " $1 RETURNING bundle, role::pg_catalog.oid",
                                              {TEXTOID}};

// What each bundle may execute, and the views it may read. Names without arguments where no two functions
// share one.
struct BundleObjects {
    std::string_view bundle;
    const char* routines;
    const char* views;
};
constexpr const char* kViewFunctions =
    "foreman._sees, foreman._sees_args, foreman._now, foreman._executors, foreman._lease, "
    "foreman._outside_workers, foreman._queue_counters, foreman._queue_times, "
    "foreman._resources";
constexpr const char* kViews =
    "foreman.jobs, foreman.job_events, foreman.queues, foreman.batches, foreman.handlers, foreman.workers, "
    "foreman.timers, foreman.schedules, foreman.schedule_runs, foreman.stats_minute, foreman.metrics";
constexpr BundleObjects kBundles[] = {
    {"producer",
     "foreman.enqueue, foreman.enqueue_info, foreman.enqueue_many, foreman.enqueue_array, foreman.await, "
     "foreman.create_batch, foreman.why, foreman.set_timer, foreman.cancel_timer",
     nullptr},
    {"worker",
     "foreman.acquire, foreman.await, foreman.claim, foreman.heartbeat, foreman.heartbeat_many, "
     "foreman.complete, "
     "foreman.complete_many, foreman.fail, foreman.fail_many, foreman.snooze_lease, "
     "foreman.snooze_lease_many, foreman.throttle_lease, foreman.throttle_lease_many, foreman.release, "
     "foreman.release_many, foreman.worker_heartbeat, foreman.wait_for_job, foreman.why",
     nullptr},
    {"operator",
     "foreman.cancel, foreman.cancel_many, foreman.retry, foreman.retry_many, foreman.run_now, "
     "foreman.run_now_many, foreman.reschedule, "
     "foreman.reschedule_many, foreman.delete_job, foreman.delete_job_many, foreman.cancel_where, "
     "foreman.retry_where, foreman.delete_where, foreman.purge_queue, foreman.dead_letters, "
     "foreman.count_dead_letters, "
     "foreman.timer_dead_letters, foreman.count_timer_dead_letters, foreman.retry_timer_dead_letter, "
     "foreman.fire_timers_once, "
     "foreman.retry_dead_letter, foreman.retry_dead_letters, foreman.purge_dead_letters, "
     "foreman.create_batch, foreman.set_rate_limit, foreman.drain_rate_limit, foreman.acquire, "
     "foreman.create_queue, foreman.alter_queue, "
     "foreman.drop_queue, foreman.pause_queue, foreman.resume_queue, foreman.await, foreman.grant_role, "
     "foreman.revoke_role, foreman.start, "
     "foreman.stop, foreman.health, foreman.why, "
     "foreman.register_handler, foreman.unregister_handler, foreman.run_once, foreman.drain, "
     "foreman.run_procedures_once, "
     "foreman.dispatch_once, foreman.rescue_once, foreman.prune_once, foreman.fire_schedules_once, "
     "foreman.schedule(pg_catalog.text, pg_catalog.text), "
     "foreman.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text), foreman.schedule_job, "
     "foreman.alter_schedule, foreman.unschedule, foreman.unschedule_id, foreman.trigger_schedule, "
     "foreman.next_runs, foreman.has_job, foreman.hasnt_job, foreman.job_state_is, foreman.has_timer, "
     "foreman.hasnt_timer, foreman.has_schedule, "
     "foreman.hasnt_schedule",
     kViews},
    {"monitor",
     "foreman.health, foreman.why, foreman.next_runs, foreman.has_job, foreman.hasnt_job, "
     "foreman.job_state_is, foreman.has_timer, foreman.hasnt_timer, "
     "foreman.has_schedule, foreman.hasnt_schedule",
     kViews},
};
constexpr const char* kHandlerRoutines =
    "foreman.current_job, foreman.idempotency_key, foreman.set_progress, foreman.snooze, foreman.throttle, "
    "foreman.discard, "
    "foreman.cancel_self, foreman.acquire";

void run_utility(const char* sql) {
    pg::guarded([sql] {
        const int rc = SPI_execute(sql, false, 0);
        if (rc < 0) elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(rc));
    });
}

void grant_on(const char* what, const char* objects, Oid role, bool grant) {
    const char* sql = pg::guarded([&]() -> const char* {
        const char* name = quote_identifier(GetUserNameFromId(role, false));
        return grant ? psprintf("GRANT %s %s TO %s", what, objects, name)
                     : psprintf("REVOKE %s %s FROM %s", what, objects, name);
    });
    run_utility(sql);
}

// Two transactions that change the same access list at once fail with an internal error: one after the other.
// GRANT reads the lists after this lock has let in what the other did.
void lock_access_lists() {
    pg::guarded([] {
        LockDatabaseObject(NamespaceRelationId, get_namespace_oid("foreman", false), 0,
                           ShareUpdateExclusiveLock);
    });
}

bool role_exists(Oid role) {
    return pg::guarded([role] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)); });
}

void grant_bundle(const BundleObjects& b, Oid role, bool grant) {
    grant_on("EXECUTE ON ROUTINE", b.routines, role, grant);
    if (b.views == nullptr) return;
    grant_on("SELECT ON", b.views, role, grant);
    grant_on("EXECUTE ON ROUTINE", kViewFunctions, role, grant);
}

// Bundles share some objects: what other bundles of the role need is granted again.
void revoke_bundle(std::string_view bundle, Oid role) {
    for (const BundleObjects& b : kBundles) {
        if (b.bundle == bundle) grant_bundle(b, role, false);
    }
    for (const BundleObjects& b : kBundles) {
        if (b.bundle != bundle && has_grants(b.bundle, role)) grant_bundle(b, role, true);
    }
}

}  // namespace

bool put_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, bundle).oid(2, role);
    if (queue) a.text(3, *queue);
    const bool changed = g_put_grant.execute(a).processed() > 0;
    announce_change(schema().role_grant);
    return changed;
}

bool remove_grant(std::string_view bundle, Oid role, std::optional<std::string_view> queue) {
    const AsOwner scope;
    pg::Args<3> a;
    a.text(1, bundle).oid(2, role);
    if (queue) a.text(3, *queue);
    const bool changed = g_remove_grant.execute(a).processed() > 0;
    announce_change(schema().role_grant);
    return changed;
}

bool has_grants(std::string_view bundle, Oid role) {
    const AsOwner scope;
    pg::Args<2> a;
    a.text(1, bundle).oid(2, role);
    return !g_has_grants.execute(a).empty();
}

void grant_functions(std::string_view bundle, Oid role, bool grant) {
    const AsOwner scope;
    if (role == schema().owner || !role_exists(role)) return;
    lock_access_lists();
    if (!grant) return revoke_bundle(bundle, role);
    grant_on("USAGE ON SCHEMA", "foreman", role, true);
    for (const BundleObjects& b : kBundles) {
        if (b.bundle == bundle) grant_bundle(b, role, true);
    }
}

void remove_grants_of_queue(std::string_view queue) {
    const AsOwner scope;
    pg::Args<1> a;
    a.text(1, queue);
    const pg::Rows rows = g_remove_queue_grants.execute(a);
    if (rows.empty()) return;
    for (const pg::Row row : rows) {
        if (!has_grants(row.view(1), row.oid(2))) grant_functions(row.view(1), row.oid(2), false);
    }
    announce_change(schema().role_grant);
}

void grant_handler_functions(Oid role) {
    const AsOwner scope;
    if (role == schema().owner) return;
    lock_access_lists();
    grant_on("USAGE ON SCHEMA", "foreman", role, true);
    grant_on("EXECUTE ON ROUTINE", kHandlerRoutines, role, true);
}

}  // namespace foreman::store
