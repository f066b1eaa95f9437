-- A type `flow` that workers outside decide, and what such a worker does; by \ir after workflows.sql.
SELECT foreman.create_queue('flows', backoff_base => '1 ms', backoff_max => '1 ms') \g /dev/null
SELECT foreman.create_workflow_type('flow', queue => 'flows') \g /dev/null
CREATE SCHEMA o;
-- Waits until the workflow has a task, and leases it; NULL: it has none. Others that come are an error.
CREATE FUNCTION o.claim(id text, version text DEFAULT NULL, lease interval DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE c record;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        SELECT * INTO c FROM foreman.claim_workflow_task('{flow}', 'w', lease => claim.lease, worker_version => version);
        IF c.workflow_id <> id THEN RAISE EXCEPTION 'task of %', c.workflow_id; END IF;
        EXIT WHEN c.token IS NOT NULL;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN c.token;
END $$;
CREATE FUNCTION o.submit(id text, token uuid, commands jsonb) RETURNS text LANGUAGE sql AS $$ SELECT foreman.submit_commands('flow', id, token, commands) $$;
CREATE FUNCTION o.work(id text, commands jsonb) RETURNS text LANGUAGE sql AS $$ SELECT o.submit(id, o.claim(id), commands) $$;
CREATE FUNCTION o.tasks(id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(state, ' ' ORDER BY job_id), 'none') FROM foreman.jobs WHERE kind LIKE 'workflow-task:flow%' AND args ->> 'workflow_id' = id AND finished_at IS NULL $$;
CREATE FUNCTION o.data(id text, type text) RETURNS jsonb LANGUAGE sql AS $$ SELECT data FROM foreman.workflow_events('flow', id) WHERE event_type = type ORDER BY sequence DESC LIMIT 1 $$;
CREATE FUNCTION o.happened(id text, type text) RETURNS bool LANGUAGE sql AS $$ SELECT o.data(id, type) IS NOT NULL $$;
