-- Roles and jobs for the tests of the console: an operator, a monitor, a producer and a stranger.
CREATE EXTENSION pg_foreman;
SELECT foreman.start();
CREATE ROLE ops LOGIN PASSWORD 'ops-pw';
CREATE ROLE eyes LOGIN PASSWORD 'eyes-pw';
CREATE ROLE maker LOGIN PASSWORD 'maker-pw';
CREATE ROLE stranger LOGIN PASSWORD 'stranger-pw';
CREATE ROLE proxy LOGIN PASSWORD 'proxy-pw' NOINHERIT;
CREATE ROLE trusting LOGIN PASSWORD 'trusting-pw';
GRANT ops, eyes TO proxy;
SELECT foreman.grant_role('operator', 'ops'), foreman.grant_role('producer', 'ops'), foreman.grant_role('monitor', 'eyes'), foreman.grant_role('producer', 'maker');
SELECT foreman.create_queue('mail', max_running => 2);
SELECT foreman.create_queue('nobody');
CREATE FUNCTION public.works(job foreman.job) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"done": true}'::jsonb $$;
CREATE FUNCTION public.fails(job foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', job.args ->> 'say' USING DETAIL = job.args ->> 'say', HINT = job.args ->> 'say';
END $$;
CREATE FUNCTION public.sees(event foreman.event) RETURNS void LANGUAGE sql AS $$ SELECT $$;
SELECT foreman.register_handler('works', 'public.works'), foreman.register_handler('fails', 'public.fails', max_attempts => 1);
SELECT foreman.schedule_job('nightly', '0 3 * * *', 'works');
SELECT foreman.create_projection('seen', 'public.sees(foreman.event)');
SELECT foreman.subscribe('order.*', 'works', 'orders');
CREATE DATABASE empty;
