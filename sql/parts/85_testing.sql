------------------------------------------------------------------------------------------------------------------------
-- For tests of applications: every loop of the engine as one pass, and assertions.
------------------------------------------------------------------------------------------------------------------------

-- bundle: operator
CREATE FUNCTION foreman.run_once(queue pg_catalog.text DEFAULT NULL, max_jobs pg_catalog.int4 DEFAULT 1)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_once';
COMMENT ON FUNCTION foreman.run_once(pg_catalog.text, pg_catalog.int4) IS 'Runs up to max_jobs due jobs in the caller''s transaction, and returns how many. Only jobs whose handlers run as the session''s user are run';

-- bundle: operator
CREATE FUNCTION foreman.drain(queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drain';
COMMENT ON FUNCTION foreman.drain(pg_catalog.text) IS 'Runs due jobs in the caller''s transaction until none is left, and returns how many. No job runs twice';

-- bundle: operator
CREATE PROCEDURE foreman.run_procedures_once()
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_run_procedures_once';
COMMENT ON PROCEDURE foreman.run_procedures_once() IS 'Runs the jobs of lane procedure that are due, once each, in transactions of their own';

-- bundle: operator
CREATE FUNCTION foreman.dispatch_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_dispatch_once';
COMMENT ON FUNCTION foreman.dispatch_once() IS 'Applies open requests, cancels expired jobs, and makes jobs for what projections have not seen, as the dispatcher does. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.rescue_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_rescue_once';
COMMENT ON FUNCTION foreman.rescue_once() IS 'Makes the jobs of workers that are gone due again, as the dispatcher does. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.fire_schedules_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fire_schedules_once';
COMMENT ON FUNCTION foreman.fire_schedules_once() IS 'Makes the jobs of schedules that are due, as the dispatcher does. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.fire_timers_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fire_timers_once';
COMMENT ON FUNCTION foreman.fire_timers_once() IS 'Fires due timers in the caller''s transaction, and returns how many. Only timers whose handlers run as the session''s user are fired, and none of lane procedure';

-- bundle: operator
CREATE FUNCTION foreman.prune_once(OUT what pg_catalog.text, OUT queue pg_catalog.text, OUT rows pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_prune_once';
COMMENT ON FUNCTION foreman.prune_once() IS 'Makes partitions ahead, and removes what is past its retention, as the dispatcher does. Returns what was removed: history and dead letters for each queue, and for all together partitions, statistics, windows of unique keys, batches, workflows, and inputs that began none';

-- Assertions that report as pgTAP's own do.
-- bundle: operator monitor
CREATE FUNCTION foreman.has_job(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT NULL, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_has_job';
COMMENT ON FUNCTION foreman.has_job IS 'pgTAP: passes when an unfinished job of the kind has args that contain these';

-- bundle: operator monitor
CREATE FUNCTION foreman.hasnt_job(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT NULL, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_hasnt_job';
COMMENT ON FUNCTION foreman.hasnt_job IS 'pgTAP: passes when no unfinished job of the kind has args that contain these';

-- bundle: operator monitor
CREATE FUNCTION foreman.job_state_is(job_id pg_catalog.int8, state pg_catalog.text, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_job_state_is';
COMMENT ON FUNCTION foreman.job_state_is IS 'pgTAP: passes when the job is in this state of the view jobs';

-- bundle: operator monitor
CREATE FUNCTION foreman.has_timer(kind pg_catalog.text, key pg_catalog.text, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_has_timer';
COMMENT ON FUNCTION foreman.has_timer IS 'pgTAP: passes when a timer of this kind and key is set';

-- bundle: operator monitor
CREATE FUNCTION foreman.hasnt_timer(kind pg_catalog.text, key pg_catalog.text, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_hasnt_timer';
COMMENT ON FUNCTION foreman.hasnt_timer IS 'pgTAP: passes when no timer of this kind and key is set';

-- bundle: operator monitor
CREATE FUNCTION foreman.has_schedule(name pg_catalog.text, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_has_schedule';
COMMENT ON FUNCTION foreman.has_schedule IS 'pgTAP: passes when a schedule of this name is active';

-- bundle: operator monitor
CREATE FUNCTION foreman.hasnt_schedule(name pg_catalog.text, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_hasnt_schedule';
COMMENT ON FUNCTION foreman.hasnt_schedule IS 'pgTAP: passes when no schedule of this name is active';
