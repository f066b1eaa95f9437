-- pg_foreman 1.0: tables, types, functions, views and rights of schema foreman.
-- Every name and operator is qualified, no object is created conditionally, and nothing is granted to PUBLIC.

\echo Use "CREATE EXTENSION pg_foreman" to load this file. \quit

-- Not to be found ready-made: somebody else could own it.
CREATE SCHEMA foreman;
COMMENT ON SCHEMA foreman IS 'pg_foreman: background jobs';
------------------------------------------------------------------------------------------------------------------------
-- Who may do what: roles as they are stored, what grant_role() gave, and whether this database may run jobs.
-- A stored role is a number and the name that it had when somebody looked last. The number decides here, and a dump has the
-- name: a rename keeps the work with its role, and a number of another cluster never means anybody. As text a ? stands
-- before the name of a role that is missing: nobody has its work until foreman.reassign_role().
-- Nobody is granted anything on tables: every right is a right on a function or a view.
------------------------------------------------------------------------------------------------------------------------

CREATE TYPE foreman.role_ref;

CREATE FUNCTION foreman._role_in(pg_catalog.cstring)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_in';
COMMENT ON FUNCTION foreman._role_in(pg_catalog.cstring) IS 'Input function of foreman.role_ref';

CREATE FUNCTION foreman._role_out(foreman.role_ref)
RETURNS pg_catalog.cstring LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_out';
COMMENT ON FUNCTION foreman._role_out(foreman.role_ref) IS 'Output function of foreman.role_ref';

CREATE FUNCTION foreman._role_recv(pg_catalog.internal)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_recv';
COMMENT ON FUNCTION foreman._role_recv(pg_catalog.internal) IS 'Binary input function of foreman.role_ref';

CREATE FUNCTION foreman._role_send(foreman.role_ref)
RETURNS pg_catalog.bytea LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_send';
COMMENT ON FUNCTION foreman._role_send(foreman.role_ref) IS 'Binary output function of foreman.role_ref';

CREATE TYPE foreman.role_ref (INPUT = foreman._role_in, OUTPUT = foreman._role_out, RECEIVE = foreman._role_recv,
    SEND = foreman._role_send, INTERNALLENGTH = 68, ALIGNMENT = int4, STORAGE = plain);
COMMENT ON TYPE foreman.role_ref IS 'A role by number and name; as text its name, with a ? before it when the role is missing';

CREATE FUNCTION foreman._role_ref(pg_catalog.oid)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_of_oid';
COMMENT ON FUNCTION foreman._role_ref(pg_catalog.oid) IS 'The role of a number';

-- Of a missing role a number that no role can have.
-- bundle: producer operator monitor
CREATE FUNCTION foreman._role_oid(foreman.role_ref)
RETURNS pg_catalog.oid LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_oid';
COMMENT ON FUNCTION foreman._role_oid(foreman.role_ref) IS 'Number of a role; 1 when it is missing';

CREATE CAST (pg_catalog.oid AS foreman.role_ref) WITH FUNCTION foreman._role_ref(pg_catalog.oid) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.oid AS foreman.role_ref) IS 'The role of a number';

CREATE CAST (pg_catalog.regrole AS foreman.role_ref) WITH FUNCTION foreman._role_ref(pg_catalog.oid) AS ASSIGNMENT;
COMMENT ON CAST (pg_catalog.regrole AS foreman.role_ref) IS 'The role';

CREATE CAST (foreman.role_ref AS pg_catalog.oid) WITH FUNCTION foreman._role_oid(foreman.role_ref) AS IMPLICIT;
COMMENT ON CAST (foreman.role_ref AS pg_catalog.oid) IS 'Its number; 1 when the role is missing';

-- The role as it is now; whether that is another than what is stored; and the name that is stored.
CREATE FUNCTION foreman._role_now(foreman.role_ref)
RETURNS foreman.role_ref LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_now';
COMMENT ON FUNCTION foreman._role_now(foreman.role_ref) IS 'The role under the name that it has now';

CREATE FUNCTION foreman._role_changed(foreman.role_ref)
RETURNS pg_catalog.bool LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_changed';
COMMENT ON FUNCTION foreman._role_changed(foreman.role_ref) IS 'Whether the role was renamed or dropped since it was stored';

CREATE FUNCTION foreman._role_stored(foreman.role_ref)
RETURNS pg_catalog.text LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'foreman_role_stored';
COMMENT ON FUNCTION foreman._role_stored(foreman.role_ref) IS 'Name of the role when it was stored';

-- What grant_role gave. queue NULL: all queues.
CREATE TABLE foreman.role_grant (
    grant_id pg_catalog.int8     GENERATED ALWAYS AS IDENTITY,
    bundle   pg_catalog.text     NOT NULL,
    role     foreman.role_ref    NOT NULL,
    queue    pg_catalog.text     COLLATE pg_catalog."C",
    CONSTRAINT role_grant_pkey PRIMARY KEY (grant_id)
);
-- Several missing roles may have had one name.
CREATE UNIQUE INDEX role_grant_all ON foreman.role_grant (bundle, foreman._role_oid(role))
    WHERE (queue IS NULL AND foreman._role_oid(role) OPERATOR(pg_catalog.<>) '1');
CREATE UNIQUE INDEX role_grant_queue ON foreman.role_grant (bundle, foreman._role_oid(role), queue)
    WHERE (queue IS NOT NULL AND foreman._role_oid(role) OPERATOR(pg_catalog.<>) '1');
SELECT pg_catalog.pg_extension_config_dump('foreman.role_grant', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.role_grant', 'grant_id')::pg_catalog.regclass, '');
COMMENT ON COLUMN foreman.role_grant.grant_id IS 'Id';
COMMENT ON SEQUENCE foreman.role_grant_grant_id_seq IS 'Ids of grants';
COMMENT ON TABLE foreman.role_grant IS 'What foreman.grant_role() gave';
COMMENT ON COLUMN foreman.role_grant.queue IS 'NULL: all queues';

-- Whether this database may run jobs. Workers run only while every row was inserted here: its id is its own xmin and its
-- database is this one. A restored, subscribed or template-made copy fails that test and stays quiet until foreman.start().
CREATE TABLE foreman.identity (
    id       pg_catalog.xid  NOT NULL,
    database pg_catalog.oid  NOT NULL,
    stopped  pg_catalog.bool NOT NULL
);
ALTER TABLE foreman.identity REPLICA IDENTITY FULL;
SELECT pg_catalog.pg_extension_config_dump('foreman.identity', '');
COMMENT ON TABLE foreman.identity IS 'Tells this database from its copies; workers run only where every row was inserted here';
COMMENT ON COLUMN foreman.identity.id IS 'Transaction that inserted the row: equal to its xmin, except in a copy';
COMMENT ON COLUMN foreman.identity.database IS 'OID of the database that the row was inserted in';
COMMENT ON COLUMN foreman.identity.stopped IS 'Whether foreman.stop() was called';

-- bundle: operator
CREATE FUNCTION foreman.grant_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_grant_role';
COMMENT ON FUNCTION foreman.grant_role(pg_catalog.text, pg_catalog.regrole, pg_catalog.text) IS 'Gives a role a bundle of rights (producer, worker, operator or monitor) on a queue, or on all queues. Returns false when the role had it';

-- bundle: operator
CREATE FUNCTION foreman.revoke_role(bundle pg_catalog.text, role pg_catalog.regrole, queue pg_catalog.text DEFAULT NULL, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_revoke_role';
COMMENT ON FUNCTION foreman.revoke_role IS 'Takes a bundle of rights away from a role. Raises an error when the role does not have it, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.reassign_role(from_name pg_catalog.text, to_role pg_catalog.regrole)
RETURNS pg_catalog.jsonb LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_reassign_role';
COMMENT ON FUNCTION foreman.reassign_role(pg_catalog.text, pg_catalog.regrole) IS 'Gives what belongs to a missing role of this name, or otherwise to the present one, to another role: handlers, schedules, jobs of cron.job, batches and grants. Returns how many of each';

-- Rights and the board, for the views below.
-- bundle: producer operator monitor
CREATE FUNCTION foreman._sees(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees';
COMMENT ON FUNCTION foreman._sees(pg_catalog.text) IS 'Whether the caller holds any bundle for the queue; for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._sees_args(queue pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_sees_args';
COMMENT ON FUNCTION foreman._sees_args(pg_catalog.text) IS 'Whether the caller holds a bundle that shows args and results of the queue; for the views';

CREATE FUNCTION foreman._revoke_defaults(extension pg_catalog.text)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_revoke_defaults';
COMMENT ON FUNCTION foreman._revoke_defaults IS 'Called by CREATE EXTENSION: takes away what default privileges gave on what an extension made';
------------------------------------------------------------------------------------------------------------------------
-- Jobs: their tables, and what a producer calls.
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE foreman.job_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.job_id_seq', '');
COMMENT ON SEQUENCE foreman.job_id_seq IS 'Ids of jobs, in the order of their enqueueing';

-- Unfinished jobs. state: w = claimable, r = running outside a group's transaction (leased), b = blocked: blocked_on says
-- by what: d = other jobs, k = its concurrency key, q = its sequence, s = the job that holds its unique key.
-- alone: bit 1 = has a transaction to itself, bit 2 = has a key, so that its row stays while it runs; bit 4 = came from
-- somebody who may not feed all queues while its kind had no handler: one that comes runs it in its own queue only.
-- unique_as: u = holds its unique key, n = next to hold it, t and s = the same for timers.
-- origin: what made it, which origin_id names. NULL = a caller; s = a schedule and c = cron.job (run_id of schedule_run);
-- b = the end of a batch (batch_id); p = a publish (publish_id); e and u = an effect of a workflow and its undoing (effect), i = an input, t = a timer of one.
-- attempt counts the attempts charged so far. timeout_us is in microseconds.
CREATE TABLE foreman.live_job (
    job_id       pg_catalog.int8        NOT NULL,
    run_at       pg_catalog.timestamptz NOT NULL,
    enqueued_at  pg_catalog.timestamptz NOT NULL,
    priority     pg_catalog.int2        NOT NULL,
    attempt      pg_catalog.int2        NOT NULL DEFAULT 0,
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
    interruptions pg_catalog.int2       NOT NULL DEFAULT 0,
    batch_id        pg_catalog.int8,
    unique_key      pg_catalog.text     COLLATE pg_catalog."C",
    unique_as       pg_catalog."char",
    concurrency_key pg_catalog.text     COLLATE pg_catalog."C",
    sequence_key    pg_catalog.text     COLLATE pg_catalog."C",
    blocked_on      pg_catalog."char",
    origin          pg_catalog."char",
    origin_id       pg_catalog.int8,
    CONSTRAINT live_job_pkey PRIMARY KEY (job_id)
) USING heap;
CREATE INDEX live_job_claim ON foreman.live_job (queue, kind, priority, alone, run_at, job_id) WHERE (state OPERATOR(pg_catalog.=) 'w');
CREATE INDEX live_job_held ON foreman.live_job (job_id) WHERE (state OPERATOR(pg_catalog.=) 'r');
CREATE INDEX live_job_expiry ON foreman.live_job (expires_at) WHERE (expires_at IS NOT NULL);
CREATE UNIQUE INDEX live_job_unique ON foreman.live_job (kind, unique_key, unique_as) WHERE (unique_key IS NOT NULL);
CREATE INDEX live_job_concurrency ON foreman.live_job (queue, concurrency_key, priority, run_at, job_id) WHERE (concurrency_key IS NOT NULL);
CREATE INDEX live_job_sequence ON foreman.live_job (queue, sequence_key, job_id) WHERE (sequence_key IS NOT NULL);
CREATE INDEX live_job_failed ON foreman.live_job (job_id) WHERE (attempt OPERATOR(pg_catalog.>) 0);
CREATE INDEX live_job_interrupted ON foreman.live_job (job_id) WHERE (interruptions OPERATOR(pg_catalog.>) 0);
CREATE INDEX live_job_batch ON foreman.live_job (batch_id) WHERE (batch_id IS NOT NULL);
CREATE INDEX live_job_blocked ON foreman.live_job (blocked_on, job_id) WHERE (state OPERATOR(pg_catalog.=) 'b');
ALTER TABLE foreman.live_job SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
SELECT pg_catalog.pg_extension_config_dump('foreman.live_job', '');
COMMENT ON TABLE foreman.live_job IS 'Unfinished jobs; see the view foreman.jobs';
COMMENT ON COLUMN foreman.live_job.run_at IS 'When the job is due';
COMMENT ON COLUMN foreman.live_job.attempt IS 'Attempts charged so far';
COMMENT ON COLUMN foreman.live_job.alone IS 'Bit 1: the job runs in a transaction of its own, since it failed or overran in one that it shared; bit 2: it has a key; bit 4: its kind had no handler, and whoever enqueued it may not feed all queues';
COMMENT ON COLUMN foreman.live_job.state IS 'w = may be claimed, r = leased, b = waits for something else than its time';
COMMENT ON COLUMN foreman.live_job.origin IS 'What made the job: s = a schedule, c = a row of cron.job, b = the end of a batch, p = a publish; of workflows: e = an effect, u = the undoing of an effect, i = an input, t = a timer, d = a task of a worker outside; NULL: a caller';
COMMENT ON COLUMN foreman.live_job.origin_id IS 'Which one it was: the run of the schedule, the batch, the publish, the effect, the input, or the instance of the timer or the task';
COMMENT ON COLUMN foreman.live_job.timeout_us IS 'The job''s own timeout in microseconds; NULL: the handler''s';
COMMENT ON COLUMN foreman.live_job.errors IS 'One object for each failed attempt, at most 32';
COMMENT ON COLUMN foreman.live_job.token IS 'Proof of the lease; NULL unless leased';
COMMENT ON COLUMN foreman.live_job.claimed_at IS 'When the lease was taken';
COMMENT ON COLUMN foreman.live_job.worker_pid IS 'Process that holds the lease';
COMMENT ON COLUMN foreman.live_job.worker IS 'Name of the outside worker that holds it, else NULL';
COMMENT ON COLUMN foreman.live_job.lease_us IS 'Length of its lease in microseconds; extensions are in shared memory';
COMMENT ON COLUMN foreman.live_job.crashes IS 'Crashes of the server that it brought about';
COMMENT ON COLUMN foreman.live_job.interruptions IS 'Times in a row that somebody terminated its executor';
COMMENT ON COLUMN foreman.live_job.batch_id IS 'Batch that it belongs to';
COMMENT ON COLUMN foreman.live_job.unique_key IS 'Key that no other unfinished job of its kind has';
COMMENT ON COLUMN foreman.live_job.unique_as IS 'u = holds the unique key, n = is next to hold it; t and s = the same for timers';
COMMENT ON COLUMN foreman.live_job.concurrency_key IS 'Jobs of a queue with the same key share max_running_per_key';
COMMENT ON COLUMN foreman.live_job.sequence_key IS 'Jobs of a queue with the same key run one after another, in the order of their ids';
COMMENT ON COLUMN foreman.live_job.blocked_on IS 'What a blocked job waits for: d = other jobs, k = its concurrency key, q = its sequence, s = the holder of its unique key';

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
    sequence_key    pg_catalog.text     COLLATE pg_catalog."C",
    origin          pg_catalog."char",
    origin_id       pg_catalog.int8
) PARTITION BY RANGE (finished_at);
-- Tables without a primary key have their whole rows for an identity, lest a publication forbid their rows to go. It costs
-- nothing but with wal_level = logical, and then where a single row is deleted.
ALTER TABLE ONLY foreman.job_history REPLICA IDENTITY FULL;
COMMENT ON TABLE foreman.job_history IS 'Completed and cancelled jobs, one partition for each UTC day; see the view foreman.jobs';
COMMENT ON COLUMN foreman.job_history.outcome IS 'c = completed, x = cancelled';
COMMENT ON COLUMN foreman.job_history.args IS 'NULL when they were larger than the queue''s keep_args';

CREATE TABLE foreman.job_history_default PARTITION OF foreman.job_history DEFAULT;
-- No index of the whole: attaching a partition would make one, and a restore then makes the dumped one, too.
CREATE INDEX job_history_default_job_id ON foreman.job_history_default (job_id);
CREATE INDEX job_history_default_brin ON foreman.job_history_default USING brin (finished_at,
    kind pg_catalog.text_bloom_ops (n_distinct_per_range = 16), queue pg_catalog.text_bloom_ops (n_distinct_per_range = 16),
    outcome pg_catalog.char_bloom_ops (n_distinct_per_range = 16)) WITH (pages_per_range = 16);
CREATE INDEX job_history_default_batch ON foreman.job_history_default (batch_id) WHERE (batch_id IS NOT NULL);
ALTER TABLE foreman.job_history_default REPLICA IDENTITY FULL;
SELECT pg_catalog.pg_extension_config_dump('foreman.job_history_default', '');
COMMENT ON TABLE foreman.job_history_default IS 'Ended jobs of days that have no partition yet';

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
    origin          pg_catalog."char",
    origin_id       pg_catalog.int8,
    CONSTRAINT dead_letter_pkey PRIMARY KEY (job_id)
);
CREATE INDEX dead_letter_batch ON foreman.dead_letter (batch_id) WHERE (batch_id IS NOT NULL);
CREATE INDEX dead_letter_discarded ON foreman.dead_letter (discarded_at);
CREATE INDEX dead_letter_workflow ON foreman.dead_letter (job_id) WHERE (origin OPERATOR(pg_catalog.=) ANY ('{e,i,t,u}'::pg_catalog."char"[]));
CREATE INDEX dead_letter_queue ON foreman.dead_letter (queue, discarded_at);
SELECT pg_catalog.pg_extension_config_dump('foreman.dead_letter', '');
COMMENT ON TABLE foreman.dead_letter IS 'Discarded jobs; see foreman.dead_letters()';

-- What was asked of a job while it was running. action: c = cancel, d = delete, r = reschedule, n = cancel, but interrupt
-- nothing (timers).
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
SELECT pg_catalog.pg_extension_config_dump('foreman.job_request', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.job_request', 'request_id')::pg_catalog.regclass, '');
COMMENT ON TABLE foreman.job_request IS 'What was asked of jobs while somebody held them';
COMMENT ON COLUMN foreman.job_request.action IS 'c = cancel, d = delete, r = reschedule, n = cancel at the end of the attempt, without an interrupt';

-- What blocked jobs wait for. A row goes when its depends_on has completed, or with the job. No foreign keys: they would
-- lock rows of live_job. policy: c = the job is cancelled when depends_on ends otherwise, r = it runs all the same.
CREATE TABLE foreman.job_dependency (
    depends_on pg_catalog.int8   NOT NULL,
    job_id     pg_catalog.int8   NOT NULL,
    policy     pg_catalog."char" NOT NULL,
    CONSTRAINT job_dependency_pkey PRIMARY KEY (depends_on, job_id)
);
CREATE INDEX job_dependency_job_id ON foreman.job_dependency (job_id, depends_on);
SELECT pg_catalog.pg_extension_config_dump('foreman.job_dependency', '');
COMMENT ON TABLE foreman.job_dependency IS 'Which jobs blocked jobs wait for';
COMMENT ON COLUMN foreman.job_dependency.depends_on IS 'Job that has to end';
COMMENT ON COLUMN foreman.job_dependency.job_id IS 'Job that waits';
COMMENT ON COLUMN foreman.job_dependency.policy IS 'When the other did not complete: c = cancel, r = run';

-- Batches: jobs whose end, all together, enqueues other jobs.
CREATE TABLE foreman.job_batch (
    batch_id     pg_catalog.int8        GENERATED ALWAYS AS IDENTITY,
    name         pg_catalog.text        NOT NULL,
    on_success   pg_catalog.text,
    on_complete  pg_catalog.text,
    on_discard   pg_catalog.text,
    created_by   foreman.role_ref       NOT NULL,
    created_at   pg_catalog.timestamptz NOT NULL,
    filled_at    pg_catalog.timestamptz,
    discarded_at pg_catalog.timestamptz,
    finished_at  pg_catalog.timestamptz,
    CONSTRAINT job_batch_pkey PRIMARY KEY (batch_id)
);
CREATE INDEX job_batch_open ON foreman.job_batch (batch_id) WHERE (finished_at IS NULL);
SELECT pg_catalog.pg_extension_config_dump('foreman.job_batch', '');
SELECT pg_catalog.pg_extension_config_dump(pg_catalog.pg_get_serial_sequence('foreman.job_batch', 'batch_id')::pg_catalog.regclass, '');
COMMENT ON TABLE foreman.job_batch IS 'Batches; see the view foreman.batches';

-- Unique keys that are held for a time, whether their job has ended or not (unique_for).
CREATE TABLE foreman.unique_window (
    kind       pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    unique_key pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    job_id     pg_catalog.int8        NOT NULL,
    queue      pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    until      pg_catalog.timestamptz NOT NULL,
    CONSTRAINT unique_window_pkey PRIMARY KEY (kind, unique_key)
);
CREATE INDEX unique_window_until ON foreman.unique_window (until);
SELECT pg_catalog.pg_extension_config_dump('foreman.unique_window', '');
COMMENT ON TABLE foreman.unique_window IS 'Unique keys that are held for a time (unique_for)';
COMMENT ON COLUMN foreman.unique_window.queue IS 'Queue of the job that holds the key';

-- bundle: producer
CREATE FUNCTION foreman.enqueue(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue';
COMMENT ON FUNCTION foreman.enqueue IS 'Enqueues a job in the caller''s transaction and returns its id. NULL stands for the handler''s setting, else for the queue''s, else for the default';

-- bundle: producer
CREATE FUNCTION foreman.enqueue_info(kind pg_catalog.text, args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_info';
COMMENT ON FUNCTION foreman.enqueue_info IS 'Does what enqueue() does, and also says whether the job is new';

-- bundle: producer
CREATE FUNCTION foreman.enqueue_many(jobs pg_catalog.jsonb,
    OUT ordinal pg_catalog.int4, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_many';
COMMENT ON FUNCTION foreman.enqueue_many(pg_catalog.jsonb) IS 'Enqueues a job for each object of the array. The keys of an object are the parameters of enqueue(). Either all are enqueued or none';

-- bundle: producer
CREATE FUNCTION foreman.enqueue_array(kind pg_catalog.text, args pg_catalog.jsonb[], queue pg_catalog.text DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    unique_key pg_catalog.text DEFAULT NULL, unique_for pg_catalog.interval DEFAULT NULL, on_conflict pg_catalog.text DEFAULT 'skip',
    concurrency_key pg_catalog.text DEFAULT NULL, sequence_key pg_catalog.text DEFAULT NULL,
    depends_on pg_catalog.int8[] DEFAULT NULL, on_dependency pg_catalog.text DEFAULT 'cancel', batch_id pg_catalog.int8 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL, tags pg_catalog.text[] DEFAULT NULL,
    metadata pg_catalog.jsonb DEFAULT NULL,
    OUT ordinal pg_catalog.int4, OUT job_id pg_catalog.int8, OUT inserted pg_catalog.bool)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_enqueue_array';
COMMENT ON FUNCTION foreman.enqueue_array IS 'Enqueues one job for each element of args, in one statement';

-- bundle: producer operator
CREATE FUNCTION foreman.create_batch(name pg_catalog.text, on_success pg_catalog.text DEFAULT NULL,
    on_complete pg_catalog.text DEFAULT NULL, on_discard pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_batch';
COMMENT ON FUNCTION foreman.create_batch IS 'Makes a batch, which enqueue(batch_id => ...) fills, and returns its id. Of each kind that is given, one job is enqueued when the jobs of the batch have ended in that way';
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
------------------------------------------------------------------------------------------------------------------------
-- Timers and schedules.
------------------------------------------------------------------------------------------------------------------------

-- Schedules. missed: s = skip, c = coalesce, a = catch_up. overlap: s = skip, b = buffer_one, a = allow, x = cancel_other.
-- A row changes when it fires and when somebody alters it, never otherwise.
CREATE SEQUENCE foreman.schedule_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_id_seq', '');
COMMENT ON SEQUENCE foreman.schedule_id_seq IS 'Ids of schedules, and of the handlers that run their commands';

CREATE TABLE foreman.schedule (
    schedule_id       pg_catalog.int8        NOT NULL DEFAULT pg_catalog.nextval('foreman.schedule_id_seq'),
    name              pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    schedule          pg_catalog.text        NOT NULL,
    kind              pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    command           pg_catalog.text,
    args              pg_catalog.jsonb       NOT NULL,
    queue             pg_catalog.text        COLLATE pg_catalog."C",
    timezone          pg_catalog.text        NOT NULL,
    missed            pg_catalog."char"      NOT NULL,
    overlap           pg_catalog."char"      NOT NULL,
    active            pg_catalog.bool        NOT NULL,
    priority          pg_catalog.int2,
    max_attempts      pg_catalog.int2,
    timeout_us        pg_catalog.int8,
    run_as            foreman.role_ref       NOT NULL,
    created_at        pg_catalog.timestamptz NOT NULL,
    generation        pg_catalog.int4        NOT NULL DEFAULT 1,
    anchor_at         pg_catalog.timestamptz NOT NULL,
    next_fire_at      pg_catalog.timestamptz,
    boot_at           pg_catalog.timestamptz,
    caught_up         pg_catalog.int4        NOT NULL DEFAULT 0,
    buffered_at       pg_catalog.timestamptz,
    last_fired_at     pg_catalog.timestamptz,
    last_scheduled_at pg_catalog.timestamptz,
    last_job_id       pg_catalog.int8,
    skipped           pg_catalog.int8        NOT NULL DEFAULT 0,
    error             pg_catalog.text,
    error_at          pg_catalog.timestamptz,
    CONSTRAINT schedule_pkey PRIMARY KEY (schedule_id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX schedule_name ON foreman.schedule (name);
CREATE INDEX schedule_due ON foreman.schedule (next_fire_at, schedule_id) WHERE (active);
CREATE INDEX schedule_fired ON foreman.schedule (COALESCE(last_fired_at, anchor_at)) WHERE (active);
CREATE INDEX schedule_buffered ON foreman.schedule (schedule_id) WHERE (buffered_at IS NOT NULL);
CREATE INDEX schedule_boot ON foreman.schedule (schedule_id) WHERE (boot_at IS NOT NULL);
-- Negative ids are of pg_foreman_cron: they follow from the rows of cron.job.
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule', 'WHERE schedule_id OPERATOR(pg_catalog.>) 0');
COMMENT ON TABLE foreman.schedule IS 'Schedules; see the view foreman.schedules';
COMMENT ON COLUMN foreman.schedule.schedule IS 'Cron fields, an @name or an interval';
COMMENT ON COLUMN foreman.schedule.kind IS 'Kind of the jobs; of a command, that of the handler that runs commands as run_as';
COMMENT ON COLUMN foreman.schedule.command IS 'SQL command; NULL: jobs of a kind';
COMMENT ON COLUMN foreman.schedule.queue IS 'NULL: the handler''s';
COMMENT ON COLUMN foreman.schedule.missed IS 's = skip, c = coalesce, a = catch_up';
COMMENT ON COLUMN foreman.schedule.overlap IS 's = skip, b = buffer_one, a = allow, x = cancel_other';
COMMENT ON COLUMN foreman.schedule.run_as IS 'Role that scheduled it, and that its command runs as';
COMMENT ON COLUMN foreman.schedule.generation IS 'Counts how often its times began anew; an occurrence is a time of a generation';
COMMENT ON COLUMN foreman.schedule.anchor_at IS 'Where an interval counts from';
COMMENT ON COLUMN foreman.schedule.next_fire_at IS 'The next occurrence; NULL: none will come';
COMMENT ON COLUMN foreman.schedule.boot_at IS 'Of @reboot: the start of the server that it fired for last, or was made in';
COMMENT ON COLUMN foreman.schedule.caught_up IS 'Missed occurrences that it ran for without a pause';
COMMENT ON COLUMN foreman.schedule.buffered_at IS 'The occurrence that waits for the end of the run before it';
COMMENT ON COLUMN foreman.schedule.skipped IS 'Occurrences left out since the run before them was unfinished';
COMMENT ON COLUMN foreman.schedule.error IS 'Why it was switched off';

-- Which job was made for which occurrence; what became of it is with the job. A generation begins when a schedule is given
-- other times, is switched on again, or starts over after the clock was set back.
CREATE SEQUENCE foreman.schedule_run_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_run_id_seq', '');
COMMENT ON SEQUENCE foreman.schedule_run_id_seq IS 'Ids of runs of schedules';

CREATE TABLE foreman.schedule_run (
    run_id       pg_catalog.int8        NOT NULL DEFAULT pg_catalog.nextval('foreman.schedule_run_id_seq'),
    schedule_id  pg_catalog.int8        NOT NULL,
    generation   pg_catalog.int4        NOT NULL,
    scheduled_at pg_catalog.timestamptz,
    fired_at     pg_catalog.timestamptz NOT NULL,
    job_id       pg_catalog.int8        NOT NULL,
    name         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    queue        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    command      pg_catalog.text,
    run_as       foreman.role_ref       NOT NULL,
    CONSTRAINT schedule_run_pkey PRIMARY KEY (run_id)
);
CREATE UNIQUE INDEX schedule_run_occurrence ON foreman.schedule_run (schedule_id, generation, scheduled_at);
CREATE INDEX schedule_run_name ON foreman.schedule_run (name, run_id);
CREATE INDEX schedule_run_fired ON foreman.schedule_run (fired_at);
SELECT pg_catalog.pg_extension_config_dump('foreman.schedule_run', 'WHERE schedule_id OPERATOR(pg_catalog.>) 0');
COMMENT ON TABLE foreman.schedule_run IS 'Which job was made for which occurrence of a schedule; see the view foreman.schedule_runs';
COMMENT ON COLUMN foreman.schedule_run.scheduled_at IS 'The occurrence; NULL: foreman.trigger_schedule()';
COMMENT ON COLUMN foreman.schedule_run.command IS 'The command as it was then';

-- What cron.job_run_details is to say of the runs of cron.job: a row for each run that is unfinished or not recorded there yet.
-- Users have triggers and locks on that table: only the clerk, a process of its own, writes it, from here.
CREATE TABLE foreman.cron_note (
    run_id         pg_catalog.int8        NOT NULL,
    jobid          pg_catalog.int8        NOT NULL,
    database       pg_catalog.text        NOT NULL,
    username       pg_catalog.text        NOT NULL,
    command        pg_catalog.text        NOT NULL,
    status         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    return_message pg_catalog.text,
    job_pid        pg_catalog.int4,
    start_time     pg_catalog.timestamptz,
    end_time       pg_catalog.timestamptz,
    changed_at     pg_catalog.timestamptz NOT NULL,
    due_at         pg_catalog.timestamptz NOT NULL,
    tries          pg_catalog.int4        NOT NULL DEFAULT 0,
    error          pg_catalog.text,
    runid          pg_catalog.int8,
    recorded       pg_catalog.text        COLLATE pg_catalog."C" NOT NULL DEFAULT '',
    CONSTRAINT cron_note_pkey PRIMARY KEY (run_id)
);
CREATE INDEX cron_note_due ON foreman.cron_note (due_at) WHERE (recorded OPERATOR(pg_catalog.<>) status);
COMMENT ON TABLE foreman.cron_note IS 'Runs of cron.job that are unfinished or not yet recorded in cron.job_run_details';
COMMENT ON COLUMN foreman.cron_note.run_id IS 'As in foreman.schedule_run';
COMMENT ON COLUMN foreman.cron_note.changed_at IS 'When the status last changed';
COMMENT ON COLUMN foreman.cron_note.due_at IS 'When to record it, or to try again';
COMMENT ON COLUMN foreman.cron_note.tries IS 'How often that failed';
COMMENT ON COLUMN foreman.cron_note.error IS 'Why it failed last';
COMMENT ON COLUMN foreman.cron_note.runid IS 'The row of cron.job_run_details; NULL: none yet';
COMMENT ON COLUMN foreman.cron_note.recorded IS 'The status that it has there';

-- bundle: producer
CREATE FUNCTION foreman.set_timer(kind pg_catalog.text, key pg_catalog.text, fire_at pg_catalog.timestamptz,
    args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL,
    max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL, expires_at pg_catalog.timestamptz DEFAULT NULL,
    tags pg_catalog.text[] DEFAULT NULL, metadata pg_catalog.jsonb DEFAULT NULL, OUT job_id pg_catalog.int8, OUT replaced pg_catalog.bool)
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_timer';
COMMENT ON FUNCTION foreman.set_timer IS 'Sets the timer of a key, which is unique for its kind. A timer that waits under this key gets the new time, args and options, and begins again; replaced says whether that happened';

-- bundle: producer
CREATE FUNCTION foreman.cancel_timer(kind pg_catalog.text, key pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_timer';
COMMENT ON FUNCTION foreman.cancel_timer(pg_catalog.text, pg_catalog.text) IS 'Cancels the timer of a key. A timer that is firing ends as usual, but does not fire again. Returns false when there is no such timer';

-- bundle: operator
CREATE FUNCTION foreman.timer_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100,
    OUT job_id pg_catalog.int8, OUT kind pg_catalog.text, OUT key pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb,
    OUT fire_at pg_catalog.timestamptz, OUT attempt pg_catalog.int4, OUT max_attempts pg_catalog.int4,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb,
    OUT tags pg_catalog.text[], OUT metadata pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_timer_dead_letters';
COMMENT ON FUNCTION foreman.timer_dead_letters IS 'Timers that were discarded, newest first';

-- bundle: operator
CREATE FUNCTION foreman.count_timer_dead_letters(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_timer_dead_letters';
COMMENT ON FUNCTION foreman.count_timer_dead_letters(pg_catalog.text, pg_catalog.text) IS 'How many timers are dead letters';

-- bundle: operator
CREATE FUNCTION foreman.retry_timer_dead_letter(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_timer_dead_letter';
COMMENT ON FUNCTION foreman.retry_timer_dead_letter(pg_catalog.int8) IS 'Fires a discarded timer again, now. Returns false when it is not a discarded timer. Also returns false when its key has a newer timer; the old one is cancelled then';

-- bundle: operator (pg_catalog.text, pg_catalog.text)
CREATE FUNCTION foreman.schedule(schedule pg_catalog.text, command pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule';
COMMENT ON FUNCTION foreman.schedule(pg_catalog.text, pg_catalog.text) IS 'Runs an SQL command by a schedule, as the caller. Returns the schedule''s id';

-- bundle: operator (pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text)
CREATE FUNCTION foreman.schedule(job_name pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text,
    timezone pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule_named';
COMMENT ON FUNCTION foreman.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS 'With a name: a schedule of this name gets the new times and command, and keeps its time zone and queue unless they are given';

-- bundle: operator
CREATE FUNCTION foreman.schedule_job(name pg_catalog.text, schedule pg_catalog.text, kind pg_catalog.text,
    args pg_catalog.jsonb DEFAULT '{}', queue pg_catalog.text DEFAULT NULL, timezone pg_catalog.text DEFAULT NULL,
    missed pg_catalog.text DEFAULT 'coalesce', overlap pg_catalog.text DEFAULT 'skip', active pg_catalog.bool DEFAULT true,
    priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_schedule_job';
COMMENT ON FUNCTION foreman.schedule_job IS 'Enqueues a job of a kind by a schedule. A schedule of this name gets all the new settings. Returns the schedule''s id';

-- bundle: operator
CREATE FUNCTION foreman.alter_schedule(name pg_catalog.text, schedule pg_catalog.text DEFAULT NULL, command pg_catalog.text DEFAULT NULL,
    args pg_catalog.jsonb DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, timezone pg_catalog.text DEFAULT NULL,
    missed pg_catalog.text DEFAULT NULL, overlap pg_catalog.text DEFAULT NULL, active pg_catalog.bool DEFAULT NULL,
    priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL, timeout pg_catalog.interval DEFAULT NULL,
    if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_schedule';
COMMENT ON FUNCTION foreman.alter_schedule IS 'Changes settings of a schedule. NULL keeps a setting. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.unschedule(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unschedule';
COMMENT ON FUNCTION foreman.unschedule IS 'Deletes a schedule. Its jobs stay. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.unschedule_id(schedule_id pg_catalog.int8, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unschedule_id';
COMMENT ON FUNCTION foreman.unschedule_id IS 'Deletes a schedule by its id. Its jobs stay. Raises an error when the schedule does not exist, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.trigger_schedule(name pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_trigger_schedule';
COMMENT ON FUNCTION foreman.trigger_schedule(pg_catalog.text) IS 'Makes a job of a schedule now, also when the schedule is switched off. Returns the job''s id';

CREATE FUNCTION foreman.import_pg_cron()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_import_pg_cron';
COMMENT ON FUNCTION foreman.import_pg_cron() IS 'Replaces extension pg_cron by pg_foreman_cron, with its jobs, runs and grants. Returns the number of jobs';

-- bundle: operator monitor
CREATE FUNCTION foreman.next_runs(schedule pg_catalog.text, timezone pg_catalog.text DEFAULT NULL, n pg_catalog.int4 DEFAULT 10)
RETURNS SETOF pg_catalog.timestamptz LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_next_runs';
COMMENT ON FUNCTION foreman.next_runs(pg_catalog.text, pg_catalog.text, pg_catalog.int4) IS 'Returns the next times of a schedule in a time zone';
------------------------------------------------------------------------------------------------------------------------
-- Workflows: instances folded from their events, the inputs that they are given, and the effects that they ask for.
-- An instance is one run of (workflow_type, workflow_id). Every input is handled in one transaction that locks the row of
-- its instance, so that events are numbered from 1 without gaps.
------------------------------------------------------------------------------------------------------------------------

-- Functions are stored as qualified names with argument types, as those of handlers are. The role and the queue are those
-- of the handler of kind 'workflow:TYPE', which runs the inputs that come later.
CREATE TABLE foreman.workflow_type (
    workflow_type    pg_catalog.text     COLLATE pg_catalog."C" NOT NULL,
    decide           pg_catalog.text,
    evolve           pg_catalog.text,
    is_terminal      pg_catalog.text,
    unique_key       pg_catalog.text,
    initial_state    pg_catalog.jsonb    NOT NULL,
    snapshot_every   pg_catalog.int4     NOT NULL,
    on_dead_letter   pg_catalog.text     NOT NULL,
    record_inputs    pg_catalog.text     NOT NULL,
    retain_completed pg_catalog.interval,
    created_at       pg_catalog.timestamptz NOT NULL,
    CONSTRAINT workflow_type_pkey PRIMARY KEY (workflow_type)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_type', '');
COMMENT ON TABLE foreman.workflow_type IS 'Types of workflows and their functions; see the view foreman.workflow_types';
COMMENT ON COLUMN foreman.workflow_type.decide IS 'Qualified name and argument types of decide(timestamptz, jsonb, jsonb); NULL: workers outside decide';
COMMENT ON COLUMN foreman.workflow_type.evolve IS 'Qualified name and argument types of evolve(jsonb, jsonb); NULL: the state stays the initial one';
COMMENT ON COLUMN foreman.workflow_type.is_terminal IS 'Qualified name and argument types of is_terminal(jsonb); NULL: no state ends an instance';
COMMENT ON COLUMN foreman.workflow_type.unique_key IS 'Qualified name and argument types of unique_key(jsonb)';
COMMENT ON COLUMN foreman.workflow_type.initial_state IS 'State before the first event';
COMMENT ON COLUMN foreman.workflow_type.snapshot_every IS 'Events after which the state is stored';
COMMENT ON COLUMN foreman.workflow_type.on_dead_letter IS 'input: a discarded effect or timer is given to decide; ignore: it is not';
COMMENT ON COLUMN foreman.workflow_type.record_inputs IS 'Which handled inputs are kept: rejected, all or none';
COMMENT ON COLUMN foreman.workflow_type.retain_completed IS 'How long instances are kept after their end; NULL: 7 days';

-- An event of a version is turned into events of the next one before evolve sees it.
CREATE TABLE foreman.workflow_upcaster (
    workflow_type pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    event_type    pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    from_version  pg_catalog.int4 NOT NULL,
    upcaster      pg_catalog.text NOT NULL,
    CONSTRAINT workflow_upcaster_pkey PRIMARY KEY (workflow_type, event_type, from_version)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_upcaster', '');
COMMENT ON TABLE foreman.workflow_upcaster IS 'Functions that turn an event of one version into events of the next';
COMMENT ON COLUMN foreman.workflow_upcaster.upcaster IS 'Qualified name and argument type of f(jsonb), which returns an event, or an array of events';

CREATE SEQUENCE foreman.workflow_instance_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_instance_seq', '');
COMMENT ON SEQUENCE foreman.workflow_instance_seq IS 'Numbers of instances, in the order of their starts';

-- state: r = running, c = completed, x = cancelled, t = terminated, f = failed, n = continued as a new one.
-- on_parent_end: c = cancel, t = terminate, a = abandon.
CREATE TABLE foreman.workflow_instance (
    instance        pg_catalog.int8        NOT NULL,
    root            pg_catalog.int8        NOT NULL,
    workflow_type   pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    workflow_id     pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    state           pg_catalog."char"      NOT NULL DEFAULT 'r',
    sequence        pg_catalog.int8        NOT NULL DEFAULT 0,
    started_at      pg_catalog.timestamptz NOT NULL,
    last_event_at   pg_catalog.timestamptz,
    ended_at        pg_catalog.timestamptz,
    reason          pg_catalog.text,
    search          pg_catalog.jsonb,
    unique_key      pg_catalog.text        COLLATE pg_catalog."C",
    parent          pg_catalog.int8,
    on_end          pg_catalog.text,
    on_parent_end   pg_catalog."char",
    folded          pg_catalog.jsonb,
    folded_sequence pg_catalog.int8        NOT NULL DEFAULT 0,
    folded_by       pg_catalog.int8,
    failed_effect   pg_catalog.int8,
    task            pg_catalog.int8,
    parked          pg_catalog.jsonb,
    worker_version  pg_catalog.text        COLLATE pg_catalog."C",
    unseen          pg_catalog.int8        NOT NULL DEFAULT 0,
    CONSTRAINT workflow_instance_pkey PRIMARY KEY (instance)
) WITH (fillfactor = 70);
-- The id comes first: statements look for it alone, and compare the type without an index (store/workflows/instances.cpp).
CREATE UNIQUE INDEX workflow_instance_id ON foreman.workflow_instance (workflow_id, workflow_type) WHERE (state OPERATOR(pg_catalog.<>) 'n');
CREATE UNIQUE INDEX workflow_instance_unique ON foreman.workflow_instance (workflow_type, unique_key) WHERE (unique_key IS NOT NULL AND state OPERATOR(pg_catalog.=) 'r');
CREATE INDEX workflow_instance_type ON foreman.workflow_instance (workflow_type, state, instance);
CREATE INDEX workflow_instance_parent ON foreman.workflow_instance (parent) WHERE (parent IS NOT NULL);
CREATE INDEX workflow_instance_ended ON foreman.workflow_instance (ended_at, instance) WHERE (ended_at IS NOT NULL);
CREATE INDEX workflow_instance_search ON foreman.workflow_instance USING gin (search pg_catalog.jsonb_path_ops) WHERE (search IS NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_instance', '');
COMMENT ON TABLE foreman.workflow_instance IS 'Instances of workflows; see the view foreman.workflows';
COMMENT ON COLUMN foreman.workflow_instance.root IS 'First instance of those that continue one another';
COMMENT ON COLUMN foreman.workflow_instance.state IS 'r = running, c = completed, x = cancelled, t = terminated, f = failed, n = continued as a new one';
COMMENT ON COLUMN foreman.workflow_instance.sequence IS 'Number of its last event';
COMMENT ON COLUMN foreman.workflow_instance.reason IS 'Why it was cancelled or terminated, or what made it fail';
COMMENT ON COLUMN foreman.workflow_instance.unique_key IS 'At most one running instance of a type has it';
COMMENT ON COLUMN foreman.workflow_instance.parent IS 'Instance that started it';
COMMENT ON COLUMN foreman.workflow_instance.on_end IS 'Type of the input that its end is to its parent';
COMMENT ON COLUMN foreman.workflow_instance.on_parent_end IS 'c = it is cancelled when its parent ends, t = terminated, a = neither';
COMMENT ON COLUMN foreman.workflow_instance.folded IS 'State after event folded_sequence';
COMMENT ON COLUMN foreman.workflow_instance.failed_effect IS 'Effect whose dead letter made it fail';
COMMENT ON COLUMN foreman.workflow_instance.folded_by IS 'Identity of the evolve that folded it; another evolve folds anew';
COMMENT ON COLUMN foreman.workflow_instance.task IS 'Last job of kind workflow-task:TYPE that was made for workers outside';
COMMENT ON COLUMN foreman.workflow_instance.parked IS 'Why workers outside get no task of it until resume_workflow(): reason, at, and what they submitted instead of what was recorded';
COMMENT ON COLUMN foreman.workflow_instance.worker_version IS 'Workers of this version get its tasks; NULL: any';
COMMENT ON COLUMN foreman.workflow_instance.unseen IS 'Where workers outside decide: bytes of the events that came since one submitted commands, each counted as 1 kB at least';

CREATE SEQUENCE foreman.workflow_position_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_position_seq', '');
COMMENT ON SEQUENCE foreman.workflow_position_seq IS 'Positions of events among those of all instances';

-- Readers of the feed must know who appends: whoever inserts a row draws its position here.
CREATE FUNCTION foreman._next_position()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_next_position';
COMMENT ON FUNCTION foreman._next_position() IS 'Default of foreman.workflow_event.position: readers of the feed stop before it until the transaction has ended';

CREATE TABLE foreman.workflow_event (
    instance    pg_catalog.int8        NOT NULL,
    sequence    pg_catalog.int8        NOT NULL,
    position    pg_catalog.int8        NOT NULL DEFAULT foreman._next_position(),
    event_type  pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    version     pg_catalog.int4        NOT NULL,
    data        pg_catalog.jsonb       NOT NULL,
    recorded_at pg_catalog.timestamptz NOT NULL,
    command     pg_catalog.int4,
    CONSTRAINT workflow_event_pkey PRIMARY KEY (instance, sequence)
);
-- A worker outside submits its commands again and again: each is found by its number, however long the history is.
CREATE UNIQUE INDEX workflow_event_command ON foreman.workflow_event (instance, command) WHERE (command IS NOT NULL);
CREATE INDEX workflow_event_position ON foreman.workflow_event (position);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_event', '');
COMMENT ON TABLE foreman.workflow_event IS 'Events of workflows; see foreman.workflow_events()';
COMMENT ON COLUMN foreman.workflow_event.sequence IS 'Number within its instance, from 1 without gaps';
COMMENT ON COLUMN foreman.workflow_event.position IS 'Order among the events of all instances';
COMMENT ON COLUMN foreman.workflow_event.command IS 'Number of the command of an outside worker that it is; NULL: it is none';
COMMENT ON COLUMN foreman.workflow_event.version IS 'Version of the shape of its data';

CREATE SEQUENCE foreman.workflow_input_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_input_seq', '');
COMMENT ON SEQUENCE foreman.workflow_input_seq IS 'Numbers of inputs, in the order of their arrival';

-- Inputs that wait to be handled, and those that were handled and are kept. state: p = pending, a = accepted,
-- r = rejected, o = came after the end (already completed), d = its job is a dead letter.
-- source: e = execute(), s = a signal, r = the end of an effect, t = a timer, c = the end of a child, b = the start of a
-- child, x = a cancel, k = the parent ended and it with it, u = an effect to be undone after the end,
-- w = workers outside could not do a task, f = the instance is to fail.
CREATE TABLE foreman.workflow_input (
    input          pg_catalog.int8        NOT NULL,
    workflow_type  pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    workflow_id    pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    root           pg_catalog.int8,
    state          pg_catalog."char"      NOT NULL DEFAULT 'p',
    source         pg_catalog."char"      NOT NULL,
    input_id       pg_catalog.text        COLLATE pg_catalog."C",
    payload        pg_catalog.jsonb       NOT NULL,
    begins         pg_catalog.bool        NOT NULL DEFAULT false,
    parent         pg_catalog.int8,
    on_end         pg_catalog.text,
    on_parent_end  pg_catalog."char",
    ends           pg_catalog.bool        NOT NULL DEFAULT false,
    effect         pg_catalog.int8,
    job_id         pg_catalog.int8,
    received_at    pg_catalog.timestamptz NOT NULL,
    handled_at     pg_catalog.timestamptz,
    rejection      pg_catalog.jsonb,
    first_sequence pg_catalog.int8,
    last_sequence  pg_catalog.int8,
    CONSTRAINT workflow_input_pkey PRIMARY KEY (input)
) WITH (fillfactor = 90);
CREATE INDEX workflow_input_pending ON foreman.workflow_input (workflow_type, workflow_id, input) WHERE (state OPERATOR(pg_catalog.=) 'p');
CREATE INDEX workflow_input_held ON foreman.workflow_input (workflow_id, input) WHERE (state OPERATOR(pg_catalog.=) 'p' AND job_id IS NULL);
CREATE INDEX workflow_input_of ON foreman.workflow_input (workflow_type, workflow_id, input) WHERE (state OPERATOR(pg_catalog.<>) 'p');
CREATE INDEX workflow_input_handled ON foreman.workflow_input (handled_at, input) WHERE (handled_at IS NOT NULL);
CREATE UNIQUE INDEX workflow_input_id ON foreman.workflow_input (workflow_type, workflow_id, input_id) WHERE (input_id IS NOT NULL);
CREATE INDEX workflow_input_job ON foreman.workflow_input (job_id) WHERE (job_id IS NOT NULL);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_input', '');
COMMENT ON TABLE foreman.workflow_input IS 'Inputs of workflows that wait, or that are kept; see foreman.workflow_inputs()';
COMMENT ON COLUMN foreman.workflow_input.root IS 'Instance that it is meant for, under the number of the first of those that continue one another; NULL: whichever has the id';
COMMENT ON COLUMN foreman.workflow_input.state IS 'p = pending, a = accepted, r = rejected, o = came after the end, d = its job is a dead letter';
COMMENT ON COLUMN foreman.workflow_input.source IS 'e = execute(), s = signal, r = end of an effect, t = timer, c = end of a child, b = start of a child, x = cancel, k = terminated with its parent, u = effect to be undone, w = workers outside could not do a task, f = the instance is to fail';
COMMENT ON COLUMN foreman.workflow_input.input_id IS 'Name that its sender gave it; a second input of the name is answered as the first was';
COMMENT ON COLUMN foreman.workflow_input.begins IS 'Whether it may begin an instance';
COMMENT ON COLUMN foreman.workflow_input.ends IS 'Whether the instance fails when decide rejects it';
COMMENT ON COLUMN foreman.workflow_input.effect IS 'Effect whose end it is';
COMMENT ON COLUMN foreman.workflow_input.job_id IS 'Job that handles it; NULL while it is held back until workers outside have seen what came before';

CREATE SEQUENCE foreman.workflow_effect_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_effect_seq', '');
COMMENT ON SEQUENCE foreman.workflow_effect_seq IS 'Numbers of effects, in the order in which they were decided';

-- state: o = open, c = completed, f = failed, x = cancelled, u = being undone, n = undone, d = its undo is a dead letter.
CREATE TABLE foreman.workflow_effect (
    effect      pg_catalog.int8        NOT NULL,
    instance    pg_catalog.int8        NOT NULL,
    key         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    sequence    pg_catalog.int8        NOT NULL,
    kind        pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    state       pg_catalog."char"      NOT NULL DEFAULT 'o',
    job_id      pg_catalog.int8        NOT NULL,
    undo_job_id pg_catalog.int8,
    on_result   pg_catalog.text,
    on_failure  pg_catalog.text,
    undo        pg_catalog.jsonb,
    result      pg_catalog.jsonb,
    error       pg_catalog.jsonb,
    decided_at  pg_catalog.timestamptz NOT NULL,
    ended_at    pg_catalog.timestamptz,
    CONSTRAINT workflow_effect_pkey PRIMARY KEY (effect)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX workflow_effect_key ON foreman.workflow_effect (instance, key) WHERE (state OPERATOR(pg_catalog.<>) ALL ('{f,x}'::pg_catalog."char"[]));
CREATE INDEX workflow_effect_of ON foreman.workflow_effect (instance, effect);
SELECT pg_catalog.pg_extension_config_dump('foreman.workflow_effect', '');
COMMENT ON TABLE foreman.workflow_effect IS 'Effects that workflows decided on; see foreman.workflow_effects()';
COMMENT ON COLUMN foreman.workflow_effect.state IS 'o = open, c = completed, f = failed, x = cancelled, u = being undone, n = undone, d = its undo is a dead letter';
COMMENT ON COLUMN foreman.workflow_effect.sequence IS 'Last event of the decision that asked for it';
COMMENT ON COLUMN foreman.workflow_effect.undo IS 'Job that undoes it: kind, args and options of enqueue()';
COMMENT ON COLUMN foreman.workflow_effect.undo_job_id IS 'Job that undoes it, once it is needed';

-- bundle: operator
CREATE FUNCTION foreman.create_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, initial_state pg_catalog.jsonb DEFAULT '{}', unique_key pg_catalog.text DEFAULT NULL,
    snapshot_every pg_catalog.int4 DEFAULT 100, on_dead_letter pg_catalog.text DEFAULT 'input', record_inputs pg_catalog.text DEFAULT 'rejected',
    retain_completed pg_catalog.interval DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_workflow_type';
COMMENT ON FUNCTION foreman.create_workflow_type IS 'Defines a type of workflows: decide(now timestamptz, state jsonb, input jsonb) answers events and effects, or rejects; evolve(state jsonb, event jsonb) answers the next state; is_terminal(state jsonb) says whether it is the last one; unique_key(input jsonb) answers a key that one running instance of the type may have. Names as those of handlers. They run as run_as; inputs that come later run in the queue. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.alter_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, initial_state pg_catalog.jsonb DEFAULT NULL, unique_key pg_catalog.text DEFAULT NULL,
    snapshot_every pg_catalog.int4 DEFAULT NULL, on_dead_letter pg_catalog.text DEFAULT NULL, record_inputs pg_catalog.text DEFAULT NULL,
    retain_completed pg_catalog.interval DEFAULT NULL, queue pg_catalog.text DEFAULT NULL, run_as pg_catalog.regrole DEFAULT NULL,
    reset pg_catalog.text[] DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_workflow_type';
COMMENT ON FUNCTION foreman.alter_workflow_type IS 'Changes what is given of a type of workflows, for the instances that run, too. reset takes settings away: decide, evolve, is_terminal, unique_key, retain_completed. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.drop_workflow_type(workflow_type pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_workflow_type';
COMMENT ON FUNCTION foreman.drop_workflow_type IS 'Removes a type of workflows that has no running instance. Raises an error when there is no such type, unless if_exists is given';

-- bundle: operator
CREATE FUNCTION foreman.create_upcaster(workflow_type pg_catalog.text, event_type pg_catalog.text, from_version pg_catalog.int4, upcaster pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_upcaster';
COMMENT ON FUNCTION foreman.create_upcaster IS 'Says which function turns an event of a version into the event of the next one, an array of events, or an empty array, before evolve sees it: f(event jsonb) returns jsonb. Returns true when there was none, and false when another one was replaced';

-- bundle: operator
CREATE FUNCTION foreman.drop_upcaster(workflow_type pg_catalog.text, event_type pg_catalog.text, from_version pg_catalog.int4, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_upcaster';
COMMENT ON FUNCTION foreman.drop_upcaster IS 'Takes an upcaster away. Raises an error when there is none, unless if_exists is given';

-- bundle: producer
CREATE FUNCTION foreman.execute(workflow_type pg_catalog.text, workflow_id pg_catalog.text, input pg_catalog.jsonb, input_id pg_catalog.text DEFAULT NULL,
    expected_sequence pg_catalog.int8 DEFAULT NULL, OUT outcome pg_catalog.text, OUT rejection pg_catalog.jsonb, OUT first_sequence pg_catalog.int8,
    OUT last_sequence pg_catalog.int8)
RETURNS pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_execute';
COMMENT ON FUNCTION foreman.execute IS 'Gives an input to a workflow now, in this transaction, and begins the workflow where its id is new. outcome: accepted, with the numbers of the events that it made; rejected, with what decide answered, and nothing has changed; or already_completed. A second input of an input_id is answered as the first was';

-- bundle: producer
CREATE FUNCTION foreman.signal_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, input pg_catalog.jsonb, input_id pg_catalog.text DEFAULT NULL,
    start pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_signal_workflow';
COMMENT ON FUNCTION foreman.signal_workflow IS 'Sends an input to a workflow, which handles it soon and in order; it waits until then, and begins the workflow unless start is false. Returns the number of the input; a second one of an input_id is answered the first one''s';

-- bundle: operator
CREATE FUNCTION foreman.cancel_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cancel_workflow';
COMMENT ON FUNCTION foreman.cancel_workflow IS 'Asks a workflow to end: decide gets {"type": "cancel", "reason": ...}; where it rejects that, open effects, timers and children are cancelled, what was done is undone, and it ends as cancelled. Returns cancel_requested, finished or not_found';

-- bundle: operator
CREATE FUNCTION foreman.terminate_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_terminate_workflow';
COMMENT ON FUNCTION foreman.terminate_workflow IS 'Ends a workflow at once, in any state; decide is not asked and nothing is undone. Returns terminated, finished or not_found';

-- bundle: producer operator
CREATE FUNCTION foreman.workflow_state(workflow_type pg_catalog.text, workflow_id pg_catalog.text, at_sequence pg_catalog.int8 DEFAULT NULL)
RETURNS pg_catalog.jsonb LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_workflow_state';
COMMENT ON FUNCTION foreman.workflow_state IS 'The state of a workflow, now or as it was after an event. Raises an error when there is no such workflow or event';

-- bundle: operator
CREATE FUNCTION foreman.set_search_attributes(workflow_type pg_catalog.text, workflow_id pg_catalog.text, search pg_catalog.jsonb)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_set_search_attributes';
COMMENT ON FUNCTION foreman.set_search_attributes IS 'Merges attributes into those by which a workflow is found; a null takes one away. Returns true';

-- bundle: worker
CREATE FUNCTION foreman.claim_workflow_task(types pg_catalog.text[], worker_id pg_catalog.text, qty pg_catalog.int4 DEFAULT 1,
    lease pg_catalog.interval DEFAULT NULL, worker_version pg_catalog.text DEFAULT NULL,
    OUT workflow_type pg_catalog.text, OUT workflow_id pg_catalog.text, OUT job_id pg_catalog.int8, OUT token pg_catalog.uuid,
    OUT sequence pg_catalog.int8, OUT history pg_catalog.jsonb, OUT attempt pg_catalog.int4, OUT leased_until pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_claim_workflow_task';
COMMENT ON FUNCTION foreman.claim_workflow_task IS 'Leases workflows of these types, which have no decide, to an outside worker: those that something happened to. history: all events, [{"sequence", "type", "data", "at"}, ...]. heartbeat(job_id, token) extends the lease, submit_commands() ends it. A workflow whose first task was claimed with a worker_version goes to workers of that version from then on. Never waits';

-- bundle: worker
CREATE FUNCTION foreman.submit_commands(workflow_type pg_catalog.text, workflow_id pg_catalog.text, token pg_catalog.uuid, commands pg_catalog.jsonb)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_submit_commands';
COMMENT ON FUNCTION foreman.submit_commands IS 'What a worker decided for a workflow that it has leased: [{"command": "schedule_effect", "sequence": 1, ...}, ...], all or nothing. Commands that the history has already are passed over. Returns accepted; lost, when the lease has ended: nothing has changed; or parked, when a command is not the one that the history has';

-- bundle: operator
CREATE FUNCTION foreman.resume_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_workflow';
COMMENT ON FUNCTION foreman.resume_workflow IS 'Lets workers of any version have a workflow again that was parked, and records who did it and why. Returns true; raises an error when it is not parked';

-- bundle: operator monitor
CREATE VIEW foreman.workflow_types WITH (security_barrier) AS
SELECT t.workflow_type, t.decide, t.evolve, t.is_terminal, t.unique_key, t.initial_state, t.snapshot_every, t.on_dead_letter, t.record_inputs,
       t.retain_completed, h.queue, h.run_as::pg_catalog.text AS run_as, t.created_at,
       (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('event_type', u.event_type, 'from_version', u.from_version, 'upcaster', u.upcaster)
               ORDER BY u.event_type, u.from_version)
          FROM foreman.workflow_upcaster u WHERE u.workflow_type OPERATOR(pg_catalog.=) t.workflow_type) AS upcasters
  FROM foreman.workflow_type t JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) t.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.workflow_types IS 'Types of workflows: which functions decide, and how';
COMMENT ON COLUMN foreman.workflow_types.workflow_type IS 'Name';
COMMENT ON COLUMN foreman.workflow_types.decide IS 'Function that answers an input; NULL: workers outside decide';
COMMENT ON COLUMN foreman.workflow_types.evolve IS 'Function that folds an event into the state';
COMMENT ON COLUMN foreman.workflow_types.is_terminal IS 'Function that says whether a state ends the workflow';
COMMENT ON COLUMN foreman.workflow_types.unique_key IS 'Function that answers a key that one running workflow of the type may have';
COMMENT ON COLUMN foreman.workflow_types.initial_state IS 'State before the first event';
COMMENT ON COLUMN foreman.workflow_types.snapshot_every IS 'Events after which the state is stored';
COMMENT ON COLUMN foreman.workflow_types.on_dead_letter IS 'input: decide hears of discarded effects and timers; ignore: it does not';
COMMENT ON COLUMN foreman.workflow_types.record_inputs IS 'Which handled inputs are kept: rejected, all or none';
COMMENT ON COLUMN foreman.workflow_types.retain_completed IS 'How long workflows are kept after their end';
COMMENT ON COLUMN foreman.workflow_types.queue IS 'Queue of the jobs that handle later inputs';
COMMENT ON COLUMN foreman.workflow_types.run_as IS 'Role that the functions run as';
COMMENT ON COLUMN foreman.workflow_types.created_at IS 'When it was defined';
COMMENT ON COLUMN foreman.workflow_types.upcasters IS 'Functions that turn events of old versions into newer ones';

-- bundle: operator monitor
CREATE VIEW foreman.workflows WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id,
       CASE i.state WHEN 'r' THEN 'running' WHEN 'c' THEN 'completed' WHEN 'x' THEN 'cancelled' WHEN 't' THEN 'terminated' WHEN 'f' THEN 'failed' ELSE 'continued' END AS state,
       i.sequence, i.started_at, i.last_event_at, i.ended_at, CASE WHEN foreman._sees_args(h.queue) THEN i.reason END AS reason,
       CASE WHEN foreman._sees_args(h.queue) THEN i.search END AS search,
       CASE WHEN p.instance IS NOT NULL THEN pg_catalog.jsonb_build_object('workflow_type', p.workflow_type, 'workflow_id', p.workflow_id) END AS parent,
       h.run_as::pg_catalog.text AS run_as, h.queue, i.unique_key, i.instance,
       CASE WHEN foreman._sees_args(h.queue) THEN i.parked END AS parked, i.worker_version
  FROM foreman.workflow_instance i
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
  LEFT JOIN foreman.workflow_instance p ON p.instance OPERATOR(pg_catalog.=) i.parent
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.workflows IS 'Workflows: running ones, and those that have ended until their retention is over';
COMMENT ON COLUMN foreman.workflows.workflow_type IS 'Type';
COMMENT ON COLUMN foreman.workflows.workflow_id IS 'Id, one for each type';
COMMENT ON COLUMN foreman.workflows.state IS 'running, completed, cancelled, terminated, failed or continued';
COMMENT ON COLUMN foreman.workflows.sequence IS 'Number of its last event';
COMMENT ON COLUMN foreman.workflows.started_at IS 'When it was begun';
COMMENT ON COLUMN foreman.workflows.last_event_at IS 'When its last event was recorded';
COMMENT ON COLUMN foreman.workflows.ended_at IS 'When it ended';
COMMENT ON COLUMN foreman.workflows.reason IS 'Why it was cancelled or terminated, or what made it fail';
COMMENT ON COLUMN foreman.workflows.search IS 'Attributes that it is found by';
COMMENT ON COLUMN foreman.workflows.parent IS 'Workflow that started it';
COMMENT ON COLUMN foreman.workflows.run_as IS 'Role that its functions run as';
COMMENT ON COLUMN foreman.workflows.queue IS 'Queue of the jobs that handle later inputs';
COMMENT ON COLUMN foreman.workflows.unique_key IS 'Key that no other running workflow of the type has';
COMMENT ON COLUMN foreman.workflows.instance IS 'Number; workflows that were begun later have greater ones';
COMMENT ON COLUMN foreman.workflows.parked IS 'Why workers outside get no task of it until resume_workflow()';
COMMENT ON COLUMN foreman.workflows.worker_version IS 'Workers of this version get its tasks; NULL: any';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_events WITH (security_barrier) AS
SELECT e.position, i.workflow_type, i.workflow_id, e.sequence, e.event_type, e.version,
       CASE WHEN foreman._sees_args(h.queue) THEN e.data END AS data, e.recorded_at
  FROM foreman.workflow_event e
  JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance AND i.state OPERATOR(pg_catalog.<>) 'n'
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_events IS 'Events of workflows, for foreman.workflow_events()';
COMMENT ON COLUMN foreman._workflow_events.position IS 'Order among the events of all workflows';
COMMENT ON COLUMN foreman._workflow_events.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_events.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_events.sequence IS 'Number within its workflow';
COMMENT ON COLUMN foreman._workflow_events.event_type IS 'Type of the event';
COMMENT ON COLUMN foreman._workflow_events.version IS 'Version of the shape of its data';
COMMENT ON COLUMN foreman._workflow_events.data IS 'Data; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_events.recorded_at IS 'When it was recorded';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_events(workflow_type pg_catalog.text, workflow_id pg_catalog.text, after_sequence pg_catalog.int8 DEFAULT 0, max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS TABLE ("position" pg_catalog.int8, sequence pg_catalog.int8, event_type pg_catalog.text, version pg_catalog.int4, data pg_catalog.jsonb, recorded_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT e.position, e.sequence, e.event_type, e.version, e.data, e.recorded_at FROM foreman._workflow_events e
 WHERE e.workflow_type OPERATOR(pg_catalog.=) workflow_events.workflow_type AND e.workflow_id OPERATOR(pg_catalog.=) workflow_events.workflow_id
   AND e.sequence OPERATOR(pg_catalog.>) workflow_events.after_sequence ORDER BY e.sequence LIMIT workflow_events.max_rows;
END;
COMMENT ON FUNCTION foreman.workflow_events IS 'Events of a workflow after a number, in their order, at most max_rows';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_inputs WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id, i.input,
       CASE i.state WHEN 'p' THEN 'pending' WHEN 'a' THEN 'accepted' WHEN 'r' THEN 'rejected' WHEN 'o' THEN 'already_completed' ELSE 'dead' END AS state,
       CASE i.source WHEN 'e' THEN 'execute' WHEN 's' THEN 'signal' WHEN 'r' THEN 'effect' WHEN 't' THEN 'timer' WHEN 'c' THEN 'child' WHEN 'b' THEN 'start'
            WHEN 'x' THEN 'cancel' WHEN 'k' THEN 'terminate' WHEN 'u' THEN 'undo' WHEN 'w' THEN 'task' ELSE 'fail' END AS source,
       i.input_id, CASE WHEN foreman._sees_args(h.queue) THEN i.payload END AS payload, i.received_at, i.handled_at,
       CASE WHEN foreman._sees_args(h.queue) THEN i.rejection END AS rejection, i.first_sequence, i.last_sequence, i.job_id
  FROM foreman.workflow_input i JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_inputs IS 'Inputs of workflows, for foreman.workflow_inputs()';
COMMENT ON COLUMN foreman._workflow_inputs.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_inputs.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_inputs.input IS 'Number';
COMMENT ON COLUMN foreman._workflow_inputs.state IS 'pending, accepted, rejected, already_completed or dead';
COMMENT ON COLUMN foreman._workflow_inputs.source IS 'execute, signal, effect, timer, child, start, cancel, terminate, undo, task or fail';
COMMENT ON COLUMN foreman._workflow_inputs.input_id IS 'Name that its sender gave it';
COMMENT ON COLUMN foreman._workflow_inputs.payload IS 'What decide gets; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_inputs.received_at IS 'When it came';
COMMENT ON COLUMN foreman._workflow_inputs.handled_at IS 'When it was handled';
COMMENT ON COLUMN foreman._workflow_inputs.rejection IS 'What decide answered';
COMMENT ON COLUMN foreman._workflow_inputs.first_sequence IS 'First event that it made';
COMMENT ON COLUMN foreman._workflow_inputs.last_sequence IS 'Last event that it made';
COMMENT ON COLUMN foreman._workflow_inputs.job_id IS 'Job that handles it; NULL while it is held back until workers outside have seen what came before';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_inputs(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (input pg_catalog.int8, state pg_catalog.text, source pg_catalog.text, input_id pg_catalog.text, payload pg_catalog.jsonb, received_at pg_catalog.timestamptz,
    handled_at pg_catalog.timestamptz, rejection pg_catalog.jsonb, first_sequence pg_catalog.int8, last_sequence pg_catalog.int8, job_id pg_catalog.int8)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT i.input, i.state, i.source, i.input_id, i.payload, i.received_at, i.handled_at, i.rejection, i.first_sequence, i.last_sequence, i.job_id
  FROM foreman._workflow_inputs i WHERE i.workflow_type OPERATOR(pg_catalog.=) workflow_inputs.workflow_type
   AND i.workflow_id OPERATOR(pg_catalog.=) workflow_inputs.workflow_id ORDER BY i.input;
END;
COMMENT ON FUNCTION foreman.workflow_inputs IS 'Inputs of a workflow that wait, and handled ones that were kept (record_inputs, input_id), in their order';

-- bundle: operator monitor
CREATE VIEW foreman._workflow_effects WITH (security_barrier) AS
SELECT i.workflow_type, i.workflow_id, e.key, e.kind,
       CASE e.state WHEN 'o' THEN 'open' WHEN 'c' THEN 'completed' WHEN 'f' THEN 'failed' WHEN 'x' THEN 'cancelled' WHEN 'u' THEN 'undoing' WHEN 'n' THEN 'undone' ELSE 'undo_failed' END AS state,
       e.job_id, e.undo_job_id, e.sequence, CASE WHEN foreman._sees_args(h.queue) THEN e.error END AS error, e.decided_at, e.ended_at, e.effect
  FROM foreman.workflow_effect e
  JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance AND i.state OPERATOR(pg_catalog.<>) 'n'
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) i.workflow_type)
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman._workflow_effects IS 'Effects of workflows, for foreman.workflow_effects()';
COMMENT ON COLUMN foreman._workflow_effects.workflow_type IS 'Type';
COMMENT ON COLUMN foreman._workflow_effects.workflow_id IS 'Id';
COMMENT ON COLUMN foreman._workflow_effects.key IS 'Key';
COMMENT ON COLUMN foreman._workflow_effects.kind IS 'Kind of its job';
COMMENT ON COLUMN foreman._workflow_effects.state IS 'open, completed, failed, cancelled, undoing, undone or undo_failed';
COMMENT ON COLUMN foreman._workflow_effects.job_id IS 'Its job';
COMMENT ON COLUMN foreman._workflow_effects.undo_job_id IS 'Job that undoes it';
COMMENT ON COLUMN foreman._workflow_effects.sequence IS 'Last event of the decision that asked for it';
COMMENT ON COLUMN foreman._workflow_effects.error IS 'What made it fail; NULL without the right to see it';
COMMENT ON COLUMN foreman._workflow_effects.decided_at IS 'When it was decided';
COMMENT ON COLUMN foreman._workflow_effects.ended_at IS 'When its job ended';
COMMENT ON COLUMN foreman._workflow_effects.effect IS 'Number';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_effects(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (key pg_catalog.text, kind pg_catalog.text, state pg_catalog.text, job_id pg_catalog.int8, undo_job_id pg_catalog.int8, sequence pg_catalog.int8, error pg_catalog.jsonb,
    decided_at pg_catalog.timestamptz, ended_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT e.key, e.kind, e.state, e.job_id, e.undo_job_id, e.sequence, e.error, e.decided_at, e.ended_at
  FROM foreman._workflow_effects e WHERE e.workflow_type OPERATOR(pg_catalog.=) workflow_effects.workflow_type
   AND e.workflow_id OPERATOR(pg_catalog.=) workflow_effects.workflow_id ORDER BY e.effect;
END;
COMMENT ON FUNCTION foreman.workflow_effects IS 'Effects that a workflow decided on, in their order, each with its job';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_children(workflow_type pg_catalog.text, workflow_id pg_catalog.text)
RETURNS TABLE (child_type pg_catalog.text, child_id pg_catalog.text, state pg_catalog.text, started_at pg_catalog.timestamptz, ended_at pg_catalog.timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT c.workflow_type, c.workflow_id, c.state, c.started_at, c.ended_at FROM foreman.workflows c
 WHERE c.parent OPERATOR(pg_catalog.=) pg_catalog.jsonb_build_object('workflow_type', workflow_children.workflow_type, 'workflow_id', workflow_children.workflow_id)
 ORDER BY c.instance;
END;
COMMENT ON FUNCTION foreman.workflow_children IS 'Workflows that a workflow started';
------------------------------------------------------------------------------------------------------------------------
-- Workflows: how they are tested, seen and operated.
------------------------------------------------------------------------------------------------------------------------

-- Tests of a workflow type without an instance. Nothing is stored.
-- bundle: operator
CREATE FUNCTION foreman.given_events(workflow_type pg_catalog.text, events pg_catalog.jsonb)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_given_events';
COMMENT ON FUNCTION foreman.given_events IS 'Tests of a workflow type: folds these events for the when_input() that follows in this session. Nothing is stored';

-- bundle: operator
CREATE FUNCTION foreman.when_input(input pg_catalog.jsonb)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_when_input';
COMMENT ON FUNCTION foreman.when_input IS 'Tests of a workflow type: asks decide, for the then_ functions that follow. The events of an accepted input are folded for the next one. Nothing is stored';

-- bundle: operator
CREATE FUNCTION foreman.then_events(events pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_events';
COMMENT ON FUNCTION foreman.then_events IS 'pgTAP: passes when the input of when_input() was accepted with exactly these events. data and version may be left out where they are {} and 1';

-- bundle: operator
CREATE FUNCTION foreman.then_effects(effects pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_effects';
COMMENT ON FUNCTION foreman.then_effects IS 'pgTAP: passes when decide asked for as many effects in this order, each of which contains what is given here; [] for none';

-- bundle: operator
CREATE FUNCTION foreman.then_timers(timers pg_catalog.jsonb, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_timers';
COMMENT ON FUNCTION foreman.then_timers IS 'pgTAP: passes when decide set as many timers in this order, each of which contains what is given here; [] for none';

-- bundle: operator
CREATE FUNCTION foreman.then_rejected(rejection pg_catalog.jsonb DEFAULT NULL, description pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.text LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_then_rejected';
COMMENT ON FUNCTION foreman.then_rejected IS 'pgTAP: passes when decide rejected the input of when_input(), with this where it is given';

-- bundle: producer worker operator monitor
CREATE FUNCTION foreman.why_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, OUT reason pg_catalog.text, OUT detail pg_catalog.jsonb,
    OUT until pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_why_workflow';
COMMENT ON FUNCTION foreman.why_workflow IS 'Says what a workflow waits for: a row for each input, effect, undo, timer and child, with why its job does not run; or how it ended';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_workflows(workflow_type pg_catalog.text DEFAULT NULL, state pg_catalog.text DEFAULT NULL, search pg_catalog.jsonb DEFAULT NULL,
    since pg_catalog.timestamptz DEFAULT NULL, before pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.workflows LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_list_workflows';
COMMENT ON FUNCTION foreman.list_workflows IS 'Workflows that match, the newest first: of a type, in a state, with these search attributes, begun since then. before is the instance of the last row of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.workflow_graph(workflow_type pg_catalog.text)
RETURNS pg_catalog.text LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_workflow_graph';
COMMENT ON FUNCTION foreman.workflow_graph IS 'A flowchart in Mermaid of the types of events that followed one another, with how often, in the newest 1000 workflows of the type';

-- bundle: operator
CREATE FUNCTION foreman.workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100, what pg_catalog.text DEFAULT NULL, OUT job_id pg_catalog.int8, OUT what pg_catalog.text, OUT workflow_type pg_catalog.text,
    OUT workflow_id pg_catalog.text, OUT name pg_catalog.text, OUT kind pg_catalog.text, OUT queue pg_catalog.text, OUT args pg_catalog.jsonb, OUT attempts pg_catalog.int4,
    OUT discarded_at pg_catalog.timestamptz, OUT reason pg_catalog.text, OUT errors pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_workflow_dead_letters';
COMMENT ON FUNCTION foreman.workflow_dead_letters IS 'Dead letters of workflows, the latest first: of a type, of one workflow; what: effect, undo, input or timer. before_id is the last job_id of the page before';

-- bundle: operator
CREATE FUNCTION foreman.count_workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, what pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_count_workflow_dead_letters';
COMMENT ON FUNCTION foreman.count_workflow_dead_letters IS 'How many dead letters workflows have';

-- bundle: operator
CREATE FUNCTION foreman.retry_workflow_dead_letters(workflow_type pg_catalog.text DEFAULT NULL, workflow_id pg_catalog.text DEFAULT NULL, what pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 1000)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_workflow_dead_letters';
COMMENT ON FUNCTION foreman.retry_workflow_dead_letters IS 'Makes dead letters of workflows due again, with all of their attempts: what an effect answers then reaches decide, as ever. Returns how many';

-- bundle: operator
CREATE FUNCTION foreman.retry_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_retry_workflow';
COMMENT ON FUNCTION foreman.retry_workflow IS 'Lets a failed workflow go on where it failed: the effect or timer that failed is tried again, and the effects and timers that the failure cancelled are there again. Returns the number of the event foreman.Retried';

-- bundle: operator
CREATE FUNCTION foreman.fork_workflow(workflow_type pg_catalog.text, workflow_id pg_catalog.text, at_sequence pg_catalog.int8, new_id pg_catalog.text,
    reason pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_fork_workflow';
COMMENT ON FUNCTION foreman.fork_workflow IS 'Begins a workflow with the events of another one up to at_sequence, and its search attributes; effects, timers and children are not copied. Returns the number of the event foreman.Forked';

-- bundle: operator
CREATE FUNCTION foreman.check_workflow_type(workflow_type pg_catalog.text, decide pg_catalog.text DEFAULT NULL, evolve pg_catalog.text DEFAULT NULL,
    is_terminal pg_catalog.text DEFAULT NULL, sample pg_catalog.int4 DEFAULT 100, OUT workflow_id pg_catalog.text, OUT sequence pg_catalog.int8, OUT problem pg_catalog.text,
    OUT detail pg_catalog.jsonb)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_check_workflow_type';
COMMENT ON FUNCTION foreman.check_workflow_type IS 'Folds the histories of the newest workflows of a type with other functions, and tells of each where something raises (error), where the state is another one than before (state_differs), where decide answers an input that was kept with other events than are recorded (decision_differs), and where it ends differently (end_differs). Changes nothing';

-- bundle: operator
CREATE FUNCTION foreman.mask_events(workflow_type pg_catalog.text, workflow_id pg_catalog.text, masker pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_mask_events';
COMMENT ON FUNCTION foreman.mask_events IS 'Replaces the data of the events of a workflow by what masker(event jsonb) returns, unless that is NULL, and folds its state anew. Who did it and when is the event foreman.Masked. Returns how many events changed';
------------------------------------------------------------------------------------------------------------------------
-- The feed of the events of all workflows, and projections of it. See src/store/feed/feed.hpp for the order of positions.
------------------------------------------------------------------------------------------------------------------------

-- bundle: producer worker operator monitor handler
CREATE TYPE foreman.event AS (
    "position"    pg_catalog.int8,
    workflow_type pg_catalog.text,
    workflow_id   pg_catalog.text,
    sequence      pg_catalog.int8,
    event_type    pg_catalog.text,
    version       pg_catalog.int4,
    data          pg_catalog.jsonb,
    recorded_at   pg_catalog.timestamptz
);
COMMENT ON TYPE foreman.event IS 'An event of a workflow as handlers of projections see it';
COMMENT ON COLUMN foreman.event."position" IS 'Order among the events of all workflows; there are gaps';
COMMENT ON COLUMN foreman.event.workflow_type IS 'Type of the workflow';
COMMENT ON COLUMN foreman.event.workflow_id IS 'Id of the workflow';
COMMENT ON COLUMN foreman.event.sequence IS 'Number within its workflow, from 1 without gaps';
COMMENT ON COLUMN foreman.event.event_type IS 'Type of the event';
COMMENT ON COLUMN foreman.event.version IS 'Version of the shape of its data, as it was recorded';
COMMENT ON COLUMN foreman.event.data IS 'Data';
COMMENT ON COLUMN foreman.event.recorded_at IS 'When it was recorded';

CREATE SEQUENCE foreman.projection_id_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.projection_id_seq', '');
COMMENT ON SEQUENCE foreman.projection_id_seq IS 'Numbers of projections';

-- The role and queue of a projection are those of the handler of kind 'projection:NAME'. Its function stands here as well:
-- whoever has locked the row knows that it is the right one.
CREATE TABLE foreman.projection (
    projection_id  pg_catalog.int8   NOT NULL,
    name           pg_catalog.text   COLLATE pg_catalog."C" NOT NULL,
    handler        pg_catalog.text   NOT NULL,
    state          pg_catalog."char" NOT NULL DEFAULT 'r',
    batch          pg_catalog.int4   NOT NULL,
    workflow_types pg_catalog.text[] COLLATE pg_catalog."C",
    event_types    pg_catalog.text[] COLLATE pg_catalog."C",
    replaces       pg_catalog.text   COLLATE pg_catalog."C",
    on_switch      pg_catalog.text,
    created_at     pg_catalog.timestamptz NOT NULL,
    CONSTRAINT projection_pkey PRIMARY KEY (name)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.projection', '');
COMMENT ON TABLE foreman.projection IS 'Projections; see the view foreman.projections';
COMMENT ON COLUMN foreman.projection.handler IS 'Qualified name and argument type of its function';
COMMENT ON COLUMN foreman.projection.state IS 'r = running, p = paused';
COMMENT ON COLUMN foreman.projection.batch IS 'How many events one call of its handler gets, or one subtransaction has';
COMMENT ON COLUMN foreman.projection.replaces IS 'Projection whose place it takes when it has come as far';
COMMENT ON COLUMN foreman.projection.on_switch IS 'Qualified name and argument types of the function that is called then';

-- How far each projection is: one row, which a new one replaces at each move. The last one is found from the end of the
-- index, so that what an open snapshot keeps of those before costs nothing.
CREATE TABLE foreman.projection_place (
    projection_id pg_catalog.int8 NOT NULL,
    position      pg_catalog.int8 NOT NULL,
    handled       pg_catalog.int8 NOT NULL,
    moved_at      pg_catalog.timestamptz,
    CONSTRAINT projection_place_pkey PRIMARY KEY (projection_id, position)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.projection_place', '');
COMMENT ON TABLE foreman.projection_place IS 'How far projections are; see the view foreman.projections';
COMMENT ON COLUMN foreman.projection_place.position IS 'Of the last event that it has handled, or that it has passed by since it does not concern it';
COMMENT ON COLUMN foreman.projection_place.handled IS 'How many events its handler was given';
COMMENT ON COLUMN foreman.projection_place.moved_at IS 'When it came there';

-- bundle: operator monitor
CREATE FUNCTION foreman.read_feed(workflow_types pg_catalog.text[] DEFAULT NULL, after_position pg_catalog.int8 DEFAULT 0, max_rows pg_catalog.int4 DEFAULT 1000,
    member pg_catalog.int4 DEFAULT 0, members pg_catalog.int4 DEFAULT 1, event_types pg_catalog.text[] DEFAULT NULL, OUT "position" pg_catalog.int8,
    OUT epoch pg_catalog.int8, OUT workflow_type pg_catalog.text, OUT workflow_id pg_catalog.text, OUT sequence pg_catalog.int8, OUT event_type pg_catalog.text,
    OUT version pg_catalog.int4, OUT data pg_catalog.jsonb, OUT recorded_at pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_read_feed';
COMMENT ON FUNCTION foreman.read_feed IS 'Committed events of all workflows behind a position, in the order of positions: who goes on behind the last one that it got is given each event once. Never skips what commits late, waits for nobody. member of members: those workflows whose id has its hash. epoch is another one after a crash of the server, when positions behind the last event may be given anew';

-- bundle: operator monitor
CREATE FUNCTION foreman.feed_position()
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_feed_position';
COMMENT ON FUNCTION foreman.feed_position() IS 'Position up to which readers of the feed may go now: all events up to it are committed, or never will be';

-- bundle: operator
CREATE FUNCTION foreman.create_projection(name pg_catalog.text, handler pg_catalog.text, workflow_types pg_catalog.text[] DEFAULT NULL, event_types pg_catalog.text[] DEFAULT NULL,
    from_position pg_catalog.int8 DEFAULT 0, batch pg_catalog.int4 DEFAULT 100, run_as pg_catalog.regrole DEFAULT NULL, queue pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_create_projection';
COMMENT ON FUNCTION foreman.create_projection IS 'Lets a function f(foreman.event), or f(foreman.event[]) for up to batch events at once, have every event of workflows behind from_position once and in order, woken by commits; NULL: only later ones. What it does and how far it is commit together. Runs as run_as, as jobs of the queue. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.pause_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_pause_projection';
COMMENT ON FUNCTION foreman.pause_projection IS 'Gives a projection no events until resume_projection(); waits for the transaction in which it handles some. Returns false when it was paused already';

-- bundle: operator
CREATE FUNCTION foreman.resume_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_resume_projection';
COMMENT ON FUNCTION foreman.resume_projection IS 'Lets a projection go on: one that was paused, or one that fails, which tries again at once. Returns false when it was running';

-- bundle: operator
CREATE FUNCTION foreman.rebuild_projection(name pg_catalog.text, "into" pg_catalog.text, on_switch pg_catalog.text DEFAULT NULL, from_position pg_catalog.int8 DEFAULT 0)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_rebuild_projection';
COMMENT ON FUNCTION foreman.rebuild_projection IS 'Gives all events to another handler, "into", beside the running projection. When it has come as far, it takes the place of the handler, and the function on_switch() is called, in one transaction. Until then the view foreman.projections shows it as NAME:rebuild, and drop_projection() gives it up. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.move_projection(name pg_catalog.text, to_position pg_catalog.int8)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_move_projection';
COMMENT ON FUNCTION foreman.move_projection IS 'Lets a projection go on behind another position: a greater one skips events, such as one that can never be handled; a lesser one gives it events again. Waits for the transaction in which it handles some. Returns the position where it was';

-- bundle: operator
CREATE FUNCTION foreman.drop_projection(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_drop_projection';
COMMENT ON FUNCTION foreman.drop_projection IS 'Removes a projection, and its rebuild; what its handler made stays. Raises an error when there is none, unless if_exists is given';

-- bundle: operator monitor
CREATE VIEW foreman.projections WITH (security_barrier) AS
SELECT p.name, CASE WHEN p.state OPERATOR(pg_catalog.=) 'p' THEN 'paused' WHEN j.attempt OPERATOR(pg_catalog.>) 0 THEN 'failing'
                    WHEN p.replaces IS NOT NULL THEN 'rebuilding' ELSE 'running' END AS state,
       c.position, b.events AS behind_events,
       EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) b.first_at)::pg_catalog.float8 AS behind_seconds,
       c.handled, p.handler, p.workflow_types, p.event_types, p.batch, h.queue, h.run_as::pg_catalog.text AS run_as, p.replaces,
       j.attempt::pg_catalog.int4 AS failed_attempts, CASE WHEN foreman._sees_args(h.queue) THEN COALESCE(j.errors, d.errors) OPERATOR(pg_catalog.->) -1 END AS error,
       CASE WHEN j.attempt OPERATOR(pg_catalog.>) 0 THEN j.run_at END AS next_attempt_at, p.created_at, c.moved_at
  FROM foreman.projection p
 CROSS JOIN LATERAL (SELECT l.position, l.handled, l.moved_at FROM foreman.projection_place l WHERE l.projection_id OPERATOR(pg_catalog.=) p.projection_id
                      ORDER BY l.position DESC LIMIT 1) c
  JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('projection:' OPERATOR(pg_catalog.||) p.name)
  LEFT JOIN LATERAL (SELECT l.attempt, l.errors, l.run_at FROM foreman.live_job l
                      WHERE l.queue OPERATOR(pg_catalog.=) h.queue AND l.kind OPERATOR(pg_catalog.=) h.kind AND l.state OPERATOR(pg_catalog.=) 'w'
                        AND l.attempt OPERATOR(pg_catalog.>) 0 ORDER BY l.attempt DESC LIMIT 1) j ON true
  LEFT JOIN LATERAL (SELECT x.errors FROM foreman.dead_letter x
                      WHERE p.state OPERATOR(pg_catalog.=) 'p' AND x.queue OPERATOR(pg_catalog.=) h.queue AND x.kind OPERATOR(pg_catalog.=) h.kind
                        AND x.origin_id OPERATOR(pg_catalog.=) p.projection_id AND x.discarded_at OPERATOR(pg_catalog.>) COALESCE(c.moved_at, p.created_at)
                      ORDER BY x.discarded_at DESC LIMIT 1) d ON true
 CROSS JOIN LATERAL (SELECT pg_catalog.count(*) AS events, pg_catalog.min(x.recorded_at) AS first_at
                       FROM (SELECT e.recorded_at FROM foreman.workflow_event e JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance
                              WHERE e.position OPERATOR(pg_catalog.>) c.position AND (p.workflow_types IS NULL OR i.workflow_type OPERATOR(pg_catalog.=) ANY (p.workflow_types))
                                AND (p.event_types IS NULL OR e.event_type OPERATOR(pg_catalog.=) ANY (p.event_types)) ORDER BY e.position LIMIT 10001) x) b
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.projections IS 'Projections: how far each has come, and why it does not go on';
COMMENT ON COLUMN foreman.projections.name IS 'Name; NAME:rebuild is the rebuild of projection NAME';
COMMENT ON COLUMN foreman.projections.state IS 'running, failing (an event of it raises an error; it tries again), paused, or rebuilding';
COMMENT ON COLUMN foreman.projections.position IS 'Of the last event that it has handled or passed by';
COMMENT ON COLUMN foreman.projections.behind_events IS 'How many events for it are behind that; 10001 stands for more than 10000';
COMMENT ON COLUMN foreman.projections.behind_seconds IS 'How old the first of them is; NULL: there are none';
COMMENT ON COLUMN foreman.projections.handled IS 'How many events its handler was given';
COMMENT ON COLUMN foreman.projections.handler IS 'Function that gets the events';
COMMENT ON COLUMN foreman.projections.workflow_types IS 'Types of workflows whose events it gets; NULL: all';
COMMENT ON COLUMN foreman.projections.event_types IS 'Types of events that it gets; NULL: all';
COMMENT ON COLUMN foreman.projections.batch IS 'How many events a call gets at most';
COMMENT ON COLUMN foreman.projections.queue IS 'Queue of its jobs';
COMMENT ON COLUMN foreman.projections.run_as IS 'Role that the handler runs as';
COMMENT ON COLUMN foreman.projections.replaces IS 'Projection whose place a rebuild will take';
COMMENT ON COLUMN foreman.projections.failed_attempts IS 'How often its first event failed by now';
COMMENT ON COLUMN foreman.projections.error IS 'What it raised last, or of one that is paused because its handler crashed the server too often, that; NULL without the right to see it';
COMMENT ON COLUMN foreman.projections.next_attempt_at IS 'When a failing one tries again';
COMMENT ON COLUMN foreman.projections.created_at IS 'When it was created';
COMMENT ON COLUMN foreman.projections.moved_at IS 'When its position changed last';
------------------------------------------------------------------------------------------------------------------------
-- Publish and subscribe: a publish is a row, and a job for each subscription whose pattern matches its topic.
-- What became of a delivery is read from its job: it is written nowhere else.
------------------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE foreman.subscription_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.subscription_seq', '');
COMMENT ON SEQUENCE foreman.subscription_seq IS 'Ids of subscriptions';

CREATE TABLE foreman.subscription (
    subscription_id pg_catalog.int8        NOT NULL,
    name            pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    pattern         pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    kind            pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    queue           pg_catalog.text        COLLATE pg_catalog."C",
    priority        pg_catalog.int2,
    max_attempts    pg_catalog.int2,
    timeout         pg_catalog.interval,
    active          pg_catalog.bool        NOT NULL,
    created_at      pg_catalog.timestamptz NOT NULL,
    CONSTRAINT subscription_pkey PRIMARY KEY (name)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.subscription', '');
COMMENT ON TABLE foreman.subscription IS 'Who hears of which topics; see the view foreman.subscriptions';
COMMENT ON COLUMN foreman.subscription.queue IS 'Queue of its deliveries; NULL: that of the publish, else that of the handler';
COMMENT ON COLUMN foreman.subscription.priority IS 'NULL: that of the publish, else that of the queue';
COMMENT ON COLUMN foreman.subscription.max_attempts IS 'NULL: that of the handler';
COMMENT ON COLUMN foreman.subscription.timeout IS 'NULL: that of the handler';
COMMENT ON COLUMN foreman.subscription.active IS 'false: it is skipped';

CREATE SEQUENCE foreman.publish_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.publish_seq', '');
COMMENT ON SEQUENCE foreman.publish_seq IS 'Ids of publishes, in the order of their calls';

-- The names of the subscriptions that matched, and the job of each at the same place. In the place of a job: 0 = the
-- subscription was off, -1 = the publisher may not feed its queue.
CREATE TABLE foreman.publish (
    publish_id      pg_catalog.int8        NOT NULL,
    topic           pg_catalog.text        COLLATE pg_catalog."C" NOT NULL,
    payload         pg_catalog.jsonb       NOT NULL,
    idempotency_key pg_catalog.text        COLLATE pg_catalog."C",
    published_at    pg_catalog.timestamptz NOT NULL,
    run_at          pg_catalog.timestamptz NOT NULL,
    subscriptions   pg_catalog.text[]      NOT NULL,
    job_ids         pg_catalog.int8[]      NOT NULL,
    CONSTRAINT publish_pkey PRIMARY KEY (publish_id)
);
CREATE UNIQUE INDEX publish_key ON foreman.publish (topic, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX publish_published_at ON foreman.publish (published_at, publish_id);
SELECT pg_catalog.pg_extension_config_dump('foreman.publish', '');
COMMENT ON TABLE foreman.publish IS 'What was published; see the views foreman.publishes and foreman.deliveries';
COMMENT ON COLUMN foreman.publish.subscriptions IS 'Names of the subscriptions that matched';
COMMENT ON COLUMN foreman.publish.job_ids IS 'Job of each of them; 0 = the subscription was off, -1 = the publisher may not feed its queue';

CREATE SEQUENCE foreman.unroutable_publish_seq AS pg_catalog.int8;
SELECT pg_catalog.pg_extension_config_dump('foreman.unroutable_publish_seq', '');
COMMENT ON SEQUENCE foreman.unroutable_publish_seq IS 'Ids of publishes that came to nobody';

CREATE TABLE foreman.unroutable_publish (
    unroutable_id   pg_catalog.int8        NOT NULL,
    topic           pg_catalog.text        COLLATE pg_catalog."C",
    idempotency_key pg_catalog.text        COLLATE pg_catalog."C",
    reason          pg_catalog.text        NOT NULL,
    payload         pg_catalog.jsonb,
    payload_bytes   pg_catalog.int8,
    published_at    pg_catalog.timestamptz NOT NULL,
    published_by    pg_catalog.text        NOT NULL,
    CONSTRAINT unroutable_publish_pkey PRIMARY KEY (unroutable_id)
);
SELECT pg_catalog.pg_extension_config_dump('foreman.unroutable_publish', '');
COMMENT ON TABLE foreman.unroutable_publish IS 'Publishes that came to nobody, the newest 10000; see the view foreman.unroutable_publishes';
COMMENT ON COLUMN foreman.unroutable_publish.payload IS 'NULL when it had more than 8 kB';

-- bundle: operator
CREATE FUNCTION foreman.subscribe(pattern pg_catalog.text, kind pg_catalog.text, name pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, active pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_subscribe';
COMMENT ON FUNCTION foreman.subscribe IS 'From now on each publish whose topic matches the pattern makes a job of the kind. Segments of a pattern have dots between them: * is one segment, # any number. The name is PATTERN:KIND unless one is given. The job''s args: topic, payload, publish_id, published_at, subscription and, where the publish has one, idempotency_key. Returns the id of the subscription';

-- bundle: operator
CREATE FUNCTION foreman.alter_subscription(name pg_catalog.text, pattern pg_catalog.text DEFAULT NULL, kind pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, max_attempts pg_catalog.int4 DEFAULT NULL,
    timeout pg_catalog.interval DEFAULT NULL, active pg_catalog.bool DEFAULT NULL, reset pg_catalog.text[] DEFAULT NULL)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_alter_subscription';
COMMENT ON FUNCTION foreman.alter_subscription IS 'Changes a subscription for what is published from now on; NULL leaves a setting as it is, reset names those that are to have none again (queue, priority, max_attempts, timeout). While active is false, publishes leave a skipped delivery. Returns true';

-- bundle: operator
CREATE FUNCTION foreman.unsubscribe(name pg_catalog.text, if_exists pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_unsubscribe';
COMMENT ON FUNCTION foreman.unsubscribe IS 'Ends a subscription; deliveries that are under way go on. Raises an error when there is none of this name, unless if_exists is given';

-- bundle: producer
CREATE FUNCTION foreman.publish(topic pg_catalog.text, payload pg_catalog.jsonb, idempotency_key pg_catalog.text DEFAULT NULL,
    queue pg_catalog.text DEFAULT NULL, priority pg_catalog.int4 DEFAULT NULL, run_at pg_catalog.timestamptz DEFAULT NULL)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_publish';
COMMENT ON FUNCTION foreman.publish IS 'Makes a job for each subscription whose pattern matches the topic, in the caller''s transaction. queue and priority are for subscriptions that have none of their own. A second publish of a topic and idempotency_key makes nothing and returns the id of the first. Returns the id of the publish; NULL when nobody takes it or it is malformed: foreman.unroutable_publishes says why';

-- bundle: producer operator monitor
CREATE FUNCTION foreman.topic_matches(pattern pg_catalog.text, topic pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'foreman_topic_matches';
COMMENT ON FUNCTION foreman.topic_matches IS 'Whether a pattern of foreman.subscribe() matches a topic';

-- bundle: operator monitor
CREATE VIEW foreman.subscriptions WITH (security_barrier) AS
SELECT s.name, s.pattern, s.kind, s.queue, s.priority::pg_catalog.int4 AS priority, s.max_attempts::pg_catalog.int4 AS max_attempts, s.timeout, s.active,
       h.kind IS NOT NULL AS has_handler, s.created_at, s.subscription_id
  FROM foreman.subscription s LEFT JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) s.kind
 WHERE foreman._sees(COALESCE(s.queue, h.queue, 'default'));
COMMENT ON VIEW foreman.subscriptions IS 'Who hears of which topics';
COMMENT ON COLUMN foreman.subscriptions.name IS 'Name';
COMMENT ON COLUMN foreman.subscriptions.pattern IS 'Topics that it hears of: * is one segment, # any number';
COMMENT ON COLUMN foreman.subscriptions.kind IS 'Kind of the jobs that its deliveries are';
COMMENT ON COLUMN foreman.subscriptions.queue IS 'Queue of its deliveries; NULL: that of the publish, else that of the handler';
COMMENT ON COLUMN foreman.subscriptions.priority IS 'Priority of its deliveries; NULL: that of the publish, else that of the queue';
COMMENT ON COLUMN foreman.subscriptions.max_attempts IS 'Attempts that a delivery has; NULL: as the handler says';
COMMENT ON COLUMN foreman.subscriptions.timeout IS 'How long an attempt may take; NULL: as the handler says';
COMMENT ON COLUMN foreman.subscriptions.active IS 'false: publishes leave a skipped delivery';
COMMENT ON COLUMN foreman.subscriptions.has_handler IS 'Whether a handler is registered for its kind; workers outside need none';
COMMENT ON COLUMN foreman.subscriptions.created_at IS 'When it was made';
COMMENT ON COLUMN foreman.subscriptions.subscription_id IS 'Id';

-- A delivery's job is in one of three tables; of the history, partitions of days before the publish are not looked at.
-- bundle: operator monitor
CREATE VIEW foreman.deliveries WITH (security_barrier) AS
SELECT p.publish_id, p.topic, d.subscription,
       CASE WHEN d.job_id OPERATOR(pg_catalog.=) 0 THEN 'skipped' WHEN d.job_id OPERATOR(pg_catalog.<) 0 THEN 'refused' ELSE COALESCE(j.state, 'gone') END AS state,
       j.kind, j.queue, CASE WHEN d.job_id OPERATOR(pg_catalog.>) 0 THEN d.job_id END AS job_id, j.attempt, j.max_attempts, j.next_attempt_at, j.ended_at,
       CASE WHEN foreman._sees_args(j.queue) THEN j.errors OPERATOR(pg_catalog.->) -1 OPERATOR(pg_catalog.->>) 'message' END AS error, p.published_at
  FROM foreman.publish p
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(p.subscriptions), pg_catalog.unnest(p.job_ids)) AS d(subscription, job_id)
  LEFT JOIN LATERAL (
       SELECT CASE WHEN l.attempt OPERATOR(pg_catalog.>) 0 THEN 'retrying' ELSE 'pending' END AS state, l.kind, l.queue,
              l.attempt::pg_catalog.int4 AS attempt, l.max_attempts::pg_catalog.int4 AS max_attempts, l.run_at AS next_attempt_at, NULL::pg_catalog.timestamptz AS ended_at, l.errors
         FROM foreman.live_job l WHERE l.job_id OPERATOR(pg_catalog.=) d.job_id
       UNION ALL
       SELECT 'dead_lettered', x.kind, x.queue, x.attempt::pg_catalog.int4, x.max_attempts::pg_catalog.int4, NULL, x.discarded_at, x.errors
         FROM foreman.dead_letter x WHERE x.job_id OPERATOR(pg_catalog.=) d.job_id
       UNION ALL
       SELECT CASE h.outcome WHEN 'c' THEN 'published' ELSE 'cancelled' END, h.kind, h.queue, h.attempt::pg_catalog.int4, h.max_attempts::pg_catalog.int4, NULL, h.finished_at, h.errors
         FROM foreman.job_history h WHERE h.job_id OPERATOR(pg_catalog.=) d.job_id AND h.finished_at OPERATOR(pg_catalog.>=) p.published_at) j ON (true)
 WHERE foreman._sees(COALESCE(j.queue, ''));
COMMENT ON VIEW foreman.deliveries IS 'Deliveries of publishes to subscriptions, as their jobs are';
COMMENT ON COLUMN foreman.deliveries.publish_id IS 'Publish';
COMMENT ON COLUMN foreman.deliveries.topic IS 'Topic';
COMMENT ON COLUMN foreman.deliveries.subscription IS 'Name that the subscription had';
COMMENT ON COLUMN foreman.deliveries.state IS 'pending, retrying (it has failed and is tried again), published (its handler is done), dead_lettered, cancelled, skipped (the subscription was off), refused (the publisher may not feed its queue), or gone (its job was deleted, or its history is over)';
COMMENT ON COLUMN foreman.deliveries.kind IS 'Kind of its job';
COMMENT ON COLUMN foreman.deliveries.queue IS 'Queue of its job';
COMMENT ON COLUMN foreman.deliveries.job_id IS 'Its job; NULL when it has none';
COMMENT ON COLUMN foreman.deliveries.attempt IS 'Attempts charged';
COMMENT ON COLUMN foreman.deliveries.max_attempts IS 'Attempts that it has in all';
COMMENT ON COLUMN foreman.deliveries.next_attempt_at IS 'When it is due; NULL when it has ended';
COMMENT ON COLUMN foreman.deliveries.ended_at IS 'When it ended';
COMMENT ON COLUMN foreman.deliveries.error IS 'What its last failed attempt said; NULL without the right to see args';
COMMENT ON COLUMN foreman.deliveries.published_at IS 'When it was published';

-- No barrier: who may not see all of it sees none, and that is asked before the first row; so the newest rows come by the
-- index.
-- bundle: operator monitor
CREATE VIEW foreman.publishes AS
SELECT p.publish_id, p.topic,
       CASE WHEN d.pending OPERATOR(pg_catalog.+) d.retrying OPERATOR(pg_catalog.>) 0 THEN 'pending' WHEN d.dead_lettered OPERATOR(pg_catalog.>) 0 THEN 'dead_lettered' ELSE 'published' END AS state,
       CASE WHEN foreman._sees_args('') THEN p.payload END AS payload, p.idempotency_key, p.published_at, p.run_at,
       d.deliveries, d.pending, d.retrying, d.published, d.skipped, d.dead_lettered, d.other
  FROM foreman.publish p
 -- By their ids, one by one: a plan that was made while the tables were small would read all of a long one.
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS deliveries,
              pg_catalog.count(*) FILTER (WHERE u.job_id OPERATOR(pg_catalog.=) 0) AS skipped,
              pg_catalog.count(*) FILTER (WHERE l.attempt OPERATOR(pg_catalog.=) 0) AS pending,
              pg_catalog.count(*) FILTER (WHERE l.attempt OPERATOR(pg_catalog.>) 0) AS retrying,
              pg_catalog.count(*) FILTER (WHERE h.outcome OPERATOR(pg_catalog.=) 'c') AS published,
              pg_catalog.count(x.job_id) AS dead_lettered,
              pg_catalog.count(*) FILTER (WHERE u.job_id OPERATOR(pg_catalog.<>) 0 AND l.job_id IS NULL AND x.job_id IS NULL AND h.outcome IS DISTINCT FROM 'c') AS other
         FROM pg_catalog.unnest(p.job_ids) AS u(job_id)
         LEFT JOIN LATERAL (SELECT l.job_id, l.attempt FROM foreman.live_job l WHERE l.job_id OPERATOR(pg_catalog.=) u.job_id LIMIT 1) l ON (true)
         LEFT JOIN LATERAL (SELECT x.job_id FROM foreman.dead_letter x WHERE x.job_id OPERATOR(pg_catalog.=) u.job_id LIMIT 1) x ON (true)
         LEFT JOIN LATERAL (SELECT h.outcome FROM foreman.job_history h WHERE h.job_id OPERATOR(pg_catalog.=) u.job_id AND h.finished_at OPERATOR(pg_catalog.>=) p.published_at LIMIT 1) h ON (true)) d
 WHERE foreman._sees('');
COMMENT ON VIEW foreman.publishes IS 'What was published, and how many of its deliveries are in which state; for roles with a bundle on all queues';
COMMENT ON COLUMN foreman.publishes.publish_id IS 'Id; ORDER BY publish_id DESC gives the newest ones first, by an index';
COMMENT ON COLUMN foreman.publishes.topic IS 'Topic';
COMMENT ON COLUMN foreman.publishes.state IS 'pending while a delivery is under way, then dead_lettered when one of them was, else published';
COMMENT ON COLUMN foreman.publishes.payload IS 'What was published; NULL without the right to see args';
COMMENT ON COLUMN foreman.publishes.idempotency_key IS 'Key by which the publisher knows it again';
COMMENT ON COLUMN foreman.publishes.published_at IS 'When it was published';
COMMENT ON COLUMN foreman.publishes.run_at IS 'When its deliveries were first due';
COMMENT ON COLUMN foreman.publishes.deliveries IS 'Subscriptions that matched';
COMMENT ON COLUMN foreman.publishes.pending IS 'Deliveries that have not failed and not ended';
COMMENT ON COLUMN foreman.publishes.retrying IS 'Deliveries that have failed and are tried again';
COMMENT ON COLUMN foreman.publishes.published IS 'Deliveries whose handler is done';
COMMENT ON COLUMN foreman.publishes.skipped IS 'Deliveries to subscriptions that were off';
COMMENT ON COLUMN foreman.publishes.dead_lettered IS 'Deliveries that are dead letters';
COMMENT ON COLUMN foreman.publishes.other IS 'Deliveries that were cancelled, refused or deleted, or whose history is over';

-- bundle: operator monitor
CREATE VIEW foreman.unroutable_publishes AS
SELECT u.unroutable_id, u.topic, u.reason, u.idempotency_key, CASE WHEN foreman._sees_args('') THEN u.payload END AS payload,
       u.payload_bytes, u.published_at, u.published_by
  FROM foreman.unroutable_publish u
 WHERE foreman._sees('');
COMMENT ON VIEW foreman.unroutable_publishes IS 'Publishes that came to nobody, and why; the newest 10000, for roles with a bundle on all queues';
COMMENT ON COLUMN foreman.unroutable_publishes.unroutable_id IS 'Id; ORDER BY unroutable_id DESC gives the newest ones first';
COMMENT ON COLUMN foreman.unroutable_publishes.topic IS 'Topic as it was given, cut to 255 bytes';
COMMENT ON COLUMN foreman.unroutable_publishes.reason IS 'What was malformed, or that no subscription matched';
COMMENT ON COLUMN foreman.unroutable_publishes.idempotency_key IS 'Key as it was given, cut to 255 bytes';
COMMENT ON COLUMN foreman.unroutable_publishes.payload IS 'What was published; NULL when it had more than 8 kB, and without the right to see args';
COMMENT ON COLUMN foreman.unroutable_publishes.payload_bytes IS 'How large it was; NULL when there was none';
COMMENT ON COLUMN foreman.unroutable_publishes.published_at IS 'When';
COMMENT ON COLUMN foreman.unroutable_publishes.published_by IS 'Role that published it';
------------------------------------------------------------------------------------------------------------------------
-- What monitors and dashboards read.
------------------------------------------------------------------------------------------------------------------------

-- What happened in a minute to the jobs of a queue; waiting and running times in milliseconds.
CREATE TABLE foreman.minute_stat (
    minute    pg_catalog.timestamptz NOT NULL,
    queue     pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    enqueued  pg_catalog.int8 NOT NULL,
    completed pg_catalog.int8 NOT NULL,
    failed    pg_catalog.int8 NOT NULL,
    discarded pg_catalog.int8 NOT NULL,
    cancelled pg_catalog.int8 NOT NULL,
    wait_p50  pg_catalog.float8,
    wait_p95  pg_catalog.float8,
    wait_p99  pg_catalog.float8,
    run_p50   pg_catalog.float8,
    run_p95   pg_catalog.float8,
    run_p99   pg_catalog.float8,
    CONSTRAINT minute_stat_pkey PRIMARY KEY (minute, queue)
);
COMMENT ON TABLE foreman.minute_stat IS 'What happened in each minute to the jobs of each queue, for thirty days; see foreman.stats_minute';
COMMENT ON COLUMN foreman.minute_stat.wait_p50 IS 'Median of the time from when a job was due to its start, in milliseconds';
COMMENT ON COLUMN foreman.minute_stat.run_p50 IS 'Median of the time that handlers took, in milliseconds';

-- The same of whole hours, summed up once when an hour is over: a week of minutes of many queues is too much to read for a
-- chart. Of the percentiles an hour has the highest that a minute of it had.
CREATE TABLE foreman.hour_stat (
    hour      pg_catalog.timestamptz NOT NULL,
    queue     pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    enqueued  pg_catalog.int8 NOT NULL,
    completed pg_catalog.int8 NOT NULL,
    failed    pg_catalog.int8 NOT NULL,
    discarded pg_catalog.int8 NOT NULL,
    cancelled pg_catalog.int8 NOT NULL,
    wait_p50  pg_catalog.float8,
    wait_p95  pg_catalog.float8,
    wait_p99  pg_catalog.float8,
    run_p50   pg_catalog.float8,
    run_p95   pg_catalog.float8,
    run_p99   pg_catalog.float8,
    CONSTRAINT hour_stat_pkey PRIMARY KEY (hour, queue)
);
COMMENT ON TABLE foreman.hour_stat IS 'What happened in each hour that is over to the jobs of each queue, for thirty days; see foreman.stats_hour';
COMMENT ON COLUMN foreman.hour_stat.wait_p50 IS 'The highest of the medians of its minutes, in milliseconds';
COMMENT ON COLUMN foreman.hour_stat.run_p50 IS 'The highest of the medians of its minutes, in milliseconds';

-- What happened in a minute to workflows of a type.
CREATE TABLE foreman.workflow_minute_stat (
    minute            pg_catalog.timestamptz NOT NULL,
    workflow_type     pg_catalog.text COLLATE pg_catalog."C" NOT NULL,
    started           pg_catalog.int8 NOT NULL,
    completed         pg_catalog.int8 NOT NULL,
    failed            pg_catalog.int8 NOT NULL,
    cancelled         pg_catalog.int8 NOT NULL,
    terminated        pg_catalog.int8 NOT NULL,
    continued         pg_catalog.int8 NOT NULL,
    accepted          pg_catalog.int8 NOT NULL,
    rejected          pg_catalog.int8 NOT NULL,
    already_completed pg_catalog.int8 NOT NULL,
    events            pg_catalog.int8 NOT NULL,
    CONSTRAINT workflow_minute_stat_pkey PRIMARY KEY (minute, workflow_type)
);
COMMENT ON TABLE foreman.workflow_minute_stat IS 'What happened in each minute to workflows of each type, for thirty days; see foreman.workflow_stats_minute';

-- Errors without what they say: that may be made of args.
-- bundle: operator monitor
CREATE FUNCTION foreman._bare_errors(errors pg_catalog.jsonb) RETURNS pg_catalog.jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT pg_catalog.jsonb_agg(e.error OPERATOR(pg_catalog.-) '{message,detail,hint,context}'::pg_catalog.text[] ORDER BY e.nth)
          FROM pg_catalog.jsonb_array_elements(errors) WITH ORDINALITY AS e(error, nth));
COMMENT ON FUNCTION foreman._bare_errors IS 'When and how often a job failed and with which SQLSTATE, without texts; for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._lease(job_id pg_catalog.int8, token pg_catalog.uuid, OUT leased_until pg_catalog.timestamptz,
    OUT progress pg_catalog.float8, OUT note pg_catalog.text)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE STRICT ROWS 1 AS 'MODULE_PATHNAME', 'foreman_lease';
COMMENT ON FUNCTION foreman._lease IS 'What shared memory knows of a lease, for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._outside_workers(OUT worker_id pg_catalog.text, OUT label pg_catalog.text, OUT queues pg_catalog.text[],
    OUT first_seen pg_catalog.timestamptz, OUT last_seen pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_outside_workers';
COMMENT ON FUNCTION foreman._outside_workers IS 'Outside workers that were heard of lately, for the views';

-- Each arm has its own constant state where it can, so that `state = 'discarded'` does not read history.
-- bundle: operator monitor
CREATE VIEW foreman.jobs WITH (security_barrier) AS
SELECT j.job_id,
       foreman._state_name(j.state, e.job_id IS NOT NULL, j.attempt OPERATOR(pg_catalog.>) 0, j.run_at OPERATOR(pg_catalog.<=) foreman._now()) AS state,
       j.kind, j.queue, j.priority::pg_catalog.int4 AS priority,
       CASE WHEN foreman._sees_args(j.queue) THEN j.args END AS args,
       (CASE WHEN e.job_id IS NOT NULL OR j.state OPERATOR(pg_catalog.=) 'r' THEN j.attempt::pg_catalog.int4 OPERATOR(pg_catalog.+) 1 ELSE j.attempt::pg_catalog.int4 END) AS attempt,
       j.max_attempts::pg_catalog.int4 AS max_attempts,
       j.run_at, j.enqueued_at, COALESCE(e.started_at, j.claimed_at) AS started_at,
       NULL::pg_catalog.timestamptz AS finished_at, j.expires_at,
       NULL::pg_catalog.jsonb AS result, NULL::pg_catalog.text AS reason, CASE WHEN foreman._sees_args(j.queue) THEN j.errors ELSE foreman._bare_errors(j.errors) END AS errors,
       COALESCE(e.progress, l.progress) AS progress, COALESCE(e.note, l.note) AS progress_note,
       COALESCE(e.pid, j.worker_pid) AS worker_pid, COALESCE(e.worker_id, j.worker) AS worker_id, COALESCE(l.leased_until, e.leased_until, CASE WHEN j.state OPERATOR(pg_catalog.=) 'r' THEN j.claimed_at OPERATOR(pg_catalog.+) (j.lease_us OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval) END) AS leased_until, j.tags, j.metadata,
       j.unique_key, j.concurrency_key, j.sequence_key, j.batch_id
  FROM foreman.live_job j LEFT JOIN foreman._holders() e ON (e.job_id OPERATOR(pg_catalog.=) j.job_id)
  LEFT JOIN LATERAL foreman._lease(CASE WHEN j.worker IS NOT NULL AND j.state OPERATOR(pg_catalog.=) 'r' THEN j.job_id END, j.token) l ON (true)
 WHERE foreman._sees(j.queue)
UNION ALL
SELECT h.job_id, 'completed',
       h.kind, h.queue, h.priority::pg_catalog.int4, CASE WHEN foreman._sees_args(h.queue) THEN h.args END,
       h.attempt::pg_catalog.int4, h.max_attempts::pg_catalog.int4, h.run_at, h.enqueued_at, h.started_at, h.finished_at, NULL,
       CASE WHEN foreman._sees_args(h.queue) THEN h.result END, CASE WHEN foreman._sees_args(h.queue) THEN h.reason END, CASE WHEN foreman._sees_args(h.queue) THEN h.errors ELSE foreman._bare_errors(h.errors) END,
       NULL, NULL, h.worker_pid, NULL, NULL, h.tags, h.metadata,
       h.unique_key, h.concurrency_key, h.sequence_key, h.batch_id
  FROM foreman.job_history h
 WHERE h.outcome OPERATOR(pg_catalog.=) 'c' AND foreman._sees(h.queue)
UNION ALL
SELECT h.job_id, 'cancelled',
       h.kind, h.queue, h.priority::pg_catalog.int4, CASE WHEN foreman._sees_args(h.queue) THEN h.args END,
       h.attempt::pg_catalog.int4, h.max_attempts::pg_catalog.int4, h.run_at, h.enqueued_at, h.started_at, h.finished_at, NULL,
       CASE WHEN foreman._sees_args(h.queue) THEN h.result END, CASE WHEN foreman._sees_args(h.queue) THEN h.reason END, CASE WHEN foreman._sees_args(h.queue) THEN h.errors ELSE foreman._bare_errors(h.errors) END,
       NULL, NULL, h.worker_pid, NULL, NULL, h.tags, h.metadata,
       h.unique_key, h.concurrency_key, h.sequence_key, h.batch_id
  FROM foreman.job_history h
 WHERE h.outcome OPERATOR(pg_catalog.=) 'x' AND foreman._sees(h.queue)
UNION ALL
SELECT d.job_id, 'discarded', d.kind, d.queue, d.priority::pg_catalog.int4, CASE WHEN foreman._sees_args(d.queue) THEN d.args END,
       d.attempt::pg_catalog.int4, d.max_attempts::pg_catalog.int4, d.run_at, d.enqueued_at, d.started_at, d.discarded_at, NULL,
       NULL, CASE WHEN foreman._sees_args(d.queue) THEN d.reason END, CASE WHEN foreman._sees_args(d.queue) THEN d.errors ELSE foreman._bare_errors(d.errors) END, NULL, NULL, d.worker_pid, NULL, NULL, d.tags, d.metadata,
       d.unique_key, d.concurrency_key, d.sequence_key, d.batch_id
  FROM foreman.dead_letter d
 WHERE foreman._sees(d.queue);
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
COMMENT ON COLUMN foreman.jobs.reason IS 'Why it was cancelled or discarded; NULL without the right to see args';
COMMENT ON COLUMN foreman.jobs.errors IS 'Failed attempts: at, attempt, sqlstate, and with the right to see args message, detail, hint, context';
COMMENT ON COLUMN foreman.jobs.progress IS '0 to 1, as its running handler said';
COMMENT ON COLUMN foreman.jobs.progress_note IS 'What its running handler said';
COMMENT ON COLUMN foreman.jobs.worker_pid IS 'Process that runs or ran it';
COMMENT ON COLUMN foreman.jobs.tags IS 'Tags';
COMMENT ON COLUMN foreman.jobs.metadata IS 'Metadata';
COMMENT ON COLUMN foreman.jobs.unique_key IS 'Key that no other unfinished job of its kind has';
COMMENT ON COLUMN foreman.jobs.concurrency_key IS 'Jobs of a queue with the same key share max_running_per_key';
COMMENT ON COLUMN foreman.jobs.sequence_key IS 'Jobs of a queue with the same key run one after another';
COMMENT ON COLUMN foreman.jobs.batch_id IS 'Batch that it belongs to';
COMMENT ON COLUMN foreman.jobs.worker_id IS 'Name of the outside worker that holds it';
COMMENT ON COLUMN foreman.jobs.leased_until IS 'When the lease of its outside worker ends';

-- bundle: operator monitor
CREATE VIEW foreman.job_events WITH (security_barrier) AS
SELECT j.job_id, j.enqueued_at AS at, 'enqueued' AS event, NULL::pg_catalog.int4 AS attempt, NULL::pg_catalog.jsonb AS detail, j.kind, j.queue
  FROM foreman.jobs j
UNION ALL
SELECT j.job_id, (e.error OPERATOR(pg_catalog.->>) 'at')::pg_catalog.timestamptz,
       CASE WHEN e.error OPERATOR(pg_catalog.?) 'uncharged' THEN 'interrupted' ELSE 'failed' END,
       (e.error OPERATOR(pg_catalog.->>) 'attempt')::pg_catalog.int4, e.error, j.kind, j.queue
  FROM foreman.jobs j CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(j.errors) AS e(error)
UNION ALL
SELECT j.job_id, j.started_at, 'started', j.attempt, NULL, j.kind, j.queue
  FROM foreman.jobs j WHERE j.started_at IS NOT NULL
UNION ALL
SELECT j.job_id, j.finished_at, j.state, j.attempt,
       CASE WHEN j.reason IS NOT NULL THEN pg_catalog.jsonb_build_object('reason', j.reason) END, j.kind, j.queue
  FROM foreman.jobs j WHERE j.finished_at IS NOT NULL;
COMMENT ON VIEW foreman.job_events IS 'What happened to jobs and when, read from what is stored anyway';
COMMENT ON COLUMN foreman.job_events.job_id IS 'Job';
COMMENT ON COLUMN foreman.job_events.at IS 'When';
COMMENT ON COLUMN foreman.job_events.event IS 'enqueued, started, failed, or the state that it ended in';
COMMENT ON COLUMN foreman.job_events.attempt IS 'Attempt';
COMMENT ON COLUMN foreman.job_events.detail IS 'Error of a failed attempt, or the reason of the end';
COMMENT ON COLUMN foreman.job_events.kind IS 'Kind';
COMMENT ON COLUMN foreman.job_events.queue IS 'Queue';

-- bundle: producer operator monitor
CREATE VIEW foreman.batches WITH (security_barrier) AS
SELECT b.batch_id, b.name, b.on_success, b.on_complete, b.on_discard,
       (SELECT pg_catalog.count(*) FROM foreman.live_job j WHERE j.batch_id OPERATOR(pg_catalog.=) b.batch_id) AS unfinished,
       (SELECT pg_catalog.count(*) FROM foreman.job_history h WHERE h.batch_id OPERATOR(pg_catalog.=) b.batch_id AND h.outcome OPERATOR(pg_catalog.=) 'c') AS completed,
       (SELECT pg_catalog.count(*) FROM foreman.job_history h WHERE h.batch_id OPERATOR(pg_catalog.=) b.batch_id AND h.outcome OPERATOR(pg_catalog.=) 'x') AS cancelled,
       (SELECT pg_catalog.count(*) FROM foreman.dead_letter d WHERE d.batch_id OPERATOR(pg_catalog.=) b.batch_id) AS discarded,
       b.created_at, b.finished_at
  FROM foreman.job_batch b
 WHERE pg_catalog.pg_has_role(b.created_by::pg_catalog.oid, 'USAGE') OR foreman._sees('');
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

-- bundle: operator monitor
CREATE VIEW foreman.job_dependencies WITH (security_barrier) AS
SELECT d.job_id, d.depends_on, CASE d.policy WHEN 'c' THEN 'cancel' ELSE 'run' END AS on_dependency
  FROM foreman.job_dependency d JOIN foreman.live_job j ON j.job_id OPERATOR(pg_catalog.=) d.job_id
 WHERE foreman._sees(j.queue);
COMMENT ON VIEW foreman.job_dependencies IS 'Which jobs wait for which others, until those have ended';
COMMENT ON COLUMN foreman.job_dependencies.job_id IS 'Job that waits';
COMMENT ON COLUMN foreman.job_dependencies.depends_on IS 'Job that has to end first';
COMMENT ON COLUMN foreman.job_dependencies.on_dependency IS 'What becomes of the waiting job when the other one does not complete: cancel or run';

-- bundle: operator monitor
CREATE FUNCTION foreman._queue_times(OUT queue pg_catalog.text, OUT enqueued pg_catalog.int8, OUT ended pg_catalog.int8,
    OUT wait_seconds pg_catalog.float8, OUT run_seconds pg_catalog.float8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_queue_times';
COMMENT ON FUNCTION foreman._queue_times() IS 'How long jobs of each queue waited and ran, for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._board_tables(OUT name pg_catalog.text, OUT used pg_catalog.int8, OUT capacity pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_board_tables';
COMMENT ON FUNCTION foreman._board_tables() IS 'How much of each table in shared memory is in use, for the views';

-- bundle: operator monitor
CREATE FUNCTION foreman._resources(OUT name pg_catalog.text, OUT slot pg_catalog.int4, OUT value pg_catalog.float8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 20 AS 'MODULE_PATHNAME', 'foreman_resources';
COMMENT ON FUNCTION foreman._resources() IS 'What the workers of this database use, for the views';

-- bundle: operator monitor
CREATE VIEW foreman.stats_minute WITH (security_barrier) AS
SELECT s.minute, s.queue, s.enqueued, s.completed, s.failed, s.discarded, s.cancelled,
       s.wait_p50 AS wait_p50_ms, s.wait_p95 AS wait_p95_ms, s.wait_p99 AS wait_p99_ms,
       s.run_p50 AS run_p50_ms, s.run_p95 AS run_p95_ms, s.run_p99 AS run_p99_ms
  FROM foreman.minute_stat s WHERE foreman._sees(s.queue);
COMMENT ON VIEW foreman.stats_minute IS 'What happened in each minute to the jobs of each queue, for thirty days; minutes in which nothing happened have no row';
COMMENT ON COLUMN foreman.stats_minute.minute IS 'Its beginning';
COMMENT ON COLUMN foreman.stats_minute.queue IS 'Queue';
COMMENT ON COLUMN foreman.stats_minute.enqueued IS 'Jobs that were enqueued';
COMMENT ON COLUMN foreman.stats_minute.completed IS 'Jobs that completed';
COMMENT ON COLUMN foreman.stats_minute.failed IS 'Attempts that failed and are tried again';
COMMENT ON COLUMN foreman.stats_minute.discarded IS 'Jobs that were discarded';
COMMENT ON COLUMN foreman.stats_minute.cancelled IS 'Jobs that were cancelled';
COMMENT ON COLUMN foreman.stats_minute.wait_p50_ms IS 'From when a job was due to its start: half of those that ended waited no longer; within a quarter';
COMMENT ON COLUMN foreman.stats_minute.wait_p95_ms IS 'The same of 95 percent';
COMMENT ON COLUMN foreman.stats_minute.wait_p99_ms IS 'The same of 99 percent';
COMMENT ON COLUMN foreman.stats_minute.run_p50_ms IS 'From the start of the last attempt to the end: half of those that ended took no longer; within a quarter';
COMMENT ON COLUMN foreman.stats_minute.run_p95_ms IS 'The same of 95 percent';
COMMENT ON COLUMN foreman.stats_minute.run_p99_ms IS 'The same of 99 percent';

-- Hours that are over and the minutes since: of minutes it reads no more than those that are in no hour yet.
-- bundle: operator monitor
CREATE VIEW foreman.stats_hour WITH (security_barrier) AS
SELECT h.hour, h.queue, h.enqueued, h.completed, h.failed, h.discarded, h.cancelled,
       h.wait_p50 AS wait_p50_ms, h.wait_p95 AS wait_p95_ms, h.wait_p99 AS wait_p99_ms,
       h.run_p50 AS run_p50_ms, h.run_p95 AS run_p95_ms, h.run_p99 AS run_p99_ms
  FROM foreman.hour_stat h WHERE foreman._sees(h.queue)
 UNION ALL
SELECT pg_catalog.date_bin('1 hour', s.minute, '2000-01-01 00:00:00+00'), s.queue, pg_catalog.sum(s.enqueued)::pg_catalog.int8, pg_catalog.sum(s.completed)::pg_catalog.int8,
       pg_catalog.sum(s.failed)::pg_catalog.int8, pg_catalog.sum(s.discarded)::pg_catalog.int8, pg_catalog.sum(s.cancelled)::pg_catalog.int8,
       pg_catalog.max(s.wait_p50), pg_catalog.max(s.wait_p95), pg_catalog.max(s.wait_p99), pg_catalog.max(s.run_p50), pg_catalog.max(s.run_p95), pg_catalog.max(s.run_p99)
  FROM foreman.minute_stat s
 WHERE s.minute OPERATOR(pg_catalog.>=) COALESCE((SELECT pg_catalog.max(l.hour) OPERATOR(pg_catalog.+) '1 hour'::pg_catalog.interval FROM foreman.hour_stat l), '-infinity')
   AND foreman._sees(s.queue)
 GROUP BY 1, 2;
COMMENT ON VIEW foreman.stats_hour IS 'What happened in each hour to the jobs of each queue, for thirty days, the current hour so far included; hours in which nothing happened have no row. For charts of days: it reads a sixtieth of what stats_minute reads';
COMMENT ON COLUMN foreman.stats_hour.hour IS 'Its beginning, at a full hour of UTC';
COMMENT ON COLUMN foreman.stats_hour.queue IS 'Queue';
COMMENT ON COLUMN foreman.stats_hour.enqueued IS 'Jobs that were enqueued';
COMMENT ON COLUMN foreman.stats_hour.completed IS 'Jobs that completed';
COMMENT ON COLUMN foreman.stats_hour.failed IS 'Attempts that failed and are tried again';
COMMENT ON COLUMN foreman.stats_hour.discarded IS 'Jobs that were discarded';
COMMENT ON COLUMN foreman.stats_hour.cancelled IS 'Jobs that were cancelled';
COMMENT ON COLUMN foreman.stats_hour.wait_p50_ms IS 'From when a job was due to its start: half of those that ended in a minute waited no longer, in the worst minute of the hour';
COMMENT ON COLUMN foreman.stats_hour.wait_p95_ms IS 'The same of 95 percent';
COMMENT ON COLUMN foreman.stats_hour.wait_p99_ms IS 'The same of 99 percent';
COMMENT ON COLUMN foreman.stats_hour.run_p50_ms IS 'From the start of the last attempt to the end: half of those that ended in a minute took no longer, in the worst minute of the hour';
COMMENT ON COLUMN foreman.stats_hour.run_p95_ms IS 'The same of 95 percent';
COMMENT ON COLUMN foreman.stats_hour.run_p99_ms IS 'The same of 99 percent';

-- bundle: operator monitor
CREATE FUNCTION foreman._workflow_counts(OUT workflow_type pg_catalog.text, OUT running pg_catalog.int8, OUT parked pg_catalog.int8, OUT pending_inputs pg_catalog.int8,
    OUT started pg_catalog.int8, OUT completed pg_catalog.int8, OUT failed pg_catalog.int8, OUT cancelled pg_catalog.int8, OUT terminated pg_catalog.int8, OUT continued pg_catalog.int8, OUT accepted pg_catalog.int8, OUT rejected pg_catalog.int8, OUT already_completed pg_catalog.int8, OUT events pg_catalog.int8)
RETURNS SETOF pg_catalog.record LANGUAGE c VOLATILE ROWS 10 AS 'MODULE_PATHNAME', 'foreman_workflow_counts';
COMMENT ON FUNCTION foreman._workflow_counts() IS 'Counters of types of workflows, for the views';

-- bundle: operator monitor
CREATE VIEW foreman.workflow_counts WITH (security_barrier) AS
SELECT t.workflow_type, COALESCE(c.running, 0) AS running, COALESCE(c.parked, 0) AS parked, COALESCE(c.pending_inputs, 0) AS pending_inputs, COALESCE(c.started, 0) AS started, COALESCE(c.completed, 0) AS completed, COALESCE(c.failed, 0) AS failed, COALESCE(c.cancelled, 0) AS cancelled, COALESCE(c.terminated, 0) AS terminated, COALESCE(c.continued, 0) AS continued, COALESCE(c.accepted, 0) AS accepted, COALESCE(c.rejected, 0) AS rejected, COALESCE(c.already_completed, 0) AS already_completed, COALESCE(c.events, 0) AS events
  FROM foreman.workflow_type t JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) t.workflow_type)
  LEFT JOIN foreman._workflow_counts() c ON c.workflow_type OPERATOR(pg_catalog.=) t.workflow_type
 WHERE foreman._sees(h.queue);
COMMENT ON VIEW foreman.workflow_counts IS 'How many workflows of each type run, and what has happened to them since the server started; reads no rows of workflows';
COMMENT ON COLUMN foreman.workflow_counts.workflow_type IS 'Type';
COMMENT ON COLUMN foreman.workflow_counts.running IS 'Workflows that run';
COMMENT ON COLUMN foreman.workflow_counts.parked IS 'Those of them that no outside worker gets until resume_workflow()';
COMMENT ON COLUMN foreman.workflow_counts.pending_inputs IS 'Inputs that wait to be handled';
COMMENT ON COLUMN foreman.workflow_counts.started IS 'Workflows that were begun';
COMMENT ON COLUMN foreman.workflow_counts.completed IS 'Workflows that completed';
COMMENT ON COLUMN foreman.workflow_counts.failed IS 'Workflows that failed';
COMMENT ON COLUMN foreman.workflow_counts.cancelled IS 'Workflows that were cancelled';
COMMENT ON COLUMN foreman.workflow_counts.terminated IS 'Workflows that were terminated';
COMMENT ON COLUMN foreman.workflow_counts.continued IS 'Workflows that went on as a new one';
COMMENT ON COLUMN foreman.workflow_counts.accepted IS 'Inputs that were accepted';
COMMENT ON COLUMN foreman.workflow_counts.rejected IS 'Inputs that were rejected';
COMMENT ON COLUMN foreman.workflow_counts.already_completed IS 'Inputs that came after the end';
COMMENT ON COLUMN foreman.workflow_counts.events IS 'Events that were appended';

-- bundle: operator monitor
CREATE VIEW foreman.workflow_stats_minute WITH (security_barrier) AS
SELECT s.minute, s.workflow_type, s.started, s.completed, s.failed, s.cancelled, s.terminated, s.continued, s.accepted, s.rejected, s.already_completed, s.events
  FROM foreman.workflow_minute_stat s LEFT JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('workflow:' OPERATOR(pg_catalog.||) s.workflow_type)
 WHERE foreman._sees(COALESCE(h.queue, ''));
COMMENT ON VIEW foreman.workflow_stats_minute IS 'What happened in each minute to workflows of each type, for thirty days; minutes in which nothing happened have no row';
COMMENT ON COLUMN foreman.workflow_stats_minute.minute IS 'Its beginning';
COMMENT ON COLUMN foreman.workflow_stats_minute.workflow_type IS 'Type';
COMMENT ON COLUMN foreman.workflow_stats_minute.started IS 'Workflows that were begun';
COMMENT ON COLUMN foreman.workflow_stats_minute.completed IS 'Workflows that completed';
COMMENT ON COLUMN foreman.workflow_stats_minute.failed IS 'Workflows that failed';
COMMENT ON COLUMN foreman.workflow_stats_minute.cancelled IS 'Workflows that were cancelled';
COMMENT ON COLUMN foreman.workflow_stats_minute.terminated IS 'Workflows that were terminated';
COMMENT ON COLUMN foreman.workflow_stats_minute.continued IS 'Workflows that went on as a new one';
COMMENT ON COLUMN foreman.workflow_stats_minute.accepted IS 'Inputs that were accepted';
COMMENT ON COLUMN foreman.workflow_stats_minute.rejected IS 'Inputs that were rejected';
COMMENT ON COLUMN foreman.workflow_stats_minute.already_completed IS 'Inputs that came after the end';
COMMENT ON COLUMN foreman.workflow_stats_minute.events IS 'Events that were appended';

-- Gauges, and counters (_total) since the server started. Labels are small: queue, state, executor, workflow_type.
-- bundle: operator monitor
CREATE VIEW foreman.metrics WITH (security_barrier) AS
SELECT m.name, m.labels, m.value
  FROM foreman.queues q CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_build_object('queue', q.queue) OFFSET 0) AS l(queue) CROSS JOIN LATERAL (VALUES
       ('foreman_queue_jobs', l.queue OPERATOR(pg_catalog.||) '{"state": "available"}', q.available::pg_catalog.float8),
       ('foreman_queue_jobs', l.queue OPERATOR(pg_catalog.||) '{"state": "scheduled"}', q.scheduled::pg_catalog.float8),
       ('foreman_queue_jobs', l.queue OPERATOR(pg_catalog.||) '{"state": "pending"}', q.pending::pg_catalog.float8),
       ('foreman_queue_jobs', l.queue OPERATOR(pg_catalog.||) '{"state": "running"}', q.running::pg_catalog.float8),
       ('foreman_queue_oldest_age_seconds', l.queue, COALESCE(EXTRACT(epoch FROM q.oldest_age), 0)::pg_catalog.float8),
       ('foreman_queue_max_running', l.queue, q.max_running::pg_catalog.float8),
       ('foreman_queue_paused', l.queue, q.paused::pg_catalog.int4::pg_catalog.float8),
       ('foreman_queue_throttled', l.queue, (q.throttled_until IS NOT NULL)::pg_catalog.int4::pg_catalog.float8),
       ('foreman_jobs_completed_total', l.queue, q.completed::pg_catalog.float8),
       ('foreman_attempts_failed_total', l.queue, q.failed::pg_catalog.float8),
       ('foreman_jobs_cancelled_total', l.queue, q.cancelled::pg_catalog.float8),
       ('foreman_jobs_discarded_total', l.queue, q.discarded::pg_catalog.float8)) AS m(name, labels, value)
 WHERE m.value IS NOT NULL
UNION ALL
SELECT m.name, l.queue, m.value
  FROM foreman._queue_times() t CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_build_object('queue', t.queue) OFFSET 0) AS l(queue) CROSS JOIN LATERAL (VALUES
       ('foreman_jobs_enqueued_total', t.enqueued::pg_catalog.float8),
       ('foreman_job_wait_seconds_sum', t.wait_seconds), ('foreman_job_wait_seconds_count', t.ended::pg_catalog.float8),
       ('foreman_job_run_seconds_sum', t.run_seconds), ('foreman_job_run_seconds_count', t.ended::pg_catalog.float8)) AS m(name, value)
UNION ALL
SELECT m.name, l.type OPERATOR(pg_catalog.||) m.more, m.value::pg_catalog.float8
  FROM foreman.workflow_counts c CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_build_object('workflow_type', c.workflow_type) OFFSET 0) AS l(type) CROSS JOIN LATERAL (VALUES
       ('foreman_workflows_running', '{}'::pg_catalog.jsonb, c.running), ('foreman_workflows_parked', '{}', c.parked),
       ('foreman_workflow_inputs_pending', '{}', c.pending_inputs), ('foreman_workflows_started_total', '{}', c.started),
       ('foreman_workflows_ended_total', '{"state": "completed"}', c.completed),
       ('foreman_workflows_ended_total', '{"state": "failed"}', c.failed),
       ('foreman_workflows_ended_total', '{"state": "cancelled"}', c.cancelled),
       ('foreman_workflows_ended_total', '{"state": "terminated"}', c.terminated),
       ('foreman_workflows_ended_total', '{"state": "continued"}', c.continued),
       ('foreman_workflow_inputs_total', '{"outcome": "accepted"}', c.accepted),
       ('foreman_workflow_inputs_total', '{"outcome": "rejected"}', c.rejected),
       ('foreman_workflow_inputs_total', '{"outcome": "already_completed"}', c.already_completed),
       ('foreman_workflow_events_total', '{}', c.events)) AS m(name, more, value)
UNION ALL
SELECT m.name, pg_catalog.jsonb_build_object('projection', p.name), m.value
  FROM foreman.projection p JOIN foreman.handler h ON h.kind OPERATOR(pg_catalog.=) ('projection:' OPERATOR(pg_catalog.||) p.name)
 CROSS JOIN LATERAL (SELECT l.position, l.handled FROM foreman.projection_place l WHERE l.projection_id OPERATOR(pg_catalog.=) p.projection_id ORDER BY l.position DESC LIMIT 1) c
  LEFT JOIN LATERAL (SELECT e.recorded_at FROM foreman.workflow_event e JOIN foreman.workflow_instance i ON i.instance OPERATOR(pg_catalog.=) e.instance
                      WHERE e.position OPERATOR(pg_catalog.>) c.position AND (p.workflow_types IS NULL OR i.workflow_type OPERATOR(pg_catalog.=) ANY (p.workflow_types))
                        AND (p.event_types IS NULL OR e.event_type OPERATOR(pg_catalog.=) ANY (p.event_types)) ORDER BY e.position LIMIT 1) f ON true
 CROSS JOIN LATERAL (VALUES ('foreman_projection_events_total', c.handled::pg_catalog.float8),
       ('foreman_projection_behind_seconds', COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) f.recorded_at), 0)::pg_catalog.float8),
       ('foreman_projection_paused', (p.state OPERATOR(pg_catalog.=) 'p')::pg_catalog.int4::pg_catalog.float8)) AS m(name, value)
 WHERE foreman._sees(h.queue)
UNION ALL
SELECT r.name, CASE WHEN r.slot IS NULL THEN '{}'::pg_catalog.jsonb ELSE pg_catalog.jsonb_build_object('executor', r.slot) END, r.value
  FROM foreman._resources() r
UNION ALL
SELECT m.name, pg_catalog.jsonb_build_object('table', t.name), m.value
  FROM foreman._board_tables() t CROSS JOIN LATERAL (VALUES ('foreman_board_used', t.used::pg_catalog.float8),
       ('foreman_board_capacity', t.capacity::pg_catalog.float8)) AS m(name, value)
UNION ALL
SELECT 'foreman_wal_bytes_total', '{}'::pg_catalog.jsonb,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END, '0/0')::pg_catalog.float8;
COMMENT ON VIEW foreman.metrics IS 'Gauges and counters under names as Prometheus has them; counters begin with the server';
COMMENT ON COLUMN foreman.metrics.name IS 'Name; counters end in _total';
COMMENT ON COLUMN foreman.metrics.labels IS 'Labels: queue, state, executor, workflow_type, outcome, projection';
COMMENT ON COLUMN foreman.metrics.value IS 'Value';

-- bundle: operator monitor
CREATE VIEW foreman.handlers WITH (security_barrier) AS
SELECT h.kind, h.handler, CASE WHEN foreman._sees_args(h.queue) THEN h.command END AS command, h.lane, h.queue, h.max_attempts::pg_catalog.int4 AS max_attempts, h.timeout, h.backoff_base, h.backoff_max,
       h.max_group::pg_catalog.int4 AS max_group, h.run_as::pg_catalog.text AS run_as, h.registered_at, h.serves, h.session
  FROM foreman.handler h WHERE foreman._sees(h.queue) AND h.shape OPERATOR(pg_catalog.<>) ALL ('{s,w,e,v}'::pg_catalog."char"[]);
COMMENT ON VIEW foreman.handlers IS 'Handlers: what runs the jobs of a kind';
COMMENT ON COLUMN foreman.handlers.kind IS 'Kind';
COMMENT ON COLUMN foreman.handlers.handler IS 'Function or procedure';
COMMENT ON COLUMN foreman.handlers.command IS 'SQL command; NULL also without the right to see it';
COMMENT ON COLUMN foreman.handlers.lane IS 'transaction, batch or procedure';
COMMENT ON COLUMN foreman.handlers.queue IS 'Queue of jobs that name none';
COMMENT ON COLUMN foreman.handlers.max_attempts IS 'Of jobs that give none';
COMMENT ON COLUMN foreman.handlers.timeout IS 'Time after which an attempt is interrupted';
COMMENT ON COLUMN foreman.handlers.backoff_base IS 'Delay after the first failure';
COMMENT ON COLUMN foreman.handlers.backoff_max IS 'Longest delay';
COMMENT ON COLUMN foreman.handlers.max_group IS 'Most jobs in one transaction';
COMMENT ON COLUMN foreman.handlers.session IS 'kept: sessions run one job after another; new: each call has a session of its own';
COMMENT ON COLUMN foreman.handlers.run_as IS 'Role whose sessions run it';
COMMENT ON COLUMN foreman.handlers.registered_at IS 'When it was registered';
COMMENT ON COLUMN foreman.handlers.serves IS 'Queues whose jobs of the kind it runs: those that its registrar operated; NULL: all';

-- bundle: operator monitor
CREATE VIEW foreman.workers WITH (security_barrier) AS
SELECT e.slot, e.pid, e.role::pg_catalog.regrole AS role, e.state, e.since, e.job_id, e.kind, e.queue, e.attempt, e.started_at,
       e.progress, e.note AS progress_note, e.jobs_done, NULL::pg_catalog.text AS worker_id, NULL::pg_catalog.text AS label,
       NULL::pg_catalog.timestamptz AS last_seen, NULL::pg_catalog.text[] AS queues
  FROM foreman._executors() e WHERE e.queue IS NULL OR foreman._sees(e.queue)
UNION ALL
SELECT NULL, NULL, NULL, 'outside', w.first_seen, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, w.worker_id, w.label, w.last_seen, w.queues
  FROM foreman._outside_workers() w;
COMMENT ON VIEW foreman.workers IS 'Executors of this database and what they run, and outside workers that were heard of lately';
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
COMMENT ON COLUMN foreman.workers.worker_id IS 'Name of an outside worker';
COMMENT ON COLUMN foreman.workers.label IS 'What an outside worker calls itself';
COMMENT ON COLUMN foreman.workers.last_seen IS 'Its last worker_heartbeat()';
COMMENT ON COLUMN foreman.workers.queues IS 'Queues that an outside worker declared';

-- Read by the index of unique keys, not by all jobs.
-- bundle: operator monitor
CREATE VIEW foreman.timers WITH (security_barrier) AS
SELECT j.kind, j.unique_key AS key, j.run_at AS fire_at,
       foreman._state_name(j.state, e.job_id IS NOT NULL, j.attempt OPERATOR(pg_catalog.>) 0, j.run_at OPERATOR(pg_catalog.<=) foreman._now()) AS state,
       CASE WHEN foreman._sees_args(j.queue) THEN j.args END AS args, j.queue, j.job_id, j.priority::pg_catalog.int4 AS priority,
       (CASE WHEN e.job_id IS NOT NULL OR j.state OPERATOR(pg_catalog.=) 'r' THEN j.attempt::pg_catalog.int4 OPERATOR(pg_catalog.+) 1 ELSE j.attempt::pg_catalog.int4 END) AS attempt,
       j.max_attempts::pg_catalog.int4 AS max_attempts, j.enqueued_at AS set_at, COALESCE(e.started_at, j.claimed_at) AS started_at,
       j.expires_at, CASE WHEN foreman._sees_args(j.queue) THEN j.errors ELSE foreman._bare_errors(j.errors) END AS errors, j.tags, j.metadata
  FROM foreman.live_job j LEFT JOIN foreman._holders() e ON (e.job_id OPERATOR(pg_catalog.=) j.job_id)
 WHERE j.unique_key IS NOT NULL AND j.unique_as OPERATOR(pg_catalog.=) ANY ('{t,s}'::pg_catalog."char"[]) AND foreman._sees(j.queue);
COMMENT ON VIEW foreman.timers IS 'Timers that have not ended; while one fires, the next one of its key may wait for its end (pending)';
COMMENT ON COLUMN foreman.timers.kind IS 'Kind';
COMMENT ON COLUMN foreman.timers.key IS 'Key, unique for its kind';
COMMENT ON COLUMN foreman.timers.fire_at IS 'When it is due';
COMMENT ON COLUMN foreman.timers.state IS 'scheduled, available, running, retryable, or pending: it waits for the end of the one that is firing';
COMMENT ON COLUMN foreman.timers.args IS 'Args; NULL without the right to see them';
COMMENT ON COLUMN foreman.timers.queue IS 'Queue';
COMMENT ON COLUMN foreman.timers.job_id IS 'Id of its job';
COMMENT ON COLUMN foreman.timers.priority IS 'Lower runs first';
COMMENT ON COLUMN foreman.timers.attempt IS 'The attempt that runs, or those charged so far';
COMMENT ON COLUMN foreman.timers.max_attempts IS 'Attempts it gets';
COMMENT ON COLUMN foreman.timers.set_at IS 'When its key was set first';
COMMENT ON COLUMN foreman.timers.started_at IS 'When its handler started';
COMMENT ON COLUMN foreman.timers.expires_at IS 'When it is cancelled unless it has started';
COMMENT ON COLUMN foreman.timers.errors IS 'Its failures, as in foreman.jobs';
COMMENT ON COLUMN foreman.timers.tags IS 'Tags';
COMMENT ON COLUMN foreman.timers.metadata IS 'Metadata';

-- bundle: operator monitor
CREATE VIEW foreman.schedules WITH (security_barrier) AS
SELECT s.schedule_id, s.name, s.schedule, s.timezone,
       CASE WHEN s.command IS NULL THEN s.kind END AS kind,
       CASE WHEN foreman._sees_args(q.queue) THEN s.command END AS command,
       CASE WHEN s.command IS NULL AND foreman._sees_args(q.queue) THEN s.args END AS args,
       q.queue, s.run_as::pg_catalog.text AS run_as, s.active, s.next_fire_at, s.last_fired_at, s.last_scheduled_at, s.last_job_id,
       CASE s.missed WHEN 's' THEN 'skip' WHEN 'c' THEN 'coalesce' ELSE 'catch_up' END AS missed,
       CASE s.overlap WHEN 's' THEN 'skip' WHEN 'b' THEN 'buffer_one' WHEN 'a' THEN 'allow' ELSE 'cancel_other' END AS overlap,
       s.buffered_at, s.skipped, s.priority::pg_catalog.int4 AS priority, s.max_attempts::pg_catalog.int4 AS max_attempts,
       (s.timeout_us::pg_catalog.float8 OPERATOR(pg_catalog.*) '1 microsecond'::pg_catalog.interval) AS timeout,
       s.generation, s.error, s.error_at, s.created_at
  FROM foreman.schedule s
  LEFT JOIN foreman.handler h ON (h.kind OPERATOR(pg_catalog.=) s.kind)
 CROSS JOIN LATERAL (SELECT COALESCE(s.queue, CASE WHEN h.serves IS NULL OR 'default' OPERATOR(pg_catalog.=) ANY (h.serves) THEN h.queue END, 'default')) AS q(queue)
 WHERE foreman._sees(q.queue);
COMMENT ON VIEW foreman.schedules IS 'Schedules and when they are due';
COMMENT ON COLUMN foreman.schedules.schedule_id IS 'Id';
COMMENT ON COLUMN foreman.schedules.name IS 'Name';
COMMENT ON COLUMN foreman.schedules.schedule IS 'Cron fields, an @name or an interval';
COMMENT ON COLUMN foreman.schedules.timezone IS 'Time zone of its fields';
COMMENT ON COLUMN foreman.schedules.kind IS 'Kind of its jobs; NULL: it runs a command';
COMMENT ON COLUMN foreman.schedules.command IS 'SQL command; NULL also without the right to see it';
COMMENT ON COLUMN foreman.schedules.args IS 'Args of its jobs; NULL without the right to see them';
COMMENT ON COLUMN foreman.schedules.queue IS 'Queue of its jobs';
COMMENT ON COLUMN foreman.schedules.run_as IS 'Role that scheduled it; its command runs as this role';
COMMENT ON COLUMN foreman.schedules.active IS 'Whether it fires';
COMMENT ON COLUMN foreman.schedules.next_fire_at IS 'Its next occurrence';
COMMENT ON COLUMN foreman.schedules.last_fired_at IS 'When it fired last';
COMMENT ON COLUMN foreman.schedules.last_scheduled_at IS 'For which occurrence that was';
COMMENT ON COLUMN foreman.schedules.last_job_id IS 'Its last job';
COMMENT ON COLUMN foreman.schedules.missed IS 'What becomes of occurrences that nobody fired in time: skip, coalesce or catch_up';
COMMENT ON COLUMN foreman.schedules.overlap IS 'What becomes of an occurrence while the run before is unfinished: skip, buffer_one, allow or cancel_other';
COMMENT ON COLUMN foreman.schedules.buffered_at IS 'The occurrence that waits for the end of the run before it';
COMMENT ON COLUMN foreman.schedules.skipped IS 'Occurrences left out since the run before them was unfinished';
COMMENT ON COLUMN foreman.schedules.priority IS 'Of its jobs; NULL: the queue''s';
COMMENT ON COLUMN foreman.schedules.max_attempts IS 'Of its jobs; NULL: the handler''s, or 1 for a command';
COMMENT ON COLUMN foreman.schedules.timeout IS 'Time after which a run is interrupted; NULL: the handler''s';
COMMENT ON COLUMN foreman.schedules.generation IS 'How often its times began anew';
COMMENT ON COLUMN foreman.schedules.error IS 'Why it was switched off';
COMMENT ON COLUMN foreman.schedules.error_at IS 'When it was switched off';
COMMENT ON COLUMN foreman.schedules.created_at IS 'When it was made';

-- bundle: operator monitor
CREATE VIEW foreman.schedule_runs WITH (security_barrier) AS
SELECT r.run_id, r.schedule_id, r.name, r.generation, r.scheduled_at, r.fired_at, r.job_id,
       CASE WHEN r.command IS NULL THEN r.kind END AS kind, r.queue,
       CASE WHEN foreman._sees_args(r.queue) THEN r.command END AS command, r.run_as::pg_catalog.text AS run_as,
       j.state, j.attempt, j.started_at, j.finished_at, j.worker_pid,
       CASE WHEN NOT foreman._sees_args(r.queue) THEN NULL
            WHEN j.state OPERATOR(pg_catalog.=) 'completed' THEN j.result OPERATOR(pg_catalog.#>>) '{}'
            ELSE COALESCE(j.reason, j.errors OPERATOR(pg_catalog.->) (-1) OPERATOR(pg_catalog.->>) 'message') END AS message
  FROM foreman.schedule_run r
  LEFT JOIN LATERAL (
       SELECT foreman._state_name(l.state, e.job_id IS NOT NULL, l.attempt OPERATOR(pg_catalog.>) 0, l.run_at OPERATOR(pg_catalog.<=) foreman._now()) AS state,
              l.attempt::pg_catalog.int4 AS attempt, COALESCE(e.started_at, l.claimed_at) AS started_at,
              NULL::pg_catalog.timestamptz AS finished_at, COALESCE(e.pid, l.worker_pid) AS worker_pid,
              NULL::pg_catalog.jsonb AS result, NULL::pg_catalog.text AS reason, l.errors
         FROM foreman.live_job l LEFT JOIN foreman._holders() e ON (e.job_id OPERATOR(pg_catalog.=) l.job_id)
        WHERE l.job_id OPERATOR(pg_catalog.=) r.job_id
       UNION ALL
       SELECT foreman._state_name(h.outcome, false, false, false), h.attempt::pg_catalog.int4,
              h.started_at, h.finished_at, h.worker_pid, h.result, h.reason, h.errors
         FROM foreman.job_history h WHERE h.job_id OPERATOR(pg_catalog.=) r.job_id
       UNION ALL
       SELECT 'discarded', d.attempt::pg_catalog.int4, d.started_at, d.discarded_at, d.worker_pid, NULL, d.reason, d.errors
         FROM foreman.dead_letter d WHERE d.job_id OPERATOR(pg_catalog.=) r.job_id) j ON (true)
 WHERE foreman._sees(r.queue);
COMMENT ON VIEW foreman.schedule_runs IS 'Runs of schedules, as long as their jobs are kept';
COMMENT ON COLUMN foreman.schedule_runs.run_id IS 'Id';
COMMENT ON COLUMN foreman.schedule_runs.schedule_id IS 'Schedule';
COMMENT ON COLUMN foreman.schedule_runs.name IS 'Its name then';
COMMENT ON COLUMN foreman.schedule_runs.generation IS 'Its generation then';
COMMENT ON COLUMN foreman.schedule_runs.scheduled_at IS 'The occurrence; NULL: foreman.trigger_schedule()';
COMMENT ON COLUMN foreman.schedule_runs.fired_at IS 'When the job was made';
COMMENT ON COLUMN foreman.schedule_runs.job_id IS 'The job';
COMMENT ON COLUMN foreman.schedule_runs.kind IS 'Kind of the job; NULL: a command';
COMMENT ON COLUMN foreman.schedule_runs.queue IS 'Queue of the job';
COMMENT ON COLUMN foreman.schedule_runs.command IS 'The command as it was then; NULL also without the right to see it';
COMMENT ON COLUMN foreman.schedule_runs.run_as IS 'Role that scheduled it then';
COMMENT ON COLUMN foreman.schedule_runs.state IS 'State of the job';
COMMENT ON COLUMN foreman.schedule_runs.attempt IS 'Attempts charged';
COMMENT ON COLUMN foreman.schedule_runs.started_at IS 'When the last attempt started';
COMMENT ON COLUMN foreman.schedule_runs.finished_at IS 'When the job ended';
COMMENT ON COLUMN foreman.schedule_runs.worker_pid IS 'Process that runs or ran it';
COMMENT ON COLUMN foreman.schedule_runs.message IS 'What the command''s last statement or the handler returned; else the last error; NULL without the right to see args';

------------------------------------------------------------------------------------------------------------------------
-- The newest rows of the views, for dashboards: a view with ORDER BY ... LIMIT reads and sorts everything, these functions
-- find the ids first.
------------------------------------------------------------------------------------------------------------------------

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_jobs(kind pg_catalog.text, queue pg_catalog.text, state pg_catalog.text, before_id pg_catalog.int8,
    max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_jobs';
COMMENT ON FUNCTION foreman._newest_jobs IS 'Ids of the newest jobs that match, for list_jobs()';

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_runs(name pg_catalog.text, before_id pg_catalog.int8, max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_runs';
COMMENT ON FUNCTION foreman._newest_runs IS 'Ids of the newest runs of schedules, for list_schedule_runs()';

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_active_jobs(kind pg_catalog.text, queue pg_catalog.text, max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_active_jobs';
COMMENT ON FUNCTION foreman._newest_active_jobs IS 'Ids of the jobs that the newest events belong to, for list_job_events()';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_jobs(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    state pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.jobs LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT j.* FROM foreman.jobs j
     WHERE j.job_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_jobs($1, $2, $3, $4, $5))::pg_catalog.int8[])
       AND ($3 IS NULL OR j.state OPERATOR(pg_catalog.=) $3)
     ORDER BY j.job_id DESC $$;
COMMENT ON FUNCTION foreman.list_jobs IS 'Returns the newest rows of foreman.jobs, by kind, queue and state, in milliseconds however long history is. before_id is the least job_id of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_schedule_runs(name pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.schedule_runs LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT r.* FROM foreman.schedule_runs r
     WHERE r.run_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_runs($1, $2, $3))::pg_catalog.int8[])
     ORDER BY r.run_id DESC $$;
COMMENT ON FUNCTION foreman.list_schedule_runs IS 'Returns the newest rows of foreman.schedule_runs, in milliseconds however many there are. before_id is the least run_id of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_job_events(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.job_events LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT e.* FROM foreman.job_events e
     WHERE e.job_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_active_jobs($1, $2, $3))::pg_catalog.int8[])
     ORDER BY e.at DESC, e.job_id DESC LIMIT GREATEST($3, 1) $$;
COMMENT ON FUNCTION foreman.list_job_events IS 'Returns the newest rows of foreman.job_events, in milliseconds however long history is';
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
------------------------------------------------------------------------------------------------------------------------
-- Last of all, when everything is made.
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION foreman._installed()
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_installed';
COMMENT ON FUNCTION foreman._installed() IS 'Called by CREATE EXTENSION';

-- PUBLIC's, and those that default privileges gave to anybody on what this script made.
SELECT foreman._revoke_defaults('pg_foreman');

-- Last: says that this database is no copy.
SELECT foreman._installed();
