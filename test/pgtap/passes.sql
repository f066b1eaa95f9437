-- The engine's loops as functions, with the workers stopped: run_once, drain, run_procedures_once, dispatch_once,
-- and the session's own clock, foreman.fake_now.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_passes_other;
CREATE ROLE pgtap_passes_other LOGIN;
CREATE FUNCTION t.fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE PROCEDURE t.proc(args jsonb) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t.log (what) VALUES ('a'); COMMIT; INSERT INTO t.log (what) VALUES ('b'); END $$;
CREATE FUNCTION t.many(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.log (what) VALUES ('batch of ' || cardinality(jobs)) $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('other', 't.note(foreman.job)', run_as => 'pgtap_passes_other') \g /dev/null
SELECT foreman.register_handler('fails', 't.fails', max_attempts => 3, backoff_base => '10 s', backoff_max => '1 hour') \g /dev/null
SELECT foreman.register_handler('proc', 't.proc', lane => 'procedure') \g /dev/null
SELECT foreman.register_handler('many', 't.many', lane => 'batch') \g /dev/null
SELECT is(foreman.stop(), true, 'the workers are told to stop');
SELECT ok(t.wait_until('t.no_workers()'), 'and do');

-- Order: priority, run_at, id; max_jobs; queue.
SELECT foreman.enqueue('note', '{"what": "3"}', priority => 1), foreman.enqueue('note', '{"what": "2"}', run_at => '2026-01-02'),
       foreman.enqueue('note', '{"what": "1"}', run_at => '2026-01-01'), foreman.enqueue('note', '{"what": "0"}', priority => -1),
       foreman.enqueue('note', '{"what": "elsewhere"}', queue => 'q', priority => -5) \g /dev/null
SELECT is(foreman.run_once('default'), 1::int8, 'run_once runs one job');
SELECT is(foreman.run_once('default', 2), 2::int8, 'or as many as it is told');
SELECT is(foreman.drain('default'), 1::int8, 'drain runs the rest');
SELECT is(foreman.drain('default'), 0::int8, 'until none is left');
SELECT is((SELECT array_agg(what ORDER BY n) FROM t.log), ARRAY['0', '1', '2', '3'], 'by priority, then by time');
SELECT is(foreman.drain(), 1::int8, 'without a queue: all of them');

-- In the caller's transaction.
SELECT foreman.enqueue('note', '{"what": "undone"}') AS id \gset
BEGIN;
SELECT foreman.drain() AS n \gset
SELECT t.state(:id) AS inside \gset
ROLLBACK;
SELECT is(:'inside'::text, 'completed 1', 'a job is completed in the caller''s transaction');
SELECT is(t.state(:id), 'available 0', 'and due again when that rolls back');
SELECT is(foreman.drain(), 1::int8, 'it can be run again');

-- Only kinds of this role; procedures by their own function.
SELECT foreman.enqueue('other') AS other, foreman.enqueue('proc') AS proc, foreman.enqueue('nobody') AS nobody \gset
SELECT is(foreman.drain(), 0::int8, 'kinds of other roles, procedures and unknown kinds are left');
CALL foreman.run_procedures_once();
SELECT is(t.state(:proc), 'completed 1', 'run_procedures_once runs procedures');
SELECT is((SELECT array_agg(what ORDER BY n) FROM t.log WHERE what IN ('a', 'b')), ARRAY['a', 'b'], 'which may commit');
SELECT is(t.state(:other) || ', ' || t.state(:nobody), 'available 0, available 0', 'the others wait');
SELECT job_id FROM foreman.enqueue_array('many', array_fill('{}'::jsonb, ARRAY[10])) \g /dev/null
SELECT is(foreman.drain(), 10::int8, 'a batch counts its jobs');
SELECT throws_ok('SELECT foreman.run_once(NULL, 0)', '22023', NULL, 'max_jobs 0 is refused');
SELECT throws_ok('SELECT foreman.run_once('''')', '22023', NULL, 'so is a queue without a name');

-- The clock.
SET foreman.fake_now = '2030-06-01 12:00:00+00';
SELECT foreman.enqueue('fails') AS id, foreman.enqueue('note', run_at => '2030-06-01 12:00:01+00') AS later \gset
SELECT is((SELECT run_at FROM foreman.jobs WHERE job_id = :id), '2030-06-01 12:00:00+00'::timestamptz, 'a job is due at the session''s now');
SELECT is(t.state(:later), 'scheduled 0', 'a second later is later');
SELECT is(foreman.drain(), 1::int8, 'what is due runs');
SELECT is(t.state(:id), 'retryable 1', 'and fails');
SELECT is(foreman.drain(), 0::int8, 'its backoff has not passed');
SET foreman.fake_now = '2030-06-01 12:00:01+00';
SELECT is(foreman.drain(), 1::int8, 'the later one is due at its second');
SELECT is(t.state(:later), 'completed 1', 'and runs');
SET foreman.fake_now = '2030-06-01 12:00:07+00';
SELECT is(foreman.drain(), 0::int8, 'less than the backoff with its jitter is too early');
SET foreman.fake_now = '2030-06-01 12:00:13+00';
SELECT is(foreman.drain(), 1::int8, 'and then its second attempt');
SELECT is((SELECT finished_at FROM foreman.jobs WHERE job_id = :later), '2030-06-01 12:00:01+00'::timestamptz, 'history has the session''s times');
SET foreman.fake_now = '2030-06-01 14:00:00+00';
SELECT is(foreman.drain(), 1::int8, 'and its last');
SELECT is(t.state(:id), 'discarded 3', 'a dead letter');

-- Expiry and requests, by one pass of the dispatcher.
SELECT foreman.enqueue('note', run_at => '2030-06-02 00:00:00+00', expires_at => '2030-06-01 15:00:00+00') AS expires \gset
SELECT foreman.dispatch_once() \g /dev/null
SELECT is(t.state(:expires), 'scheduled 0', 'not expired yet');
SET foreman.fake_now = '2030-06-01 15:00:00+00';
SELECT cmp_ok(foreman.dispatch_once(), '>=', 1::int8, 'a pass of the dispatcher at the time');
SELECT is(t.state(:expires), 'cancelled 0', 'cancels the job');
RESET foreman.fake_now;

SELECT throws_ok($$ SET foreman.fake_now = 'yesterdayish' $$, '22023', NULL, 'a time that is none is refused');
SELECT is(foreman.start(), true, 'the workers start again');
SELECT is(t.outcome(:other), 'completed 1', 'and run what is theirs');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
DROP OWNED BY pgtap_passes_other;
DROP ROLE pgtap_passes_other;
SELECT * FROM finish();
