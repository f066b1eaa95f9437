------------------------------------------------------------------------------------------------------------------------
-- Handlers in the database: what they see, and what they call.
------------------------------------------------------------------------------------------------------------------------

-- Registered handlers. The function is stored as its qualified name and argument type, resolved again when it changes.
-- shape: j = f(jsonb), o = f(foreman.job), a = f(foreman.job[]), c = command, s = the command of a schedule, w = inputs of a
-- workflow type, e = f(foreman.event), v = f(foreman.event[]).
CREATE TABLE foreman.handler (
    kind          pg_catalog.text     COLLATE pg_catalog."C" NOT NULL,
    handler       pg_catalog.text,
    shape         pg_catalog."char"   NOT NULL,
    command       pg_catalog.text,
    lane          pg_catalog.text     NOT NULL,
    queue         pg_catalog.text     COLLATE pg_catalog."C" NOT NULL,
    max_attempts  pg_catalog.int2,
    timeout       pg_catalog.interval,
    backoff_base  pg_catalog.interval,
    backoff_max   pg_catalog.interval,
    max_group     pg_catalog.int2,
    run_as        foreman.role_ref    NOT NULL,
    registered_at pg_catalog.timestamptz NOT NULL,
    serves        pg_catalog.text[]   COLLATE pg_catalog."C",
    session       pg_catalog.text     NOT NULL DEFAULT 'kept',
    CONSTRAINT handler_pkey PRIMARY KEY (kind)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.handler', '');
COMMENT ON TABLE foreman.handler IS 'Which function, procedure or command runs the jobs of a kind';
COMMENT ON COLUMN foreman.handler.handler IS 'Qualified name and argument type of the function or procedure';
COMMENT ON COLUMN foreman.handler.shape IS 'j = f(jsonb), o = f(foreman.job), a = f(foreman.job[]), c = command, s = command of a schedule, w = inputs of a workflow type, e = f(foreman.event), v = f(foreman.event[])';
COMMENT ON COLUMN foreman.handler.serves IS 'Queues whose jobs of the kind it runs; NULL: all';
COMMENT ON COLUMN foreman.handler.session IS 'kept: sessions run one job after another; new: each call has a session of its own';
COMMENT ON COLUMN foreman.handler.run_as IS 'Role whose sessions run the handler';

-- Types of their own, so that the tables may change.
-- bundle: producer worker operator monitor handler
CREATE TYPE foreman.job AS (
    job_id       pg_catalog.int8,
    kind         pg_catalog.text,
    queue        pg_catalog.text,
    args         pg_catalog.jsonb,
    attempt      pg_catalog.int4,
    max_attempts pg_catalog.int4,
    priority     pg_catalog.int4,
    run_at       pg_catalog.timestamptz,
    enqueued_at  pg_catalog.timestamptz,
    tags         pg_catalog.text[],
    metadata     pg_catalog.jsonb
);
COMMENT ON TYPE foreman.job IS 'A job as its handler sees it';
COMMENT ON COLUMN foreman.job.job_id IS 'Id';
COMMENT ON COLUMN foreman.job.kind IS 'Kind';
COMMENT ON COLUMN foreman.job.queue IS 'Queue';
COMMENT ON COLUMN foreman.job.args IS 'What was given to enqueue()';
COMMENT ON COLUMN foreman.job.attempt IS 'Number of this attempt, from 1';
COMMENT ON COLUMN foreman.job.max_attempts IS 'Attempts that the job has in all';
COMMENT ON COLUMN foreman.job.priority IS '-100 (first) to 100';
COMMENT ON COLUMN foreman.job.run_at IS 'When the job was due';
COMMENT ON COLUMN foreman.job.enqueued_at IS 'When it was enqueued';
COMMENT ON COLUMN foreman.job.tags IS 'Tags that were given to enqueue()';
COMMENT ON COLUMN foreman.job.metadata IS 'Metadata that was given to enqueue(); of a job of a schedule, the schedule and the occurrence';

-- bundle: producer worker operator monitor handler
CREATE TYPE foreman.job_outcome AS (
    job_id  pg_catalog.int8,
    outcome pg_catalog.text,
    result  pg_catalog.jsonb,
    error   pg_catalog.text,
    run_in  pg_catalog.interval
);
COMMENT ON TYPE foreman.job_outcome IS 'What a handler of lane batch says about one of its jobs';
COMMENT ON COLUMN foreman.job_outcome.job_id IS 'Job of the batch';
COMMENT ON COLUMN foreman.job_outcome.outcome IS 'completed, failed, discarded, snoozed or cancelled; NULL is completed';
COMMENT ON COLUMN foreman.job_outcome.result IS 'Kept with a completed job';
COMMENT ON COLUMN foreman.job_outcome.error IS 'Message of a failed attempt; reason of a discarded or cancelled job';
COMMENT ON COLUMN foreman.job_outcome.run_in IS 'Time until the next attempt of a snoozed job';

-- bundle: operator
CREATE FUNCTION foreman.register_handler(kind pg_catalog.text, handler pg_catalog.text DEFAULT NULL, command pg_catalog.text DEFAULT NULL,
    lane pg_catalog.text DEFAULT 'transaction', queue pg_catalog.text DEFAULT 'default', max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    max_group pg_catalog.int4 DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL, session pg_catalog.text DEFAULT 'kept')
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_register_handler';
COMMENT ON FUNCTION foreman.register_handler(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.int4, pg_catalog.regrole, pg_catalog.text) IS 'Says which function, procedure or command runs the jobs of a kind, and as which role. Returns true when the kind is new, and false when another handler was replaced';

-- bundle: operator
CREATE FUNCTION foreman.unregister_handler(kind pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unregister_handler';
COMMENT ON FUNCTION foreman.unregister_handler IS 'Takes the handler of a kind away. Jobs of the kind wait until there is another handler. Raises an error when there is no handler, unless if_exists is given';

-- bundle: handler
CREATE FUNCTION foreman.current_job()
RETURNS foreman.job LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_current_job';
COMMENT ON FUNCTION foreman.current_job() IS 'The job that the calling handler runs for';

-- bundle: handler
CREATE FUNCTION foreman.idempotency_key()
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_idempotency_key';
COMMENT ON FUNCTION foreman.idempotency_key() IS 'A key of the calling handler''s job that is the same at every attempt';

-- bundle: handler
CREATE FUNCTION foreman.set_progress(fraction pg_catalog.float8, note pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_progress';
COMMENT ON FUNCTION foreman.set_progress(pg_catalog.float8, pg_catalog.text) IS 'Shows others at once how far the calling handler is, from 0 to 1';

-- bundle: handler
CREATE FUNCTION foreman.snooze(run_in pg_catalog.interval)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze';
COMMENT ON FUNCTION foreman.snooze(pg_catalog.interval) IS 'When the calling handler returns, its job runs again after this time, and no attempt is charged';

-- bundle: handler
CREATE FUNCTION foreman.throttle()
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle';
COMMENT ON FUNCTION foreman.throttle() IS 'When the calling handler returns, its job runs again later, no attempt is charged, and its whole queue cools down';

-- bundle: handler
CREATE FUNCTION foreman.discard(reason pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_discard';
COMMENT ON FUNCTION foreman.discard(pg_catalog.text) IS 'When the calling handler returns, its job becomes a dead letter';

-- bundle: handler
CREATE FUNCTION foreman.cancel_self(reason pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_self';
COMMENT ON FUNCTION foreman.cancel_self(pg_catalog.text) IS 'When the calling handler returns, its job is cancelled';
