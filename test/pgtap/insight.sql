-- queues and metrics: depth by state, oldest age, limits, paused, throttled, what jobs took and workers use; from
-- counters, in constant time (https://github.com/hexpm/hexpm/pull/1773: metrics by counting rows became the database's
-- top load; https://github.com/riverqueue/river/issues/746: counting by state at millions of rows;
-- https://github.com/graphile/worker/issues/380: depth and status of queues).
-- Broken by: a counter that a rollback leaves behind; a gauge that counts rows; a metric of somebody else's queue.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)'), foreman.register_handler('hold', 't.hold') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails', max_attempts => 2, backoff_base => '0', backoff_max => '0') \g /dev/null
CREATE FUNCTION t.metric(n text, l jsonb DEFAULT '{}') RETURNS float8 LANGUAGE sql AS $$ SELECT value FROM foreman.metrics WHERE name = n AND labels = l $$;
CREATE FUNCTION t.metric(n text, q text) RETURNS float8 LANGUAGE sql AS $$ SELECT t.metric(n, jsonb_build_object('queue', q)) $$;
SELECT ok(t.wait_until($$ (SELECT bool_and(counted) FROM foreman.queues) IS NOT false $$), 'the counters are counted');

-- Depth by state.
SELECT foreman.enqueue('out', queue => 'q') FROM generate_series(1, 7) \g /dev/null
SELECT results_eq($$ SELECT available, scheduled, running, waiting FROM foreman.queues WHERE queue = 'q' $$, $$ VALUES (7::int8, 0::int8, 0::int8, 7::int8) $$, 'seven are available');
SELECT is(t.metric('foreman_queue_jobs', '{"queue": "q", "state": "available"}'::jsonb), 7::float8, 'so says the metric');
BEGIN;
SELECT foreman.enqueue('out', queue => 'q') \g /dev/null
ROLLBACK;
SELECT is((SELECT available FROM foreman.queues WHERE queue = 'q'), 7::int8, 'what rolled back does not count');
SELECT foreman.enqueue('hold', '{"gate": "g"}', queue => 'q') AS held \gset
SELECT ok(t.wait_until($$ (SELECT running = 1 AND available = 7 FROM foreman.queues WHERE queue = 'q') $$), 'one that an executor runs counts as running');
SELECT ok(t.wait_until($$ (SELECT oldest_run_at <= now() FROM foreman.queues WHERE queue = 'q') $$, 20), 'the oldest is due');
SELECT cmp_ok(t.metric('foreman_queue_oldest_age_seconds', 'q'), '>', 0::float8, 'its age is a metric');
INSERT INTO t.gate VALUES ('g');
SELECT is(t.outcome(:held), 'completed 1', 'it ends');
-- The counters are told after the commit.
SELECT ok(t.wait_until($$ t.metric('foreman_jobs_completed_total', 'q') = 1 $$), 'completed');
SELECT is(t.metric('foreman_jobs_enqueued_total', 'q'), 8::float8, 'eight were enqueued');
SELECT is(t.metric('foreman_job_run_seconds_count', 'q'), 1::float8, 'one has run');
SELECT cmp_ok(t.metric('foreman_job_run_seconds_sum', 'q'), '>', 0::float8, 'for some time');
SELECT is(foreman.cancel_where(queue => 'q'), 7::int8, 'seven are cancelled');
SELECT is(t.metric('foreman_jobs_cancelled_total', 'q'), 7::float8, 'and counted');
SELECT is(t.metric('foreman_queue_jobs', '{"queue": "q", "state": "available"}'::jsonb), 0::float8, 'none is available');

-- The oldest that is due: not one of the future, and none where there is none.
SELECT foreman.enqueue('out', queue => 'future', run_at => now() + interval '1 hour') AS future \gset
SELECT ok(t.wait_until($$ (SELECT oldest_run_at > now() + interval '59 minutes' FROM foreman.queues WHERE queue = 'future') $$), 'what is due later is known');
SELECT is((SELECT oldest_age FROM foreman.queues WHERE queue = 'future'), NULL, 'and has no age');
SELECT is(t.metric('foreman_queue_oldest_age_seconds', 'future'), 0::float8, 'nor in the metric');
SELECT foreman.cancel(:future) \g /dev/null

-- What they cost does not depend on how much waits, nor where (https://github.com/hatchet-dev/hatchet/issues/4930).
SELECT foreman.create_queue('backlog'), foreman.pause_queue('backlog') \g /dev/null
SELECT foreman.enqueue('out', queue => 'backlog') \g /dev/null
SELECT count(*) FROM foreman.queues, foreman.metrics \g /dev/null
SELECT t.cost('SELECT * FROM foreman.queues') AS queues, t.cost('SELECT * FROM foreman.metrics') AS metrics \gset
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[20000]), queue => 'backlog') \g /dev/null
SELECT is(t.cost('SELECT * FROM foreman.queues'), :queues::int8, 'queues reads as many blocks with 20,000 jobs more');
SELECT is(t.cost('SELECT * FROM foreman.metrics'), :metrics::int8, 'so does metrics');
SELECT is((SELECT waiting FROM foreman.queues WHERE queue = 'backlog'), 20001::int8, 'which they have counted');
SELECT is(foreman.purge_queue('backlog'), 20001::int8, 'they are purged');

-- Failed attempts, discarded jobs; a retry is no new job.
SELECT foreman.enqueue('fails', queue => 'f') AS failed \gset
SELECT is(t.outcome(:failed), 'discarded 2', 'a job fails twice');
SELECT ok(t.wait_until($$ t.metric('foreman_jobs_discarded_total', 'f') = 1 $$), 'which is counted');
SELECT is(t.metric('foreman_attempts_failed_total', 'f') || ' ' || t.metric('foreman_jobs_discarded_total', 'f'), '1 1', 'one attempt to be tried again, one discarded job');
SELECT foreman.retry(:failed) \g /dev/null
SELECT is(t.outcome(:failed), 'discarded 2', 'and again');
SELECT is(t.metric('foreman_jobs_enqueued_total', 'f'), 1::float8, 'enqueued once');

-- Settings and states of queues.
SELECT foreman.create_queue('set', max_running => 3, throttle_base => '1 hour') \g /dev/null
SELECT is(t.metric('foreman_queue_max_running', 'set'), 3::float8, 'its limit');
SELECT is(t.metric('foreman_queue_max_running', 'q'), NULL, 'no limit, no metric');
SELECT is(t.metric('foreman_queue_paused', 'set') || ' ' || t.metric('foreman_queue_throttled', 'set'), '0 0', 'open');
SELECT foreman.pause_queue('set') \g /dev/null
SELECT is(t.metric('foreman_queue_paused', 'set'), 1::float8, 'paused');
SELECT foreman.resume_queue('set') \g /dev/null
SELECT foreman.enqueue('out', queue => 'set') \g /dev/null
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{set}', 'w') \g /dev/null
SELECT is(t.metric('foreman_queue_throttled', 'set'), 1::float8, 'throttled');

-- Resources.
SELECT is(t.metric('foreman_running'), 1::float8, 'the workers run');
SELECT ok(t.wait_until($$ t.metric('foreman_database_bytes') > 1000000 $$), 'the size of the database');
SELECT cmp_ok(t.metric('foreman_wal_bytes_total'), '>', 1000000::float8, 'WAL written');
SELECT cmp_ok((SELECT count(*) FROM foreman.metrics WHERE name = 'foreman_executor_cpu_seconds_total' AND value >= 0), '>=', 1::int8, 'CPU of executors');
SELECT cmp_ok((SELECT min(value) FROM foreman.metrics WHERE name = 'foreman_executor_memory_bytes'), '>', 100000::float8, 'memory of executors');
SELECT cmp_ok((SELECT sum(value) FROM foreman.metrics WHERE name = 'foreman_executor_jobs_total'), '>', 0::float8, 'their jobs');

-- As a Prometheus exporter wants it: one value for each name and set of labels; names and labels of the right letters.
SELECT is((SELECT count(*) FROM (SELECT FROM foreman.metrics GROUP BY name, labels HAVING count(*) > 1) d), 0::int8, 'nothing twice');
SELECT is((SELECT count(*) FROM foreman.metrics WHERE name !~ '^foreman_[a-z_]+$' OR value IS NULL OR jsonb_typeof(labels) <> 'object'), 0::int8, 'well formed');

-- Only of queues that the caller sees.
CREATE ROLE insight_monitor;
SELECT foreman.create_queue('seen'), foreman.grant_role('monitor', 'insight_monitor', 'seen') \g /dev/null
GRANT USAGE ON SCHEMA t TO insight_monitor;
SELECT is(t.as_role('insight_monitor', $$ SELECT string_agg(DISTINCT labels ->> 'queue', ',') FROM foreman.metrics $$), 'seen', 'metrics');
SELECT is(t.as_role('insight_monitor', $$ SELECT string_agg(queue, ',') FROM foreman.queues $$), 'seen', 'queues');
SELECT is(t.as_role('insight_monitor', $$ SELECT count(*) FROM foreman.stats_minute WHERE queue <> 'seen' $$), '0', 'statistics');
SELECT is(t.as_role('insight_monitor', $$ SELECT count(*) FROM foreman.minute_stat $$), 'ERROR 42501', 'not the table');
SELECT foreman.revoke_role('monitor', 'insight_monitor', 'seen') \g /dev/null
DROP OWNED BY insight_monitor;
DROP ROLE insight_monitor;
SELECT * FROM finish();
