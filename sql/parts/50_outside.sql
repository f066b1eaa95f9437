------------------------------------------------------------------------------------------------------------------------
-- Workers outside the database.
------------------------------------------------------------------------------------------------------------------------

-- bundle: worker
CREATE FUNCTION foreman.claim(queues pg_catalog.text[], worker_id pg_catalog.text, qty pg_catalog.int4 DEFAULT 1,
    lease pg_catalog.interval DEFAULT NULL, kinds pg_catalog.text[] DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT token pg_catalog.uuid, OUT queue pg_catalog.text, OUT kind pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4, OUT priority pg_catalog.int4, OUT run_at pg_catalog.timestamptz,
    OUT leased_until pg_catalog.timestamptz, OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_claim';
COMMENT ON FUNCTION foreman.claim IS 'Leases due jobs of these queues to an outside worker. Each job comes with the token that proves the lease';

-- bundle: worker
CREATE FUNCTION foreman.heartbeat(job_id pg_catalog.int8, token pg_catalog.uuid, extend pg_catalog.interval DEFAULT NULL,
    progress pg_catalog.float8 DEFAULT NULL, note pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_heartbeat';
COMMENT ON FUNCTION foreman.heartbeat IS 'Extends a lease. Returns active, cancel_requested (the worker should stop and call fail) or lost (somebody else has the job, or it is gone)';

-- bundle: worker
CREATE FUNCTION foreman.heartbeat_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], extend pg_catalog.interval DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_heartbeat_many';
COMMENT ON FUNCTION foreman.heartbeat_many IS 'heartbeat() for many leases';

-- bundle: worker
CREATE FUNCTION foreman.complete(job_id pg_catalog.int8, token pg_catalog.uuid, result pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_complete';
COMMENT ON FUNCTION foreman.complete IS 'Ends a leased job as completed. Returns completed, or lost when the token does not hold the job any more';

-- bundle: worker
CREATE FUNCTION foreman.complete_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], results pg_catalog.jsonb[] DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_complete_many';
COMMENT ON FUNCTION foreman.complete_many IS 'complete() for many leases, in one statement';

-- bundle: worker
CREATE FUNCTION foreman.fail(job_id pg_catalog.int8, token pg_catalog.uuid, error pg_catalog.text, retry_in pg_catalog.interval DEFAULT NULL,
    discard pg_catalog.bool DEFAULT false, detail pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fail';
COMMENT ON FUNCTION foreman.fail IS 'Ends an attempt as failed. Returns what becomes of the job: retryable, discarded or cancelled; or lost when the token does not hold the job any more';

-- bundle: worker
CREATE FUNCTION foreman.fail_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], errors pg_catalog.text[],
    retry_in pg_catalog.interval DEFAULT NULL, discard pg_catalog.bool DEFAULT false,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fail_many';
COMMENT ON FUNCTION foreman.fail_many IS 'fail() for many leases';

-- bundle: worker
CREATE FUNCTION foreman.snooze_lease(job_id pg_catalog.int8, token pg_catalog.uuid, run_in pg_catalog.interval)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze_lease';
COMMENT ON FUNCTION foreman.snooze_lease IS 'Gives a leased job back, to run again after run_in. No attempt is charged';

-- bundle: worker
CREATE FUNCTION foreman.snooze_lease_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], run_in pg_catalog.interval,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze_lease_many';
COMMENT ON FUNCTION foreman.snooze_lease_many IS 'snooze_lease() for many leases';

-- bundle: worker
CREATE FUNCTION foreman.throttle_lease(job_id pg_catalog.int8, token pg_catalog.uuid)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle_lease';
COMMENT ON FUNCTION foreman.throttle_lease IS 'Gives a leased job back, and cools its queue down. No attempt is charged';

-- bundle: worker
CREATE FUNCTION foreman.throttle_lease_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[],
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle_lease_many';
COMMENT ON FUNCTION foreman.throttle_lease_many IS 'throttle_lease() for many leases';

-- bundle: worker
CREATE FUNCTION foreman.release(job_id pg_catalog.int8, token pg_catalog.uuid)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_release';
COMMENT ON FUNCTION foreman.release IS 'Gives a leased job back. It is due as before, and no attempt is charged';

-- bundle: worker
CREATE FUNCTION foreman.release_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[],
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_release_many';
COMMENT ON FUNCTION foreman.release_many IS 'release() for many leases';

-- bundle: worker
CREATE FUNCTION foreman.worker_heartbeat(worker_id pg_catalog.text, queues pg_catalog.text[], label pg_catalog.text DEFAULT NULL,
    OUT queue pg_catalog.text, OUT slots pg_catalog.int4)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_worker_heartbeat';
COMMENT ON FUNCTION foreman.worker_heartbeat IS 'Registers an outside worker, and returns its share of each queue''s max_running; NULL means that there is no limit';

-- bundle: worker
CREATE PROCEDURE foreman.wait_for_job(queues pg_catalog.text[], timeout pg_catalog.interval)
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_wait_for_job';
COMMENT ON PROCEDURE foreman.wait_for_job IS 'Waits until a job of these queues may be claimed, or until the time is over. It has to be called outside of a transaction block';

-- Conditions of our own statements. Nobody is granted them: the statements run as the owner.
CREATE FUNCTION foreman._may_take(job_id pg_catalog.int8, state pg_catalog."char", token pg_catalog.uuid)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_may_take';
COMMENT ON FUNCTION foreman._may_take IS 'Inside of complete() and its like: whether a token of the call holds the job of a row';

CREATE FUNCTION foreman._is_free(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'foreman_is_free';
COMMENT ON FUNCTION foreman._is_free IS 'Whether no worker outside has leased the job on the board alone, without its row saying so';
