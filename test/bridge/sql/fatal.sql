-- A session that is terminated below C++ frames ends; the server and this session live on.
SELECT pg_postmaster_start_time() AS started \gset
\! psql -X -d bridge -c 'SELECT bridge.terminate_self()' 2>&1 | grep -E 'FATAL|terminated abnormally|unexpectedly|row'
SELECT pg_postmaster_start_time() = :'started' AS still_up;
-- It is gone from the server's tables a moment later.
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE '%terminate_self()%' AND pid <> pg_backend_pid()) THEN
            RAISE NOTICE 'gone';
            RETURN;
        END IF;
        PERFORM pg_sleep(0.1);
    END LOOP;
END$$;
