-- What an application does with pg_cron, by its documentation. Run on both by test/cron/run. Left out is what only
-- newer versions than Debian 12's 1.4 know: seconds, $ for the last day, steps that are too long.
CREATE ROLE cron_app LOGIN;
CREATE ROLE cron_other LOGIN;
CREATE ROLE cron_nologin NOLOGIN;
GRANT USAGE ON SCHEMA cron TO cron_app, cron_other;
GRANT EXECUTE ON FUNCTION cron.alter_job(bigint, text, text, text, text, boolean) TO cron_app;
CREATE TABLE public.done (what text);
GRANT ALL ON public.done TO PUBLIC;
CREATE PROCEDURE public.twice() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.done VALUES ('one'); COMMIT; INSERT INTO public.done VALUES ('two'); END $$;

-- Delete old data on Saturday at 3:30am, vacuum every day at 10:00am, by name, in another database.
SELECT cron.schedule('30 3 * * 6', $$DELETE FROM events WHERE event_time < now() - interval '1 week'$$);
SELECT cron.schedule('0 10 * * *', 'VACUUM');
SELECT cron.schedule('nightly-vacuum', '0 10 * * *', 'VACUUM');
SELECT cron.schedule('nightly-vacuum', '0 3 * * *', 'VACUUM ANALYZE');
SELECT cron.schedule_in_database('weekly-vacuum', '0 4 * * 0', 'VACUUM', 'template1');
SELECT cron.schedule_in_database('as-another', '@daily', 'SELECT 1', 'postgres', 'cron_app', false);
SELECT cron.schedule_in_database('as-another', '@daily', 'SELECT 2', 'postgres', 'cron_app', true);
SELECT jobid, schedule, command, nodename, database, username, active, jobname FROM cron.job ORDER BY jobid;
SELECT nodeport = current_setting('port')::int AS port FROM cron.job WHERE jobid = 1;
SELECT cron.unschedule('nightly-vacuum');
SELECT cron.unschedule(1);
SELECT cron.unschedule(1);
SELECT cron.unschedule('nightly-vacuum');
SELECT cron.alter_job(2, schedule => '0 11 * * *');
SELECT cron.alter_job(2, active => false);
SELECT cron.alter_job(2, command => 'VACUUM ANALYZE', database => 'template1', username => 'cron_app');
SELECT cron.alter_job(2, schedule => '* * * *');
SELECT cron.alter_job(2, database => 'nowhere');
SELECT cron.alter_job(2, username => 'nobody');
SELECT cron.alter_job(2, username => 'cron_nologin');
SELECT cron.alter_job(2);
SELECT cron.alter_job(NULL);
SELECT cron.alter_job(77, active => true);
SELECT jobid, schedule, command, nodename, database, username, active, jobname FROM cron.job ORDER BY jobid;

-- What is refused.
SELECT cron.schedule('5 minutes', 'SELECT 1');
SELECT cron.schedule('x', '61 * * * *', 'SELECT 1');
SELECT cron.schedule('* * * *', 'SELECT 1');
SELECT cron.schedule('* 24 * * *', 'SELECT 1');
SELECT cron.schedule('* * 0 * *', 'SELECT 1');
SELECT cron.schedule('* * * 13 *', 'SELECT 1');
SELECT cron.schedule('* * * * 8', 'SELECT 1');
SELECT cron.schedule('* * * january *', 'SELECT 1');
SELECT cron.schedule('1/2 * * * *', 'SELECT 1');
SELECT cron.schedule('@Hourly', 'SELECT 1');
SELECT cron.schedule('@every 5 minutes', 'SELECT 1');
SELECT cron.schedule(NULL, '* * * * *', 'SELECT 1');
SELECT cron.schedule('x', NULL, 'SELECT 1');
SELECT cron.schedule('x', '* * * * *', NULL);
SELECT cron.schedule(NULL, 'SELECT 1');
SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'nowhere');
SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres', 'nobody');
SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres', 'cron_nologin');
SELECT cron.unschedule(99);
SELECT cron.unschedule('nothing of this name');

-- Ordinary roles.
SET SESSION AUTHORIZATION cron_app;
SELECT cron.schedule('mine', '0 5 * * *', 'SELECT 1');
SELECT cron.schedule('0 6 * * *', 'SELECT 2');
SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'postgres');
SELECT cron.alter_job(2, username => 'cron_other');
SELECT cron.alter_job(5, active => false);
SELECT cron.unschedule(5);
SELECT jobid, schedule, command, username, active, jobname FROM cron.job ORDER BY jobid;
INSERT INTO cron.job (schedule, command) VALUES ('* * * * *', 'SELECT 1');
DELETE FROM cron.job;
SELECT last_value > 0 AS readable FROM cron.jobid_seq;
SET SESSION AUTHORIZATION cron_other;
SELECT cron.schedule('mine', '0 5 * * *', 'SELECT 1') > 0 AS own_name;
SELECT cron.alter_job(2, active => true);
SELECT count(*) FROM cron.job;
SELECT cron.unschedule('mine');
SELECT cron.unschedule('mine');
RESET SESSION AUTHORIZATION;
SELECT jobid, schedule, command, database, username, active, jobname FROM cron.job ORDER BY jobid;

-- Jobs that run at the next start; runs.sql looks at what they recorded.
SELECT cron.schedule('run-insert', '@reboot', $$INSERT INTO public.done VALUES ('insert')$$) > 0;
SELECT cron.schedule('run-select', '@reboot', 'SELECT generate_series(1, 3)') > 0;
SELECT cron.schedule('run-several', '@reboot', $$INSERT INTO public.done VALUES ('several'); SELECT 1, 2$$) > 0;
SELECT cron.schedule('run-undone', '@reboot', $$INSERT INTO public.done VALUES ('undone'); SELECT 1/0$$) > 0;
SELECT cron.schedule('run-error', '@reboot', 'SELECT no_such_column') > 0;
SELECT cron.schedule('run-syntax', '@reboot', 'SELEC 1') > 0;
SELECT cron.schedule('run-raise', '@reboot', $$DO 'BEGIN RAISE EXCEPTION USING MESSAGE = ''alas'', DETAIL = ''some detail'', HINT = ''a hint''; END'$$) > 0;
SELECT cron.schedule('run-call', '@reboot', 'CALL public.twice()') > 0;
SELECT cron.schedule('run-vacuum', '@reboot', 'VACUUM public.done') > 0;
SELECT cron.schedule_in_database('run-there', '@reboot', 'CREATE TABLE IF NOT EXISTS public.there (i int)', 'template1') > 0;
SELECT cron.schedule_in_database('run-as', '@reboot', $$INSERT INTO public.done SELECT session_user$$, 'postgres', 'cron_app') > 0;
SELECT cron.schedule_in_database('run-not', '@reboot', 'SELECT 1', 'postgres', 'cron_app', false) > 0;
