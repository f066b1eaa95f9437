// Which rights each bundle gives, on which objects. Read by grants.cpp, which gives them, and by
// stray_rights.cpp, which finds what nobody gave.
#pragma once

namespace foreman::store {

struct BundleRight {
    const char* bundle;
    const char* right;    // as GRANT spells it
    const char* catalog;  // of the objects
    const char* objects;  // without arguments where no two functions share a name
};

/// Stands among the bundles for what register_handler() gives to the role of a handler.
inline constexpr const char* kHandlerBundle = "handler";

inline constexpr const char* kViewFunctions =
    "foreman._sees, foreman._sees_args, foreman._bare_errors, foreman._role_oid, foreman._now, "
    "foreman._executors, foreman._lease, "
    "foreman._outside_workers, foreman._queue_counters, foreman._queue_times, "
    "foreman._resources, foreman._board_tables, foreman._newest_jobs, foreman._newest_runs, "
    "foreman._newest_active_jobs, "
    "foreman.list_jobs, foreman.list_schedule_runs, foreman.list_job_events";
inline constexpr const char* kViews =
    "foreman.jobs, foreman.job_events, foreman.queues, foreman.batches, foreman.handlers, foreman.workers, "
    "foreman.timers, foreman.schedules, foreman.schedule_runs, foreman.stats_minute, foreman.metrics";
inline constexpr const char* kTypes = "foreman.job, foreman.job_outcome";

inline constexpr const char* kProducerRoutines =
    "foreman.enqueue, foreman.enqueue_info, foreman.enqueue_many, foreman.enqueue_array, foreman.await, "
    "foreman.create_batch, foreman.why, foreman.set_timer, foreman.cancel_timer";
inline constexpr const char* kWorkerRoutines =
    "foreman.acquire, foreman.await, foreman.claim, foreman.heartbeat, foreman.heartbeat_many, "
    "foreman.complete, "
    "foreman.complete_many, foreman.fail, foreman.fail_many, foreman.snooze_lease, "
    "foreman.snooze_lease_many, foreman.throttle_lease, foreman.throttle_lease_many, foreman.release, "
    "foreman.release_many, foreman.worker_heartbeat, foreman.wait_for_job, foreman.why";
inline constexpr const char* kOperatorRoutines =
    "foreman.cancel, foreman.cancel_many, foreman.retry, foreman.retry_many, foreman.run_now, "
    "foreman.run_now_many, foreman.release_lease, foreman.reschedule, "
    "foreman.reschedule_many, foreman.delete_job, foreman.delete_job_many, foreman.cancel_where, "
    "foreman.retry_where, foreman.delete_where, foreman.purge_queue, foreman.dead_letters, "
    "foreman.count_dead_letters, "
    "foreman.timer_dead_letters, foreman.count_timer_dead_letters, foreman.retry_timer_dead_letter, "
    "foreman.fire_timers_once, "
    "foreman.retry_dead_letter, foreman.retry_dead_letters, foreman.purge_dead_letters, "
    "foreman.create_batch, foreman.set_rate_limit, foreman.drain_rate_limit, foreman.acquire, "
    "foreman.create_queue, foreman.alter_queue, "
    "foreman.drop_queue, foreman.pause_queue, foreman.resume_queue, foreman.await, foreman.grant_role, "
    "foreman.revoke_role, foreman.reassign_role, foreman.start, "
    "foreman.stop, foreman.health, foreman.why, "
    "foreman.register_handler, foreman.unregister_handler, foreman.run_once, foreman.drain, "
    "foreman.run_procedures_once, "
    "foreman.dispatch_once, foreman.rescue_once, foreman.prune_once, foreman.fire_schedules_once, "
    "foreman.schedule(pg_catalog.text, pg_catalog.text), "
    "foreman.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text), "
    "foreman.schedule_job, "
    "foreman.alter_schedule, foreman.unschedule, foreman.unschedule_id, foreman.trigger_schedule, "
    "foreman.next_runs, foreman.has_job, foreman.hasnt_job, foreman.job_state_is, foreman.has_timer, "
    "foreman.hasnt_timer, foreman.has_schedule, "
    "foreman.hasnt_schedule";
inline constexpr const char* kMonitorRoutines =
    "foreman.health, foreman.why, foreman.next_runs, foreman.has_job, foreman.hasnt_job, "
    "foreman.job_state_is, foreman.has_timer, foreman.hasnt_timer, "
    "foreman.has_schedule, foreman.hasnt_schedule";
inline constexpr const char* kHandlerRoutines =
    "foreman.current_job, foreman.idempotency_key, foreman.set_progress, foreman.snooze, foreman.throttle, "
    "foreman.discard, "
    "foreman.cancel_self, foreman.acquire";

#define FOREMAN_BUNDLE(bundle, routines)                               \
    {bundle, "USAGE ON SCHEMA", "pg_catalog.pg_namespace", "foreman"}, \
        {bundle, "USAGE ON TYPE", "pg_catalog.pg_type", kTypes}, {     \
        bundle, "EXECUTE ON ROUTINE", "pg_catalog.pg_proc", routines   \
    }
#define FOREMAN_VIEWS(bundle)                                              \
    {bundle, "SELECT ON TABLE", "pg_catalog.pg_class", kViews}, {          \
        bundle, "EXECUTE ON ROUTINE", "pg_catalog.pg_proc", kViewFunctions \
    }

inline constexpr BundleRight kBundleRights[] = {
    // Of a batch its maker sees how far it is.
    {"producer", "SELECT ON TABLE", "pg_catalog.pg_class", "foreman.batches"},
    {"producer", "EXECUTE ON ROUTINE", "pg_catalog.pg_proc", "foreman._sees, foreman._role_oid"},
    FOREMAN_BUNDLE("producer", kProducerRoutines),
    FOREMAN_BUNDLE("worker", kWorkerRoutines),
    FOREMAN_BUNDLE("operator", kOperatorRoutines),
    FOREMAN_VIEWS("operator"),
    FOREMAN_BUNDLE("monitor", kMonitorRoutines),
    FOREMAN_VIEWS("monitor"),
    FOREMAN_BUNDLE(kHandlerBundle, kHandlerRoutines)};

#undef FOREMAN_BUNDLE
#undef FOREMAN_VIEWS

}  // namespace foreman::store
