-- pg_foreman 1.0: tables, types, functions, views and rights of schema foreman.
-- Every name and operator is qualified, no object is created conditionally, and nothing is granted to PUBLIC.

\echo Use "CREATE EXTENSION pg_foreman" to load this file. \quit

-- Not to be found ready-made: somebody else could own it.
CREATE SCHEMA foreman;

------------------------------------------------------------------------------------------------------------------------
-- Tables. Nobody is granted anything on them: every right is a right on a function or a view.
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE foreman.job_id_seq AS pg_catalog.int8;

-- Unfinished jobs. state: w = claimable, r = running outside a group's transaction (leased), b = blocked: blocked_on says
-- by what: d = other jobs, k = its concurrency key, q = its sequence, s = the job that holds its unique key.
-- alone: bit 1 = has a transaction to itself, bit 2 = has a key, so that its row stays while it runs.
-- unique_as: u = holds its unique key, n = next to hold it, t and s = the same for timers.
-- attempt counts the attempts charged so far. timeout_us is in microseconds.
CREATE TABLE foreman.live_job (
    job_id       pg_catalog.int8        NOT NULL,
    run_at       pg_catalog.timestamptz NOT NULL,
    enqueued_at  pg_catalog.timestamptz NOT NULL,
    priority     pg_catalog.int2        NOT NULL,
    attempt      pg_catalog.int2        NOT NULL,
    max_attempts pg_catalog.int2        NOT NULL,
    alone        pg_catalog.int2        NOT NULL DEFAULT 0,
    state        pg_catalog."char"      NOT NULL DEFAULT 'w',
    queue        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    args         pg_catalog.jsonb       NOT NULL,
    timeout_us   pg_catalog.int8,
    expires_at   pg_catalog.timestamptz,
    tags         pg_catalog.text[],
    metadata     pg_catalog.jsonb,
    errors       pg_catalog.jsonb,
    token        pg_catalog.uuid,
    claimed_at   pg_catalog.timestamptz,
    worker_pid   pg_catalog.int4,
    worker       pg_catalog.text,
    lease_us     pg_catalog.int8,
    crashes      pg_catalog.int2        NOT NULL DEFAULT 0,
    batch_id        pg_catalog.int8,
    unique_key      pg_catalog.text     COLLATE pg_catalog."C",
    unique_as       pg_catalog."char",
    concurrency_key pg_catalog.text     COLLATE pg_catalog."C",
    sequence_key    pg_catalog.text     COLLATE pg_catalog."C",
    blocked_on      pg_catalog."char",
    CONSTRAINT live_job_pkey PRIMARY KEY (job_id)
);
CREATE INDEX live_job_claim ON foreman.live_job (queue, kind, priority, alone, run_at, job_id) WHERE (state OPERATOR(pg_catalog.=) 'w');
CREATE INDEX live_job_held ON foreman.live_job (job_id) WHERE (state OPERATOR(pg_catalog.=) 'r');
CREATE INDEX live_job_expiry ON foreman.live_job (expires_at) WHERE (expires_at IS NOT NULL);
CREATE UNIQUE INDEX live_job_unique ON foreman.live_job (kind, unique_key, unique_as) WHERE (unique_key IS NOT NULL);
CREATE INDEX live_job_concurrency ON foreman.live_job (queue, concurrency_key, priority, run_at, job_id) WHERE (concurrency_key IS NOT NULL);
CREATE INDEX live_job_sequence ON foreman.live_job (queue, sequence_key, job_id) WHERE (sequence_key IS NOT NULL);
CREATE INDEX live_job_batch ON foreman.live_job (batch_id) WHERE (batch_id IS NOT NULL);
CREATE INDEX live_job_blocked ON foreman.live_job (blocked_on, job_id) WHERE (state OPERATOR(pg_catalog.=) 'b');
ALTER TABLE foreman.live_job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Completed (c) and cancelled (x) jobs, one partition a day. The default partition takes what no day has been made for;
-- the dispatcher moves it out again.
CREATE TABLE foreman.job_history (
    job_id       pg_catalog.int8        NOT NULL,
    finished_at  pg_catalog.timestamptz NOT NULL,
    run_at       pg_catalog.timestamptz NOT NULL,
    enqueued_at  pg_catalog.timestamptz NOT NULL,
    started_at   pg_catalog.timestamptz,
    priority     pg_catalog.int2        NOT NULL,
    attempt      pg_catalog.int2        NOT NULL,
    max_attempts pg_catalog.int2        NOT NULL,
    outcome      pg_catalog."char"      NOT NULL,
    queue        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    args         pg_catalog.jsonb,
    result       pg_catalog.jsonb,
    reason       pg_catalog.text,
    tags         pg_catalog.text[],
    metadata     pg_catalog.jsonb,
    errors       pg_catalog.jsonb,
    worker_pid   pg_catalog.int4,
    batch_id        pg_catalog.int8,
    unique_key      pg_catalog.text     COLLATE pg_catalog."C",
    unique_as       pg_catalog."char",
    concurrency_key pg_catalog.text     COLLATE pg_catalog."C",
    sequence_key    pg_catalog.text     COLLATE pg_catalog."C"
) PARTITION BY RANGE (finished_at);
CREATE TABLE foreman.job_history_default PARTITION OF foreman.job_history DEFAULT;
-- No index of the whole: attaching a partition would make one, and a restore then makes the dumped one, too.
CREATE INDEX job_history_default_job_id ON foreman.job_history_default (job_id);
CREATE INDEX job_history_default_batch ON foreman.job_history_default (batch_id) WHERE (batch_id IS NOT NULL);

-- Discarded jobs.
CREATE TABLE foreman.dead_letter (
    job_id       pg_catalog.int8        NOT NULL,
    discarded_at pg_catalog.timestamptz NOT NULL,
    run_at       pg_catalog.timestamptz NOT NULL,
    enqueued_at  pg_catalog.timestamptz NOT NULL,
    started_at   pg_catalog.timestamptz,
    priority     pg_catalog.int2        NOT NULL,
    attempt      pg_catalog.int2        NOT NULL,
    max_attempts pg_catalog.int2        NOT NULL,
    queue        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    args         pg_catalog.jsonb       NOT NULL,
    timeout_us   pg_catalog.int8,
    reason       pg_catalog.text,
    tags         pg_catalog.text[],
    metadata     pg_catalog.jsonb,
    errors       pg_catalog.jsonb,
    worker_pid   pg_catalog.int4,
    batch_id        pg_catalog.int8,
    unique_key      pg_catalog.text     COLLATE pg_catalog."C",
    unique_as       pg_catalog."char",
    concurrency_key pg_catalog.text     COLLATE pg_catalog."C",
    sequence_key    pg_catalog.text     COLLATE pg_catalog."C",
    CONSTRAINT dead_letter_pkey PRIMARY KEY (job_id)
);
CREATE INDEX dead_letter_batch ON foreman.dead_letter (batch_id) WHERE (batch_id IS NOT NULL);
CREATE INDEX dead_letter_queue ON foreman.dead_letter (queue, discarded_at);

-- What was asked of a job while it was running. action: c = cancel, d = delete, r = reschedule.
CREATE TABLE foreman.job_request (
    request_id   pg_catalog.int8        GENERATED ALWAYS AS IDENTITY,
    job_id       pg_catalog.int8        NOT NULL,
    action       pg_catalog."char"      NOT NULL,
    reason       pg_catalog.text,
    run_at       pg_catalog.timestamptz,
    priority     pg_catalog.int2,
    requested_at pg_catalog.timestamptz NOT NULL,
    CONSTRAINT job_request_pkey PRIMARY KEY (job_id, request_id)
);

-- What blocked jobs wait for. A row goes when its depends_on has completed, or with the job. No foreign keys: they would
-- lock rows of live_job. policy: c = the job is cancelled when depends_on ends otherwise, r = it runs all the same.
CREATE TABLE foreman.job_dependency (
    depends_on pg_catalog.int8   NOT NULL,
    job_id     pg_catalog.int8   NOT NULL,
    policy     pg_catalog."char" NOT NULL,
    CONSTRAINT job_dependency_pkey PRIMARY KEY (depends_on, job_id)
);
CREATE INDEX job_dependency_job_id ON foreman.job_dependency (job_id);

-- Batches: jobs whose end, all together, enqueues other jobs.
CREATE TABLE foreman.job_batch (
    batch_id     pg_catalog.int8        GENERATED ALWAYS AS IDENTITY,
    name         pg_catalog.text        NOT NULL,
    on_success   pg_catalog.text,
    on_complete  pg_catalog.text,
    on_discard   pg_catalog.text,
    created_by   pg_catalog.regrole     NOT NULL,
    created_at   pg_catalog.timestamptz NOT NULL,
    discarded_at pg_catalog.timestamptz,
    finished_at  pg_catalog.timestamptz,
    CONSTRAINT job_batch_pkey PRIMARY KEY (batch_id)
);
CREATE INDEX job_batch_open ON foreman.job_batch (batch_id) WHERE (finished_at IS NULL);

-- Unique keys that are held for a time, whether their job has ended or not (unique_for).
CREATE TABLE foreman.unique_window (
    kind       pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    unique_key pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    job_id     pg_catalog.int8        NOT NULL,
    until      pg_catalog.timestamptz NOT NULL,
    CONSTRAINT unique_window_pkey PRIMARY KEY (kind, unique_key)
);
CREATE INDEX unique_window_until ON foreman.unique_window (until);

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
    throttle_base    pg_catalog.interval,
    throttle_max     pg_catalog.interval,
    ageing           pg_catalog.int4,
    paused           pg_catalog.bool     NOT NULL DEFAULT false,
    created_at       pg_catalog.timestamptz NOT NULL,
    CONSTRAINT queue_pkey PRIMARY KEY (queue)
);

-- Registered handlers. The function is stored as its qualified name and argument type, resolved again when it changes.
-- shape: j = f(jsonb), o = f(foreman.job), a = f(foreman.job[]), c = command.
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
    run_as        pg_catalog.regrole  NOT NULL,
    registered_at pg_catalog.timestamptz NOT NULL,
    CONSTRAINT handler_pkey PRIMARY KEY (kind)
);

-- What grant_role gave. queue NULL: all queues.
CREATE TABLE foreman.role_grant (
    bundle pg_catalog.text    NOT NULL,
    role   pg_catalog.regrole NOT NULL,
    queue  pg_catalog.text    COLLATE pg_catalog."C"
);
CREATE UNIQUE INDEX role_grant_all ON foreman.role_grant (bundle, role) WHERE (queue IS NULL);
CREATE UNIQUE INDEX role_grant_queue ON foreman.role_grant (bundle, role, queue) WHERE (queue IS NOT NULL);

-- Whether this database may run jobs. Workers run only while every row was inserted here: its id is its own xmin and its
-- database is this one. A restored, subscribed or template-made copy fails that test and stays quiet until foreman.start().
CREATE TABLE foreman.identity (
    id       pg_catalog.xid  NOT NULL,
    database pg_catalog.oid  NOT NULL,
    stopped  pg_catalog.bool NOT NULL
);

SELECT pg_catalog.pg_extension_config_dump('foreman.job_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.live_job', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.job_history_default', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.dead_letter', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.job_request', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.job_request', 'request_id')::pg_catalog.regclass, '');
SELECT pg_catalog.pg_extension_config_dump('foreman.job_dependency', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.job_batch', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.job_batch', 'batch_id')::pg_catalog.regclass, '');
SELECT pg_catalog.pg_extension_config_dump('foreman.unique_window', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.queue', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.handler', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.role_grant', '');
SELECT pg_catalog.pg_extension_config_dump('foreman.identity', '');

------------------------------------------------------------------------------------------------------------------------
-- Types that handlers see. They are their own, so that the tables may change.
------------------------------------------------------------------------------------------------------------------------

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

CREATE TYPE foreman.job_outcome AS (
    job_id  pg_catalog.int8,
    outcome pg_catalog.text,
    result  pg_catalog.jsonb,
    error   pg_catalog.text,
    run_in  pg_catalog.interval
);

------------------------------------------------------------------------------------------------------------------------
-- Produce
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman.enqueue(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue';

CREATE FUNCTION foreman.enqueue_info(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_info';

CREATE FUNCTION foreman.enqueue_many(jobs pg_catalog.jsonb,
    OUT ordinal pg_catalog.int4, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_many';

CREATE FUNCTION foreman.enqueue_array(kind pg_catalog.text, args pg_catalog.jsonb[], queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL,
    OUT ordinal pg_catalog.int4, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_array';

------------------------------------------------------------------------------------------------------------------------
-- Handle in the database
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman.register_handler(kind pg_catalog.text, handler pg_catalog.text DEFAULT NULL, command pg_catalog.text DEFAULT NULL,
    lane pg_catalog.text DEFAULT 'transaction', queue pg_catalog.text DEFAULT 'default', max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    max_group pg_catalog.int4 DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_register_handler';

CREATE FUNCTION foreman.unregister_handler(kind pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unregister_handler';

CREATE FUNCTION foreman.current_job()
RETURNS foreman.job LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_current_job';

CREATE FUNCTION foreman.idempotency_key()
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_idempotency_key';

CREATE FUNCTION foreman.set_progress(fraction pg_catalog.float8, note pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_progress';

CREATE FUNCTION foreman.snooze(run_in pg_catalog.interval)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze';

CREATE FUNCTION foreman.throttle()
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle';

CREATE FUNCTION foreman.discard(reason pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_discard';

CREATE FUNCTION foreman.cancel_self(reason pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_self';

------------------------------------------------------------------------------------------------------------------------
-- Handle outside
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman.claim(queues pg_catalog.text[], worker_id pg_catalog.text, qty pg_catalog.int4 DEFAULT 1,
    lease pg_catalog.interval DEFAULT NULL, kinds pg_catalog.text[] DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT token pg_catalog.uuid, OUT queue pg_catalog.text, OUT kind pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4, OUT priority pg_catalog.int4, OUT run_at pg_catalog.timestamptz,
    OUT leased_until pg_catalog.timestamptz, OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_claim';

CREATE FUNCTION foreman.heartbeat(job_id pg_catalog.int8, token pg_catalog.uuid, extend pg_catalog.interval DEFAULT NULL,
    progress pg_catalog.float8 DEFAULT NULL, note pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_heartbeat';

CREATE FUNCTION foreman.heartbeat_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], extend pg_catalog.interval DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_heartbeat_many';

CREATE FUNCTION foreman.complete(job_id pg_catalog.int8, token pg_catalog.uuid, result pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_complete';

CREATE FUNCTION foreman.complete_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], results pg_catalog.jsonb[] DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_complete_many';

CREATE FUNCTION foreman.fail(job_id pg_catalog.int8, token pg_catalog.uuid, error pg_catalog.text, retry_in pg_catalog.interval DEFAULT NULL,
    discard pg_catalog.bool DEFAULT false, detail pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fail';

CREATE FUNCTION foreman.fail_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], errors pg_catalog.text[],
    retry_in pg_catalog.interval DEFAULT NULL, discard pg_catalog.bool DEFAULT false,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fail_many';

CREATE FUNCTION foreman.snooze_lease(job_id pg_catalog.int8, token pg_catalog.uuid, run_in pg_catalog.interval)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze_lease';

CREATE FUNCTION foreman.snooze_lease_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[], run_in pg_catalog.interval,
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_snooze_lease_many';

CREATE FUNCTION foreman.throttle_lease(job_id pg_catalog.int8, token pg_catalog.uuid)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle_lease';

CREATE FUNCTION foreman.throttle_lease_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[],
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_throttle_lease_many';

CREATE FUNCTION foreman.release(job_id pg_catalog.int8, token pg_catalog.uuid)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_release';

CREATE FUNCTION foreman.release_many(job_ids pg_catalog.int8[], tokens pg_catalog.uuid[],
    OUT job_id pg_catalog.int8, OUT answer pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_release_many';

CREATE FUNCTION foreman.worker_heartbeat(worker_id pg_catalog.text, queues pg_catalog.text[], label pg_catalog.text DEFAULT NULL,
    OUT queue pg_catalog.text, OUT slots pg_catalog.int4)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_worker_heartbeat';

CREATE PROCEDURE foreman.wait_for_job(queues pg_catalog.text[], timeout pg_catalog.interval)
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_wait_for_job';

------------------------------------------------------------------------------------------------------------------------
-- Operate
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman.cancel(job_id pg_catalog.int8, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel';

CREATE FUNCTION foreman.cancel_many(job_ids pg_catalog.int8[], reason pg_catalog.text DEFAULT NULL,
    OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_many';

CREATE FUNCTION foreman.retry(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry';

CREATE FUNCTION foreman.retry_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT retried pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_many';

CREATE FUNCTION foreman.run_now(job_id pg_catalog.int8)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_now';

CREATE FUNCTION foreman.run_now_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_now_many';

CREATE FUNCTION foreman.reschedule(job_id pg_catalog.int8, run_at pg_catalog.timestamptz DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reschedule';

CREATE FUNCTION foreman.reschedule_many(job_ids pg_catalog.int8[], run_at pg_catalog.timestamptz DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reschedule_many';

CREATE FUNCTION foreman.delete_job(job_id pg_catalog.int8)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_job';

CREATE FUNCTION foreman.delete_job_many(job_ids pg_catalog.int8[], OUT job_id pg_catalog.int8, OUT outcome pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_job_many';

CREATE FUNCTION foreman.cancel_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_where';

CREATE FUNCTION foreman.retry_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_where';

CREATE FUNCTION foreman.delete_where(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, older_than pg_catalog.interval DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_delete_where';

CREATE FUNCTION foreman.purge_queue(name pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_purge_queue';

CREATE FUNCTION foreman.dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100,
    OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4, OUT enqueued_at pg_catalog.timestamptz,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb,
    OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_dead_letters';

CREATE FUNCTION foreman.count_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_dead_letters';

CREATE FUNCTION foreman.retry_dead_letter(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_dead_letter';

CREATE FUNCTION foreman.retry_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_dead_letters';

CREATE FUNCTION foreman.purge_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    older_than pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_purge_dead_letters';

CREATE FUNCTION foreman.create_queue(name pg_catalog.text, priority pg_catalog.int4 DEFAULT NULL,
    backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, retain_cancelled pg_catalog.interval DEFAULT NULL,
    retain_discarded pg_catalog.interval DEFAULT NULL, keep_args pg_catalog.int4 DEFAULT NULL, max_running pg_catalog.int4 DEFAULT NULL,
    max_running_per_key pg_catalog.int4 DEFAULT NULL, sequence_policy pg_catalog.text DEFAULT NULL,
    throttle_base pg_catalog.interval DEFAULT NULL, throttle_max pg_catalog.interval DEFAULT NULL, ageing pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_queue';

CREATE FUNCTION foreman.alter_queue(name pg_catalog.text, priority pg_catalog.int4 DEFAULT NULL,
    backoff_base pg_catalog.interval DEFAULT NULL, backoff_max pg_catalog.interval DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, retain_cancelled pg_catalog.interval DEFAULT NULL,
    retain_discarded pg_catalog.interval DEFAULT NULL, keep_args pg_catalog.int4 DEFAULT NULL, max_running pg_catalog.int4 DEFAULT NULL,
    max_running_per_key pg_catalog.int4 DEFAULT NULL, sequence_policy pg_catalog.text DEFAULT NULL,
    throttle_base pg_catalog.interval DEFAULT NULL, throttle_max pg_catalog.interval DEFAULT NULL, ageing pg_catalog.int4 DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_queue';

CREATE FUNCTION foreman.drop_queue(name pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_queue';

CREATE FUNCTION foreman.pause_queue(name pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_pause_queue';

CREATE FUNCTION foreman.resume_queue(name pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_queue';

CREATE FUNCTION foreman.create_batch(name pg_catalog.text, on_success pg_catalog.text DEFAULT NULL,
    on_complete pg_catalog.text DEFAULT NULL, on_discard pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_batch';

CREATE PROCEDURE foreman.await(job_id pg_catalog.int8, timeout pg_catalog.interval,
    INOUT state pg_catalog.text DEFAULT NULL, INOUT result pg_catalog.jsonb DEFAULT NULL)
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_await';

CREATE FUNCTION foreman.grant_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_grant_role';

CREATE FUNCTION foreman.revoke_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_revoke_role';

CREATE FUNCTION foreman.start()
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_start';

CREATE FUNCTION foreman.stop()
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_stop';

CREATE FUNCTION foreman.health(OUT name pg_catalog.text, OUT ok pg_catalog.bool, OUT detail pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_health';

------------------------------------------------------------------------------------------------------------------------
-- Test: every loop of the engine as one pass
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman.run_once(queue pg_catalog.text DEFAULT NULL, max_jobs pg_catalog.int4 DEFAULT 1)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_run_once';

CREATE FUNCTION foreman.drain(queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drain';

CREATE PROCEDURE foreman.run_procedures_once()
LANGUAGE c AS 'MODULE_PATHNAME', 'foreman_run_procedures_once';

CREATE FUNCTION foreman.dispatch_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_dispatch_once';

CREATE FUNCTION foreman.rescue_once()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_rescue_once';

CREATE FUNCTION foreman.prune_once(OUT what pg_catalog.text, OUT queue pg_catalog.text, OUT rows pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_prune_once';

------------------------------------------------------------------------------------------------------------------------
-- See
------------------------------------------------------------------------------------------------------------------------

-- Rights and the board, for the views below.
CREATE FUNCTION foreman._sees(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees';

CREATE FUNCTION foreman._sees_args(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees_args';

CREATE FUNCTION foreman._now()
RETURNS pg_catalog.timestamptz LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_now';

CREATE FUNCTION foreman._executors(OUT slot pg_catalog.int4, OUT pid pg_catalog.int4, OUT role pg_catalog.oid, OUT state pg_catalog.text,
    OUT since pg_catalog.timestamptz, OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT queue pg_catalog.text,
    OUT attempt pg_catalog.int4, OUT started_at pg_catalog.timestamptz, OUT progress pg_catalog.float8, OUT note pg_catalog.text,
    OUT jobs_done pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 4 AS 'MODULE_PATHNAME', 'foreman_executors';

CREATE FUNCTION foreman._lease(job_id pg_catalog.int8, OUT leased_until pg_catalog.timestamptz,
    OUT progress pg_catalog.float8, OUT note pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE STRICT ROWS 1 AS 'MODULE_PATHNAME', 'foreman_lease';

CREATE FUNCTION foreman._outside_workers(OUT worker_id pg_catalog.text, OUT label pg_catalog.text, OUT queues pg_catalog.int4,
    OUT first_seen pg_catalog.timestamptz, OUT last_seen pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_outside_workers';

CREATE FUNCTION foreman._queue_counters(OUT queue pg_catalog.text, OUT waiting pg_catalog.int8, OUT oldest_run_at pg_catalog.timestamptz,
    OUT throttled_until pg_catalog.timestamptz, OUT completed pg_catalog.int8, OUT failed pg_catalog.int8,
    OUT discarded pg_catalog.int8, OUT cancelled pg_catalog.int8, OUT counted pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_queue_counters';

CREATE VIEW foreman.jobs WITH (security_barrier) AS
SELECT j.job_id,
       CASE WHEN e.job_id IS NOT NULL OR j.state OPERATOR(pg_catalog.=) 'r' THEN 'running'
            WHEN j.state OPERATOR(pg_catalog.=) 'b' THEN 'pending'
            WHEN j.attempt OPERATOR(pg_catalog.>) 0 THEN 'retryable'
            WHEN j.run_at OPERATOR(pg_catalog.<=) foreman._now() THEN 'available'
            ELSE 'scheduled' END AS state,
       j.kind, j.queue, j.priority::pg_catalog.int4 AS priority,
       CASE WHEN foreman._sees_args(j.queue) THEN j.args END AS args,
       (CASE WHEN e.job_id IS NOT NULL OR j.state OPERATOR(pg_catalog.=) 'r' THEN j.attempt::pg_catalog.int4 OPERATOR(pg_catalog.+) 1 ELSE j.attempt::pg_catalog.int4 END) AS attempt,
       j.max_attempts::pg_catalog.int4 AS max_attempts,
       j.run_at, j.enqueued_at, COALESCE(e.started_at, j.claimed_at) AS started_at,
       NULL::pg_catalog.timestamptz AS finished_at, j.expires_at,
       NULL::pg_catalog.jsonb AS result, NULL::pg_catalog.text AS reason, j.errors,
       COALESCE(e.progress, l.progress) AS progress, COALESCE(e.note, l.note) AS progress_note,
       COALESCE(e.pid, j.worker_pid) AS worker_pid, j.worker AS worker_id, l.leased_until, j.tags, j.metadata,
       j.unique_key, j.concurrency_key, j.sequence_key, j.batch_id
  FROM foreman.live_job j LEFT JOIN foreman._executors() e ON (e.job_id OPERATOR(pg_catalog.=) j.job_id)
  LEFT JOIN LATERAL foreman._lease(CASE WHEN j.worker IS NOT NULL AND j.state OPERATOR(pg_catalog.=) 'r' THEN j.job_id END) l ON (true)
 WHERE foreman._sees(j.queue)
UNION ALL
SELECT h.job_id, CASE WHEN h.outcome OPERATOR(pg_catalog.=) 'c' THEN 'completed' ELSE 'cancelled' END,
       h.kind, h.queue, h.priority::pg_catalog.int4, CASE WHEN foreman._sees_args(h.queue) THEN h.args END,
       h.attempt::pg_catalog.int4, h.max_attempts::pg_catalog.int4, h.run_at, h.enqueued_at, h.started_at, h.finished_at, NULL,
       CASE WHEN foreman._sees_args(h.queue) THEN h.result END, h.reason, h.errors,
       NULL, NULL, h.worker_pid, NULL, NULL, h.tags, h.metadata,
       h.unique_key, h.concurrency_key, h.sequence_key, h.batch_id
  FROM foreman.job_history h
 WHERE foreman._sees(h.queue)
UNION ALL
SELECT d.job_id, 'discarded', d.kind, d.queue, d.priority::pg_catalog.int4, CASE WHEN foreman._sees_args(d.queue) THEN d.args END,
       d.attempt::pg_catalog.int4, d.max_attempts::pg_catalog.int4, d.run_at, d.enqueued_at, d.started_at, d.discarded_at, NULL,
       NULL, d.reason, d.errors, NULL, NULL, d.worker_pid, NULL, NULL, d.tags, d.metadata,
       d.unique_key, d.concurrency_key, d.sequence_key, d.batch_id
  FROM foreman.dead_letter d
 WHERE foreman._sees(d.queue);

CREATE VIEW foreman.job_events WITH (security_barrier) AS
SELECT j.job_id, j.enqueued_at AS at, 'enqueued' AS event, NULL::pg_catalog.int4 AS attempt, NULL::pg_catalog.jsonb AS detail, j.kind, j.queue
  FROM foreman.jobs j
UNION ALL
SELECT j.job_id, (e.error OPERATOR(pg_catalog.->>) 'at')::pg_catalog.timestamptz, 'failed',
       (e.error OPERATOR(pg_catalog.->>) 'attempt')::pg_catalog.int4, e.error, j.kind, j.queue
  FROM foreman.jobs j CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(j.errors) AS e(error)
UNION ALL
SELECT j.job_id, j.started_at, 'started', j.attempt, NULL, j.kind, j.queue
  FROM foreman.jobs j WHERE j.started_at IS NOT NULL
UNION ALL
SELECT j.job_id, j.finished_at, j.state, j.attempt,
       CASE WHEN j.reason IS NOT NULL THEN pg_catalog.jsonb_build_object('reason', j.reason) END, j.kind, j.queue
  FROM foreman.jobs j WHERE j.finished_at IS NOT NULL;

CREATE VIEW foreman.queues WITH (security_barrier) AS
SELECT COALESCE(q.queue, c.queue) AS queue, q.queue IS NOT NULL AS declared,
       c.waiting, COALESCE(r.running, 0) AS running, c.oldest_run_at,
       CASE WHEN c.oldest_run_at OPERATOR(pg_catalog.<=) foreman._now() THEN foreman._now() OPERATOR(pg_catalog.-) c.oldest_run_at END AS oldest_age,
       c.completed, c.failed, c.cancelled, c.discarded, COALESCE(q.paused, false) AS paused, c.throttled_until, COALESCE(c.counted, false) AS counted,
       q.priority::pg_catalog.int4 AS priority, q.backoff_base, q.backoff_max, q.retain_completed, q.retain_cancelled, q.retain_discarded, q.keep_args, q.max_running,
       q.throttle_base, q.throttle_max, q.ageing, q.max_running_per_key, q.sequence_policy
  FROM foreman.queue q
  FULL JOIN foreman._queue_counters() c ON (c.queue OPERATOR(pg_catalog.=) q.queue)
  LEFT JOIN (SELECT e.queue, pg_catalog.count(*) AS running FROM foreman._executors() e WHERE e.job_id IS NOT NULL GROUP BY e.queue) r
    ON (r.queue OPERATOR(pg_catalog.=) COALESCE(q.queue, c.queue))
 WHERE foreman._sees(COALESCE(q.queue, c.queue));

CREATE VIEW foreman.batches WITH (security_barrier) AS
SELECT b.batch_id, b.name, b.on_success, b.on_complete, b.on_discard,
       (SELECT pg_catalog.count(*) FROM foreman.live_job j WHERE j.batch_id OPERATOR(pg_catalog.=) b.batch_id) AS unfinished,
       (SELECT pg_catalog.count(*) FROM foreman.job_history h WHERE h.batch_id OPERATOR(pg_catalog.=) b.batch_id AND h.outcome OPERATOR(pg_catalog.=) 'c') AS completed,
       (SELECT pg_catalog.count(*) FROM foreman.job_history h WHERE h.batch_id OPERATOR(pg_catalog.=) b.batch_id AND h.outcome OPERATOR(pg_catalog.=) 'x') AS cancelled,
       (SELECT pg_catalog.count(*) FROM foreman.dead_letter d WHERE d.batch_id OPERATOR(pg_catalog.=) b.batch_id) AS discarded,
       b.created_at, b.finished_at
  FROM foreman.job_batch b
 WHERE pg_catalog.pg_has_role(b.created_by::pg_catalog.oid, 'USAGE') OR foreman._sees('');

CREATE VIEW foreman.handlers WITH (security_barrier) AS
SELECT h.kind, h.handler, h.command, h.lane, h.queue, h.max_attempts::pg_catalog.int4 AS max_attempts, h.timeout, h.backoff_base, h.backoff_max,
       h.max_group::pg_catalog.int4 AS max_group, h.run_as, h.registered_at
  FROM foreman.handler h WHERE foreman._sees(h.queue);

CREATE VIEW foreman.workers WITH (security_barrier) AS
SELECT e.slot, e.pid, e.role::pg_catalog.regrole AS role, e.state, e.since, e.job_id, e.kind, e.queue, e.attempt, e.started_at,
       e.progress, e.note AS progress_note, e.jobs_done, NULL::pg_catalog.text AS worker_id, NULL::pg_catalog.text AS label,
       NULL::pg_catalog.timestamptz AS last_seen
  FROM foreman._executors() e WHERE e.queue IS NULL OR foreman._sees(e.queue)
UNION ALL
SELECT NULL, NULL, NULL, 'outside', w.first_seen, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.worker_id, w.label, w.last_seen
  FROM foreman._outside_workers() w;

------------------------------------------------------------------------------------------------------------------------
-- Rights. foreman.grant_role() gives them; PUBLIC has none.
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman._installed()
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_installed';

REVOKE ALL ON ALL TABLES IN SCHEMA foreman FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA foreman FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA foreman FROM PUBLIC;

------------------------------------------------------------------------------------------------------------------------
-- What everything is
------------------------------------------------------------------------------------------------------------------------

COMMENT ON SCHEMA foreman IS 'pg_foreman: background jobs';

-- Tables
COMMENT ON SEQUENCE foreman.job_id_seq IS 'Ids of jobs, in the order of their enqueueing';
COMMENT ON TABLE foreman.live_job IS 'Unfinished jobs; see the view foreman.jobs';
COMMENT ON COLUMN foreman.live_job.run_at IS 'When the job is due';
COMMENT ON COLUMN foreman.live_job.attempt IS 'Attempts charged so far';
COMMENT ON COLUMN foreman.live_job.alone IS 'Bit 1: the job runs in a transaction of its own, since it failed or overran in one that it shared; bit 2: it has a key';
COMMENT ON COLUMN foreman.live_job.state IS 'w = may be claimed, r = leased, b = waits for something else than its time';
COMMENT ON COLUMN foreman.live_job.timeout_us IS 'The job''s own timeout in microseconds; NULL: the handler''s';
COMMENT ON COLUMN foreman.live_job.errors IS 'One object for each failed attempt, at most 32';
COMMENT ON COLUMN foreman.live_job.token IS 'Proof of the lease; NULL unless leased';
COMMENT ON COLUMN foreman.live_job.claimed_at IS 'When the lease was taken';
COMMENT ON COLUMN foreman.live_job.worker_pid IS 'Process that holds the lease';
COMMENT ON TABLE foreman.job_history IS 'Completed and cancelled jobs, one partition for each UTC day; see the view foreman.jobs';
COMMENT ON COLUMN foreman.job_history.outcome IS 'c = completed, x = cancelled';
COMMENT ON COLUMN foreman.job_history.args IS 'NULL when they were larger than the queue''s keep_args';
COMMENT ON TABLE foreman.job_history_default IS 'Ended jobs of days that have no partition yet';
COMMENT ON TABLE foreman.dead_letter IS 'Discarded jobs; see foreman.dead_letters()';
COMMENT ON TABLE foreman.job_request IS 'What was asked of jobs while somebody held them';
COMMENT ON COLUMN foreman.job_request.action IS 'c = cancel, d = delete, r = reschedule';
COMMENT ON TABLE foreman.queue IS 'Declared queues; NULL stands for the default';
COMMENT ON TABLE foreman.handler IS 'Which function, procedure or command runs the jobs of a kind';
COMMENT ON COLUMN foreman.handler.handler IS 'Qualified name and argument type of the function or procedure';
COMMENT ON COLUMN foreman.handler.shape IS 'j = f(jsonb), o = f(foreman.job), a = f(foreman.job[]), c = command';
COMMENT ON COLUMN foreman.handler.run_as IS 'Role whose sessions run the handler';
COMMENT ON TABLE foreman.role_grant IS 'What foreman.grant_role() gave';
COMMENT ON COLUMN foreman.role_grant.queue IS 'NULL: all queues';
COMMENT ON TABLE foreman.job_dependency IS 'Which jobs blocked jobs wait for';
COMMENT ON COLUMN foreman.job_dependency.depends_on IS 'Job that has to end';
COMMENT ON COLUMN foreman.job_dependency.job_id IS 'Job that waits';
COMMENT ON COLUMN foreman.job_dependency.policy IS 'When the other did not complete: c = cancel, r = run';
COMMENT ON TABLE foreman.job_batch IS 'Batches; see the view foreman.batches';
COMMENT ON TABLE foreman.unique_window IS 'Unique keys that are held for a time (unique_for)';
COMMENT ON TABLE foreman.identity IS 'Tells this database from its copies; workers run only where every row was inserted here';
COMMENT ON COLUMN foreman.identity.id IS 'Transaction that inserted the row: equal to its xmin, except in a copy';
COMMENT ON COLUMN foreman.identity.database IS 'OID of the database that the row was inserted in';
COMMENT ON COLUMN foreman.identity.stopped IS 'Whether foreman.stop() was called';

-- Types
COMMENT ON TYPE foreman.job IS 'A job as its handler sees it';
COMMENT ON COLUMN foreman.job.args IS 'What was given to enqueue()';
COMMENT ON COLUMN foreman.job.attempt IS 'Number of this attempt, from 1';
COMMENT ON COLUMN foreman.job.max_attempts IS 'Attempts that the job has in all';
COMMENT ON COLUMN foreman.job.priority IS '-100 (first) to 100';
COMMENT ON COLUMN foreman.job.run_at IS 'When the job was due';
COMMENT ON COLUMN foreman.job.enqueued_at IS 'When it was enqueued';
COMMENT ON TYPE foreman.job_outcome IS 'What a handler of lane batch says about one of its jobs';
COMMENT ON COLUMN foreman.job_outcome.outcome IS 'completed, failed, discarded, snoozed or cancelled; NULL is completed';
COMMENT ON COLUMN foreman.job_outcome.result IS 'Kept with a completed job';
COMMENT ON COLUMN foreman.job_outcome.error IS 'Message of a failed attempt; reason of a discarded or cancelled job';
COMMENT ON COLUMN foreman.job_outcome.run_in IS 'Time until the next attempt of a snoozed job';

-- Produce
COMMENT ON FUNCTION foreman.enqueue IS 'Enqueues a job in the caller''s transaction and returns its id; NULL: the handler''s setting, else the queue''s, else the default';
COMMENT ON FUNCTION foreman.enqueue_info IS 'As enqueue(), and says whether the job is new';
COMMENT ON FUNCTION foreman.enqueue_many(pg_catalog.jsonb) IS 'Enqueues an array of objects whose keys are enqueue()''s parameters; all or none';
COMMENT ON FUNCTION foreman.enqueue_array IS 'Enqueues one job for each element of args, in one statement';

-- Handle
COMMENT ON FUNCTION foreman.register_handler(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int4, pg_catalog.interval, pg_catalog.interval, pg_catalog.interval, pg_catalog.int4, pg_catalog.regrole) IS 'Says which function, procedure or command runs the jobs of a kind, and as which role; true: new, false: replaced';
COMMENT ON FUNCTION foreman.unregister_handler(pg_catalog.text) IS 'Takes the handler of a kind away; its jobs wait until there is another; false: there was none';
COMMENT ON FUNCTION foreman.current_job() IS 'The job that the calling handler runs for';
COMMENT ON FUNCTION foreman.idempotency_key() IS 'A key of the calling handler''s job that is the same at every attempt';
COMMENT ON FUNCTION foreman.set_progress(pg_catalog.float8, pg_catalog.text) IS 'Shows how far the calling handler is, from 0 to 1, to others at once';
COMMENT ON FUNCTION foreman.snooze(pg_catalog.interval) IS 'When the calling handler returns, its job runs again after this time, and no attempt is charged';
COMMENT ON FUNCTION foreman.throttle() IS 'When the calling handler returns, its job runs again later, no attempt is charged, and its whole queue cools down';
COMMENT ON FUNCTION foreman.discard(pg_catalog.text) IS 'When the calling handler returns, its job becomes a dead letter';
COMMENT ON FUNCTION foreman.cancel_self(pg_catalog.text) IS 'When the calling handler returns, its job is cancelled';

-- Operate
COMMENT ON FUNCTION foreman.cancel(pg_catalog.int8, pg_catalog.text) IS 'Cancels a waiting job and interrupts a running one: cancelled, cancel_requested, finished or not_found';
COMMENT ON FUNCTION foreman.cancel_many(pg_catalog.int8[], pg_catalog.text) IS 'cancel() for several jobs';
COMMENT ON FUNCTION foreman.retry(pg_catalog.int8) IS 'Makes a finished job due again, with all of its attempts; false: it is not finished';
COMMENT ON FUNCTION foreman.retry_many(pg_catalog.int8[]) IS 'retry() for several jobs';
COMMENT ON FUNCTION foreman.run_now(pg_catalog.int8) IS 'Makes a waiting job due now: rescheduled, requested, finished or not_found';
COMMENT ON FUNCTION foreman.run_now_many(pg_catalog.int8[]) IS 'run_now() for several jobs';
COMMENT ON FUNCTION foreman.reschedule(pg_catalog.int8, pg_catalog.timestamptz, pg_catalog.int4) IS 'Gives a waiting job another time or priority: rescheduled, requested, finished or not_found';
COMMENT ON FUNCTION foreman.reschedule_many(pg_catalog.int8[], pg_catalog.timestamptz, pg_catalog.int4) IS 'reschedule() for several jobs';
COMMENT ON FUNCTION foreman.delete_job(pg_catalog.int8) IS 'Forgets a job, finished or not; interrupts a running one: deleted, delete_requested or not_found';
COMMENT ON FUNCTION foreman.delete_job_many(pg_catalog.int8[]) IS 'delete_job() for several jobs';
COMMENT ON FUNCTION foreman.cancel_where IS 'cancel() for all unfinished jobs that match, older_than since they were enqueued; returns how many were cancelled or asked to stop';
COMMENT ON FUNCTION foreman.retry_where IS 'retry() for all finished jobs that match, older_than since they finished; returns how many';
COMMENT ON FUNCTION foreman.delete_where IS 'delete_job() for all jobs that match, older_than since they were enqueued or finished; returns how many were deleted or asked to stop';
COMMENT ON FUNCTION foreman.purge_queue(pg_catalog.text) IS 'Forgets all unfinished jobs of a queue, running ones are interrupted; returns how many';
COMMENT ON FUNCTION foreman.dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.timestamptz, pg_catalog.int8, pg_catalog.int4) IS 'Discarded jobs, the latest first; before_id is the last job_id of the page before';
COMMENT ON FUNCTION foreman.count_dead_letters(pg_catalog.text, pg_catalog.text) IS 'How many discarded jobs there are';
COMMENT ON FUNCTION foreman.retry_dead_letter(pg_catalog.int8) IS 'Makes a discarded job due again, with all of its attempts; false: it is no dead letter';
COMMENT ON FUNCTION foreman.retry_dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS 'Makes up to max_rows discarded jobs due again; returns how many';
COMMENT ON FUNCTION foreman.purge_dead_letters(pg_catalog.text, pg_catalog.text, pg_catalog.interval) IS 'Deletes discarded jobs; returns how many';
COMMENT ON FUNCTION foreman.create_queue IS 'Declares a queue; false: it exists';
COMMENT ON FUNCTION foreman.alter_queue IS 'Changes settings of a queue, NULL keeps one; false: it does not exist';
COMMENT ON FUNCTION foreman.drop_queue(pg_catalog.text) IS 'Forgets the settings of a queue without unfinished jobs, and the rights on it; false: it does not exist';
COMMENT ON FUNCTION foreman.pause_queue(pg_catalog.text) IS 'Lets nothing of the queue start from the commit on, until resume_queue(), over restarts too; what runs goes on; false: it was paused';
COMMENT ON FUNCTION foreman.resume_queue(pg_catalog.text) IS 'Lets jobs of a paused queue start again; false: it was not paused';
COMMENT ON PROCEDURE foreman.await(pg_catalog.int8, pg_catalog.interval, pg_catalog.text, pg_catalog.jsonb) IS 'Waits until a job ends or the time is over; answers its state and result';
COMMENT ON FUNCTION foreman.grant_role(pg_catalog.text, pg_catalog.regrole, pg_catalog.text) IS 'Gives a role a bundle of rights (producer, worker, operator or monitor) for a queue, or for all; false: it had it';
COMMENT ON FUNCTION foreman.revoke_role(pg_catalog.text, pg_catalog.regrole, pg_catalog.text) IS 'Takes a bundle away from a role; false: it did not have it';
COMMENT ON FUNCTION foreman.start() IS 'Lets this database run jobs, also when it is a copy of another; false: it did';
COMMENT ON FUNCTION foreman.stop() IS 'Stops running jobs in this database; false: it ran none';
COMMENT ON FUNCTION foreman.health() IS 'Whether everything is there that this database needs to run jobs, and what to do where it is not';

-- Test
COMMENT ON FUNCTION foreman.run_once(pg_catalog.text, pg_catalog.int4) IS 'Runs up to max_jobs due jobs in the caller''s transaction, of handlers that run as the session''s user; returns how many';
COMMENT ON FUNCTION foreman.drain(pg_catalog.text) IS 'Runs due jobs in the caller''s transaction until none is left; returns how many';
COMMENT ON PROCEDURE foreman.run_procedures_once() IS 'Runs the due jobs of lane procedure once, in transactions of their own';
COMMENT ON FUNCTION foreman.dispatch_once() IS 'Applies open requests and cancels expired jobs; returns how many';
COMMENT ON FUNCTION foreman.rescue_once() IS 'Makes the jobs of workers that are gone due again; returns how many';
COMMENT ON FUNCTION foreman.prune_once() IS 'Makes partitions ahead and removes what is past its retention; returns how many rows went: history and dead letters by queue, partitions of all';

-- See
COMMENT ON FUNCTION foreman._sees(pg_catalog.text) IS 'Whether the caller holds any bundle for the queue; for the views';
COMMENT ON FUNCTION foreman._sees_args(pg_catalog.text) IS 'Whether the caller holds a bundle that shows args and results of the queue; for the views';
COMMENT ON FUNCTION foreman._now() IS 'The engine''s clock: the server''s, or foreman.fake_now';
COMMENT ON FUNCTION foreman._executors() IS 'This database''s executors on the board; jobs of queues that the caller does not see are left out';
COMMENT ON FUNCTION foreman._queue_counters() IS 'Counters of this database''s queues on the board';
COMMENT ON FUNCTION foreman._installed() IS 'Called by CREATE EXTENSION';
COMMENT ON VIEW foreman.jobs IS 'Jobs: waiting, running, finished and discarded';
COMMENT ON COLUMN foreman.jobs.job_id IS 'Id';
COMMENT ON COLUMN foreman.jobs.state IS 'available, scheduled, pending, retryable, running, completed, cancelled or discarded';
COMMENT ON COLUMN foreman.jobs.kind IS 'Kind';
COMMENT ON COLUMN foreman.jobs.queue IS 'Queue';
COMMENT ON COLUMN foreman.jobs.priority IS '-100 (first) to 100';
COMMENT ON COLUMN foreman.jobs.args IS 'NULL without the right to see them, and in history when they were larger than the queue''s keep_args';
COMMENT ON COLUMN foreman.jobs.attempt IS 'Attempts charged, the running one included';
COMMENT ON COLUMN foreman.jobs.max_attempts IS 'Attempts that the job has in all';
COMMENT ON COLUMN foreman.jobs.run_at IS 'When it is or was due';
COMMENT ON COLUMN foreman.jobs.enqueued_at IS 'When it was enqueued';
COMMENT ON COLUMN foreman.jobs.started_at IS 'When its last attempt started';
COMMENT ON COLUMN foreman.jobs.finished_at IS 'When it ended';
COMMENT ON COLUMN foreman.jobs.expires_at IS 'When it is cancelled unless it has started';
COMMENT ON COLUMN foreman.jobs.result IS 'What its handler returned; NULL without the right to see it';
COMMENT ON COLUMN foreman.jobs.reason IS 'Why it was cancelled or discarded';
COMMENT ON COLUMN foreman.jobs.errors IS 'Failed attempts: at, attempt, sqlstate, message, detail, hint, context';
COMMENT ON COLUMN foreman.jobs.progress IS '0 to 1, as its running handler said';
COMMENT ON COLUMN foreman.jobs.progress_note IS 'What its running handler said';
COMMENT ON COLUMN foreman.jobs.worker_pid IS 'Process that runs or ran it';
COMMENT ON COLUMN foreman.jobs.tags IS 'Tags';
COMMENT ON COLUMN foreman.jobs.metadata IS 'Metadata';
COMMENT ON VIEW foreman.job_events IS 'What happened to jobs and when, read from what is stored anyway';
COMMENT ON COLUMN foreman.job_events.job_id IS 'Job';
COMMENT ON COLUMN foreman.job_events.at IS 'When';
COMMENT ON COLUMN foreman.job_events.event IS 'enqueued, started, failed, or the state that it ended in';
COMMENT ON COLUMN foreman.job_events.attempt IS 'Attempt';
COMMENT ON COLUMN foreman.job_events.detail IS 'Error of a failed attempt, or the reason of the end';
COMMENT ON COLUMN foreman.job_events.kind IS 'Kind';
COMMENT ON COLUMN foreman.job_events.queue IS 'Queue';
COMMENT ON VIEW foreman.queues IS 'Queues that are declared or have jobs';
COMMENT ON COLUMN foreman.queues.queue IS 'Name';
COMMENT ON COLUMN foreman.queues.declared IS 'Whether create_queue() was called for it';
COMMENT ON COLUMN foreman.queues.waiting IS 'Unfinished jobs';
COMMENT ON COLUMN foreman.queues.running IS 'Jobs that executors run now';
COMMENT ON COLUMN foreman.queues.oldest_run_at IS 'When the first waiting job is due, or a little before';
COMMENT ON COLUMN foreman.queues.oldest_age IS 'How long the first waiting job has been due';
COMMENT ON COLUMN foreman.queues.completed IS 'Since the server started';
COMMENT ON COLUMN foreman.queues.failed IS 'Attempts that failed since the server started';
COMMENT ON COLUMN foreman.queues.cancelled IS 'Since the server started';
COMMENT ON COLUMN foreman.queues.discarded IS 'Since the server started';
COMMENT ON COLUMN foreman.queue.throttle_base IS 'How long throttle() cools the queue down; NULL: 60 s';
COMMENT ON COLUMN foreman.queue.throttle_max IS 'Cool-downs in a row double up to this; NULL: all are as long as the first';
COMMENT ON COLUMN foreman.queue.ageing IS 'Every so manieth job claimed is the oldest due one, whatever its priority; NULL: none is';
COMMENT ON COLUMN foreman.queues.throttle_base IS 'How long throttle() cools the queue down';
COMMENT ON COLUMN foreman.queues.throttle_max IS 'Cool-downs in a row double up to this; NULL: all are as long as the first';
COMMENT ON COLUMN foreman.queues.ageing IS 'Every so manieth job claimed is the oldest due one, whatever its priority';
COMMENT ON COLUMN foreman.queue.paused IS 'Whether pause_queue() was called';
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
COMMENT ON VIEW foreman.handlers IS 'Handlers: what runs the jobs of a kind';
COMMENT ON COLUMN foreman.handlers.kind IS 'Kind';
COMMENT ON COLUMN foreman.handlers.handler IS 'Function or procedure';
COMMENT ON COLUMN foreman.handlers.command IS 'SQL command';
COMMENT ON COLUMN foreman.handlers.lane IS 'transaction, batch or procedure';
COMMENT ON COLUMN foreman.handlers.queue IS 'Queue of jobs that name none';
COMMENT ON COLUMN foreman.handlers.max_attempts IS 'Of jobs that give none';
COMMENT ON COLUMN foreman.handlers.timeout IS 'Time after which an attempt is interrupted';
COMMENT ON COLUMN foreman.handlers.backoff_base IS 'Delay after the first failure';
COMMENT ON COLUMN foreman.handlers.backoff_max IS 'Longest delay';
COMMENT ON COLUMN foreman.handlers.max_group IS 'Most jobs in one transaction';
COMMENT ON COLUMN foreman.handlers.run_as IS 'Role whose sessions run it';
COMMENT ON COLUMN foreman.handlers.registered_at IS 'When it was registered';
COMMENT ON VIEW foreman.workers IS 'Executors of this database and what they run';
COMMENT ON COLUMN foreman.workers.slot IS 'Place on the board';
COMMENT ON COLUMN foreman.workers.pid IS 'Process';
COMMENT ON COLUMN foreman.workers.role IS 'Role whose handlers it runs';
COMMENT ON COLUMN foreman.workers.state IS 'starting, idle, busy or ended';
COMMENT ON COLUMN foreman.workers.since IS 'When it began to be idle or busy';
COMMENT ON COLUMN foreman.workers.job_id IS 'Job that it runs, if the caller sees its queue';
COMMENT ON COLUMN foreman.workers.kind IS 'Kind of the job';
COMMENT ON COLUMN foreman.workers.queue IS 'Queue of the job';
COMMENT ON COLUMN foreman.workers.attempt IS 'Attempt of the job';
COMMENT ON COLUMN foreman.workers.started_at IS 'When that started';
COMMENT ON COLUMN foreman.workers.progress IS '0 to 1, as the handler said';
COMMENT ON COLUMN foreman.workers.progress_note IS 'What the handler said';
COMMENT ON COLUMN foreman.workers.jobs_done IS 'Jobs that it has run';

COMMENT ON COLUMN foreman.live_job.worker IS 'Name of the outside worker that holds it, else NULL';
COMMENT ON COLUMN foreman.live_job.lease_us IS 'Length of its lease in microseconds; extensions are in shared memory';
COMMENT ON COLUMN foreman.live_job.crashes IS 'Crashes of the server that it brought about';
COMMENT ON COLUMN foreman.live_job.batch_id IS 'Batch that it belongs to';
COMMENT ON COLUMN foreman.live_job.unique_key IS 'Key that no other unfinished job of its kind has';
COMMENT ON COLUMN foreman.live_job.unique_as IS 'u = holds the unique key, n = is next to hold it; t and s = the same for timers';
COMMENT ON COLUMN foreman.live_job.concurrency_key IS 'Jobs of a queue with the same key share max_running_per_key';
COMMENT ON COLUMN foreman.live_job.sequence_key IS 'Jobs of a queue with the same key run one after another, in the order of their ids';
COMMENT ON COLUMN foreman.live_job.blocked_on IS 'What a blocked job waits for: d = other jobs, k = its concurrency key, q = its sequence, s = the holder of its unique key';
COMMENT ON COLUMN foreman.queue.max_running_per_key IS 'How many jobs with the same concurrency_key may run at once; NULL: 1';
COMMENT ON COLUMN foreman.queue.sequence_policy IS 'What a failed or later head of a sequence does to the others: block (default) or skip';
COMMENT ON COLUMN foreman.queues.max_running_per_key IS 'How many jobs with the same concurrency_key may run at once; NULL: 1';
COMMENT ON COLUMN foreman.queues.sequence_policy IS 'What a failed or later head of a sequence does to the others: block or skip';
COMMENT ON COLUMN foreman.jobs.unique_key IS 'Key that no other unfinished job of its kind has';
COMMENT ON COLUMN foreman.jobs.concurrency_key IS 'Jobs of a queue with the same key share max_running_per_key';
COMMENT ON COLUMN foreman.jobs.sequence_key IS 'Jobs of a queue with the same key run one after another';
COMMENT ON COLUMN foreman.jobs.batch_id IS 'Batch that it belongs to';
COMMENT ON FUNCTION foreman.create_batch IS 'Makes a batch, to be filled by enqueue(batch_id => ...); each of the kinds given is enqueued once';
COMMENT ON VIEW foreman.batches IS 'Batches and how far they are';
COMMENT ON COLUMN foreman.batches.batch_id IS 'Id';
COMMENT ON COLUMN foreman.batches.name IS 'Name';
COMMENT ON COLUMN foreman.batches.on_success IS 'Kind that is enqueued when all of its jobs completed';
COMMENT ON COLUMN foreman.batches.on_complete IS 'Kind that is enqueued when all of its jobs ended';
COMMENT ON COLUMN foreman.batches.on_discard IS 'Kind that is enqueued when the first of its jobs was discarded';
COMMENT ON COLUMN foreman.batches.unfinished IS 'Jobs that have not ended';
COMMENT ON COLUMN foreman.batches.completed IS 'Completed jobs, as far as history is kept';
COMMENT ON COLUMN foreman.batches.cancelled IS 'Cancelled jobs, as far as history is kept';
COMMENT ON COLUMN foreman.batches.discarded IS 'Discarded jobs';
COMMENT ON COLUMN foreman.batches.created_at IS 'When it was made';
COMMENT ON COLUMN foreman.batches.finished_at IS 'When its last job ended';
COMMENT ON COLUMN foreman.queue.max_running IS 'How many of its jobs may run at once; shared out by worker_heartbeat()';
COMMENT ON COLUMN foreman.queues.max_running IS 'How many of its jobs may run at once; shared out by worker_heartbeat()';
COMMENT ON COLUMN foreman.jobs.worker_id IS 'Name of the outside worker that holds it';
COMMENT ON COLUMN foreman.jobs.leased_until IS 'When the lease of its outside worker ends';
COMMENT ON COLUMN foreman.workers.worker_id IS 'Name of an outside worker';
COMMENT ON COLUMN foreman.workers.label IS 'What an outside worker calls itself';
COMMENT ON COLUMN foreman.workers.last_seen IS 'Its last worker_heartbeat()';
COMMENT ON FUNCTION foreman.claim IS 'Leases due jobs of these queues to an outside worker; each comes with the token that proves the lease';
COMMENT ON FUNCTION foreman.heartbeat IS 'Extends a lease: active, cancel_requested or lost';
COMMENT ON FUNCTION foreman.heartbeat_many IS 'heartbeat() for many leases';
COMMENT ON FUNCTION foreman.complete IS 'Ends a leased job as completed: completed, or lost when the token no longer holds it';
COMMENT ON FUNCTION foreman.complete_many IS 'complete() for many leases, in one statement';
COMMENT ON FUNCTION foreman.fail IS 'Ends an attempt as failed: retryable, discarded, cancelled or lost';
COMMENT ON FUNCTION foreman.fail_many IS 'fail() for many leases';
COMMENT ON FUNCTION foreman.snooze_lease IS 'Gives a leased job back, to run again after run_in; charges no attempt';
COMMENT ON FUNCTION foreman.snooze_lease_many IS 'snooze_lease() for many leases';
COMMENT ON FUNCTION foreman.throttle_lease IS 'Gives a leased job back and cools its queue down; charges no attempt';
COMMENT ON FUNCTION foreman.throttle_lease_many IS 'throttle_lease() for many leases';
COMMENT ON FUNCTION foreman.release IS 'Gives a leased job back, due as before; charges no attempt';
COMMENT ON FUNCTION foreman.release_many IS 'release() for many leases';
COMMENT ON FUNCTION foreman.worker_heartbeat IS 'Registers an outside worker and answers its share of each queue''s max_running; NULL: unlimited';
COMMENT ON PROCEDURE foreman.wait_for_job IS 'Waits, outside of transactions, until something of these queues may be claimed';
COMMENT ON FUNCTION foreman._lease IS 'What shared memory knows of a lease, for the views';
COMMENT ON FUNCTION foreman._outside_workers IS 'Outside workers that were heard of lately, for the views';

-- Last: says that this database is no copy.
SELECT foreman._installed();
