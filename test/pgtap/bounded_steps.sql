-- What the dispatcher does for one user's work it does in short steps: however much there is of it, it goes on at once until
-- all is done, and the timers, schedules and jobs of others are on time meanwhile.
-- Broken by: a pass that does a fixed number and then pauses; one transaction for all; a plan that follows the statistics.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
CREATE FUNCTION t.nothing(jsonb) RETURNS void LANGUAGE sql AS '';
SELECT foreman.register_handler('nothing', 't.nothing') \g /dev/null
-- Statistics of empty tables, for plans that are kept.
SELECT foreman.enqueue('nothing') AS first \gset
SELECT foreman.enqueue('nothing', depends_on => ARRAY[:first::int8]) AS second \gset
SELECT t.outcome(:second) \g /dev/null
ANALYZE foreman.live_job, foreman.job_dependency, foreman.job_request;

-- Pairs: as many ends as jobs (https://github.com/graphile/worker/issues/240).
CREATE TABLE t.a AS SELECT job_id FROM foreman.enqueue_array('nothing', array_fill('{}'::jsonb, '{2000}'), queue => 'a', run_at => now() + interval '2 s');
SELECT count(foreman.enqueue('nothing', queue => 'b', depends_on => ARRAY[job_id])) FROM t.a \g /dev/null
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM foreman.live_job WHERE queue = 'a')$$), '2,000 jobs that others wait for have ended');
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM foreman.live_job WHERE queue = 'b')$$, 20), 'the 2,000 that wait for one each run at once, not 64 a second');

-- Many dependants of one job, and what is due beside them (torc!361).
SELECT foreman.enqueue('nothing', queue => 'gate', run_at => now() + interval '1 h') AS gate \gset
SELECT count(foreman.enqueue('nothing', queue => 'after', depends_on => ARRAY[:gate::int8])) FROM generate_series(1, 20000) \g /dev/null
SELECT foreman.set_timer('note', 'timer ' || i, now() + make_interval(secs => 1 + i * 0.05), jsonb_build_object('what', 'timer ' || i)) FROM generate_series(1, 100) i \g /dev/null
SELECT foreman.run_now(:gate) \g /dev/null
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM foreman.live_job WHERE queue = 'after')$$, 60), '20,000 jobs that wait for one job run soon after it');
SELECT ok(t.wait_until($$(SELECT count(*) = 100 FROM t.log WHERE what LIKE 'timer %')$$), '100 timers that are due meanwhile fire');
-- On a slow machine the jobs take longer, and so may the timers.
SELECT max(finished_at) - min(started_at) AS took FROM foreman.jobs WHERE queue = 'after' \gset
SELECT cmp_ok((SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY started_at - run_at) FROM foreman.jobs WHERE kind = 'note'), '<', greatest(interval '1 s', :'took'::interval / 4), 'on time, all but the few that meet a slow disk');
SELECT cmp_ok((SELECT max(started_at - run_at) FROM foreman.jobs WHERE kind = 'note'), '<', greatest(interval '5 s', :'took'::interval / 2), 'and none of them late');

-- When the job does not complete, they are cancelled, as quickly.
SELECT foreman.enqueue('nothing', queue => 'gate', run_at => now() + interval '1 h') AS gate \gset
SELECT count(foreman.enqueue('nothing', queue => 'never', depends_on => ARRAY[:gate::int8])) FROM generate_series(1, 5000) \g /dev/null
SELECT foreman.cancel(:gate) \g /dev/null
SELECT ok(t.wait_until($$(SELECT count(*) = 5000 FROM foreman.jobs WHERE queue = 'never' AND state = 'cancelled')$$, 30), '5,000 jobs that wait for a job that is cancelled are cancelled');
SELECT is((SELECT count(*) FROM foreman.job_dependency), 0::int8, 'nothing waits for anything any more');

-- One job that waits for many.
SELECT foreman.enqueue('note', '{"what": "all of them"}', depends_on => array_agg(job_id)) AS last
  FROM foreman.enqueue_array('nothing', array_fill('{}'::jsonb, '{3000}'), queue => 'many', run_at => now() + interval '1 s') \gset
SELECT is(t.outcome(:last, 30), 'completed 1', 'a job that waits for 3,000 runs after the last of them');

-- Keyed jobs beside somebody who purges many: the newest hint does not wait for the others.
SELECT count(foreman.enqueue('out', queue => 'purged', concurrency_key => 'k' || i % 2500)) FROM generate_series(1, 5000) i \g /dev/null
SELECT count(*) FROM generate_series(1, 5), foreman.claim('{purged}', 'w', 500, kinds => '{out}') \g /dev/null
SELECT foreman.enqueue('note', '{"what": "keyed"}', queue => 'keyed', concurrency_key => 'x', run_at => now() + interval '1 s') AS keyed \gset
SELECT foreman.enqueue('note', '{"what": "keyed"}', queue => 'keyed', concurrency_key => 'x', run_at => now() + interval '1 s') AS keyed_too \gset
SELECT pg_sleep(1) \g /dev/null
SELECT clock_timestamp() AS began \gset
SELECT foreman.delete_where(queue => 'purged') \g /dev/null
SELECT clock_timestamp() - :'began' AS purge \gset
SELECT is(t.outcome(:keyed), 'completed 1', 'a job with a key runs while somebody purges 5,000 of other keys');
SELECT is(t.outcome(:keyed_too), 'completed 1', 'and the next one of its key');
SELECT cmp_ok((SELECT max(started_at - run_at) FROM foreman.jobs WHERE queue = 'keyed'), '<', greatest(interval '5 s', 2 * :'purge'::interval), 'both of them soon');
SELECT * FROM finish();
