-- Dead letters: apart, listed newest first, counted, retried with a new budget, purged by age; nothing else touches
-- them.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.maybe(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM t.gate WHERE name = 'works') THEN RAISE EXCEPTION 'not yet'; END IF;
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'attempt ' || job.attempt);
END $$;
SELECT foreman.register_handler('a', 't.maybe', max_attempts => 2, backoff_base => '1 ms') \g /dev/null
SELECT foreman.register_handler('b', 't.maybe', queue => 'q', max_attempts => 1) \g /dev/null
CREATE TABLE t.sent AS SELECT kind, foreman.enqueue(kind, jsonb_build_object('i', i), tags => '{t}', timeout => '1 hour') AS job_id
    FROM unnest(ARRAY['a', 'b']) kind, generate_series(1, 5) i;
SELECT ok(t.wait_until($$ foreman.count_dead_letters() = 10 $$), 'ten jobs die');
SELECT is(foreman.count_dead_letters('a'), 5::int8, 'counted by kind');
SELECT is(foreman.count_dead_letters(queue => 'q'), 5::int8, 'by queue');
SELECT is(foreman.count_dead_letters('a', 'q'), 0::int8, 'by both');
SELECT is((SELECT array_agg(job_id) FROM foreman.dead_letters()), (SELECT array_agg(job_id ORDER BY job_id DESC) FROM t.sent), 'listed newest first');
SELECT is((SELECT count(*) FROM foreman.dead_letters('b', max_rows => 3)), 3::int8, 'a page of them');
SELECT min(job_id) AS page FROM foreman.dead_letters('b', max_rows => 3) \gset
SELECT is((SELECT array_agg(job_id) FROM foreman.dead_letters('b', before_id => :page)), (SELECT array_agg(job_id ORDER BY job_id DESC) FROM t.sent WHERE kind = 'b' AND job_id < :page), 'and the next');
SELECT is((SELECT count(*) FROM foreman.dead_letters(since => now() + interval '1 hour')), 0::int8, 'by time');
SELECT results_eq($$ SELECT DISTINCT attempt, max_attempts, reason, jsonb_array_length(errors), tags FROM foreman.dead_letters('a') $$,
    $$ VALUES (2, 2, 'not yet', 2, '{t}'::text[]) $$, 'with attempts, reason, errors and tags');
SELECT is((SELECT count(*) FROM foreman.live_job), 0::int8, 'none is live any more');

-- Retried: attempt 0, due now, errors kept; dead again after the same budget.
SELECT job_id AS one FROM t.sent WHERE kind = 'a' ORDER BY 1 LIMIT 1 \gset
SELECT is(foreman.retry_dead_letter(:one), true, 'one is retried');
SELECT is(t.outcome(:one), 'discarded 2', 'has its whole budget again, and dies again');
SELECT is((SELECT jsonb_array_length(errors) FROM foreman.jobs WHERE job_id = :one), 4, 'with the errors of both lives');
SELECT is(foreman.retry_dead_letter(0), false, 'one that never was is not retried');
INSERT INTO t.gate VALUES ('works');
SELECT is(foreman.retry_dead_letters('a', max_rows => 2), 2::int8, 'two at once');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE state = 'completed') = 2 $$), 'they complete');
SELECT is(foreman.count_dead_letters(), 8::int8, 'and are dead letters no more');
SELECT is((SELECT array_agg(DISTINCT what) FROM t.log), ARRAY['attempt 1'], 'their attempts began at 1');
SELECT job_id AS done FROM foreman.jobs WHERE state = 'completed' LIMIT 1 \gset
SELECT is(foreman.retry_dead_letter(:done), false, 'a completed job is no dead letter');
SELECT is(t.state(:done), 'completed 1', 'and is left alone');

-- retry() takes them too; cancel and reschedule leave them.
SELECT job_id AS two FROM foreman.dead_letters('b') LIMIT 1 \gset
SELECT is(foreman.cancel(:two), 'finished', 'a dead letter cannot be cancelled');
SELECT is(foreman.reschedule(:two, now()), 'finished', 'nor rescheduled');
SELECT is(foreman.retry(:two), true, 'but retried');
SELECT is(t.outcome(:two), 'completed 1', 'and then completes');

-- Purged by age, kind and queue.
SELECT is(foreman.purge_dead_letters(older_than => '1 hour'), 0::int8, 'none is that old');
SELECT is(foreman.count_dead_letters(), 7::int8, 'all are there');
SELECT is(foreman.purge_dead_letters('a'), 3::int8, 'purged by kind');
SELECT is(foreman.purge_dead_letters(queue => 'q'), 4::int8, 'by queue');
SELECT is(foreman.count_dead_letters(), 0::int8, 'none is left');
SELECT is((SELECT count(*) FROM foreman.jobs), 3::int8, 'and nothing else was touched');
SELECT * FROM finish();
