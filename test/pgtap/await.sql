-- CALL await: returns when the job ends, or at the time-out, whichever comes first; holds no snapshot meanwhile.
\ir lib/helpers.sql
SELECT no_plan();
CREATE FUNCTION t.result(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep((job.args ->> 'pause')::float8);
    IF job.args ? 'fail' THEN RAISE EXCEPTION 'no'; END IF;
    RETURN '{"answer": 42}'; END $$;
SELECT foreman.register_handler('result', 't.result', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null

SELECT foreman.enqueue('result', '{"pause": 0.3}') AS id, clock_timestamp() AS began \gset
CALL foreman.await(:id, '20 s') \gset
SELECT is(:'state'::text, 'completed', 'await returns with the end of the job');
SELECT is(:'result'::jsonb, '{"answer": 42}', 'and its result');
SELECT cmp_ok(clock_timestamp() - :'began'::timestamptz, '>=', interval '0.3 s', 'not before it');
SELECT cmp_ok(clock_timestamp() - :'began'::timestamptz, '<', interval '10 s', 'and soon after it');
CALL foreman.await(:id, '20 s') \gset
SELECT is(:'state'::text, 'completed', 'at once when it has ended already');
SELECT foreman.enqueue('result', '{"pause": 0.1, "fail": 1}') AS id \gset
CALL foreman.await(:id, '20 s') \gset
SELECT is(:'state'::text, 'discarded', 'a dead letter is an end');
SELECT foreman.enqueue('result', run_at => now() + interval '1 day') AS id \gset
SELECT foreman.cancel(:id) \g /dev/null
CALL foreman.await(:id, '20 s') \gset
SELECT is(:'state'::text, 'cancelled', 'so is a cancelled job');

-- Over one connection, one job after another: the end that commits just while the caller begins to wait is not missed. The
-- safety poll would answer after five seconds.
CREATE TABLE t.took (id int8, began timestamptz, ended timestamptz);
CREATE FUNCTION t.last() RETURNS int8 LANGUAGE sql AS 'SELECT max(id) FROM t.took';
\o /dev/null
SELECT statement FROM generate_series(1, 200) i, unnest(ARRAY[
    $$ INSERT INTO t.took (began, id) SELECT clock_timestamp(), foreman.enqueue('result', '{"pause": 0}') $$,
    $$ CALL foreman.await(t.last(), '20 s') $$, $$ UPDATE t.took SET ended = clock_timestamp() WHERE id = t.last() $$])
    WITH ORDINALITY u (statement, place) ORDER BY i, place \gexec
\o
SELECT is((SELECT count(ended) FROM t.took JOIN foreman.jobs j ON j.job_id = id AND j.state = 'completed'), 200::int8, 'two hundred times enqueue, then await');
SELECT cmp_ok((SELECT max(ended - began) FROM t.took), '<', interval '10 s', 'the end is never missed: none waits for the safety poll');
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS id \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :id)), 'it runs');
SELECT clock_timestamp() AS began \gset
CALL foreman.await(:id, '0.3 s') \gset
SELECT is(:'state'::text, 'running', 'at the time-out it tells the state');
SELECT cmp_ok(clock_timestamp() - :'began'::timestamptz, '>=', interval '0.3 s', 'having waited that long');
SELECT cmp_ok(clock_timestamp() - :'began'::timestamptz, '<', interval '10 s', 'and not much longer');
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:id), 'completed 1', 'the job was not touched by it');

\set ON_ERROR_STOP off
BEGIN;
CALL foreman.await(:id, '1 s');
\set block_state :SQLSTATE
ROLLBACK;
CALL foreman.await(NULL, '1 s');
\set null_state :SQLSTATE
\set ON_ERROR_STOP on
SELECT is(:'block_state'::text, '2D000', 'inside a transaction block it is refused');
SELECT is(:'null_state'::text, '22004', 'an id of NULL is refused');
SELECT is((SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_xid IS NOT NULL), 0::int8, 'the session is as it was');
SELECT foreman.enqueue('result', '{"pause": 0}') AS id \gset
CALL foreman.await(:id, '20 s') \gset
SELECT is(:'state'::text, 'completed', 'and can wait again');

-- The server counts the call when it is over, in memory that a report of statistics gives back: a report during the call, which
-- waits for longer than the second between two reports, wrote to what others had by then, and a session crashed some time later.
-- The same holds for the other procedures that run transactions of their own.
CREATE FUNCTION t.calls(name text) RETURNS int8 LANGUAGE sql AS $$
    SELECT coalesce(sum(pg_stat_get_function_calls(p.oid)), 0)::int8 FROM pg_proc p WHERE p.pronamespace = 'foreman'::regnamespace AND p.proname = name $$;
SELECT foreman.enqueue('hold', '{"gate": "calls"}') AS id \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT t.calls('await') AS before, t.calls('wait_for_job') AS before_waits \gset
CALL foreman.await(:id, '1.3 s') \gset
CALL foreman.wait_for_job('{nothing_here}', '1.3 s') \g /dev/null
CALL foreman.await(:id, '1.3 s') \gset
SELECT pg_stat_force_next_flush() \g /dev/null
SELECT is(t.calls('await'), :before::int8 + 2, 'each call is counted, however long it waits');
SELECT is(t.calls('wait_for_job'), :before_waits::int8 + 1, 'those of wait_for_job, too');
INSERT INTO t.gate VALUES ('calls');
SELECT * FROM finish();
