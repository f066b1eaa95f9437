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

