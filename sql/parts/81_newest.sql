------------------------------------------------------------------------------------------------------------------------
-- The newest rows of the views, for dashboards: a view with ORDER BY ... LIMIT reads and sorts everything, these functions
-- find the ids first.
------------------------------------------------------------------------------------------------------------------------

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_jobs(kind pg_catalog.text, queue pg_catalog.text, state pg_catalog.text, before_id pg_catalog.int8,
    max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_jobs';
COMMENT ON FUNCTION foreman._newest_jobs IS 'Ids of the newest jobs that match, for list_jobs()';

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_runs(name pg_catalog.text, before_id pg_catalog.int8, max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_runs';
COMMENT ON FUNCTION foreman._newest_runs IS 'Ids of the newest runs of schedules, for list_schedule_runs()';

-- bundle: operator monitor
CREATE FUNCTION foreman._newest_active_jobs(kind pg_catalog.text, queue pg_catalog.text, max_rows pg_catalog.int4)
RETURNS pg_catalog.int8[] LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'foreman_newest_active_jobs';
COMMENT ON FUNCTION foreman._newest_active_jobs IS 'Ids of the jobs that the newest events belong to, for list_job_events()';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_jobs(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    state pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL, max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.jobs LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT j.* FROM foreman.jobs j
     WHERE j.job_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_jobs($1, $2, $3, $4, $5))::pg_catalog.int8[])
       AND ($3 IS NULL OR j.state OPERATOR(pg_catalog.=) $3)
     ORDER BY j.job_id DESC $$;
COMMENT ON FUNCTION foreman.list_jobs IS 'Returns the newest rows of foreman.jobs, by kind, queue and state, in milliseconds however long history is. before_id is the least job_id of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_schedule_runs(name pg_catalog.text DEFAULT NULL, before_id pg_catalog.int8 DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.schedule_runs LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT r.* FROM foreman.schedule_runs r
     WHERE r.run_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_runs($1, $2, $3))::pg_catalog.int8[])
     ORDER BY r.run_id DESC $$;
COMMENT ON FUNCTION foreman.list_schedule_runs IS 'Returns the newest rows of foreman.schedule_runs, in milliseconds however many there are. before_id is the least run_id of the page before';

-- bundle: operator monitor
CREATE FUNCTION foreman.list_job_events(kind pg_catalog.text DEFAULT NULL, queue pg_catalog.text DEFAULT NULL,
    max_rows pg_catalog.int4 DEFAULT 100)
RETURNS SETOF foreman.job_events LANGUAGE sql STABLE ROWS 100 AS $$
    SELECT e.* FROM foreman.job_events e
     WHERE e.job_id OPERATOR(pg_catalog.=) ANY ((SELECT foreman._newest_active_jobs($1, $2, $3))::pg_catalog.int8[])
     ORDER BY e.at DESC, e.job_id DESC LIMIT GREATEST($3, 1) $$;
COMMENT ON FUNCTION foreman.list_job_events IS 'Returns the newest rows of foreman.job_events, in milliseconds however long history is';
