------------------------------------------------------------------------------------------------------------------------
-- Queues and rate limits.
------------------------------------------------------------------------------------------------------------------------

-- Declared queues. NULL means the default.
CREATE TABLE foreman.queue (
    queue            pg_catalog.text     COLLATE pg_catalog."C" NOT NULL,
    priority         pg_catalog.int2,
    backoff_base     pg_catalog.interval,
    backoff_max      pg_catalog.interval,
    retain_completed pg_catalog.interval,
    retain_cancelled pg_catalog.interval,
    retain_discarded pg_catalog.interval,
    keep_args        pg_catalog.int4,
    max_running      pg_catalog.int4,
    max_running_per_key pg_catalog.int4,
    sequence_policy  pg_catalog.text,
    rate_limit       pg_catalog.int4,
    rate_period      pg_catalog.interval,
    throttle_base    pg_catalog.interval,
    throttle_max     pg_catalog.interval,
    ageing           pg_catalog.int4,
    paused           pg_catalog.bool     NOT NULL DEFAULT false,
    created_at       pg_catalog.timestamptz NOT NULL,
    CONSTRAINT queue_pkey PRIMARY KEY (queue)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.queue', '');
COMMENT ON TABLE foreman.queue IS 'Declared queues; NULL stands for the default';
COMMENT ON COLUMN foreman.queue.throttle_base IS 'How long throttle() cools the queue down; NULL: 60 s';
COMMENT ON COLUMN foreman.queue.throttle_max IS 'Cool-downs in a row double up to this; NULL: all are as long as the first';
COMMENT ON COLUMN foreman.queue.ageing IS 'Every n-th job claimed is the oldest due one, whatever its priority; NULL: no job is';
COMMENT ON COLUMN foreman.queue.paused IS 'Whether pause_queue() was called';
COMMENT ON COLUMN foreman.queue.max_running_per_key IS 'How many jobs with the same concurrency_key may run at once; NULL: 1';
COMMENT ON COLUMN foreman.queue.sequence_policy IS 'What a failed or later head of a sequence does to the others: block (default) or skip';
COMMENT ON COLUMN foreman.queue.max_running IS 'How many of its jobs may run at once';
COMMENT ON COLUMN foreman.queue.rate_limit IS 'How many of its jobs may start in rate_period';
COMMENT ON COLUMN foreman.queue.rate_period IS 'Time in which rate_limit jobs may start; NULL: a second';

-- bundle: operator monitor
CREATE FUNCTION foreman._now()
RETURNS pg_catalog.timestamptz LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_now';
COMMENT ON FUNCTION foreman._now() IS 'The engine''s clock: the server''s, or foreman.fake_now';

-- The nine names of states, as core::state_name() has them. The planner puts the expression in the place of a call.
-- bundle: operator monitor
CREATE FUNCTION foreman._state_name(state pg_catalog."char", runs pg_catalog.bool, has_failed pg_catalog.bool, due pg_catalog.bool)
RETURNS pg_catalog.text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN runs OR state OPERATOR(pg_catalog.=) 'r' THEN 'running'
                WHEN state OPERATOR(pg_catalog.=) 'b' THEN 'pending'
                WHEN state OPERATOR(pg_catalog.=) 's' THEN 'suspended'
                WHEN state OPERATOR(pg_catalog.=) 'c' THEN 'completed'
                WHEN state OPERATOR(pg_catalog.=) 'x' THEN 'cancelled'
                WHEN state OPERATOR(pg_catalog.=) 'd' THEN 'discarded'
                WHEN has_failed THEN 'retryable'
                WHEN due THEN 'available'
                ELSE 'scheduled' END $$;
COMMENT ON FUNCTION foreman._state_name IS 'What users are told of the state of a job: state or outcome as the tables have it, whether an executor runs it, whether an attempt has failed, and whether its time has come';

-- bundle: operator monitor
CREATE FUNCTION foreman._executors(OUT slot pg_catalog.int4, OUT pid pg_catalog.int4, OUT role pg_catalog.oid, OUT state pg_catalog.text,
    OUT since pg_catalog.timestamptz, OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT queue pg_catalog.text,
    OUT attempt pg_catalog.int4, OUT started_at pg_catalog.timestamptz, OUT progress pg_catalog.float8, OUT note pg_catalog.text,
    OUT jobs_done pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 4 AS 'MODULE_PATHNAME', 'foreman_executors';
COMMENT ON FUNCTION foreman._executors() IS 'This database''s executors on the board; jobs of queues that the caller does not see are left out';

-- bundle: operator monitor
CREATE FUNCTION foreman._holders(OUT job_id pg_catalog.int8, OUT started_at pg_catalog.timestamptz, OUT pid pg_catalog.int4,
    OUT worker_id pg_catalog.text, OUT leased_until pg_catalog.timestamptz, OUT progress pg_catalog.float8, OUT note pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 4 AS 'MODULE_PATHNAME', 'foreman_holders';
COMMENT ON FUNCTION foreman._holders() IS 'Who has the jobs whose rows look as if they waited: executors, and workers outside whose leases are younger than two seconds; queues that the caller does not see are left out';

-- bundle: operator monitor
CREATE FUNCTION foreman._queue_counters(OUT queue pg_catalog.text, OUT waiting pg_catalog.int8, OUT oldest_run_at pg_catalog.timestamptz,
    OUT throttled_until pg_catalog.timestamptz, OUT completed pg_catalog.int8, OUT failed pg_catalog.int8,
    OUT discarded pg_catalog.int8, OUT cancelled pg_catalog.int8, OUT counted pg_catalog.bool,
    OUT scheduled pg_catalog.int8, OUT leased pg_catalog.int8, OUT pending pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_queue_counters';
COMMENT ON FUNCTION foreman._queue_counters() IS 'Counters of this database''s queues on the board';

-- bundle: operator monitor
CREATE VIEW foreman.queues WITH (security_barrier) AS
SELECT COALESCE(q.queue, c.queue) AS queue, q.queue IS NOT NULL AS declared,
       c.waiting, GREATEST(c.waiting OPERATOR(pg_catalog.-) c.scheduled OPERATOR(pg_catalog.-) c.pending OPERATOR(pg_catalog.-) c.leased OPERATOR(pg_catalog.-) COALESCE(r.running, 0), 0) AS available,
       c.scheduled, c.pending, c.leased OPERATOR(pg_catalog.+) COALESCE(r.running, 0) AS running, c.oldest_run_at,
       CASE WHEN c.oldest_run_at OPERATOR(pg_catalog.<=) foreman._now() THEN foreman._now() OPERATOR(pg_catalog.-) c.oldest_run_at END AS oldest_age,
       c.completed, c.failed, c.cancelled, c.discarded, COALESCE(q.paused, false) AS paused, c.throttled_until, COALESCE(c.counted, false) AS counted,
       q.priority::pg_catalog.int4 AS priority, q.backoff_base, q.backoff_max, q.retain_completed, q.retain_cancelled, q.retain_discarded, q.keep_args, q.max_running,
       q.throttle_base, q.throttle_max, q.ageing, q.max_running_per_key, q.sequence_policy, q.rate_limit, q.rate_period
  FROM foreman.queue q
  FULL JOIN foreman._queue_counters() c ON (c.queue OPERATOR(pg_catalog.=) q.queue)
  LEFT JOIN (SELECT e.queue, pg_catalog.count(*) AS running FROM foreman._executors() e WHERE e.job_id IS NOT NULL GROUP BY e.queue) r
    ON (r.queue OPERATOR(pg_catalog.=) COALESCE(q.queue, c.queue))
 WHERE foreman._sees(COALESCE(q.queue, c.queue));
COMMENT ON VIEW foreman.queues IS 'Queues that are declared or have jobs';
COMMENT ON COLUMN foreman.queues.queue IS 'Name';
COMMENT ON COLUMN foreman.queues.declared IS 'Whether create_queue() was called for it';
COMMENT ON COLUMN foreman.queues.waiting IS 'Unfinished jobs';
COMMENT ON COLUMN foreman.queues.running IS 'Jobs that executors run now, and leased ones as counted in the last minute';
COMMENT ON COLUMN foreman.queues.oldest_run_at IS 'When the first waiting job is due, or a little before';
COMMENT ON COLUMN foreman.queues.oldest_age IS 'How long the first waiting job has been due';
COMMENT ON COLUMN foreman.queues.completed IS 'Since the server started';
COMMENT ON COLUMN foreman.queues.failed IS 'Attempts that failed since the server started';
COMMENT ON COLUMN foreman.queues.cancelled IS 'Since the server started';
COMMENT ON COLUMN foreman.queues.discarded IS 'Since the server started';
COMMENT ON COLUMN foreman.queues.throttle_base IS 'How long throttle() cools the queue down';
COMMENT ON COLUMN foreman.queues.throttle_max IS 'Cool-downs in a row double up to this; NULL: all are as long as the first';
COMMENT ON COLUMN foreman.queues.ageing IS 'Every n-th job claimed is the oldest due one, whatever its priority';
COMMENT ON COLUMN foreman.queues.paused IS 'Whether pause_queue() was called: nothing of it starts';
COMMENT ON COLUMN foreman.queues.throttled_until IS 'The queue cools down until then';
COMMENT ON COLUMN foreman.queues.counted IS 'Whether the counters are complete; they are counted behind the start of the server';
COMMENT ON COLUMN foreman.queues.priority IS 'Of jobs that give none';
COMMENT ON COLUMN foreman.queues.backoff_base IS 'Delay after the first failure';
COMMENT ON COLUMN foreman.queues.backoff_max IS 'Longest delay';
COMMENT ON COLUMN foreman.queues.retain_completed IS 'How long completed jobs are kept';
COMMENT ON COLUMN foreman.queues.retain_cancelled IS 'How long cancelled jobs are kept';
COMMENT ON COLUMN foreman.queues.retain_discarded IS 'How long dead letters are kept';
COMMENT ON COLUMN foreman.queues.keep_args IS 'Size in bytes up to which args are kept in history';
COMMENT ON COLUMN foreman.queues.available IS 'Jobs that are due; what is due later may be a minute old';
COMMENT ON COLUMN foreman.queues.pending IS 'Jobs that wait for others, as counted in the last minute';
COMMENT ON COLUMN foreman.queues.scheduled IS 'Jobs that are due later, as counted in the last minute';
COMMENT ON COLUMN foreman.queues.max_running_per_key IS 'How many jobs with the same concurrency_key may run at once; NULL: 1';
COMMENT ON COLUMN foreman.queues.sequence_policy IS 'What a failed or later head of a sequence does to the others: block or skip';
COMMENT ON COLUMN foreman.queues.rate_limit IS 'How many of its jobs may start in rate_period';
COMMENT ON COLUMN foreman.queues.rate_period IS 'Time in which rate_limit jobs may start; NULL: a second';
COMMENT ON COLUMN foreman.queues.max_running IS 'How many of its jobs may run at once';

-- Named rate limits. The buckets are in shared memory; tokens and refilled_at serve where there is none.
CREATE TABLE foreman.rate_limit (
    scope             pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    capacity          pg_catalog.float8      NOT NULL,
    refill_per_second pg_catalog.float8      NOT NULL,
    tokens            pg_catalog.float8      NOT NULL,
    refilled_at       pg_catalog.timestamptz NOT NULL,
    CONSTRAINT rate_limit_pkey PRIMARY KEY (scope)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.rate_limit', '');
COMMENT ON TABLE foreman.rate_limit IS 'Named rate limits, for acquire()';
COMMENT ON COLUMN foreman.rate_limit.scope IS 'Name';
COMMENT ON COLUMN foreman.rate_limit.capacity IS 'Tokens that it holds at most';
COMMENT ON COLUMN foreman.rate_limit.refill_per_second IS 'Tokens that come back in a second';
COMMENT ON COLUMN foreman.rate_limit.tokens IS 'Tokens at refilled_at, on a server without shared memory of pg_foreman';
COMMENT ON COLUMN foreman.rate_limit.refilled_at IS 'When tokens was right';

-- bundle: operator
CREATE FUNCTION foreman.purge_queue(name pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_purge_queue';
COMMENT ON FUNCTION foreman.purge_queue(pg_catalog.text) IS 'Deletes all unfinished jobs of a queue, and interrupts those that run. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.create_queue(name pg_catalog.text, priority pg_catalog.int4 DEFAULT NULL,
    backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, retain_cancelled pg_catalog.interval DEFAULT NULL,
    retain_discarded pg_catalog.interval DEFAULT NULL, keep_args pg_catalog.int4 DEFAULT NULL, max_running pg_catalog.int4 DEFAULT NULL,
    max_running_per_key pg_catalog.int4 DEFAULT NULL, sequence_policy pg_catalog.text DEFAULT NULL,
    throttle_base pg_catalog.interval DEFAULT NULL, throttle_max pg_catalog.interval DEFAULT NULL, ageing pg_catalog.int4 DEFAULT NULL,
    rate_limit pg_catalog.int4 DEFAULT NULL, rate_period pg_catalog.interval DEFAULT NULL, if_not_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_queue';
COMMENT ON FUNCTION foreman.create_queue IS 'Declares a queue with its settings. Raises an error when the queue exists, unless if_not_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.alter_queue(name pg_catalog.text, priority pg_catalog.int4 DEFAULT NULL,
    backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, retain_cancelled pg_catalog.interval DEFAULT NULL,
    retain_discarded pg_catalog.interval DEFAULT NULL, keep_args pg_catalog.int4 DEFAULT NULL, max_running pg_catalog.int4 DEFAULT NULL,
    max_running_per_key pg_catalog.int4 DEFAULT NULL, sequence_policy pg_catalog.text DEFAULT NULL,
    throttle_base pg_catalog.interval DEFAULT NULL, throttle_max pg_catalog.interval DEFAULT NULL, ageing pg_catalog.int4 DEFAULT NULL,
    rate_limit pg_catalog.int4 DEFAULT NULL, rate_period pg_catalog.interval DEFAULT NULL,
    reset pg_catalog.text[] DEFAULT NULL, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_queue';
COMMENT ON FUNCTION foreman.alter_queue IS 'Changes settings of a queue at once. NULL keeps a setting; settings that are named in reset get their defaults again. Raises an error when the queue does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.drop_queue(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_queue';
COMMENT ON FUNCTION foreman.drop_queue IS 'Forgets the settings of a queue and the rights on it. The queue must not have unfinished jobs. Raises an error when the queue does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.pause_queue(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_pause_queue';
COMMENT ON FUNCTION foreman.pause_queue IS 'Pauses a queue: from the commit on none of its jobs starts until resume_queue(), also over restarts. What runs goes on. Returns false when it was paused. Raises an error when nothing uses the queue, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.resume_queue(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_queue';
COMMENT ON FUNCTION foreman.resume_queue IS 'Lets jobs of a paused queue start again. Returns false when it was not paused. Raises an error when nothing uses the queue, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.set_rate_limit(scope pg_catalog.text, capacity pg_catalog.int4, refill_per_second pg_catalog.float8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_rate_limit';
COMMENT ON FUNCTION foreman.set_rate_limit IS 'Makes or changes a named rate limit, which is a bucket of tokens. Returns true when it is new, and false when it was changed';

-- bundle: worker operator handler
CREATE FUNCTION foreman.acquire(scope pg_catalog.text, cost pg_catalog.int4 DEFAULT 1,
    OUT granted pg_catalog.bool, OUT retry_in pg_catalog.interval)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_acquire';
COMMENT ON FUNCTION foreman.acquire IS 'Takes tokens of a named rate limit, if they are there, and says so; otherwise it says in how long they will be there. It never waits, and a rollback does not give tokens back';

-- bundle: operator
CREATE FUNCTION foreman.drain_rate_limit(scope pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drain_rate_limit';
COMMENT ON FUNCTION foreman.drain_rate_limit IS 'Empties the bucket of a named rate limit, for use after a refusal by the other side. Raises an error when the limit does not exist, unless if_exists is given';
