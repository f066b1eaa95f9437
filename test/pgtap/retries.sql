-- Attempts, backoff and jitter, errors kept per attempt, budgets of job, handler and default; a failing job with
-- backoff switched off gets one attempt per pass.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % of %', job.attempt, job.max_attempts
        USING ERRCODE = 'XX123', DETAIL = 'in detail', HINT = 'a hint';
END $$;
SELECT foreman.register_handler('fails', 't.fails', max_attempts => 3, backoff_base => '20 ms', backoff_max => '40 ms') \g /dev/null
SELECT foreman.register_handler('default', 't.fails', backoff_base => '0') \g /dev/null
SELECT foreman.register_handler('slow', 't.fails', backoff_base => '100 s', backoff_max => '300 s') \g /dev/null

SELECT foreman.enqueue('fails', '{"keep": ["me"]}', tags => '{a,b}', metadata => '{"m": 1}') AS id \gset
SELECT is(t.outcome(:id), 'discarded 3', 'after its attempts a job is discarded');
SELECT is((SELECT jsonb_array_length(errors) FROM foreman.jobs WHERE job_id = :id), 3, 'with one error per attempt');
SELECT is((SELECT array_agg(e ->> 'message') FROM foreman.jobs, jsonb_array_elements(errors) e WHERE job_id = :id),
    ARRAY['attempt 1 of 3', 'attempt 2 of 3', 'attempt 3 of 3'], 'in order');
SELECT is(t.error(:id, 1, 'attempt'), '2', 'each with its attempt');
SELECT is(t.error(:id, 1, 'sqlstate'), 'XX123', 'SQLSTATE');
SELECT is(t.error(:id, 1, 'detail'), 'in detail', 'detail');
SELECT is(t.error(:id, 1, 'hint'), 'a hint', 'hint');
SELECT alike(t.error(:id, 1, 'context'), '%PL/pgSQL function t.fails(foreman.job) line%', 'context');
SELECT ok((t.error(:id, 0, 'at')::timestamptz < t.error(:id, 1, 'at')::timestamptz), 'and its time');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :id), 'attempt 3 of 3', 'the last error is the reason');
SELECT is((SELECT args::text || tags::text || metadata::text FROM foreman.jobs WHERE job_id = :id), '{"keep": ["me"]}{a,b}{"m": 1}', 'args, tags and metadata are kept');

-- Budgets: the job's own, else the handler's, else 5.
SELECT foreman.enqueue('fails', max_attempts => 1) AS one, foreman.enqueue('default') AS five \gset
SELECT is(t.outcome(:one), 'discarded 1', 'max_attempts 1 is one attempt');
SELECT is(t.outcome(:five), 'discarded 5', 'without any setting it is five');

-- Errors that are kept: the last 32.
SELECT foreman.enqueue('default', max_attempts => 40) AS many \gset
SELECT is(t.outcome(:many), 'discarded 40', 'forty attempts');
SELECT is((SELECT jsonb_array_length(errors) FROM foreman.jobs WHERE job_id = :many), 32, 'keep 32 errors');
SELECT is(t.error(:many, 31, 'attempt'), '40', 'the last ones');

-- Backoff: doubles, is capped, spreads by a quarter. 60 first failures of base 100 s, and a second one of the cap.
CREATE TABLE t.sent AS SELECT job_id FROM foreman.enqueue_array('slow', array_fill('{}'::jsonb, ARRAY[60]));
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE kind = 'slow' AND state = 'retryable') = 60 $$), 'sixty jobs fail');
CREATE VIEW t.delay AS SELECT j.job_id, j.run_at - (j.errors -> -1 ->> 'at')::timestamptz AS delay FROM foreman.jobs j WHERE kind = 'slow';
SELECT cmp_ok((SELECT min(delay) FROM t.delay), '>=', interval '74 s', 'no delay is under the base less a quarter');
SELECT cmp_ok((SELECT max(delay) FROM t.delay), '<=', interval '126 s', 'none above the base and a quarter');
SELECT cmp_ok((SELECT max(delay) - min(delay) FROM t.delay), '>', interval '20 s', 'they are spread');
SELECT foreman.run_now_many(ARRAY(SELECT job_id FROM t.sent)) \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE kind = 'slow' AND attempt = 2 AND state = 'retryable') = 60 $$), 'they fail again');
SELECT ok((SELECT min(delay) >= interval '149 s' AND max(delay) <= interval '251 s' FROM t.delay), 'the second delay is doubled');
SELECT foreman.run_now_many(ARRAY(SELECT job_id FROM t.sent)) \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE kind = 'slow' AND attempt = 3 AND state = 'retryable') = 60 $$), 'and again');
SELECT ok((SELECT min(delay) >= interval '224 s' AND max(delay) <= interval '376 s' FROM t.delay), 'the third is capped at the most');

-- The queue's backoff holds where the handler has none.
SELECT foreman.create_queue('patient', backoff_base => '1000 s', backoff_max => '1000 s') \g /dev/null
SELECT foreman.register_handler('queued', 't.fails', queue => 'patient') \g /dev/null
SELECT foreman.enqueue('queued') AS queued \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :queued)), 'a job of that queue fails');
SELECT cmp_ok((SELECT run_at - now() FROM foreman.jobs WHERE job_id = :queued), '>', interval '700 s', 'and waits as its queue says');

-- Backoff off: at once again, but one attempt per pass.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SELECT foreman.enqueue('default', queue => 'pass') AS pass \gset
SELECT is(foreman.drain('pass'), 1::int8, 'drain runs the job once');
SELECT is(t.state(:pass), 'retryable 1', 'one attempt is charged');
SELECT cmp_ok((SELECT run_at FROM foreman.jobs WHERE job_id = :pass), '<=', clock_timestamp(), 'though it is due again');
SELECT is(foreman.run_once('pass', 10), 1::int8, 'so does run_once');
SELECT is(t.state(:pass), 'retryable 2', 'a second one');
SELECT foreman.start() \g /dev/null
SELECT is(t.outcome(:pass), 'discarded 5', 'the workers go through the rest');
SELECT * FROM finish();
