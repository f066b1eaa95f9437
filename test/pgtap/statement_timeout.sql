-- statement_timeout ends handlers as it ends the statements of a client and of pg_cron: whether the role, the
-- database, the function or the command itself sets it, in every lane, and in a transaction that jobs share.
-- https://github.com/supabase/supabase/issues/15489
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_limited;
DROP ROLE IF EXISTS pgtap_roomy;
DROP ROLE IF EXISTS pgtap_plain;
CREATE ROLE pgtap_limited LOGIN;
CREATE ROLE pgtap_roomy LOGIN;
CREATE ROLE pgtap_plain LOGIN;
ALTER ROLE pgtap_limited SET statement_timeout = '300ms';
ALTER ROLE pgtap_roomy SET statement_timeout = '1500ms';
CREATE FUNCTION t.sleeps(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep((args ->> 's')::float8) $$;
CREATE FUNCTION t.all_sleep(jobs foreman.job[]) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(60) $$;
CREATE FUNCTION t.each_sleeps(jobs foreman.job[]) RETURNS SETOF foreman.job_outcome LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(60); END $$;
CREATE PROCEDURE t.proc(args jsonb) LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO t.log (what) VALUES ('kept'); COMMIT; FOR i IN 1 .. 600 LOOP PERFORM pg_sleep(0.1); COMMIT; END LOOP; END $$;

-- A job that ended as it should; else what there is instead.
CREATE FUNCTION t.timed_out(id int8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    ended text := t.outcome(id);
    took interval := (SELECT finished_at - started_at FROM foreman.jobs WHERE job_id = id);
BEGIN
    IF ended <> 'discarded 1' OR t.error(id, 0, 'sqlstate') <> '57014' OR t.error(id, 0, 'message') <> 'canceling statement due to statement timeout' THEN
        RETURN ended || ' ' || (SELECT errors FROM foreman.jobs WHERE job_id = id);
    END IF;
    RETURN CASE WHEN took < interval '10 s' THEN 'timed out' ELSE 'late: ' || took END;
END $$;

SELECT foreman.register_handler('sleeps', 't.sleeps', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('all_sleep', 't.all_sleep', lane => 'batch', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('each_sleeps', 't.each_sleeps', lane => 'batch', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('proc', 't.proc', lane => 'procedure', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('command', command => 'SELECT pg_sleep(60)', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('sleeps', '{"s": 60}') AS sleeps, foreman.enqueue('all_sleep') AS all_sleep, foreman.enqueue('each_sleeps') AS each_sleeps,
    foreman.enqueue('proc') AS proc, foreman.enqueue('command') AS command \gset
SELECT is(t.timed_out(:sleeps), 'timed out', 'the role''s statement_timeout ends a handler of lane transaction');
SELECT cmp_ok((SELECT finished_at - started_at FROM foreman.jobs WHERE job_id = :sleeps), '>=', interval '300 ms', 'not before its time');
SELECT is(t.timed_out(:all_sleep), 'timed out', 'of lane batch');
SELECT is(t.timed_out(:each_sleeps), 'timed out', 'of lane batch with outcomes');
SELECT is(t.timed_out(:proc), 'timed out', 'of lane procedure: all of its transactions are one CALL');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'kept'), 1::int8, 'what it committed stays');
SELECT is(t.timed_out(:command), 'timed out', 'and a command');
SELECT foreman.enqueue('sleeps', '{"s": 0}') AS quick \gset
SELECT is(t.outcome(:quick), 'completed 1', 'a quick one is not hurt');

-- Each statement of a command has its own time, which leaves room for a machine that is slow.
SELECT foreman.register_handler('short', command => 'SELECT pg_sleep(0.6); SELECT pg_sleep(0.6); SELECT pg_sleep(0.6)',
                                run_as => 'pgtap_roomy', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('own', command => 'SET statement_timeout = 200; SELECT pg_sleep(60)', run_as => 'pgtap_plain', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('longer', command => 'SET statement_timeout = 0; SELECT pg_sleep(0.6)', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('short') AS short, foreman.enqueue('own') AS own, foreman.enqueue('longer') AS longer \gset
SELECT is(t.outcome(:short), 'completed 1', 'three statements that together take longer end well');
SELECT is(t.timed_out(:own), 'timed out', 'a command sets its own');
SELECT is(t.outcome(:longer), 'completed 1', 'which may be longer, or none');

-- The function's own.
CREATE FUNCTION t.bounded(args jsonb) RETURNS void LANGUAGE plpgsql SET statement_timeout = '200ms' AS $$ BEGIN PERFORM pg_sleep(60); END $$;
CREATE FUNCTION t.patient(args jsonb) RETURNS void LANGUAGE plpgsql SET statement_timeout = '20s' AS $$ BEGIN PERFORM pg_sleep(0.6); END $$;
CREATE PROCEDURE t.bounded_proc(args jsonb) LANGUAGE plpgsql SET statement_timeout = '200ms' AS $$ BEGIN PERFORM pg_sleep(60); END $$;
SELECT foreman.register_handler('bounded', 't.bounded', run_as => 'pgtap_plain', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('patient', 't.patient', run_as => 'pgtap_limited', max_attempts => 1) \g /dev/null
SELECT foreman.register_handler('bounded_proc', 't.bounded_proc', lane => 'procedure', run_as => 'pgtap_plain', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('bounded') AS bounded, foreman.enqueue('patient') AS patient, foreman.enqueue('bounded_proc') AS bounded_proc \gset
SELECT is(t.timed_out(:bounded), 'timed out', 'the statement_timeout of a handler function ends its call');
SELECT is(t.outcome(:patient), 'completed 1', 'and comes before the role''s');
SELECT is(t.timed_out(:bounded_proc), 'timed out', 'of a procedure as well');

-- In a shared transaction the slow ones are as if they were alone, and the others run once. 40 ms come before
-- a job has to leave such a transaction. A quick one that begins a transaction, or goes on alone, and is kept from the
-- processor for 40 ms is charged and tried again: a few may be. If a slow one were charged to its neighbours, most would be.
CREATE FUNCTION t.mixed(j foreman.job) RETURNS void LANGUAGE plpgsql SET statement_timeout = '40ms' AS $$ BEGIN
    INSERT INTO t.log (job_id, what) VALUES (j.job_id, 'mixed');
    IF j.args ? 's' THEN PERFORM pg_sleep(60); END IF; END $$;
SELECT foreman.register_handler('mixed', 't.mixed', run_as => 'pgtap_plain', backoff_base => '0') \g /dev/null
CREATE TABLE t.sent AS SELECT job_id, args FROM (SELECT CASE WHEN i % 5 = 0 THEN '{"s": 1}' ELSE '{}' END::jsonb AS args FROM generate_series(1, 50) i) a,
    LATERAL (SELECT foreman.enqueue('mixed', args, max_attempts => CASE WHEN args ? 's' THEN 1 ELSE 5 END) AS job_id) e;
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.sent s WHERE NOT EXISTS (SELECT FROM foreman.jobs j WHERE j.job_id = s.job_id AND j.finished_at IS NOT NULL)) $$), 'fifty jobs end');
SELECT is((SELECT count(*) FROM t.sent WHERE NOT args ? 's' AND t.state(job_id) LIKE 'completed%' AND t.runs(job_id) = 1), 40::int8, 'the quick ones completed, with one effect each');
SELECT cmp_ok((SELECT count(*) FROM t.sent WHERE NOT args ? 's' AND t.state(job_id) = 'completed 1'), '>=', 20::int8, 'most of them at their first attempt: a slow one is not charged to its neighbours');
SELECT is((SELECT count(*) FROM t.sent WHERE args ? 's' AND t.timed_out(job_id) = 'timed out' AND t.runs(job_id) = 0), 10::int8, 'the slow ones timed out, and left nothing');

-- The database's.
SELECT format('ALTER DATABASE %I SET statement_timeout = %L', :'dbname', '250ms') \gexec
DROP ROLE IF EXISTS pgtap_later;
CREATE ROLE pgtap_later LOGIN;
SELECT foreman.register_handler('later', 't.sleeps', run_as => 'pgtap_later', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('later', '{"s": 60}') AS later \gset
SELECT is(t.timed_out(:later), 'timed out', 'the database''s statement_timeout ends a handler');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.workers)'), 'the workers stop');
DROP OWNED BY pgtap_limited, pgtap_roomy, pgtap_plain, pgtap_later;
DROP ROLE pgtap_limited, pgtap_roomy, pgtap_plain, pgtap_later;
SELECT * FROM finish();
