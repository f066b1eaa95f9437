-- P14: a schedule that cannot go on stops only itself, keeps its error and is said once; one that fails for a while goes on
-- when it can. P15: who may schedule, alter and see what.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS bs_gone, bs_op, bs_one, bs_producer, bs_monitor;
CREATE ROLE bs_gone LOGIN;
CREATE ROLE bs_op LOGIN;
CREATE ROLE bs_one LOGIN;
CREATE ROLE bs_producer LOGIN;
CREATE ROLE bs_monitor LOGIN;
SELECT foreman.create_queue('mail') \g /dev/null
SELECT foreman.grant_role('operator', 'bs_gone'), foreman.grant_role('operator', 'bs_op'), foreman.grant_role('operator', 'bs_one', 'mail'),
       foreman.grant_role('producer', 'bs_producer'), foreman.grant_role('monitor', 'bs_monitor') \g /dev/null
SELECT foreman.register_handler('note', 't.note(foreman.job)'), foreman.register_handler('letter', 't.note(foreman.job)', queue => 'mail') \g /dev/null

-- Rights.
SELECT is(t.as_role('bs_producer', statement), 'ERROR 42501', 'a producer: ' || statement) FROM (VALUES
    ($$ SELECT foreman.schedule('@daily', 'SELECT 1') $$), ($$ SELECT foreman.schedule('x', '@daily', 'SELECT 1') $$),
    ($$ SELECT foreman.schedule_job('x', '@daily', 'note') $$), ($$ SELECT foreman.unschedule('x') $$), ($$ SELECT foreman.unschedule_id(1) $$),
    ($$ SELECT foreman.trigger_schedule('x') $$), ($$ SELECT foreman.alter_schedule('x') $$), ($$ SELECT foreman.fire_schedules_once() $$),
    ($$ SELECT count(*) FROM foreman.schedules $$), ($$ SELECT count(*) FROM foreman.schedule_runs $$),
    ($$ SELECT count(*) FROM foreman.schedule $$), ($$ SELECT count(*) FROM foreman.schedule_run $$)) v(statement);
SELECT alike(t.as_role('bs_op', $$ SELECT foreman.schedule('secret', '@daily', 'SELECT ''password''') $$), '_%', 'an operator schedules a command');
SELECT is(t.as_role('bs_one', $$ SELECT foreman.schedule('x', '@daily', 'SELECT 1') $$), 'ERROR 42501', 'one queue''s operator schedules none in the default queue');
SELECT isnt(t.as_role('bs_one', $$ SELECT foreman.schedule_job('letters', '@daily', 'letter') $$), 'ERROR 42501', 'but jobs of its own queue');
SELECT is(t.as_role('bs_one', $$ SELECT foreman.schedule_job('x', '@daily', 'note', queue => 'mail') $$), 'ERROR 42501', 'none of a handler of another queue');
SELECT is(t.as_role('bs_one', $$ SELECT foreman.alter_schedule('letters', queue => 'default') $$), 'ERROR 42501', 'it moves them to no other queue');
SELECT is(t.as_role('bs_one', $$ SELECT count(*) FROM foreman.schedules $$), '1', 'it sees its own');
SELECT is(t.as_role('bs_one', statement), 'ERROR 42501', 'and not: ' || statement) FROM (VALUES
    ($$ SELECT foreman.unschedule('secret') $$), ($$ SELECT foreman.trigger_schedule('secret') $$),
    ($$ SELECT foreman.alter_schedule('secret', active => false) $$), ($$ SELECT foreman.schedule_job('secret', '@daily', 'letter') $$)) v(statement);
SELECT is(t.as_role('bs_gone', $$ SELECT foreman.alter_schedule('secret', command => 'SELECT 2') $$), 'ERROR 42501', 'another operator does not change what runs as a role that it is not');
SELECT is(t.as_role('bs_gone', $$ SELECT foreman.schedule('secret', '@daily', 'SELECT 2') $$), 'ERROR 42710', 'nor takes its name');
SELECT is(t.as_role('bs_gone', $$ SELECT foreman.alter_schedule('secret', schedule => '@weekly') $$), 'true', 'but when it runs');
SELECT is(t.as_role('bs_op', $$ SELECT command FROM foreman.schedules WHERE name = 'secret' $$), $$SELECT 'password'$$, 'operators see commands');
SELECT is(t.as_role('bs_monitor', $$ SELECT count(*) FROM foreman.schedules WHERE command IS NULL $$), '2', 'monitors do not');
SELECT kind AS secret_kind FROM foreman.schedule WHERE name = 'secret' \gset
SELECT throws_ok(format('SELECT foreman.register_handler(%L, ''t.note(foreman.job)'')', :'secret_kind'), '55006', NULL, 'the handler of commands cannot be replaced');
SELECT throws_ok(format('SELECT foreman.unregister_handler(%L)', :'secret_kind'), '55006', NULL, 'nor taken away');
SELECT throws_ok(format('SELECT foreman.schedule_job(''x'', ''@daily'', %L)', :'secret_kind'), '22023', NULL, 'nor scheduled by its kind');
SELECT foreman.trigger_schedule('secret') AS real \gset
SELECT is(t.outcome(:real), 'completed 1', 'its command runs');
SELECT foreman.enqueue(:'secret_kind', args => (SELECT args FROM foreman.jobs WHERE job_id = :real), max_attempts => 1) AS forged \gset
SELECT is(t.outcome(:forged), 'discarded 1', 'a job that nobody scheduled runs no command');
SELECT is(t.error(:forged, 0, 'message'), format('no command of a schedule is kept for job %s', :forged), 'and says so');

-- Bad ones.
SELECT t.as_role('bs_gone', $$ SELECT foreman.schedule('role', '1 second', 'SELECT 1') $$) \g /dev/null
SELECT foreman.schedule_job(n, '1 second', 'note', jsonb_build_object('what', n)) FROM unnest('{good,zone,expression,passing,broken}'::text[]) n \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(DISTINCT what) FROM t.log WHERE what IN ('good', 'zone', 'expression', 'passing', 'broken')) = 5 $$), 'all of them fire');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.schedule_runs WHERE name = 'role' AND state = 'completed') $$), 'the command as well');
CREATE TABLE t.trouble (name text, code text);
GRANT SELECT ON t.trouble TO PUBLIC;
CREATE FUNCTION t.make_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted text := (SELECT code FROM t.trouble d WHERE d.name = NEW.name);
BEGIN
    IF wanted IS NOT NULL THEN RAISE EXCEPTION 'trouble with %', NEW.name USING ERRCODE = wanted; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trouble BEFORE INSERT ON foreman.schedule_run FOR EACH ROW EXECUTE FUNCTION t.make_trouble();
INSERT INTO t.trouble VALUES ('passing', '53100'), ('broken', '22012');
UPDATE foreman.schedule SET timezone = 'Mars/Olympus' WHERE name = 'zone';
UPDATE foreman.schedule SET schedule = '61 * * * *' WHERE name = 'expression';
SELECT foreman.revoke_role('operator', 'bs_gone') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.schedules WHERE NOT active) = 3 $$), 'three cannot go on');
SELECT is((SELECT string_agg(format('%s: %s', name, error), E'\n' ORDER BY name) FROM foreman.schedules WHERE NOT active),
    E'broken: trouble with broken\nexpression: schedule "61 * * * *" is not allowed. At position 1: a minute is *, or 0 to 59.\nzone: timezone "Mars/Olympus" does not exist', 'each with its error');
SELECT is((SELECT bool_and(error_at > now() - interval '1 minute') FROM foreman.schedules WHERE NOT active), true, 'and when that was');
SELECT clock_timestamp() AS since \gset
SELECT ok(t.wait_until(format($$ (SELECT count(*) FROM t.log WHERE what = 'good' AND at > %L) >= 3 $$, :'since')), 'the others go on');
-- A job of an earlier time may run as late as that.
SELECT is((SELECT count(*) FROM t.log l JOIN foreman.jobs j USING (job_id) WHERE l.what IN ('passing', 'zone', 'broken', 'expression') AND j.run_at > :'since'), 0::int8, 'these do not');
SELECT is((SELECT active FROM foreman.schedules WHERE name = 'passing'), true, 'a full disk switches no schedule off');
DELETE FROM t.trouble;
SELECT ok(t.wait_until(format($$ EXISTS (SELECT FROM t.log WHERE what = 'passing' AND at > %L) $$, :'since')), 'it fires again when the disk has room');
SELECT is(foreman.alter_schedule('zone', timezone => 'Europe/Berlin', active => true), true, 'one that is repaired');
SELECT is((SELECT error FROM foreman.schedules WHERE name = 'zone'), NULL, 'has no error any more');
SELECT ok(t.wait_until(format($$ EXISTS (SELECT FROM t.log WHERE what = 'zone' AND at > %L) $$, :'since')), 'and fires again');

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
DROP OWNED BY bs_gone;
DROP ROLE bs_gone;
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ (SELECT NOT active FROM foreman.schedules WHERE name = 'role') $$), 'the command of a role that is gone is switched off');
SELECT is((SELECT error || ', ' || run_as FROM foreman.schedules WHERE name = 'role'), 'the role that made it is missing, ?bs_gone', 'for that');
SELECT clock_timestamp() AS since \gset
SELECT ok(t.wait_until(format($$ EXISTS (SELECT FROM t.log WHERE what = 'good' AND at > %L) $$, :'since')), 'the others go on');

-- The same while a run of it waits, and would be waited for.
CREATE ROLE bs_stuck LOGIN;
SELECT foreman.grant_role('operator', 'bs_stuck'), foreman.create_queue('held'), foreman.pause_queue('held') \g /dev/null
SELECT t.as_role('bs_stuck', $$ SELECT foreman.schedule('stuck', '@yearly', 'SELECT 1') $$) \g /dev/null
SELECT is(foreman.alter_schedule('stuck', schedule => '1 second', queue => 'held', overlap => 'skip'), true, 'a command in a queue that stands still');
SELECT ok(t.wait_until($$ (SELECT skipped > 0 FROM foreman.schedule WHERE name = 'stuck') $$), 'its run waits, and others are skipped');
SELECT foreman.revoke_role('operator', 'bs_stuck') \g /dev/null
DROP OWNED BY bs_stuck;
DROP ROLE bs_stuck;
SELECT ok(t.wait_until($$ (SELECT NOT active FROM foreman.schedules WHERE name = 'stuck') $$), 'when its role is gone it is switched off, too');
SELECT is((SELECT error || ', ' || run_as FROM foreman.schedules WHERE name = 'stuck'), 'the role that made it is missing, ?bs_stuck', 'for that');
SELECT is((SELECT string_agg(state, ',') FROM foreman.jobs WHERE queue = 'held'), 'available', 'the run that waits stays for an operator to look at');
SELECT is(foreman.cancel_where(queue => 'held'), 1::int8, 'and to cancel');

SELECT foreman.unschedule(name) FROM foreman.schedules \g /dev/null
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SELECT foreman.revoke_role('operator', 'bs_op'), foreman.revoke_role('operator', 'bs_one', 'mail'), foreman.revoke_role('producer', 'bs_producer'),
       foreman.revoke_role('monitor', 'bs_monitor') \g /dev/null
DROP OWNED BY bs_op, bs_one, bs_producer, bs_monitor;
DROP ROLE bs_op, bs_one, bs_producer, bs_monitor;

-- A zone is a name of the server's time zone data: POSIX rules mean the opposite of what they look like. https://github.com/yugabyte/yugabyte-db/issues/1738
SELECT throws_ok(format('SELECT foreman.next_runs(%L, %L)', '0 9 * * *', z), '22023', format('timezone "%s" does not exist', z), z || ' is no time zone')
  FROM unnest(ARRAY['+03', '-3', '03', 'UTC+3', 'UTC-3', 'Europe/Berlin2', 'Berlin+1', '<+03>-3', 'CET-1CEST,M3.5.0,M10.5.0/3']) z;
SELECT lives_ok(format('SELECT foreman.next_runs(%L, %L)', '0 9 * * *', z), z || ' is one')
  FROM unnest(ARRAY['UTC', 'utc', 'GMT', 'Europe/Berlin', 'europe/berlin', 'Etc/GMT-3', 'Asia/Kolkata']) z;
SELECT * FROM finish();
