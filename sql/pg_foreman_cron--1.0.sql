-- pg_foreman_cron 1.0: the functions, tables and sequences of pg_cron in schema cron, run by pg_foreman.
-- Names, columns and their order, defaults, policies and grants are pg_cron's, since applications read and dump them.
-- Every name and operator is qualified, and no object is created conditionally.

\echo Use "CREATE EXTENSION pg_foreman_cron" to load this file. \quit

DO LANGUAGE plpgsql $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pg_cron') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'extension pg_cron is installed in this database',
            DETAIL = 'Both have their objects in schema cron.',
            HINT = 'Run SELECT foreman.import_pg_cron() to replace it and keep its jobs, or DROP EXTENSION pg_cron.';
    END IF;
END
$$;

-- Not to be found ready-made: somebody else could own it.
CREATE SCHEMA cron;

CREATE SEQUENCE cron.jobid_seq AS pg_catalog.int8;
CREATE SEQUENCE cron.runid_seq AS pg_catalog.int8;

CREATE TABLE cron.job (
    jobid    pg_catalog.int8 NOT NULL DEFAULT pg_catalog.nextval('cron.jobid_seq'),
    schedule pg_catalog.text NOT NULL,
    command  pg_catalog.text NOT NULL,
    nodename pg_catalog.text NOT NULL DEFAULT 'localhost',
    nodeport pg_catalog.int4 NOT NULL DEFAULT pg_catalog.inet_server_port(),
    database pg_catalog.text NOT NULL DEFAULT pg_catalog.current_database(),
    username pg_catalog.text NOT NULL DEFAULT CURRENT_USER,
    active   pg_catalog.bool NOT NULL DEFAULT true,
    jobname  pg_catalog.text,
    CONSTRAINT job_pkey PRIMARY KEY (jobid),
    CONSTRAINT jobname_username_uniq UNIQUE (jobname, username)
);

CREATE TABLE cron.job_run_details (
    jobid          pg_catalog.int8,
    runid          pg_catalog.int8 NOT NULL DEFAULT pg_catalog.nextval('cron.runid_seq'),
    job_pid        pg_catalog.int4,
    database       pg_catalog.text,
    username       pg_catalog.text,
    command        pg_catalog.text,
    status         pg_catalog.text,
    return_message pg_catalog.text,
    start_time     pg_catalog.timestamptz,
    end_time       pg_catalog.timestamptz,
    CONSTRAINT job_run_details_pkey PRIMARY KEY (runid)
);

SELECT pg_catalog.pg_extension_config_dump('cron.job', '');
SELECT pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cron.job_run_details', '');
SELECT pg_catalog.pg_extension_config_dump('cron.runid_seq', '');

------------------------------------------------------------------------------------------------------------------------
-- Functions
------------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION cron.schedule(schedule pg_catalog.text, command pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'foreman_cron_schedule';

CREATE FUNCTION cron.schedule(job_name pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cron_schedule_named';

CREATE FUNCTION cron.schedule_in_database(job_name pg_catalog.text, schedule pg_catalog.text, command pg_catalog.text,
    database pg_catalog.text, username pg_catalog.text DEFAULT NULL, active pg_catalog.bool DEFAULT true)
RETURNS pg_catalog.int8 LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cron_schedule_in_database';

CREATE FUNCTION cron.alter_job(job_id pg_catalog.int8, schedule pg_catalog.text DEFAULT NULL, command pg_catalog.text DEFAULT NULL,
    database pg_catalog.text DEFAULT NULL, username pg_catalog.text DEFAULT NULL, active pg_catalog.bool DEFAULT NULL)
RETURNS pg_catalog.void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cron_alter_job';

CREATE FUNCTION cron.unschedule(job_id pg_catalog.int8)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'foreman_cron_unschedule';

CREATE FUNCTION cron.unschedule(job_name pg_catalog.text)
RETURNS pg_catalog.bool LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'foreman_cron_unschedule_named';

CREATE FUNCTION cron.job_cache_invalidate()
RETURNS pg_catalog.trigger LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cron_job_cache_invalidate';

CREATE FUNCTION cron._job_changed()
RETURNS pg_catalog.trigger LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'foreman_cron_job_changed';

-- The first has pg_cron's name and levels and serves TRUNCATE; the second keeps the schedule of each row.
CREATE TRIGGER cron_job_cache_invalidate AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cron.job
    FOR EACH STATEMENT EXECUTE FUNCTION cron.job_cache_invalidate();
CREATE TRIGGER cron_job_changed AFTER INSERT OR UPDATE OR DELETE ON cron.job
    FOR EACH ROW EXECUTE FUNCTION cron._job_changed();

------------------------------------------------------------------------------------------------------------------------
-- Rights, as pg_cron gives them: schema cron itself is granted to nobody. First none at all, whatever default privileges gave.
------------------------------------------------------------------------------------------------------------------------

SELECT foreman._revoke_defaults('pg_foreman_cron');

GRANT SELECT ON TABLE cron.job TO PUBLIC;
ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY;
CREATE POLICY cron_job_policy ON cron.job USING (username OPERATOR(pg_catalog.=) CURRENT_USER AND username OPERATOR(pg_catalog.!~~) '?%');

GRANT SELECT, DELETE ON TABLE cron.job_run_details TO PUBLIC;
ALTER TABLE cron.job_run_details ENABLE ROW LEVEL SECURITY;
CREATE POLICY cron_job_run_details_policy ON cron.job_run_details USING (username OPERATOR(pg_catalog.=) CURRENT_USER);

-- pg_dump of ordinary roles reads them.
GRANT SELECT ON SEQUENCE cron.jobid_seq, cron.runid_seq TO PUBLIC;

-- Not schedule_in_database and alter_job: administrators grant them.
GRANT EXECUTE ON FUNCTION cron.schedule(pg_catalog.text, pg_catalog.text), cron.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text),
    cron.unschedule(pg_catalog.int8), cron.unschedule(pg_catalog.text), cron.job_cache_invalidate() TO PUBLIC;

------------------------------------------------------------------------------------------------------------------------
-- Comments
------------------------------------------------------------------------------------------------------------------------

COMMENT ON SCHEMA cron IS 'Commands by the clock, with the interface of pg_cron; run by pg_foreman';
COMMENT ON SEQUENCE cron.jobid_seq IS 'Ids of cron.job';
COMMENT ON SEQUENCE cron.runid_seq IS 'Ids of cron.job_run_details';
COMMENT ON TABLE cron.job IS 'Commands that run by the clock';
COMMENT ON COLUMN cron.job.jobid IS 'Id';
COMMENT ON COLUMN cron.job.schedule IS 'Five cron fields, an @name, or 1 to 59 seconds';
COMMENT ON COLUMN cron.job.command IS 'SQL commands to run';
COMMENT ON COLUMN cron.job.nodename IS 'cron.host when it was scheduled; not used';
COMMENT ON COLUMN cron.job.nodeport IS 'Port of the server when it was scheduled; not used';
COMMENT ON COLUMN cron.job.database IS 'Database in which the command runs';
COMMENT ON COLUMN cron.job.username IS 'Role that the command runs as';
COMMENT ON COLUMN cron.job.active IS 'Whether it runs';
COMMENT ON COLUMN cron.job.jobname IS 'Name, unique per role; NULL: none';
COMMENT ON CONSTRAINT jobname_username_uniq ON cron.job IS 'A role has one job of a name';
COMMENT ON TRIGGER cron_job_cache_invalidate ON cron.job IS 'Follows TRUNCATE';
COMMENT ON TRIGGER cron_job_changed ON cron.job IS 'Keeps the schedule of each row';
COMMENT ON POLICY cron_job_policy ON cron.job IS 'A role sees its own jobs';
COMMENT ON TABLE cron.job_run_details IS 'Runs of the jobs of cron.job; rows stay until somebody deletes them';
COMMENT ON COLUMN cron.job_run_details.jobid IS 'Job';
COMMENT ON COLUMN cron.job_run_details.runid IS 'Id';
COMMENT ON COLUMN cron.job_run_details.job_pid IS 'Process that runs or ran it';
COMMENT ON COLUMN cron.job_run_details.database IS 'Database of the run';
COMMENT ON COLUMN cron.job_run_details.username IS 'Role of the run';
COMMENT ON COLUMN cron.job_run_details.command IS 'The command as it was then';
COMMENT ON COLUMN cron.job_run_details.status IS 'starting, running, succeeded or failed';
COMMENT ON COLUMN cron.job_run_details.return_message IS 'What the last statement said, or the error';
COMMENT ON COLUMN cron.job_run_details.start_time IS 'When the command started';
COMMENT ON COLUMN cron.job_run_details.end_time IS 'When the run ended';
COMMENT ON POLICY cron_job_run_details_policy ON cron.job_run_details IS 'A role sees and deletes the runs of its own jobs';
COMMENT ON FUNCTION cron.schedule(pg_catalog.text, pg_catalog.text) IS 'Schedules a command and returns its job id';
COMMENT ON FUNCTION cron.schedule(pg_catalog.text, pg_catalog.text, pg_catalog.text) IS 'Schedules a command under a name, or changes the caller''s job of that name';
COMMENT ON FUNCTION cron.schedule_in_database(pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.bool) IS 'schedule() for another database, and for superusers as another role';
COMMENT ON FUNCTION cron.alter_job(pg_catalog.int8, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.bool) IS 'Changes a job. NULL keeps a setting';
COMMENT ON FUNCTION cron.unschedule(pg_catalog.int8) IS 'Removes a job and cancels its run';
COMMENT ON FUNCTION cron.unschedule(pg_catalog.text) IS 'Removes the caller''s job of this name and cancels its run';
COMMENT ON FUNCTION cron.job_cache_invalidate() IS 'Trigger on cron.job';
COMMENT ON FUNCTION cron._job_changed() IS 'Trigger on cron.job: keeps the schedule of each row';
