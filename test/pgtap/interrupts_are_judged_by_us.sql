-- What interrupts a handler is judged by who interrupted it, not by what the handler made of the error: an exception block can catch
-- the error, or turn it into another one.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.catches(args jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (what) VALUES (args ->> 'what');
    PERFORM pg_sleep((args ->> 's')::float8);
    RETURN 'ok';
EXCEPTION WHEN query_canceled THEN
    INSERT INTO t.log (what) VALUES ('caught ' || (args ->> 'what'));
    RETURN 'cancelled'; END $$;
CREATE FUNCTION t.translates(args jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep((args ->> 's')::float8);
    RETURN 'ok';
EXCEPTION WHEN query_canceled THEN
    RAISE EXCEPTION 'something else'; END $$;
CREATE PROCEDURE t.catches_too(args jsonb) LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep((args ->> 's')::float8);
EXCEPTION WHEN query_canceled THEN
    NULL; END $$;
SELECT foreman.register_handler('catches', 't.catches', max_attempts => 1), foreman.register_handler('translates', 't.translates', max_attempts => 1),
       foreman.register_handler('catches too', 't.catches_too', lane => 'procedure', max_attempts => 1) \g /dev/null

-- Nobody cancels anything here: the slow ones share a transaction with others, and the engine wants them out of it.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workers) $$), 'nobody works');
CREATE TABLE t.sent AS SELECT i, foreman.enqueue('catches', jsonb_build_object('what', i, 's', CASE WHEN i % 5 = 0 THEN 0.1 ELSE 0 END)) AS job_id FROM generate_series(1, 100) i;
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.sent WHERE t.state(job_id) <> 'completed 1') $$, 60), 'a hundred jobs complete at their first attempt');
SELECT is((SELECT array_agg(DISTINCT result) FROM t.sent JOIN foreman.jobs USING (job_id)), '{"\"ok\""}'::jsonb[], 'none completes with what it answered to an interrupt of the engine');
SELECT is((SELECT count(*) FROM t.log WHERE what LIKE 'caught%'), 0::int8, 'and nothing is left of what it wrote then');

-- Timeouts.
SELECT foreman.enqueue('catches', '{"what": "late", "s": 20}', timeout => '0.3 s') AS caught, foreman.enqueue('translates', '{"s": 20}', timeout => '0.3 s') AS translated,
       foreman.enqueue('catches too', '{"s": 20}', timeout => '0.3 s') AS procedure \gset
SELECT is(t.outcome(:caught), 'discarded 1', 'a timeout that the handler catches is a failure');
SELECT is(t.error(:caught, 0, 'message'), 'handler timed out after 300 ms', 'with its reason');
SELECT is(t.outcome(:translated), 'discarded 1', 'one that it turns into another error');
SELECT is(t.error(:translated, 0, 'message'), 'handler timed out after 300 ms', 'has the same reason');
SELECT is(t.outcome(:procedure), 'discarded 1', 'also in lane procedure');
SELECT is(t.error(:procedure, 0, 'message'), 'handler timed out after 300 ms', 'with the reason');

-- Cancels, at the last attempt. An interrupt has to meet the handler where it catches.
CREATE FUNCTION t.sleeps(id int8) RETURNS bool LANGUAGE sql AS $$
    SELECT pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM foreman.workers w JOIN pg_stat_activity a USING (pid) WHERE w.job_id = id AND a.wait_event = 'PgSleep') $$;
SELECT foreman.enqueue('catches', '{"what": "a", "s": 60}') AS caught, foreman.enqueue('translates', '{"s": 60}') AS translated \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND t.state(%s) = 'running 1' AND t.sleeps(%1$s) $$, :caught, :translated)), 'two jobs run');
SELECT is((SELECT array_agg(foreman.cancel(id, 'why not')) FROM unnest(ARRAY[:caught, :translated]::int8[]) id), '{cancel_requested,cancel_requested}', 'they are cancelled');
SELECT is(t.outcome(:caught), 'completed 1', 'the handler that caught the interrupt and went on to its end has completed');
SELECT is(t.outcome(:translated), 'cancelled 1', 'the handler that raised another error did not fail');
SELECT foreman.enqueue('catches too', '{"s": 60}') AS procedure \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND t.sleeps(%1$s) $$, :procedure)), 'a procedure runs');
SELECT foreman.cancel(:procedure) \g /dev/null
SELECT is(t.outcome(:procedure), 'completed 1', 'so has a procedure');

-- Programs that a handler started end with it (https://github.com/laurenz/oracle_fdw/issues/194).
CREATE FUNCTION t.program(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    CREATE TEMP TABLE lines (line text) ON COMMIT DROP;
    EXECUTE format('COPY lines FROM PROGRAM %L', 'sleep ' || (args ->> 's')); END $$;
SELECT foreman.register_handler('program', 't.program', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('program', '{"s": 61}', timeout => '0.5 s') AS late, clock_timestamp() AS began \gset
SELECT is(t.outcome(:late), 'discarded 1', 'a handler that waits for a program meets its timeout');
SELECT is(t.error(:late, 0, 'message'), 'handler timed out after 500 ms', 'for that reason');
SELECT foreman.enqueue('program', '{"s": 62}') AS cancelled \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' AND (SELECT started_at < clock_timestamp() - interval '0.3 s' FROM foreman.jobs WHERE job_id = %s) $$, :cancelled, :cancelled)), 'another one runs');
SELECT foreman.cancel(:cancelled) \g /dev/null
SELECT is(t.outcome(:cancelled), 'cancelled 1', 'and can be cancelled');
SELECT cmp_ok(clock_timestamp() - :'began'::timestamptz, '<', interval '30 s', 'long before the programs would have ended');
SELECT * FROM finish();
