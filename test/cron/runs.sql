-- After the restart: waits until all have ended, then shows what the runs recorded.
DO $$
DECLARE deadline timestamptz := clock_timestamp() + interval '30 s';
BEGIN
    WHILE (SELECT count(*) FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')) < 11 AND clock_timestamp() < deadline LOOP
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
SELECT jobid, database, username, command, status, rtrim(return_message, E'\n') AS said,
       job_pid >= 0 AS pid, start_time <= end_time AS times  -- pg_cron records 0 where the connection was that quick
  FROM cron.job_run_details ORDER BY jobid;
SELECT what FROM public.done ORDER BY 1;
SET SESSION AUTHORIZATION cron_app;
SELECT jobid, username, status FROM cron.job_run_details ORDER BY 1;
DELETE FROM cron.job_run_details;
RESET SESSION AUTHORIZATION;
SELECT count(*) FROM cron.job_run_details;
