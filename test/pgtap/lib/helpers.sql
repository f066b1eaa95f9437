-- For every file in test/pgtap, by \ir: waiting for conditions with a deadline, a log that handlers write, and
-- acting as another role. psql commits each statement, so what a statement enqueues can be waited for in the next.
\set QUIET on
SET client_min_messages = warning;
CREATE SCHEMA t;
GRANT USAGE ON SCHEMA t TO PUBLIC;

-- false at the deadline, with a picture of the jobs on stderr: `SELECT ok(t.wait_until('...'), 'what')`.
CREATE FUNCTION t.wait_until(condition text, seconds float8 DEFAULT 20) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + make_interval(secs => seconds);
    met bool;
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        IF met THEN RETURN true; END IF;
        IF clock_timestamp() > deadline THEN
            RAISE WARNING 'not within % s: %', seconds, condition USING DETAIL = t.picture();
            RETURN false;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;

CREATE FUNCTION t.picture() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s %s %s attempt %s run_at %s reason %s errors %s', j.job_id, j.kind, j.state, j.attempt,
                                      j.run_at, j.reason, j.errors), E'\n' ORDER BY j.job_id), 'no jobs')
      FROM (SELECT * FROM foreman.jobs ORDER BY finished_at IS NULL DESC, job_id DESC LIMIT 10) j $$;

-- 'completed 1': the state and the attempt. A job in two places shows twice.
CREATE FUNCTION t.state(id int8) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(j.state || ' ' || j.attempt, ', '), 'nowhere') FROM foreman.jobs j WHERE j.job_id = id $$;

-- Waits for the job's end.
CREATE FUNCTION t.outcome(id int8, seconds float8 DEFAULT 20) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM t.wait_until(format('EXISTS (SELECT FROM foreman.jobs WHERE job_id = %s AND finished_at IS NOT NULL)', id), seconds);
    RETURN t.state(id);
END $$;

-- The key of one error of the job, by attempt counted from 0.
CREATE FUNCTION t.error(id int8, nth int4, key text) RETURNS text LANGUAGE sql AS $$
    SELECT j.errors -> nth ->> key FROM foreman.jobs j WHERE j.job_id = id $$;

CREATE TABLE t.log (
    n int8 GENERATED ALWAYS AS IDENTITY,
    job_id int8,
    what text,
    pid int4 NOT NULL DEFAULT pg_backend_pid(),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON t.log TO PUBLIC;

CREATE FUNCTION t.runs(id int8) RETURNS int8 LANGUAGE sql AS $$ SELECT count(*) FROM t.log WHERE job_id = id $$;

CREATE FUNCTION t.note(job foreman.job) RETURNS void LANGUAGE sql AS
    $$ INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.args ->> 'what') $$;

-- A handler that waits in here until its gate is open; what it waits for survives its own rollback.
CREATE TABLE t.gate (name text PRIMARY KEY);
GRANT SELECT ON t.gate TO PUBLIC;
CREATE FUNCTION t.hold(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'hold');
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = job.args ->> 'gate') LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;

-- One statement as a session of another role: its answer, or its SQLSTATE.
CREATE FUNCTION t.as_role(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('session_authorization', role, true);
    EXECUTE statement INTO answer;
    EXECUTE 'RESET SESSION AUTHORIZATION';
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    RETURN 'ERROR ' || SQLSTATE;
END $$;

-- What this session has read of our tables and indexes, in blocks: a measure of cost that no other session disturbs.
CREATE FUNCTION t.blocks() RETURNS int8 LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_blocks_fetched(oid))::int8 FROM pg_class WHERE relnamespace = 'foreman'::regnamespace $$;
CREATE FUNCTION t.cost(statement text) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
    before int8 := t.blocks();
BEGIN
    EXECUTE statement;
    RETURN t.blocks() - before;
END $$;

CREATE FUNCTION t.no_workers() RETURNS bool LANGUAGE sql AS $$ SELECT NOT EXISTS (SELECT FROM foreman.workers) $$;
