-- Timeouts that really interrupt, in every lane, of job and handler; a handler that swallows the interrupt loses
-- its session after foreman.cancel_grace (1 s here), and is charged for it.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.sleeps(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(600) $$;
CREATE FUNCTION t.spins(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOOP NULL; END LOOP; END $$;
CREATE FUNCTION t.batch(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(600) $$;
CREATE PROCEDURE t.proc(args jsonb) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (what) VALUES ('kept'); COMMIT; INSERT INTO t.log (what) VALUES ('lost'); PERFORM pg_sleep(600); END $$;
CREATE FUNCTION t.stubborn(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$;
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('sleeps', 't.sleeps', timeout => '150 ms', max_attempts => 2, backoff_base => '10 ms') \g /dev/null
SELECT foreman.register_handler('spins', 't.spins', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('batch', 't.batch', lane => 'batch', timeout => '150 ms', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('proc', 't.proc', lane => 'procedure', timeout => '150 ms', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('command', command => 'SELECT pg_sleep(600)', timeout => '150 ms', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('stubborn', 't.stubborn', timeout => '150 ms', max_attempts => 2, backoff_base => '10 ms') \g /dev/null

SELECT foreman.enqueue('sleeps') AS sleeps \gset
SELECT is(t.outcome(:sleeps), 'discarded 2', 'a timeout of the handler ends each attempt');
SELECT is(t.error(:sleeps, 0, 'message'), 'handler timed out after 150 ms', 'and says so');
SELECT is(t.error(:sleeps, 0, 'sqlstate'), '57014', 'with the SQLSTATE of an interrupt');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE job_id = :sleeps AND t.error(:sleeps, 1, 'attempt') = '2'), 1::int8, 'the second attempt as well');

SELECT foreman.enqueue('spins', timeout => '200 ms') AS spins, clock_timestamp() AS began \gset
SELECT is(t.outcome(:spins), 'discarded 1', 'a timeout of the job ends a loop without end');
SELECT cmp_ok((SELECT finished_at - started_at FROM foreman.jobs WHERE job_id = :spins), '>=', interval '200 ms', 'not before its time');
SELECT cmp_ok((SELECT finished_at - started_at FROM foreman.jobs WHERE job_id = :spins), '<', interval '15 s', 'and soon after it');
SELECT foreman.enqueue('sleeps', timeout => '20 ms', max_attempts => 1) AS short \gset
SELECT is(t.outcome(:short), 'discarded 1', 'the job''s timeout comes before the handler''s');
SELECT is(t.error(:short, 0, 'message'), 'handler timed out after 20 ms', 'and is the one that is named');

SELECT foreman.enqueue('batch') AS batch, foreman.enqueue('proc') AS proc, foreman.enqueue('command') AS command \gset
SELECT is(t.outcome(:batch), 'discarded 1', 'lane batch times out');
SELECT is(t.error(:batch, 0, 'message'), 'handler timed out after 150 ms', 'and says so');
SELECT is(t.outcome(:proc), 'discarded 1', 'lane procedure times out');
SELECT is(t.error(:proc, 0, 'message'), 'handler timed out after 150 ms', 'and says so');
SELECT is((SELECT array_agg(what) FROM t.log WHERE what IN ('kept', 'lost')), ARRAY['kept'], 'what it committed stays');
SELECT is(t.outcome(:command), 'discarded 1', 'a command times out');
SELECT is(t.error(:command, 0, 'message'), 'handler timed out after 150 ms', 'and says so');

-- Quick jobs with a timeout are not hurt by the timers of others.
CREATE TABLE t.sent AS SELECT job_id FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[200]), timeout => '300 ms');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.sent WHERE t.state(job_id) <> 'completed 1') $$), 'two hundred quick jobs complete');
SELECT pg_sleep(0.35) \g /dev/null
SELECT foreman.enqueue('note') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'and what runs when their timers would fire');

-- A statement_timeout of the handler's own is an error like others, and does not outlive it.
CREATE FUNCTION t.own(args jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM set_config('statement_timeout', '50ms', false); PERFORM set_config('lock_timeout', '50ms', false); RETURN 'set'; END $$;
SELECT foreman.register_handler('own', 't.own') \g /dev/null
SELECT foreman.enqueue('own') AS own, foreman.enqueue('sleeps', timeout => '400 ms', max_attempts => 1) AS next \gset
SELECT is(t.outcome(:own), 'completed 1', 'a handler sets a statement_timeout');
SELECT is(t.outcome(:next), 'discarded 1', 'a later one');
SELECT is(t.error(:next, 0, 'message'), 'handler timed out after 400 ms', 'has its own time only');

SELECT foreman.enqueue('stubborn') AS stubborn \gset
SELECT is(t.outcome(:stubborn), 'discarded 2', 'a handler that swallows the interrupt is ended with its session, twice');
SELECT is(t.error(:stubborn, 0, 'sqlstate'), '57P01', 'which its errors say');
SELECT foreman.enqueue('note') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'other jobs go on');
SELECT * FROM finish();
