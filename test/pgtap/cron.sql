-- pg_foreman_cron: jobs of cron.job run as pg_cron's users expect, without its defects.
\ir lib/helpers.sql
SELECT no_plan();
DROP ROLE IF EXISTS pgtap_cron_a, pgtap_cron_b, pgtap_cron_gone, pgtap_cron_admin, pgtap_cron_renamed;
CREATE ROLE pgtap_cron_a LOGIN;
CREATE ROLE pgtap_cron_b LOGIN;
CREATE ROLE pgtap_cron_gone LOGIN;
CREATE ROLE pgtap_cron_admin LOGIN;
CREATE EXTENSION pg_foreman_cron;
GRANT USAGE ON SCHEMA cron TO pgtap_cron_a, pgtap_cron_b, pgtap_cron_gone, pgtap_cron_admin;

-- The last run of a job: status, message, and whether it has a process and times.
CREATE FUNCTION t.last_run(id int8) RETURNS text LANGUAGE sql AS $$
    SELECT d.status || ' ' || coalesce(d.return_message, '-') FROM cron.job_run_details d WHERE d.jobid = id ORDER BY d.runid DESC LIMIT 1 $$;
CREATE FUNCTION t.ran(id int8, as_said text) RETURNS bool LANGUAGE sql AS $$
    SELECT t.wait_until(format('EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND status || '' '' || return_message = %L)', id, as_said)) $$;
CREATE FUNCTION t.shadows() RETURNS int8 LANGUAGE sql AS $$ SELECT count(*) FROM foreman.schedule WHERE schedule_id < 0 $$;
CREATE TABLE t.who (name text, at timestamptz DEFAULT clock_timestamp());
GRANT INSERT, SELECT ON t.who TO PUBLIC;

-- Runs and their records.
SELECT cron.schedule('good', '1 second', 'INSERT INTO t.who (name) SELECT session_user') AS good,
       cron.schedule('bad', '1 second', 'SELECT 1/0') AS bad,
       cron.schedule('three', '1 second', 'SELECT 1; SELECT generate_series(1, 3)') AS three,
       cron.schedule('vacuum', '1 second', 'VACUUM t.who') AS vacuum,
       cron.schedule('never', '0 0 1 1 *', 'SELECT 1') AS never \gset
SELECT ok(t.ran(:good, 'succeeded INSERT 0 1'), 'a run that did well says what its statement said');
SELECT ok(t.ran(:bad, 'failed ERROR: division by zero'), 'one that did not says its error');
SELECT ok(t.ran(:three, 'succeeded SELECT 3'), 'of several statements the last one');
SELECT ok(t.ran(:vacuum, 'succeeded VACUUM'), 'VACUUM runs at top level');
SELECT is((SELECT count(*) FROM cron.job_run_details WHERE status = 'succeeded' AND
           (job_pid IS NULL OR start_time IS NULL OR end_time < start_time OR username <> 'postgres' OR database <> current_database())), 0::int8,
          'finished runs have process, times, role and database');
SELECT is((SELECT count(*) FROM (SELECT FROM foreman.schedule_run WHERE schedule_id = -(:good) GROUP BY date_trunc('second', scheduled_at) HAVING count(*) > 1) x), 0::int8,
          'no second is fired twice');
SELECT cron.unschedule(:good), cron.unschedule(:bad), cron.unschedule(:three), cron.unschedule(:vacuum) \g /dev/null
SELECT is(t.shadows(), 1::int8, 'what is unscheduled has no schedule');
SELECT ok((SELECT next_fire_at IS NOT NULL FROM foreman.schedules WHERE name = 'cron:' || :never), '@yearly and its like have a next time');

-- Upsert by name.
SELECT cron.schedule('up', '0 0 1 1 *', 'SELECT 1') AS up \gset
SELECT cron.alter_job(:up, active => false) \g /dev/null
SELECT is(cron.schedule('up', '0 0 2 1 *', 'SELECT 2'), :up::int8, 'scheduling a name again changes its job');
SELECT is((SELECT (schedule, command, active)::text FROM cron.job WHERE jobid = :up), '("0 0 2 1 *","SELECT 2",f)', 'and keeps it inactive');
SELECT is(cron.schedule('0 0 1 1 *', 'SELECT 1'), :up::int8 + 2, 'the upsert used up an id');
SELECT ok((SELECT NOT active FROM foreman.schedules WHERE name = 'cron:' || :up), 'its schedule is inactive too');

-- A running command is cancelled when its job goes or is switched off, and nobody waits for it.
SELECT cron.schedule('long', '1 second', 'SELECT pg_sleep(60)') AS long \gset
SELECT ok(t.wait_until(format($$EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND status = 'running')$$, :long)), 'it runs');
SELECT ok(t.wait_until(format($$pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity a JOIN cron.job_run_details d ON d.job_pid = a.pid
    WHERE d.jobid = %s AND d.status = 'running' AND a.query = 'SELECT pg_sleep(60)' AND a.state = 'active')$$, :long)), 'and pg_stat_activity shows its command');
SELECT cron.unschedule('long') \g /dev/null
SELECT ok(t.ran(:long, 'failed job canceled'), 'unscheduled while it runs: it is cancelled');
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM foreman.workers WHERE job_id IS NOT NULL)$$), 'and really stops');
SELECT cron.schedule('long', '1 second', 'SELECT pg_sleep(60)') AS long \gset
SELECT ok(t.wait_until(format($$EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND status = 'running')$$, :long)), 'it runs');
SELECT cron.alter_job(:long, active => false) \g /dev/null
SELECT ok(t.ran(:long, 'failed job canceled'), 'switched off while it runs: it is cancelled');
SELECT cron.alter_job(:long, active => true) \g /dev/null
SELECT ok(t.wait_until(format($$EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND status = 'running')$$, :long)), 'it runs again');
SELECT job_pid AS pid FROM cron.job_run_details WHERE jobid = :long AND status = 'running' \gset
SELECT runid AS run FROM cron.job_run_details WHERE jobid = :long AND status = 'running' \gset
SELECT pg_terminate_backend(:pid) \g /dev/null
SELECT ok(t.wait_until(format($$(SELECT status = 'failed' FROM cron.job_run_details WHERE runid = %s)$$, :run)), 'a run whose process is ended failed, and is not repeated');
SELECT cron.unschedule(:long) \g /dev/null

-- Its queue can be paused, and a run that waits can be deleted.
SELECT foreman.pause_queue('cron') \g /dev/null
SELECT cron.schedule('held', '1 second', 'SELECT 1') AS held \gset
SELECT ok(t.wait_until(format($$t.last_run(%s) = 'starting -'$$, :held)), 'a run waits in a paused queue');
SELECT cron.alter_job(:held, schedule => '0 0 1 1 *') \g /dev/null
SELECT foreman.delete_job(last_job_id) FROM foreman.schedules WHERE name = 'cron:' || :held \g /dev/null
SELECT ok(t.ran(:held, 'failed job canceled'), 'one that an operator deletes is recorded as failed');
SELECT foreman.resume_queue('cron'), cron.unschedule('held') \g /dev/null

-- The pause.
SELECT cron.schedule('pause', '1 second', 'SELECT 5') AS pause \gset
SELECT ok(t.ran(:pause, 'succeeded SELECT 1'), 'it runs');
ALTER SYSTEM SET cron.launch_active_jobs = off;
SELECT pg_reload_conf() \g /dev/null
SELECT ok(t.wait_until(format($$(SELECT max(start_time) < clock_timestamp() - interval '2.5 seconds' FROM cron.job_run_details WHERE jobid = %s)$$, :pause)), 'cron.launch_active_jobs = off: nothing runs');
SELECT ok((SELECT active FROM cron.job WHERE jobid = :pause), 'while jobs stay active');
SELECT max(runid) AS run FROM cron.job_run_details WHERE jobid = :pause \gset
ALTER SYSTEM RESET cron.launch_active_jobs;
SELECT pg_reload_conf() \g /dev/null
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND runid > %s)', :pause, :run)), 'on: it goes on');
SELECT cron.unschedule(:pause) \g /dev/null

-- Another database, by a process there.
SELECT cron.schedule_in_database('there', '1 second', 'SELECT count(*) FROM pg_class', 'template1') AS there,
       cron.schedule_in_database('there too', '1 second', 'SELECT 1/0', 'template1') AS there_too \gset
SELECT ok(t.ran(:there, 'succeeded SELECT 1'), 'a command runs in another database, which has none of our tables');
SELECT ok(t.ran(:there_too, 'failed ERROR: division by zero'), 'and its error comes back');
SELECT is((SELECT database FROM cron.job_run_details WHERE jobid = :there LIMIT 1), 'template1', 'the record says where');
SELECT cron.unschedule(:there), cron.unschedule(:there_too) \g /dev/null
SELECT cron.schedule_in_database('there', '1 second', 'SELECT pg_sleep(60)', 'template1') AS there \gset
SELECT ok(t.wait_until($$pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'template1' AND query = 'SELECT pg_sleep(60)')$$), 'it runs there');
SELECT cron.unschedule(:there) \g /dev/null
SELECT ok(t.wait_until($$pg_stat_clear_snapshot()::text = '' AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'template1' AND query = 'SELECT pg_sleep(60)')$$), 'and is ended there when it is unscheduled');

-- Roles: each sees and changes its own.
SELECT t.as_role('pgtap_cron_a', $$SELECT cron.schedule('a', '1 second', 'INSERT INTO t.who (name) SELECT session_user')$$) AS a \gset
SELECT t.as_role('pgtap_cron_b', $$SELECT cron.schedule('a', '0 0 1 1 *', 'SELECT 1')$$) AS b \gset
SELECT ok(:a <> :b, 'two roles may use one name');
SELECT ok(t.ran(:a, 'succeeded INSERT 0 1'), 'the job runs');
SELECT ok(EXISTS (SELECT FROM t.who WHERE name = 'pgtap_cron_a'), 'in a session of its role');
SELECT is(t.as_role('pgtap_cron_b', 'SELECT count(*) FROM cron.job'), '1', 'row security shows a role its own jobs');
SELECT is(t.as_role('pgtap_cron_b', 'SELECT count(*) FROM cron.job_run_details'), '0', 'and its own runs');
SELECT is(t.as_role('pgtap_cron_b', format('SELECT cron.unschedule(%s)', :a)), 'ERROR 42501', 'nobody unschedules the job of another');
SELECT is(t.as_role('pgtap_cron_b', $$INSERT INTO cron.job (schedule, command, username) VALUES ('* * * * *', 'SELECT 1', 'postgres')$$), 'ERROR 42501', 'nor writes the table');
SELECT is(t.as_role('pgtap_cron_b', $$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres')$$), 'ERROR 42501', 'schedule_in_database is not for everybody');
GRANT INSERT, UPDATE, DELETE ON cron.job TO pgtap_cron_admin;
GRANT USAGE ON SEQUENCE cron.jobid_seq TO pgtap_cron_admin;
SELECT is(t.as_role('pgtap_cron_admin', $$INSERT INTO cron.job (schedule, command, nodeport, username) VALUES ('* * * * *', 'SELECT 1', 1, 'postgres')$$), 'ERROR 42501',
          'a role that may write the table cannot make code run as another');
ALTER ROLE pgtap_cron_admin BYPASSRLS;
SELECT is(t.as_role('pgtap_cron_admin', $$INSERT INTO cron.job (schedule, command, nodeport, username) VALUES ('* * * * *', 'SELECT 1', 1, 'postgres')$$), 'ERROR 42501',
          'not even with BYPASSRLS');
SELECT is(t.as_role('pgtap_cron_admin', format($$UPDATE cron.job SET command = 'SELECT 666' WHERE jobid = %s RETURNING 1$$, :a)), 'ERROR 42501', 'nor change what does');
SELECT is(t.as_role('pgtap_cron_admin', format('SELECT cron.unschedule(%s)', :b)), 'true', 'DELETE on the table is the right to unschedule');
SELECT is(t.as_role('pgtap_cron_a', 'DELETE FROM cron.job_run_details RETURNING 1'), '1', 'roles may delete their own runs');

-- The owner's DML is followed.
INSERT INTO cron.job (jobid, schedule, command, nodeport) VALUES (1000, '1 second', 'SELECT 6', 1);
SELECT ok(t.ran(1000, 'succeeded SELECT 1'), 'a row that the owner inserts runs');
UPDATE cron.job SET jobid = 1001, command = 'SELECT 7, 8 UNION ALL SELECT 7, 8 UNION SELECT 9, 10' WHERE jobid = 1000;
SELECT ok(t.ran(1001, 'succeeded SELECT 2'), 'one that it changes runs as it is now');
UPDATE cron.job SET schedule = '1 second and more' WHERE jobid = 1001;
SELECT is((SELECT count(*) FROM foreman.schedule WHERE schedule_id IN (-1000, -1001)), 0::int8, 'one with a schedule that is none does not run');
DELETE FROM cron.job WHERE jobid = 1001;
SELECT ok(NOT has_schema_privilege('pgtap_cron_b', 'foreman', 'USAGE'), 'nothing of foreman is granted by this');

-- Grammar: what pg_cron accepts by accident is refused, and says where.
CREATE FUNCTION t.refused(schedule text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN
    PERFORM cron.schedule(schedule, 'SELECT 1');
    RETURN 'accepted';
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    IF starts_with('invalid schedule: ' || schedule, SQLERRM) AND h = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''' THEN
        RETURN substring(d FROM 'At position ([0-9]+): .*[.]$');
    END IF;
    RETURN SQLERRM || h;
END $$;
SELECT is(t.refused(x.schedule), x.position, quote_literal(x.schedule))
  FROM (VALUES ('* * * * * *', '11'), ('*5 * * * *', '2'), ('5;foo * * * *', '2'), ('1~5 * * * *', '2'), ('* * * * 1#2', '10'),
               ('4294967297 * * * *', '1'), ('50-10 * * * *', '1'), ('* 22-2 * * *', '3'), ('* * * * fri-mon', '9'), ('0 0 31 2 *', '5'),
               ('5/10 * * * *', '2'), ('*/60 * * * *', '3'), ('* */24 * * *', '5'), ('* * */32 * *', '7'), ('* * * * */8', '11'),
               ('* * 1,$ * *', '7'), ('* * * january *', '7'), ('@Hourly', '1'), ('@every 5m', '1'), ('60 seconds', '1'), ('0 seconds', '1'),
               ('-1 seconds', '1'), ('1 secondx', '1'), ('30 sec', '1'), ('5 minutes', '1'), ('', '1')) AS x (schedule, position);
SELECT is(t.refused(x.schedule), 'accepted', quote_literal(x.schedule))
  FROM (VALUES ('*/59 */23 */31 * */7'), ('0 0 $ * 1'), ('@reboot'), ('@restart'), ('@yearly'), ('@annually'), ('@monthly'), ('@weekly'), ('@daily'), ('@midnight'),
               ('@hourly'), ('  30seconds'), ('+5 seconds'), ('2 SECOND '), ('0 0 * Jan,feb mon-FRI'), ('00 01 * * 7'), (E'# a line\n\n  5 4 * * *')) AS x (schedule);
SELECT is(t.refused(rpad('*', 1000, ' ')), '1000', 'a schedule of 1000 bytes is too long');
DELETE FROM cron.job WHERE command = 'SELECT 1' AND username = 'postgres';

-- Jobs of a role that is dropped wait for another; those of others go on.
SELECT t.as_role('pgtap_cron_gone', $$SELECT cron.schedule('gone', '1 second', 'SELECT 1')$$) AS gone \gset
SELECT ok(t.ran(:gone, 'succeeded SELECT 1'), 'it runs');
DROP OWNED BY pgtap_cron_gone;
DROP ROLE pgtap_cron_gone;
SELECT is((SELECT j.username || ' ' || s.active || ' ' || s.error FROM cron.job j, foreman.schedules s WHERE j.jobid = :gone AND s.name = 'cron:' || j.jobid),
    '?pgtap_cron_gone false the role that made it is missing', 'the jobs of a role that was dropped wait, and say so');
SELECT max(runid) AS run FROM cron.job_run_details WHERE jobid = :a \gset
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND runid > %s AND status = %L)', :a, coalesce(:run, 0), 'succeeded')), 'those of others go on');
ALTER ROLE pgtap_cron_a RENAME TO pgtap_cron_renamed;
SELECT max(runid) AS run FROM cron.job_run_details WHERE jobid = :a \gset
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND runid > %s AND status = %L)', :a, :run, 'succeeded')), 'those of a renamed role too');

-- Who reads foreman's views sees them, and foreman's functions leave them alone.
SELECT throws_ok(format('SELECT foreman.unschedule(%L)', 'cron:' || :a), '55000', NULL, 'foreman.unschedule() leaves a cron job alone');
SELECT throws_ok(format('SELECT foreman.alter_schedule(%L, active => false)', 'cron:' || :a), '55000', NULL, 'so does alter_schedule()');
SELECT throws_ok(format('SELECT foreman.schedule(%L, %L, %L)', 'cron:' || :a, '1 hour', 'SELECT 1'), '55000', NULL, 'and schedule()');

-- TRUNCATE and DROP EXTENSION.
TRUNCATE cron.job;
SELECT is(t.shadows(), 0::int8, 'TRUNCATE leaves no schedule');
SELECT cron.schedule('long', '1 second', 'SELECT pg_sleep(60)') AS long \gset
SELECT ok(t.wait_until(format($$EXISTS (SELECT FROM cron.job_run_details WHERE jobid = %s AND status = 'running')$$, :long)), 'a job runs');
BEGIN;
DROP EXTENSION pg_foreman_cron;
ROLLBACK;
SELECT is(t.shadows(), 1::int8, 'a DROP EXTENSION that is rolled back changes nothing');
SET statement_timeout = '5s';
DROP EXTENSION pg_foreman_cron;
RESET statement_timeout;
SELECT is(t.shadows(), 0::int8, 'DROP EXTENSION does not wait for the job and leaves no schedule behind');
SELECT is((SELECT count(*) FROM foreman.schedule_run WHERE schedule_id < 0), 0::int8, 'nor a run');
SELECT hasnt_schema('cron', 'nor the schema');
SELECT ok(t.wait_until($$NOT EXISTS (SELECT FROM foreman.workers WHERE job_id IS NOT NULL)$$), 'and ends what ran');
CREATE EXTENSION pg_foreman_cron;
SELECT is(cron.schedule('again', '1 second', 'SELECT 1'), 1::int8, 'it can be made again');
SELECT ok(t.ran(1, 'succeeded SELECT 1'), 'and runs');

-- A restore, which switches row_security off, of more jobs than one step follows, and of many that can never run.
SELECT count(*) AS before FROM foreman.schedule WHERE schedule_id < 0 \gset
BEGIN;
SET LOCAL row_security = off;
INSERT INTO cron.job (schedule, command, nodename, nodeport, database, username, jobname)
    SELECT CASE WHEN g <= 1100 THEN 'not a schedule' ELSE '0 0 1 1 *' END, 'SELECT 1', 'localhost', 5432, current_database(), current_user, 'restored ' || g FROM generate_series(1, 3600) g;
COMMIT;
SELECT ok(t.wait_until(format('(SELECT count(*) FROM foreman.schedule WHERE schedule_id < 0) = %s + 2500', :before)), 'all jobs of a restore get their schedules, whatever stands before them');
SELECT ok(t.wait_until($$pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() AND state = 'idle' AND state_change < clock_timestamp() - interval '0.2 s')$$), 'and those that cannot run leave the dispatcher at rest');
DELETE FROM cron.job WHERE jobname LIKE 'restored %';
SELECT is((SELECT count(*) FROM foreman.schedule WHERE schedule_id < 0), :before::int8, 'they go with their rows');

-- A role is renamed while somebody has locked cron.job: its jobs get the new name afterwards, and until then the dispatcher sleeps.
CREATE ROLE pgtap_cron_before LOGIN;
GRANT USAGE ON SCHEMA cron TO pgtap_cron_before;
SELECT cron.schedule('renamed', '0 0 1 1 *', 'SELECT 1') AS renamed \gset
UPDATE cron.job SET username = 'pgtap_cron_before' WHERE jobid = :renamed;
SELECT pg_advisory_lock(4711) \g /dev/null
\! psql -Xqc 'BEGIN' -c 'LOCK TABLE cron.job' -c 'SELECT pg_advisory_lock(4711)' -c 'COMMIT' pgtap_cron >/dev/null 2>&1 &
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM pg_locks WHERE relation = 'cron.job'::regclass AND mode = 'AccessExclusiveLock' AND granted) $$), 'somebody locks cron.job');
ALTER ROLE pgtap_cron_before RENAME TO pgtap_cron_after;
SELECT clock_timestamp() AS renamed_at \gset
SELECT ok(t.wait_until(format($$pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() AND state = 'idle' AND state_change > %L AND state_change < clock_timestamp() - interval '0.2 s')$$, :'renamed_at')), 'the dispatcher sleeps while somebody has locked cron.job');
SELECT pg_advisory_unlock(4711) \g /dev/null
SELECT ok(t.wait_until(format($$ (SELECT username FROM cron.job WHERE jobid = %s) = 'pgtap_cron_after' $$, :renamed)), 'and follows the new name then');
SELECT cron.unschedule(:renamed) \g /dev/null
DROP OWNED BY pgtap_cron_after;
DROP ROLE pgtap_cron_after;

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
DROP EXTENSION pg_foreman_cron;
DROP OWNED BY pgtap_cron_renamed, pgtap_cron_b, pgtap_cron_admin;
DROP ROLE pgtap_cron_renamed, pgtap_cron_b, pgtap_cron_admin;
SELECT * FROM finish();
