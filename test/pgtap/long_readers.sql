-- Whoever reads history for long delays its partitions, and nothing else: the dispatcher gives up waiting for the lock.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.enqueue('note') AS warm \gset
SELECT is(t.outcome(:warm), 'completed 1', 'an executor is up');
SELECT ok(t.wait_until($$ (SELECT bool_and(ok) FROM foreman.health() WHERE name = 'history') $$), 'partitions are there');

-- A day less, so that the next dispatcher has one to make.
SELECT 'foreman.job_history_' || to_char((now() + interval '3 days') AT TIME ZONE 'UTC', 'YYYYMMDD') AS last_day \gset
DROP TABLE :last_day;
SELECT foreman.enqueue('note', run_at => clock_timestamp() + interval '1.5 s') AS due \gset
BEGIN;
SELECT count(*) FROM foreman.job_history \g /dev/null
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_foreman dispatcher' AND datname = current_database() \g /dev/null
SELECT ok(t.wait_until(format('EXISTS (SELECT FROM foreman.jobs WHERE job_id = %s AND finished_at IS NOT NULL)', :due), 60), 'a job runs meanwhile');
SELECT is(to_regclass(:'last_day')::text, NULL, 'the partition is not there yet');
COMMIT;
SELECT * FROM finish();
