-- A handler may ask for a session of its own, and commands of schedules have one always: nothing that cannot be cleared
-- is left of another job. https://github.com/iasql/iasql/issues/557 https://github.com/prisma/prisma/issues/20407
\ir lib/helpers.sql
SELECT no_plan();
-- What it finds of the one before (a placeholder, and a sequence of random numbers), and whose process it is.
CREATE FUNCTION t.leaves(j foreman.job) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text := coalesce(current_setting('trace.of_one', true), 'NULL') || ' ' || CASE WHEN random() = t.seeded() THEN 'seeded' ELSE 'random' END;
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (j.job_id, found);
    PERFORM set_config('trace.of_one', 'x', false), setseed(0.5);
    RETURN found;
END $$;
CREATE FUNCTION t.seeded() RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 0.9851677175347999::float8';
CREATE FUNCTION t.leaves_all(jobs foreman.job[]) RETURNS void LANGUAGE plpgsql AS $$ DECLARE j foreman.job; found text; BEGIN
    found := coalesce(current_setting('trace.of_one', true), 'NULL');
    PERFORM set_config('trace.of_one', 'x', false);
    FOREACH j IN ARRAY jobs LOOP INSERT INTO t.log (job_id, what) VALUES (j.job_id, found); END LOOP; END $$;
CREATE PROCEDURE t.leaves_late(j foreman.job) LANGUAGE plpgsql AS $$ BEGIN PERFORM t.leaves(j); COMMIT; END $$;
SELECT foreman.register_handler('kept', 't.leaves'),
    foreman.register_handler('new', 't.leaves', session => 'new'),
    foreman.register_handler('new_batch', 't.leaves_all', lane => 'batch', session => 'new'),
    foreman.register_handler('new_late', 't.leaves_late', lane => 'procedure', session => 'new'),
    foreman.register_handler('new_command', command => $$INSERT INTO t.log (what) SELECT coalesce(current_setting('trace.of_one', true), 'NULL'); SET trace.of_one = 'x'$$, session => 'new'),
    foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT is((SELECT string_agg(kind, ' ' ORDER BY kind) FROM foreman.handlers WHERE session = 'new'), 'new new_batch new_command new_late', 'the view handlers tells');
SELECT throws_ok($$SELECT foreman.register_handler('bad', 't.leaves', session => 'fresh')$$, '22023', 'session "fresh" does not exist', 'other words are refused');
SELECT throws_ok($$SELECT foreman.register_handler('bad', 't.leaves', session => NULL)$$, '22004', NULL, 'NULL is refused');

-- Why one would want that: something of the job before is there, in a session that is kept.
SELECT foreman.enqueue('kept', max_attempts => 1) AS a, foreman.enqueue('kept', max_attempts => 1) AS b \gset
SELECT is(t.outcome(:a) || t.outcome(:b), 'completed 1completed 1', 'two jobs run in sessions that are kept');

CREATE FUNCTION t.all_done() RETURNS bool LANGUAGE sql AS $$ SELECT count(*) = 0 FROM foreman.live_job $$;
CREATE TABLE t.sent AS SELECT foreman.enqueue(k) AS job_id, k AS kind FROM unnest('{new,new_late,new_command,note}'::text[]) k, generate_series(1, 6);
SELECT foreman.enqueue('new_batch') FROM generate_series(1, 20) \g /dev/null
SELECT ok(t.wait_until('t.all_done()', 40), 'jobs with new sessions run, among others');
SELECT is((SELECT count(*) FROM t.sent WHERE t.state(job_id) = 'completed 1'), 24::int8, 'each at its first attempt');
SELECT is((SELECT array_agg(DISTINCT l.what) FROM t.log l JOIN t.sent s USING (job_id) WHERE s.kind <> 'note'), '{NULL random}', 'none finds anything of another');
SELECT is((SELECT count(DISTINCT pid) FROM t.log l JOIN t.sent s USING (job_id) WHERE s.kind IN ('new', 'new_late')), 12::int8, 'each had a process of its own');
SELECT is((SELECT string_agg(DISTINCT what, ' ') FROM t.log WHERE job_id IS NULL), 'NULL', 'commands, too');
SELECT is((SELECT count(*) FROM t.log WHERE job_id IS NULL), 6::int8, 'all of them');
SELECT is((SELECT count(*) || ' ' || array_to_string(array_agg(DISTINCT what), ' ') FROM t.log JOIN foreman.jobs USING (job_id) WHERE kind = 'new_batch'),
    '20 NULL', 'and calls of lane batch');

-- A failure counts in a new session, and its retry has another.
CREATE FUNCTION t.fails(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE '%', pg_backend_pid(); END $$;
SELECT foreman.register_handler('fails', 't.fails', max_attempts => 3, backoff_base => '10 ms', session => 'new') \g /dev/null
SELECT foreman.enqueue('fails') AS fails \gset
SELECT is(t.outcome(:fails), 'discarded 3', 'a handler that fails is charged');
SELECT is((SELECT count(DISTINCT e ->> 'message') FROM foreman.jobs, jsonb_array_elements(errors) e WHERE job_id = :fails), 3::int8, 'in three processes');

-- Commands of schedules.
SELECT foreman.schedule('commands', '1 second', $$INSERT INTO t.log (job_id, what) SELECT -1, coalesce(current_setting('trace.of_one', true), 'NULL'); SET trace.of_one = 'x'$$) \g /dev/null
SELECT ok(t.wait_until('(SELECT count(*) FROM t.log WHERE job_id = -1) >= 3'), 'a schedule runs its command');
SELECT foreman.unschedule('commands') \g /dev/null
SELECT is((SELECT string_agg(DISTINCT what, ' ') FROM t.log WHERE job_id = -1), 'NULL', 'each time in a new session');

-- Libraries that sessions of the role load at their begin.
DROP ROLE IF EXISTS pgtap_preloads;
CREATE ROLE pgtap_preloads LOGIN;
ALTER ROLE pgtap_preloads SET session_preload_libraries = 'auto_explain';
CREATE FUNCTION t.has_library(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT current_setting('auto_explain.log_min_duration', true) $$;
SELECT foreman.register_handler('preloads', 't.has_library', run_as => 'pgtap_preloads') \g /dev/null
SELECT foreman.enqueue('preloads') AS preloads \gset
SELECT is(t.outcome(:preloads), 'completed 1', 'a job of a role with session_preload_libraries');
SELECT is((SELECT result #>> '{}' FROM foreman.jobs WHERE job_id = :preloads), '-1', 'has what they bring');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
DROP OWNED BY pgtap_preloads;
DROP ROLE pgtap_preloads;
SELECT * FROM finish();
