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
