-- Schedules with the workers alive: commands run as who scheduled them, each run is recorded, overlap, triggers, changes.
\ir lib/helpers.sql
SELECT no_plan();
CREATE ROLE s_op LOGIN;
CREATE ROLE s_gone LOGIN;
GRANT CONNECT ON DATABASE :dbname TO s_op, s_gone;
GRANT CREATE ON SCHEMA public TO s_op;
SELECT foreman.grant_role('operator', r) FROM unnest('{s_op,s_gone}'::regrole[]) r \g /dev/null
CREATE FUNCTION t.run(which text) RETURNS foreman.schedule_runs LANGUAGE sql AS
    $$ SELECT r FROM foreman.schedule_runs r WHERE r.name = which ORDER BY run_id DESC LIMIT 1 $$;
CREATE FUNCTION t.triggered(which text) RETURNS foreman.schedule_runs LANGUAGE plpgsql AS $$
DECLARE
    id int8 := (SELECT job_id FROM foreman.schedule_runs WHERE name = which ORDER BY run_id DESC LIMIT 1);
BEGIN
    PERFORM t.outcome(id);
    RETURN t.run(which);
END $$;

-- A command runs as the role that scheduled it, at top level.
SELECT alike(t.as_role('s_op', $$SELECT foreman.schedule('who', '1 second', 'INSERT INTO t.log (what) VALUES (format(''%s %s'', session_user, current_user))')$$), '_%', 'an operator schedules a command');
SELECT ok(t.wait_until($$(SELECT count(*) FROM t.log) >= 3$$), 'it runs each second');
SELECT is((SELECT array_agg(DISTINCT what) FROM t.log), '{s_op s_op}', 'as the operator');
SELECT is((SELECT array_agg(DISTINCT scheduled_at - date_trunc('second', scheduled_at)) FROM foreman.schedule_runs), '{00:00:00}', 'on the second');
SELECT ok(t.wait_until($$(SELECT count(*) FROM foreman.schedule_runs WHERE state = 'completed') >= 3$$), 'each run is recorded');
SELECT is((SELECT array_agg(DISTINCT (message, attempt, command ~ 'INSERT', run_as, started_at >= scheduled_at, finished_at >= started_at, worker_pid > 0)::text)
             FROM foreman.schedule_runs WHERE state = 'completed'), '{"(\"INSERT 0 1\",1,t,s_op,t,t,t)"}', 'with message, attempt, command, role, start, end and process');
SELECT is(t.as_role('s_op', $$SELECT foreman.unschedule('who')$$), 'true', 'unscheduled');
SELECT is(t.as_role('s_op', $$SELECT foreman.unschedule('who', if_exists => true)$$), 'false', 'once');
SELECT is((SELECT count(*) FROM foreman.handlers), 0::int8, 'the handler of commands is not a handler that users see');

SELECT foreman.schedule('vacuum', '@yearly', 'VACUUM t.log') \g /dev/null
SELECT foreman.trigger_schedule('vacuum') \g /dev/null
SELECT is((t.triggered('vacuum')).message, 'VACUUM', 'VACUUM runs');
SELECT foreman.schedule('several', '@yearly', 'CREATE TABLE t.several (); INSERT INTO t.several DEFAULT VALUES; SELECT FROM t.several') \g /dev/null
SELECT foreman.trigger_schedule('several') \g /dev/null
SELECT is((t.triggered('several')).message, 'SELECT 1', 'several statements run; the last one''s answer is kept');
SELECT is((t.run('several')).scheduled_at, NULL, 'a triggered run has no occurrence');
SELECT foreman.trigger_schedule('several') \g /dev/null
SELECT is((t.triggered('several')).state, 'discarded', 'a command that fails is not tried again');
SELECT is((t.run('several')).message, 'relation "several" already exists', 'and its error is the message');
SELECT foreman.schedule('slow', '@yearly', 'SELECT pg_sleep(60)') \g /dev/null
SELECT is(foreman.alter_schedule('slow', timeout => '50 ms', max_attempts => 1), true, 'a timeout');
SELECT foreman.trigger_schedule('slow') \g /dev/null
SELECT alike((t.triggered('slow')).message, '%timed out after 50 ms', 'interrupts a run');
SELECT foreman.schedule('commits', '@yearly', 'BEGIN; INSERT INTO t.log (what) VALUES (''kept''); COMMIT; SELECT 1/0') \g /dev/null
SELECT foreman.trigger_schedule('commits') \g /dev/null
SELECT is((t.triggered('commits')).message, 'division by zero', 'a command may commit and fail afterwards');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'kept'), 1::int8, 'what it committed stays');

SELECT foreman.schedule('large', '@yearly', 'SELECT 1 /*' || repeat('x', 1048576 - 13) || '*/') \g /dev/null
SELECT foreman.trigger_schedule('large') \g /dev/null
SELECT is((t.triggered('large')).message, 'SELECT 1', 'a command of 1 MB runs');

-- Jobs of a kind.
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.schedule_job('notes', '1 second', 'note', '{"what": "by the clock"}') AS notes \gset
SELECT ok(t.wait_until($$EXISTS (SELECT FROM t.log WHERE what = 'by the clock')$$), 'a job of a kind runs by the clock');
SELECT is(foreman.schedule_job('notes', '1 second', 'note', '{"what": "changed"}'), :notes::int8, 'the same name is the same schedule');
SELECT is((SELECT generation FROM foreman.schedules WHERE name = 'notes'), 1, 'which goes on counting when its times are the same');
SELECT ok(t.wait_until($$EXISTS (SELECT FROM t.log WHERE what = 'changed')$$), 'with its new args');
SELECT is(foreman.alter_schedule('notes', active => false), true, 'switched off');
SELECT is((SELECT active FROM foreman.schedules WHERE name = 'notes'), false, 'it is not active');
SELECT count(*) AS n FROM foreman.schedule_runs WHERE name = 'notes' \gset
SELECT pg_sleep(1.2) \g /dev/null
SELECT is((SELECT count(*) FROM foreman.schedule_runs WHERE name = 'notes'), :n::int8, 'and fires no more');
SELECT foreman.trigger_schedule('notes') \g /dev/null
SELECT is((t.triggered('notes')).state, 'completed', 'but can be triggered');
SELECT clock_timestamp() AS switched \gset
SELECT is(foreman.alter_schedule('notes', active => true), true, 'switched on');
SELECT cmp_ok((SELECT next_fire_at FROM foreman.schedules WHERE name = 'notes'), '>', :'switched'::timestamptz, 'it is seeded anew');
SELECT is((SELECT generation FROM foreman.schedules WHERE name = 'notes'), 2, 'in a new generation');
SELECT ok(t.wait_until(format($$(SELECT count(*) FROM foreman.schedule_runs WHERE name = 'notes') > %s + 1$$, :n)), 'and fires again');
SELECT is(foreman.alter_schedule('notes', schedule => '0 0 1 1 *', timezone => 'Europe/Berlin'), true, 'other times');
SELECT is((SELECT to_char(next_fire_at AT TIME ZONE 'Europe/Berlin', 'MM-DD HH24:MI') FROM foreman.schedules WHERE name = 'notes'), '01-01 00:00', 'in another zone');
SELECT is(foreman.unschedule_id(:notes), true, 'unscheduled by its id');
SELECT is(foreman.alter_schedule('nobody', active => true, if_exists => true), false, 'what is not there cannot be altered');
SELECT throws_ok($$SELECT foreman.trigger_schedule('nobody')$$, '42704', 'schedule "nobody" does not exist', 'nor triggered');

-- Overlap: what becomes of an occurrence while the run before it is unfinished.
SELECT foreman.register_handler('hold', 't.hold(foreman.job)') \g /dev/null
SELECT foreman.schedule_job('skips', '1 second', 'hold', '{"gate": "skips"}') \g /dev/null
SELECT ok(t.wait_until($$(SELECT skipped >= 2 FROM foreman.schedules WHERE name = 'skips')$$), 'skip: occurrences are left out and counted');
SELECT is((SELECT count(*) FROM foreman.schedule_runs WHERE name = 'skips'), 1::int8, 'beside one run');
SELECT foreman.unschedule('skips') \g /dev/null
INSERT INTO t.gate VALUES ('skips');
SELECT foreman.schedule_job('buffers', '1 second', 'hold', '{"gate": "buffers"}', overlap => 'buffer_one') \g /dev/null
SELECT ok(t.wait_until($$(SELECT skipped >= 1 AND buffered_at IS NOT NULL FROM foreman.schedules WHERE name = 'buffers')$$), 'buffer_one: one occurrence waits, the others are left out');
SELECT buffered_at AS held FROM foreman.schedules WHERE name = 'buffers' \gset
SELECT foreman.alter_schedule('buffers', schedule => '@yearly') \g /dev/null
SELECT is((SELECT buffered_at FROM foreman.schedules WHERE name = 'buffers'), NULL, 'other times forget it');
SELECT foreman.alter_schedule('buffers', schedule => '1 second') \g /dev/null
SELECT ok(t.wait_until($$(SELECT buffered_at IS NOT NULL FROM foreman.schedules WHERE name = 'buffers')$$), 'it buffers again');
SELECT buffered_at AS held FROM foreman.schedules WHERE name = 'buffers' \gset
INSERT INTO t.gate VALUES ('buffers');
SELECT ok(t.wait_until(format($$EXISTS (SELECT FROM foreman.schedule_runs WHERE name = 'buffers' AND scheduled_at = %L)$$, :'held')), 'when the run ends, what waited runs');
SELECT foreman.unschedule('buffers') \g /dev/null
SELECT foreman.schedule_job('replaces', '1 second', 'hold', '{"gate": "never"}', overlap => 'cancel_other') \g /dev/null
SELECT ok(t.wait_until($$(SELECT count(*) >= 2 FROM foreman.schedule_runs WHERE name = 'replaces' AND state = 'cancelled')$$), 'cancel_other: the next run ends the one before');
SELECT is((SELECT array_agg(DISTINCT message) FROM foreman.schedule_runs WHERE name = 'replaces' AND state = 'cancelled'), '{"replaced by the next run of its schedule"}', 'and says so');
SELECT foreman.unschedule('replaces') \g /dev/null
SELECT foreman.cancel((t.run('replaces')).job_id) \g /dev/null
SELECT foreman.schedule_job('beside', '1 second', 'hold', '{"gate": "beside"}', overlap => 'allow') \g /dev/null
SELECT ok(t.wait_until($$(SELECT count(*) >= 2 FROM foreman.schedule_runs WHERE name = 'beside' AND state = 'running')$$), 'allow: runs beside one another');
SELECT foreman.unschedule('beside') \g /dev/null
INSERT INTO t.gate VALUES ('beside');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.live_job)'), 'all is done');

-- In the transaction of the caller.
BEGIN;
SELECT foreman.schedule('never', '1 second', 'SELECT 1') \g /dev/null
ROLLBACK;
SELECT is((SELECT count(*) FROM foreman.schedules WHERE name = 'never'), 0::int8, 'a schedule rolls back with its transaction');
BEGIN;
SELECT foreman.schedule_job('late', '1 second', 'note', '{"what": "late"}') \g /dev/null
SELECT pg_sleep(1.5) \g /dev/null
COMMIT;
SELECT ok(t.wait_until($$EXISTS (SELECT FROM t.log WHERE what = 'late')$$), 'one that was due before its commit fires after it');
SELECT foreman.unschedule('late') \g /dev/null

SELECT foreman.unschedule(name) FROM foreman.schedules \g /dev/null
DROP OWNED BY s_op, s_gone;
DELETE FROM foreman.handler WHERE run_as IN ('s_op'::regrole, 's_gone'::regrole);
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
DROP ROLE s_op, s_gone;

-- A run by hand has a time in its metadata as others have, for jobs that reckon with it.
SELECT foreman.schedule_job('by hand', '0 0 1 1 *', 'by hand') \g /dev/null
SELECT foreman.trigger_schedule('by hand') AS by_hand \gset
SELECT ok((SELECT (metadata->>'scheduled_at')::timestamptz BETWEEN now() - interval '1 minute' AND now() FROM foreman.live_job WHERE job_id = :by_hand), 'a triggered run has scheduled_at');

-- A command with its time zone and queue in one call; they stay when it is scheduled again without them.
SELECT foreman.schedule('zoned', '0 9 * * *', 'SELECT 1', timezone => 'Asia/Tokyo', queue => 'nightly') \g /dev/null
SELECT is((SELECT timezone || ' ' || queue FROM foreman.schedules WHERE name = 'zoned'), 'Asia/Tokyo nightly', 'a command has a time zone and a queue');
SELECT foreman.schedule('zoned', '0 10 * * *', 'SELECT 2') \g /dev/null
SELECT is((SELECT timezone || ' ' || queue || ' ' || command FROM foreman.schedules WHERE name = 'zoned'), 'Asia/Tokyo nightly SELECT 2', 'and keeps them');
SELECT * FROM finish();
