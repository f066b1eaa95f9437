-- What must hold when the calls of a run are over: prints only what is wrong.
SET client_min_messages = warning;
-- Everything that waits, leases and runs goes away, and nothing of it is left on the board.
SELECT fuzz.restore() \g /dev/null
SELECT DISTINCT 'a job in two places, or twice' FROM (SELECT job_id FROM foreman.live_job UNION ALL SELECT job_id FROM foreman.job_history UNION ALL SELECT job_id FROM foreman.dead_letter) j
 GROUP BY job_id HAVING count(*) > 1;
SELECT foreman.enqueue('k1', queue => 'mine') AS job \gset
CREATE PROCEDURE fuzz.wait(condition text, OUT met bool) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '60 s';
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        EXIT WHEN met OR clock_timestamp() > deadline;
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
CALL fuzz.wait(format('(SELECT state = ''completed'' FROM foreman.jobs WHERE job_id = %s)', :job), NULL) \gset
SELECT 'jobs do not run any more: ' || (SELECT string_agg(w::text, ', ') FROM foreman.why(:job) w) WHERE NOT :'met';
SELECT foreman.delete_where(max_rows => 1000000) \g /dev/null
SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE state = 'running' \g /dev/null
SELECT foreman.delete_where(max_rows => 1000000) \g /dev/null
CALL fuzz.wait($$ NOT EXISTS (SELECT FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' IN ('keys', 'leases', 'waiters') AND value > 0) $$, NULL) \gset
SELECT format('left on the board: %s of %s', value, labels ->> 'table') FROM foreman.metrics
 WHERE name = 'foreman_board_used' AND labels ->> 'table' IN ('keys', 'leases', 'waiters') AND value > 0 AND NOT :'met';
