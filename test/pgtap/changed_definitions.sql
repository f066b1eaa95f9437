-- What a session keeps of earlier jobs (plans, variables of PL/pgSQL, types) may not fit tables and types that have
-- changed since: that is never a failure of the job, in no lane. https://github.com/graphile/worker/issues/175
-- Settings of the role and the database reach executors that run already. https://github.com/multigres/multigres/issues/1136
\ir lib/helpers.sql
SELECT no_plan();
CREATE TABLE t.src (id int, v int);
INSERT INTO t.src VALUES (1, 1);
CREATE TABLE t.dst (kind text, v text);
CREATE FUNCTION t.copies(kind text) RETURNS void LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
    SELECT * INTO STRICT r FROM t.src WHERE id = 1; INSERT INTO t.dst VALUES (kind, r.v); END $$;
CREATE FUNCTION t.one(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
    SELECT * INTO STRICT r FROM t.src WHERE id = 1; INSERT INTO t.dst VALUES (j.kind, r.v); END $$;
CREATE FUNCTION t.many(jobs foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$ DECLARE r record; j foreman.job; BEGIN
    SELECT * INTO STRICT r FROM t.src WHERE id = 1;
    FOREACH j IN ARRAY jobs LOOP INSERT INTO t.dst VALUES ('many', r.v); END LOOP; END $$;
CREATE PROCEDURE t.proc(args jsonb) LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
    SELECT * INTO STRICT r FROM t.src WHERE id = 1; INSERT INTO t.dst VALUES ('proc', r.v); END $$;
SELECT foreman.register_handler('one', 't.one', max_attempts => 2, backoff_base => '10 ms'),
    foreman.register_handler('many', 't.many', lane => 'batch', max_attempts => 2, backoff_base => '10 ms'),
    foreman.register_handler('proc', 't.proc', lane => 'procedure', max_attempts => 2, backoff_base => '10 ms'),
    foreman.register_handler('command', command => $$SELECT t.copies('command')$$, max_attempts => 2, backoff_base => '10 ms') \g /dev/null

-- All kinds, three times each; how many of the 12 jobs completed at their first attempt, with one effect each.
CREATE TABLE t.sent (job_id int8, kind text, round int);
CREATE FUNCTION t.send(round int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO t.sent SELECT foreman.enqueue(k), k, round FROM unnest('{one,many,proc,command}'::text[]) k, generate_series(1, 3) $$;
CREATE FUNCTION t.good(r int) RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN
    PERFORM t.wait_until(format('NOT EXISTS (SELECT FROM t.sent s WHERE round = %s AND t.state(s.job_id) NOT LIKE ''completed%%'')', r));
    RETURN (SELECT count(*) FROM t.sent s WHERE s.round = r AND t.state(s.job_id) = 'completed 1'
               AND (SELECT count(*) FROM t.dst d WHERE d.kind = s.kind) = 3 * r); END $$;

SELECT t.send(1) \g /dev/null
SELECT is(t.good(1), 12::int8, 'jobs of all lanes run in warm sessions');
-- Sessions that are younger than a second, and older ones.
ALTER TABLE t.src ALTER v TYPE bigint;
SELECT t.send(2) \g /dev/null
SELECT is(t.good(2), 12::int8, 'after a column changed its type, in each lane, none is charged');
SELECT pg_sleep(1.1) \g /dev/null
ALTER TABLE t.src ALTER v TYPE text;
SELECT t.send(3) \g /dev/null
SELECT is(t.good(3), 12::int8, 'nor in sessions that have been there for longer');

-- Schedules.
SELECT foreman.register_handler('scheduled', 't.one', max_attempts => 1) \g /dev/null
SELECT foreman.schedule_job('every_second', '1 second', 'scheduled') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.dst WHERE kind = 'scheduled') >= 2 $$), 'a schedule runs');
ALTER TABLE t.src ALTER v TYPE int USING v::int;
SELECT count(*) + 3 AS wanted FROM t.dst WHERE kind = 'scheduled' \gset
SELECT ok(t.wait_until(format('(SELECT count(*) FROM t.dst WHERE kind = %L) >= %s', 'scheduled', :wanted)), 'it goes on');
SELECT foreman.unschedule('every_second') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.jobs WHERE kind = 'scheduled' AND errors IS NOT NULL), 0::int8, 'none of its runs failed');

-- A failure at the commit, in a deferred trigger with a plan that no longer fits.
CREATE TABLE t.parent (id int);
CREATE FUNCTION t.late() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE r record; BEGIN
    SELECT * INTO STRICT r FROM t.src WHERE id = 1; INSERT INTO t.dst VALUES ('late', r.v); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t.parent DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION t.late();
CREATE FUNCTION t.inserts(args jsonb) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.parent VALUES (1) $$;
SELECT foreman.register_handler('deferred', 't.inserts', max_attempts => 1) \g /dev/null
SELECT foreman.enqueue('deferred') AS before \gset
SELECT is(t.outcome(:before), 'completed 1', 'a deferred trigger runs');
ALTER TABLE t.src ALTER v TYPE bigint;
SELECT foreman.enqueue('deferred') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'and does not fail after a change');

-- Variables that were declared for the column as it was raise other errors, or none at all.
CREATE TABLE t.out (v numeric);
CREATE FUNCTION t.declared(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ DECLARE x t.src.v%TYPE; BEGIN
    SELECT v INTO STRICT x FROM t.src WHERE id = 1; INSERT INTO t.out VALUES (x); END $$;
SELECT foreman.register_handler('declared', 't.declared', max_attempts => 1) \g /dev/null
ALTER TABLE t.src ALTER v TYPE int;
SELECT foreman.enqueue('declared') AS before \gset
SELECT is(t.outcome(:before), 'completed 1', 'a variable has the type of a column');
ALTER TABLE t.src ALTER v TYPE bigint;
UPDATE t.src SET v = 5000000000;
SELECT foreman.enqueue('declared') AS after \gset
SELECT is(t.outcome(:after), 'completed 1', 'and has the column''s new type in the next job');
SELECT pg_sleep(1.1) \g /dev/null
ALTER TABLE t.src ALTER v TYPE numeric(20, 4);
UPDATE t.src SET v = 0.1234;
SELECT foreman.enqueue('declared') AS rounded \gset
SELECT is(t.outcome(:rounded), 'completed 1', 'also where the old one would have rounded');
SELECT is((SELECT v FROM t.out ORDER BY v LIMIT 1), 0.1234, 'it did not');

-- A handler that makes tables in each run and fails is charged for that.
CREATE FUNCTION t.makes(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    CREATE TEMP TABLE mine (i int) ON COMMIT DROP; RAISE 'made for nothing'; END $$;
SELECT foreman.register_handler('makes', 't.makes', max_attempts => 3, backoff_base => '10 ms') \g /dev/null
CREATE TABLE t.makers AS SELECT job_id FROM foreman.enqueue_array('makes', array_fill('{}'::jsonb, '{5}'));
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM t.makers WHERE t.state(job_id) <> 'discarded 3') $$), 'handlers that make tables and fail use up their attempts');

-- Settings.
DROP ROLE IF EXISTS pgtap_settings;
CREATE ROLE pgtap_settings LOGIN;
CREATE FUNCTION t.shows(args jsonb) RETURNS text LANGUAGE sql AS $$ SELECT current_setting('search_path') || ' ' || current_setting('work_mem') $$;
SELECT foreman.register_handler('shows', 't.shows', run_as => 'pgtap_settings') \g /dev/null
ALTER ROLE pgtap_settings SET search_path = old;
SELECT foreman.enqueue('shows') AS old \gset
SELECT is(t.outcome(:old), 'completed 1', 'a job with the settings of its role');
SELECT pg_sleep(1.1) \g /dev/null
ALTER ROLE pgtap_settings SET search_path = new;
SELECT foreman.enqueue('shows') AS new \gset
SELECT is(t.outcome(:new), 'completed 1', 'the next one after they changed');
SELECT is((SELECT array_agg(split_part(result #>> '{}', ' ', 1) ORDER BY job_id) FROM foreman.jobs WHERE job_id IN (:old, :new)), '{old,new}', 'has the new ones');
SELECT pg_sleep(1.1) \g /dev/null
BEGIN;
SELECT format('ALTER DATABASE %I SET work_mem = %L', :'dbname', '5555kB') \gexec
PREPARE TRANSACTION 'settings';
COMMIT PREPARED 'settings';
SELECT foreman.enqueue('shows') AS database \gset
SELECT is(t.outcome(:database), 'completed 1', 'one after those of the database changed');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :database), 'new 5555kB', 'has them');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
DROP OWNED BY pgtap_settings;
DROP ROLE pgtap_settings;
SELECT * FROM finish();
