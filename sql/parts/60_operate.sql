------------------------------------------------------------------------------------------------------------------------
-- What an operator does to jobs and asks of them.
------------------------------------------------------------------------------------------------------------------------

-- bundle: operator
CREATE FUNCTION foreman.cancel(job_id pg_catalog.int8, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel';
COMMENT ON FUNCTION foreman.cancel(pg_catalog.int8, pg_catalog.text) IS 'Cancels a waiting job, and interrupts a running one. Returns cancelled, cancel_requested, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.cancel_many(job_ids pg_catalog.int8[], reason pg_catalog.text DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_many';
COMMENT ON FUNCTION foreman.cancel_many(pg_catalog.int8[], pg_catalog.text) IS 'cancel() for several jobs';

-- bundle: operator
CREATE FUNCTION foreman.retry(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry';
COMMENT ON FUNCTION foreman.retry(pg_catalog.int8) IS 'Makes a finished job due again, with all of its attempts. Returns false when the job is not finished';

-- bundle: operator
CREATE FUNCTION foreman.retry_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT retried pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_many';
COMMENT ON FUNCTION foreman.retry_many(pg_catalog.int8[]) IS 'retry() for several jobs';

-- bundle: operator
CREATE FUNCTION foreman.run_now(job_id pg_catalog.int8)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_now';
COMMENT ON FUNCTION foreman.run_now(pg_catalog.int8) IS 'Makes a waiting job due now. Returns rescheduled, requested, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.run_now_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_now_many';
COMMENT ON FUNCTION foreman.run_now_many(pg_catalog.int8[]) IS 'run_now() for several jobs';

-- bundle: operator
CREATE FUNCTION foreman.release_lease(job_id pg_catalog.int8)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_release_lease';
COMMENT ON FUNCTION foreman.release_lease(pg_catalog.int8) IS 'Takes a job back from the outside worker that holds it. It is due as before, and no attempt is charged. Returns released, not_leased, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.reschedule(job_id pg_catalog.int8, run_at pg_catalog.timestamptz DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reschedule';
COMMENT ON FUNCTION foreman.reschedule(pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.int4) IS 'Gives a waiting job another time or priority. Returns rescheduled, requested, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.reschedule_many(job_ids pg_catalog.int8[], run_at pg_catalog.timestamptz DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reschedule_many';
COMMENT ON FUNCTION foreman.reschedule_many(pg_catalog.int8[], pg_catalog.timestamptz, pg_catalog.int4) IS 'reschedule() for several jobs';

-- bundle: operator
CREATE FUNCTION foreman.delete_job(job_id pg_catalog.int8)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_job';
COMMENT ON FUNCTION foreman.delete_job(pg_catalog.int8) IS 'Deletes a job, finished or not, and interrupts it if it runs. Returns deleted, delete_requested or not_found';

-- bundle: operator
CREATE FUNCTION foreman.delete_job_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_job_many';
COMMENT ON FUNCTION foreman.delete_job_many(pg_catalog.int8[]) IS 'delete_job() for several jobs';

-- bundle: operator
CREATE FUNCTION foreman.cancel_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_where';
COMMENT ON FUNCTION foreman.cancel_where IS 'cancel() for all unfinished jobs that match, older_than since they were enqueued; returns how many were cancelled or asked to stop';

-- bundle: operator
CREATE FUNCTION foreman.retry_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_where';
COMMENT ON FUNCTION foreman.retry_where IS 'retry() for all finished jobs that match, older_than since they finished; returns how many';

-- bundle: operator
CREATE FUNCTION foreman.delete_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_where';
COMMENT ON FUNCTION foreman.delete_where IS 'delete_job() for all jobs that match, older_than since they were enqueued or finished; returns how many were deleted or asked to stop';

-- bundle: operator
CREATE FUNCTION foreman.dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100,
    OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4, OUT enqueued_at pg_catalog.timestamptz,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb,
    OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_dead_letters';
COMMENT ON FUNCTION foreman.dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.int8, pg_catalog.int4) IS 'Returns discarded jobs, the latest first. before_id is the last job_id of the page before';

-- bundle: operator
CREATE FUNCTION foreman.count_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_dead_letters';
COMMENT ON FUNCTION foreman.count_dead_letters(pg_catalog.text, pg_catalog.text) IS 'How many discarded jobs there are';

-- bundle: operator
CREATE FUNCTION foreman.retry_dead_letter(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_dead_letter';
COMMENT ON FUNCTION foreman.retry_dead_letter(pg_catalog.int8) IS 'Makes a discarded job due again, with all of its attempts. Returns false when the job is not a dead letter';

-- bundle: operator
CREATE FUNCTION foreman.retry_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_dead_letters';
COMMENT ON FUNCTION foreman.retry_dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS 'Makes up to max_rows discarded jobs due again. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.purge_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    older_than pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_purge_dead_letters';
COMMENT ON FUNCTION foreman.purge_dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS 'Deletes discarded jobs. Returns how many';

-- bundle: producer worker operator
CREATE PROCEDURE foreman.await(job_id pg_catalog.int8, timeout pg_catalog.interval,
    INOUT state pg_catalog.text DEFAULT NULL, INOUT result pg_catalog.jsonb DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_await';
COMMENT ON PROCEDURE foreman.await(pg_catalog.int8, pg_catalog.interval, pg_catalog.text, pg_catalog.jsonb) IS 'Waits until the job has ended, or until the time is over, and returns its state and result. It has to be called outside of a transaction block';

-- bundle: operator
CREATE FUNCTION foreman.start()
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_start';
COMMENT ON FUNCTION foreman.start() IS 'Lets this database run jobs, also when it is a copy of another. Returns false when it ran jobs already';

-- bundle: operator
CREATE FUNCTION foreman.stop()
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_stop';
COMMENT ON FUNCTION foreman.stop() IS 'Stops running jobs in this database, over restarts too. Returns false when it was stopped already';

-- bundle: producer worker operator monitor
CREATE FUNCTION foreman.why(job_id pg_catalog.int8, OUT reason pg_catalog.text, OUT detail pg_catalog.jsonb,
    OUT until pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_why';
COMMENT ON FUNCTION foreman.why IS 'Says why a job is not running now: a row for each reason, with what it waits for, and until when where that is known';

-- bundle: operator monitor
CREATE FUNCTION foreman.health(OUT name pg_catalog.text, OUT ok pg_catalog.bool, OUT detail pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_health';
COMMENT ON FUNCTION foreman.health() IS 'Says whether everything is there that this database needs to run jobs, and what to do where something is missing';
