-- pg_foreman_cron: objects, rights, and the errors of pg_cron, word for word.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_cron_a, regress_cron_b, regress_cron_nologin;
RESET client_min_messages;
CREATE ROLE regress_cron_a LOGIN;
CREATE ROLE regress_cron_b LOGIN;
CREATE ROLE regress_cron_nologin NOLOGIN;
CREATE EXTENSION pg_foreman;
CREATE EXTENSION pg_foreman_cron;
GRANT USAGE ON SCHEMA cron TO regress_cron_a, regress_cron_b, regress_cron_nologin;

-- Tables: columns, their order, types and defaults.
SELECT table_name, ordinal_position AS n, column_name, data_type, is_nullable AS nullable, column_default
  FROM information_schema.columns WHERE table_schema = 'cron' AND table_name IN ('job', 'job_run_details') ORDER BY 1, 2;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'cron'::regnamespace AND contype <> 'n' ORDER BY 1, 2;
SELECT relname, relkind, relrowsecurity, (SELECT string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) FROM aclexplode(relacl) a WHERE a.grantee = 0) AS for_all
  FROM pg_class WHERE relnamespace = 'cron'::regnamespace AND relkind IN ('r', 'S') ORDER BY 1;
SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'cron' ORDER BY 1;
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'cron.job'::regclass ORDER BY 1;
SELECT oid::regprocedure AS function, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result, proisstrict AS strict,
       has_function_privilege('regress_cron_a', oid, 'EXECUTE') AS for_all
  FROM pg_proc WHERE pronamespace = 'cron'::regnamespace ORDER BY 1;
SELECT has_schema_privilege('public', 'cron', 'USAGE') AS public_may_use;
SELECT c::regclass, condition FROM pg_extension, unnest(extconfig, extcondition) AS x (c, condition) WHERE extname = 'pg_foreman_cron' ORDER BY 1;
-- Nothing without a comment.
SELECT p.oid::regprocedure FROM pg_proc p WHERE pronamespace = 'cron'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'cron'::regnamespace AND c.relkind = 'r' AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL);

-- Scheduling. Result columns have the functions' names.
SELECT cron.schedule('0 10 * * *', 'VACUUM');
SELECT cron.schedule('nightly', '30 3 * * 6', 'DELETE FROM events');
SELECT cron.schedule('nightly', '30 4 * * 6', 'DELETE FROM events');
SELECT cron.schedule_in_database('there', '0 0 * * *', 'VACUUM', 'template1', 'regress_cron_a', false);
SELECT cron.schedule(NULL, 'SELECT 1') IS NULL AS strict;
SELECT jobid, schedule, command, nodename, database = current_database() AS here, username = current_user AS mine, active, jobname FROM cron.job ORDER BY 1;
SELECT cron.alter_job(1, schedule => '0 11 * * *', active => false);
SELECT cron.alter_job(1, command => 'VACUUM ANALYZE', database => 'template1', username => 'regress_cron_a');
SELECT jobid, schedule, command, database, username, active FROM cron.job WHERE jobid = 1;
SELECT cron.unschedule(1);
SELECT cron.unschedule('nightly');

-- Errors.
\set SHOW_CONTEXT always
CREATE FUNCTION pg_temp.error(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE d text; h text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(d, ''), nullif(h, ''));
END $$;
GRANT EXECUTE ON FUNCTION pg_temp.error(text) TO PUBLIC;
SELECT pg_temp.error($$SELECT cron.schedule('60 seconds', 'SELECT 1')$$);
SELECT pg_temp.error($$SELECT cron.schedule('x', '* * * * * *', 'SELECT 1')$$);
SELECT pg_temp.error($$SELECT cron.schedule(NULL, '* * * * *', 'SELECT 1')$$);
SELECT pg_temp.error($$SELECT cron.schedule('x', NULL, 'SELECT 1')$$);
SELECT pg_temp.error($$SELECT cron.schedule('x', '* * * * *', NULL)$$);
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'no such database')$$);
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template1', 'no such role')$$);
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template1', 'regress_cron_nologin')$$);
SELECT pg_temp.error($$SELECT cron.unschedule(99)$$);
SELECT pg_temp.error($$SELECT cron.unschedule('nope')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(99, active => true)$$);
SELECT pg_temp.error($$SELECT cron.alter_job(99)$$);
SELECT pg_temp.error($$SELECT cron.alter_job(NULL)$$);
SELECT pg_temp.error($$SELECT cron.alter_job(4, schedule => 'sometimes')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(4, database => 'no such database')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(4, username => 'no such role')$$);
SELECT pg_temp.error($$CREATE EXTENSION pg_foreman_cron$$);
-- A failed call uses up no id.
SELECT cron.schedule('0 10 * * *', 'SELECT 1');
-- No CONTEXT lines.
SELECT cron.unschedule(99);

-- Roles.
SET SESSION AUTHORIZATION regress_cron_a;
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template1')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(4, active => true)$$);
SELECT pg_temp.error($$SELECT cron.unschedule(5)$$);
RESET SESSION AUTHORIZATION;
GRANT EXECUTE ON FUNCTION cron.schedule_in_database, cron.alter_job TO regress_cron_a, regress_cron_b;
SET SESSION AUTHORIZATION regress_cron_a;
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template1', 'regress_cron_a')$$);
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template0')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(4, username => 'regress_cron_a')$$);
SELECT pg_temp.error($$SELECT cron.alter_job(5, active => true)$$);
SELECT cron.schedule('mine', '* * * * *', 'SELECT 1');
SELECT jobid, jobname, username FROM cron.job ORDER BY 1;
SELECT pg_temp.error($$UPDATE cron.job SET username = 'postgres'$$);
SELECT pg_temp.error($$SELECT nextval('cron.jobid_seq')$$);
SELECT last_value FROM cron.jobid_seq;
RESET SESSION AUTHORIZATION;
REVOKE CONNECT ON DATABASE template1 FROM PUBLIC;
SET SESSION AUTHORIZATION regress_cron_b;
SELECT pg_temp.error($$SELECT cron.schedule_in_database('x', '* * * * *', 'SELECT 1', 'template1')$$);
SELECT pg_temp.error($$SELECT cron.unschedule('mine')$$);
RESET SESSION AUTHORIZATION;
GRANT CONNECT ON DATABASE template1 TO PUBLIC;
BEGIN READ ONLY;
SELECT cron.schedule('* * * * *', 'SELECT 1');
ROLLBACK;

-- The settings, with pg_cron's names and defaults.
SELECT name, setting, context FROM pg_settings WHERE name LIKE 'cron.%' ORDER BY 1;

-- Nothing is left behind.
DROP EXTENSION pg_foreman;
DROP EXTENSION pg_foreman_cron;
SELECT count(*) FROM foreman.schedule;
DROP EXTENSION pg_foreman;
DROP OWNED BY regress_cron_a, regress_cron_b, regress_cron_nologin;
DROP ROLE regress_cron_a, regress_cron_b, regress_cron_nologin;
