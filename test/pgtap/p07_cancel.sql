-- P7: cancel of a waiting job is immediate; of a running one it interrupts the handler and never makes the caller
-- wait for it; a cancel that comes after the handler's commit never rewrites `completed`.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null

-- Waiting: due later, never tried, of a kind that nobody runs, waiting for its retry.
SELECT foreman.enqueue('note', run_at => now() + interval '1 hour') AS later, foreman.enqueue('nobody') AS nobody \gset
SELECT is(foreman.cancel(:later, 'changed my mind'), 'cancelled', 'a scheduled job is cancelled at once');
SELECT is(t.state(:later), 'cancelled 0', 'that is its state now');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :later), 'changed my mind', 'with the reason');
SELECT is(foreman.cancel(:nobody), 'cancelled', 'so is one without a handler');
CREATE FUNCTION t.fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails', backoff_base => '1 minute') \g /dev/null
SELECT foreman.enqueue('fails') AS failed \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :failed)), 'a job fails and waits');
SELECT is(foreman.cancel(:failed), 'cancelled', 'it can be cancelled');
SELECT is(t.error(:failed, 0, 'message'), 'no', 'and keeps the error of its attempt');

-- Nowhere, finished.
SELECT is(foreman.cancel(0), 'not_found', 'a job that never was is not found');
SELECT is(foreman.cancel(:later), 'finished', 'a cancelled one has finished');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :later), 'changed my mind', 'and keeps its reason');
SELECT foreman.enqueue('note') AS done \gset
SELECT is(t.outcome(:done), 'completed 1', 'a job completes');
SELECT is(foreman.cancel(:done, 'too late'), 'finished', 'cancel comes too late');
SELECT is(t.state(:done), 'completed 1', 'and rewrites nothing');
SELECT is((SELECT count(*) FROM foreman.job_request), 0::int8, 'nor leaves a request');

-- Running.
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null
CREATE FUNCTION t.sleeps(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (what) VALUES ('slept'); PERFORM pg_sleep(600); END $$;
SELECT foreman.register_handler('sleeps', 't.sleeps') \g /dev/null
SELECT foreman.enqueue('sleeps') AS sleeper \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :sleeper)), 'a handler sleeps for ten minutes');
SELECT clock_timestamp() AS asked, foreman.cancel(:sleeper, 'wake up') AS answer \gset
SELECT is(:'answer'::text, 'cancel_requested', 'cancel answers that it was asked for');
SELECT cmp_ok(clock_timestamp() - :'asked'::timestamptz, '<', interval '10 s', 'without waiting for the handler');
SELECT is(t.outcome(:sleeper), 'cancelled 1', 'and the handler is interrupted');
SELECT cmp_ok(clock_timestamp() - :'asked'::timestamptz, '<', interval '15 s', 'soon');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :sleeper), 'wake up', 'with the reason');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'slept'), 0::int8, 'its writes are undone');

-- Asked for in a transaction that rolls back: nothing happens. Twice: the first reason is not lost.
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'a handler waits for its gate');
BEGIN;
SELECT foreman.cancel(:held) AS answer \gset
ROLLBACK;
SELECT is(:'answer'::text, 'cancel_requested', 'cancel in a transaction that rolls back');
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:held), 'completed 1', 'does not touch the job');

-- Neighbours in the executor's transaction lose nothing.
SELECT array_agg(job_id) AS group FROM foreman.enqueue_array('note', array_fill('{"what": "near"}'::jsonb, ARRAY[20])) \gset
SELECT foreman.enqueue('sleeps') AS sleeper \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :sleeper)), 'a sleeper among twenty short jobs');
SELECT foreman.cancel(:sleeper) \g /dev/null
-- It may have left their transaction just now, to run alone; then it waits when it is cancelled, and no attempt is charged.
SELECT alike(t.outcome(:sleeper), 'cancelled%', 'is cancelled');
SELECT ok(t.wait_until(format($$ (SELECT count(*) FROM foreman.jobs WHERE job_id = ANY (%L) AND state = 'completed' AND attempt = 1) = 20 $$, :'group')),
    'they complete at their first attempt');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'near'), 20::int8, 'once each');

-- Many, with one of each sort.
SELECT foreman.enqueue('sleeps') AS running, foreman.enqueue('note', run_at => now() + interval '1 day') AS waiting \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :running)), 'one runs');
SELECT results_eq(format('SELECT outcome FROM foreman.cancel_many(ARRAY[%s, %s, %s, 0])', :running, :waiting, :done),
    ARRAY['cancel_requested', 'cancelled', 'finished', 'not_found'], 'cancel_many answers for each, in order');
SELECT is(t.outcome(:running), 'cancelled 1', 'the running one is interrupted');

-- A handler that will not be interrupted loses its session after the grace; its job is cancelled all the same.
CREATE FUNCTION t.stubborn(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    LOOP
        BEGIN
            PERFORM pg_sleep(600);
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
    END LOOP;
END $$;
SELECT foreman.register_handler('stubborn', 't.stubborn') \g /dev/null
SELECT foreman.enqueue('stubborn') AS stubborn \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :stubborn)), 'a handler that swallows interrupts runs');
SELECT pid AS pid FROM foreman.workers WHERE job_id = :stubborn \gset
SELECT is(foreman.cancel(:stubborn), 'cancel_requested', 'it is asked to end');
SELECT alike(t.outcome(:stubborn), 'cancelled%', 'its job is cancelled');
SELECT ok(t.wait_until(format($$ pg_stat_clear_snapshot()::text = '' AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s) $$, :pid)), 'its session is ended');
SELECT foreman.enqueue('note') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'the next job finds an executor');

-- One that swallows it and completes has completed.
CREATE FUNCTION t.swallows(args jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    BEGIN
        PERFORM pg_sleep(600);
    EXCEPTION WHEN query_canceled THEN
        NULL;
    END;
    RETURN 'done anyway';
END $$;
SELECT foreman.register_handler('swallows', 't.swallows') \g /dev/null
SELECT foreman.enqueue('swallows') AS swallows \gset
-- Not before it is where it swallows.
SELECT ok(t.wait_until(format($$ pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM foreman.workers w JOIN pg_stat_activity a USING (pid)
                                          WHERE w.job_id = %s AND a.wait_event = 'PgSleep') $$, :swallows)), 'another swallows one interrupt');
SELECT foreman.cancel(:swallows) \g /dev/null
SELECT is(t.outcome(:swallows), 'completed 1', 'and completes');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :swallows), 'done anyway', 'with its result');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'every request is gone in the end');
SELECT * FROM finish();
