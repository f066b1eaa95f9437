-- What is asked of jobs that somebody holds is applied however much of it there is, and kept once for each job.
-- Broken by: a pass that looks at a fixed number of requests; requests of held jobs that stand before the others.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, '{1200}'), queue => 'held') \g /dev/null
SELECT count(*) FROM generate_series(1, 3), foreman.claim('{held}', 'w', 400, lease => '1 h', kinds => '{out}') \g /dev/null
SELECT count(foreman.cancel(job_id)) FROM foreman.live_job WHERE queue = 'held' \g /dev/null
SELECT count(foreman.cancel(min)) FROM generate_series(1, 3000), (SELECT min(job_id) FROM foreman.live_job WHERE queue = 'held') m \g /dev/null
SELECT ok(t.wait_until($$(SELECT max(n) = 1 FROM (SELECT count(*) n FROM foreman.job_request GROUP BY job_id) c)$$), 'of 3,001 cancels of one leased job one is kept');
-- 1,100 requests of jobs that nobody holds, as a session leaves them that had these jobs locked while they were asked for.
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, '{1100}'), queue => 'q', run_at => now() + interval '1 h') \g /dev/null
INSERT INTO foreman.job_request (job_id, action, requested_at) SELECT job_id, 'c', now() FROM foreman.live_job WHERE queue = 'q' \g /dev/null
SELECT foreman.cancel(max(job_id)) FROM foreman.live_job WHERE queue = 'held' \g /dev/null
SELECT ok(t.wait_until($$(SELECT count(*) = 1100 FROM foreman.jobs WHERE queue = 'q' AND state = 'cancelled')$$), '1,100 requests behind 1,200 that cannot be applied yet are applied');
SELECT * FROM finish();
