-- Schedules: the answers of their functions, the grammar, and bad input: which argument was wrong, where its fault is and
-- what is allowed; nothing is changed. fault() shows SQLSTATE, message, detail and hint of a statement that must fail.
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA schedules_test;
CREATE FUNCTION schedules_test.fault(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; hint text; detail text;
BEGIN
    EXECUTE command;
    RETURN 'NOT REFUSED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT, detail = PG_EXCEPTION_DETAIL;
    RETURN SQLSTATE || ' ' || left(message, 120) || CASE WHEN detail <> '' THEN E'\n      ' || detail ELSE '' END ||
           CASE WHEN hint <> '' THEN E'\n      ' || hint ELSE '' END;
END $$;
SET foreman.fake_now = '2026-11-25 19:45:30.25Z';

-- The functions.
SELECT foreman.schedule('@daily', 'VACUUM');
SELECT foreman.schedule('nightly', '30 2 * * *', 'ANALYZE') AS nightly \gset
SELECT foreman.schedule('nightly', '45 2 * * *', 'ANALYZE VERBOSE') = :nightly;
SELECT foreman.schedule_job('report', '0 9-17 * * mon-fri', 'report', '{"to": "all"}', timezone => 'America/New_York', missed => 'skip',
    overlap => 'allow', priority => -5, max_attempts => 3, timeout => '10 minutes') > 0;
SELECT foreman.schedule_job('heartbeat', '1.5 hours', 'beat', active => false) > 0;
SELECT name, schedule, timezone, kind, command, args, queue, active, next_fire_at, missed, overlap, priority, max_attempts, timeout, generation
  FROM foreman.schedules ORDER BY schedule_id;
SELECT foreman.alter_schedule('heartbeat', schedule => '@monthly', args => '[1]', active => true), foreman.alter_schedule('nobody', active => true, if_exists => true);
SELECT name, schedule, args, active, next_fire_at, generation FROM foreman.schedules WHERE name = 'heartbeat';
SELECT foreman.unschedule('nightly'), foreman.unschedule('nightly', if_exists => true), foreman.unschedule_id(0, if_exists => true);
SELECT foreman.trigger_schedule('report') > 0;
SELECT name, generation, scheduled_at, fired_at, kind, queue, command, state, attempt, message FROM foreman.schedule_runs;
SELECT foreman.fire_schedules_once();

-- The next runs.
SELECT foreman.next_runs('0 0 $ * *', n => 3);
SELECT * FROM foreman.next_runs('30 2 * 3 7', 'Europe/Berlin', 5);
SELECT string_agg(to_char(r, 'HH24:MI:SS'), ' ') FROM foreman.next_runs('*/20 * * * * *', NULL, 4) r;
SELECT string_agg(to_char(r, 'HH24:MI:SS'), ' ') FROM foreman.next_runs('40 minutes', n => 4) r;
SELECT string_agg(to_char(r, 'YYYY-MM-DD'), ' ') FROM foreman.next_runs('@yearly', n => 4) r;
SELECT string_agg(to_char(r, 'YYYY-MM-DD'), ' ') FROM foreman.next_runs('0 0 29 feb *', n => 4) r;
SELECT count(*) FROM foreman.next_runs('@reboot');
SET foreman.fake_now = '2096-12-31 12:00Z';
SELECT string_agg(to_char(r, 'YYYY-MM-DD'), ' ') FROM foreman.next_runs('0 0 29 2 *', n => 3) r;
SELECT string_agg(to_char(r, 'YYYY-MM-DD'), ' ') FROM foreman.next_runs('0 0 $ 2 *', n => 5) r;
SET foreman.fake_now = '9998-12-31 12:00Z';
SELECT string_agg(to_char(r, 'YYYY-MM-DD'), ' ') FROM foreman.next_runs('@yearly', n => 5) r;
SET foreman.fake_now = '2026-11-25 19:45:30.25Z';

\pset format unaligned
\pset tuples_only
\pset fieldsep '\n   '
-- What is refused in an expression, with the position.
SELECT '"' || e || '"', schedules_test.fault(format('SELECT foreman.schedule(%L, ''SELECT 1'')', e)) FROM unnest(ARRAY[
    '', '* * * *', '* * * * * * *', 'every day', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 13 *', '* * * * 8',
    '0 0 1 january *', '0 0 * * monday', '5/2 * * * *', '*/60 * * * *', '* */24 * * *', '* * */32 * *', '* * * * */8', '*/0 * * * *',
    '0 0 1,$ * *', '0 0 $,1 * *', '0 0 $foo * *', '0 0 L * *', '0 0 15W * *', '0 0 ? * *', 'H * * * *', '~ * * * *',
    '*5 * * * *', '5;foo * * * *', '1~5 * * * *', '0 0 * * 1#2', '4294967297 * * * *', '50-10 * * * *', '0 22-2 * * *', '0 0 * * fri-mon', '0 0 * * sat-sun',
    '0 0 31 2 *', '0 0 31 4,6,9,11 *', '@Hourly', '@every 5m', '@hourly x', '0 seconds', '-1 seconds', '1 secondx', '1 month', '10 years', '0.5 seconds', '4000 days',
    '5 minutes ago', '1:75', 'P1M', 'PT5X']) e;
SELECT schedules_test.fault(format('SELECT foreman.schedule(%L, ''SELECT 1'')', repeat('*', 1000)));

-- And in the other arguments.
SELECT c, schedules_test.fault('SELECT foreman.' || c) FROM unnest(ARRAY[
    $$schedule(NULL, 'SELECT 1')$$, $$schedule('@daily', NULL)$$, $$schedule('@daily', '')$$, $$schedule('@daily', '  -- nothing')$$, $$schedule('@daily', 'SELEKT')$$,
    $$schedule(NULL, '@daily', 'SELECT 1')$$, $$schedule('', '@daily', 'SELECT 1')$$, $$schedule(repeat('x', 256), '@daily', 'SELECT 1')$$, $$schedule(E'a\nb', '@daily', 'SELECT 1')$$,
    $$schedule('@daily', 'SELECT ''' || repeat('x', 1048576) || '''')$$,
    $$schedule_job('x', '@daily', NULL)$$, $$schedule_job('x', '@daily', '')$$, $$schedule_job('x', '@daily', 'k', NULL)$$, $$schedule_job('x', '@daily', 'k', queue => '')$$,
    $$schedule_job('x', '@daily', 'k', timezone => 'Mars/Olympus')$$, $$schedule_job('x', '@daily', 'k', timezone => '')$$,
    $$schedule_job('x', '@daily', 'k', timezone => repeat('A', 300))$$, $$schedule_job('x', '@daily', 'k', timezone => '../../etc/passwd')$$,
    $$schedule_job('x', '@daily', 'k', missed => 'often')$$, $$schedule_job('x', '@daily', 'k', missed => NULL)$$, $$schedule_job('x', '@daily', 'k', overlap => 'never')$$,
    $$schedule_job('x', '@daily', 'k', active => NULL)$$, $$schedule_job('x', '@daily', 'k', priority => 101)$$, $$schedule_job('x', '@daily', 'k', max_attempts => 0)$$,
    $$schedule_job('x', '@daily', 'k', timeout => '1 month')$$, $$schedule_job('x', '@daily', 'k', timeout => '0')$$,
    $$alter_schedule(NULL)$$, $$alter_schedule('report', schedule => 'x')$$, $$alter_schedule('report', timezone => 'x')$$, $$alter_schedule('report', command => 'SELECT 1')$$,
    $$alter_schedule('schedule-1', args => '{}')$$, $$alter_schedule('schedule-1', command => '')$$,
    $$unschedule(NULL)$$, $$unschedule_id(NULL)$$, $$trigger_schedule(NULL)$$, $$trigger_schedule('nobody')$$,
    $$next_runs('x')$$, $$next_runs('@daily', 'x')$$, $$next_runs('@daily', n => 0)$$, $$next_runs('@daily', n => 10001)$$]) c;

-- Assertions need pgTAP.
SELECT c, schedules_test.fault('SELECT foreman.' || c) FROM unnest(ARRAY[$$has_job('k')$$, $$hasnt_job('k')$$, $$job_state_is(1, 'available')$$,
    $$has_schedule('report')$$, $$hasnt_schedule('report')$$, $$has_job(NULL)$$, $$job_state_is(NULL, 'available')$$, $$has_schedule('')$$]) c;

-- Nothing was changed; a read-only transaction says so.
SELECT string_agg(name, ' ' ORDER BY schedule_id) FROM foreman.schedules;
BEGIN READ ONLY;
SELECT schedules_test.fault($$SELECT foreman.schedule('@daily', 'SELECT 1')$$);
SELECT schedules_test.fault($$SELECT foreman.fire_schedules_once()$$);
ROLLBACK;
DROP EXTENSION pg_foreman;
DROP SCHEMA schedules_test CASCADE;
