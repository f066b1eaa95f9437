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
