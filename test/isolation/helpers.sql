-- What the specs share: schema `spec` in the database isolation_regression, made once by test/isolation/run.
-- Every wait is for a condition and has a deadline; a job is named by its args' `name`, a range by its queue.
CREATE SCHEMA spec;

CREATE FUNCTION spec.debug_points(int4) RETURNS void LANGUAGE c STRICT
    AS 'pg_foreman', 'foreman_debug_points';
CREATE FUNCTION spec.range_heads(OUT queue text, OUT kind text, OUT priority int4, OUT alone int4,
    OUT head_run_at timestamptz, OUT head_job_id int8, OUT pending_run_at timestamptz, OUT pending_job_id int8)
RETURNS SETOF record LANGUAGE c VOLATILE AS 'pg_foreman', 'foreman_range_heads';

-- What handlers did: one row per run that committed.
CREATE TABLE spec.ran (name text NOT NULL, pid int4 NOT NULL DEFAULT pg_backend_pid());
-- A job of kind `hold` waits in its handler until its gate is here.
CREATE TABLE spec.gate (name text PRIMARY KEY);

CREATE FUNCTION spec.note(args jsonb) RETURNS void LANGUAGE sql
    AS $$ INSERT INTO spec.ran (name) VALUES (args ->> 'name') $$;

CREATE FUNCTION spec.hold(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spec.ran (name) VALUES (args ->> 'name');
    WHILE NOT EXISTS (SELECT FROM spec.gate g WHERE g.name = args ->> 'name') LOOP
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;

-- The same, and fails in the end if its args say so.
CREATE FUNCTION spec.hold_or_fail(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM spec.hold(args);
    IF args ? 'fail' THEN RAISE EXCEPTION 'told to fail'; END IF;
END $$;

CREATE FUNCTION spec.put(queue text, name text, kind text DEFAULT 'note', concurrency_key text DEFAULT NULL, sequence_key text DEFAULT NULL,
    depends_on int8[] DEFAULT NULL, batch_id int8 DEFAULT NULL) RETURNS text LANGUAGE sql
    AS $$ SELECT CASE WHEN foreman.enqueue(kind, jsonb_build_object('name', name), queue => queue, concurrency_key => concurrency_key,
              sequence_key => sequence_key, depends_on => depends_on, batch_id => batch_id) > 0 THEN name END $$;

-- Answers whose job it got: `a new`, or `b old` when job b was there.
CREATE FUNCTION spec.put_unique(queue text, name text, key text, on_conflict text DEFAULT 'skip', kind text DEFAULT 'unheard',
    unique_for interval DEFAULT NULL, OUT got text) LANGUAGE plpgsql AS $$
BEGIN
    SELECT (j.args ->> 'name') || CASE WHEN i.inserted THEN ' new' ELSE ' old' END INTO STRICT got
      FROM foreman.enqueue_info(kind, jsonb_build_object('name', name), queue => queue, unique_key => key, on_conflict => on_conflict, unique_for => unique_for) i
      JOIN LATERAL spec.args_of(i.job_id) j(args) ON true;
END $$;
-- In a snapshot after the call above.
CREATE FUNCTION spec.args_of(job_id int8) RETURNS jsonb LANGUAGE plpgsql VOLATILE
    AS $$ BEGIN RETURN (SELECT j.args FROM foreman.jobs j WHERE j.job_id = args_of.job_id); END $$;

-- An outside worker takes one job, and gives its outcome, each in the caller's transaction.
CREATE TABLE spec.lease (job_id int8, token uuid, name text);
CREATE FUNCTION spec.take(queue text) RETURNS text LANGUAGE sql AS $$
    WITH taken AS (INSERT INTO spec.lease SELECT c.job_id, c.token, c.args ->> 'name' FROM foreman.claim(ARRAY[queue], 'spec') c RETURNING name)
    SELECT string_agg(name, ', ') FROM taken $$;
CREATE FUNCTION spec.done(name text) RETURNS text LANGUAGE sql
    AS $$ SELECT foreman.complete(l.job_id, l.token) FROM spec.lease l JOIN foreman.jobs j USING (job_id) WHERE l.name = $1 AND j.state = 'running' $$;

CREATE FUNCTION spec.id(name text) RETURNS int8 LANGUAGE sql
    AS $$ SELECT j.job_id FROM foreman.jobs j WHERE j.args ->> 'name' = $1 $$;

-- Also shows when a job is in two places, which must never be.
CREATE FUNCTION spec.state(name text) RETURNS text LANGUAGE sql
    AS $$ SELECT coalesce(string_agg(j.state || ' ' || j.attempt, ', '), 'nowhere')
            FROM foreman.jobs j WHERE j.args ->> 'name' = $1 $$;

CREATE FUNCTION spec.runs(name text) RETURNS int8 LANGUAGE sql
    AS $$ SELECT count(*) FROM spec.ran r WHERE r.name = $1 $$;

-- Where the claims of a queue start: `none` when nothing is known to wait there, else the job's name.
CREATE FUNCTION spec.head(queue text, kind text DEFAULT 'note') RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN min(h.head_run_at) = 'infinity' THEN 'none'
                WHEN min(h.head_run_at) = '-infinity' THEN 'beginning'
                ELSE coalesce((SELECT j.args ->> 'name' FROM foreman.live_job j
                                WHERE j.job_id = (array_agg(h.head_job_id ORDER BY h.head_run_at, h.head_job_id))[1]),
                              'between') END
      FROM spec.range_heads() h WHERE h.queue = $1 AND h.kind = $2 $$;

CREATE FUNCTION spec.stopped_at(point int4) RETURNS bool LANGUAGE sql AS $$
    SELECT EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 1718579813
                      AND l.objid = point::oid AND NOT l.granted) $$;

CREATE FUNCTION spec.worker_of(name text) RETURNS int4 LANGUAGE sql
    AS $$ SELECT w.pid FROM foreman.workers w WHERE w.job_id = spec.id($1) $$;

CREATE FUNCTION spec.wait_for(condition text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '20 s';
    met bool;
BEGIN
    LOOP
        EXECUTE 'SELECT ' || condition INTO met;
        IF met THEN RETURN true; END IF;
        IF clock_timestamp() > deadline THEN
            RAISE EXCEPTION 'never happened: %', condition USING DETAIL = spec.picture();
        END IF;
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;

-- The dispatcher waits for work: what it was released to do is done. Where it is stopped at a point it waits for a lock.
CREATE FUNCTION spec.dispatcher_rests() RETURNS bool LANGUAGE sql AS $f$
    SELECT spec.wait_for($$ pg_stat_clear_snapshot()::text = '' AND EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND backend_type = 'pg_foreman dispatcher' AND wait_event_type = 'Extension') $$) $f$;

-- For whoever reads a failure.
CREATE FUNCTION spec.picture() RETURNS text LANGUAGE sql AS $$
    SELECT 'jobs: ' || coalesce((SELECT string_agg(format('%s %s in %s (%s)', j.job_id, j.args ->> 'name', j.queue, j.state), '; ')
                                   FROM foreman.jobs j WHERE j.finished_at IS NULL), 'none')
        || E'\nheads: ' || coalesce((SELECT string_agg(format('%s/%s alone %s at %s, %s', h.queue, h.kind, h.alone, h.head_run_at, h.head_job_id), '; ')
                                       FROM spec.range_heads() h), 'none')
        || E'\nworkers: ' || coalesce((SELECT string_agg(format('%s %s job %s', w.pid, w.state, w.job_id), '; ')
                                         FROM foreman.workers w), 'none') $$;

CREATE FUNCTION spec.open(name text) RETURNS text LANGUAGE sql
    AS $$ INSERT INTO spec.gate VALUES ($1) ON CONFLICT DO NOTHING RETURNING name $$;

-- The end of every spec: no point armed, no job left, no trace of this spec for the next.
CREATE PROCEDURE spec.tidy() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM spec.debug_points(0);
    INSERT INTO spec.gate SELECT j.args ->> 'name' FROM foreman.live_job j WHERE j.args ? 'name' ON CONFLICT DO NOTHING;
    IF (SELECT bool_or(stopped) FROM foreman.identity) THEN PERFORM foreman.start(); END IF;
    PERFORM foreman.register_handler('late', 'spec.note(jsonb)');
    -- Kind `unheard` has no handler: it is for workers outside.
    PERFORM foreman.release_lease(j.job_id) FROM foreman.jobs j WHERE j.kind = 'unheard' AND j.state = 'running';
    PERFORM foreman.delete_job(l.job_id) FROM foreman.live_job l WHERE l.kind = 'unheard';
    PERFORM foreman.terminate_workflow(workflow_type, workflow_id) FROM foreman.workflows WHERE workflow_type = 'flow' AND state = 'running';
    COMMIT;
    PERFORM spec.wait_for('NOT EXISTS (SELECT FROM foreman.live_job WHERE run_at <= clock_timestamp())');
    DELETE FROM foreman.job_batch;
    DELETE FROM foreman.unique_window;
    PERFORM foreman.delete_job(job_id) FROM foreman.jobs;
    COMMIT;
    PERFORM spec.wait_for('NOT EXISTS (SELECT FROM foreman.jobs) AND NOT EXISTS (SELECT FROM foreman.job_request)');
    PERFORM foreman.unregister_handler('late');
    TRUNCATE spec.ran, spec.gate, spec.lease;
    COMMIT;
END $$;

-- A type of workflows: the input {"do": "A"} becomes an event of type A, End ends it, and others are rejected.
CREATE FUNCTION spec.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT CASE WHEN input ? 'do' THEN jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', input -> 'do'))) || CASE WHEN input ? 'effects' THEN input - 'do' ELSE '{}' END
              ELSE jsonb_build_object('reject', coalesce(input -> 'type', '"no"')) END $$;
CREATE FUNCTION spec.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('last', event -> 'type') $$;
CREATE FUNCTION spec.is_terminal(state jsonb) RETURNS bool LANGUAGE sql AS $$ SELECT state ->> 'last' = 'End' $$;
CREATE FUNCTION spec.unique_key(input jsonb) RETURNS text LANGUAGE sql AS $$ SELECT input ->> 'key' $$;
SELECT foreman.create_workflow_type('spec', 'spec.decide', 'spec.evolve', 'spec.is_terminal', unique_key => 'spec.unique_key');
-- The event that an input becomes; none: it is rejected. Braces in a spec end a step.
CREATE FUNCTION spec.execute(id text, event text, input_id text DEFAULT NULL, key text DEFAULT NULL) RETURNS text LANGUAGE sql
    AS $$ SELECT outcome || coalesce(' ' || first_sequence, '') FROM foreman.execute('spec', id, jsonb_strip_nulls(jsonb_build_object('do', event, 'key', key)), input_id) $$;
CREATE FUNCTION spec.signal(id text, event text, input_id text DEFAULT NULL) RETURNS bool LANGUAGE sql
    AS $$ SELECT foreman.signal_workflow('spec', id, jsonb_build_object('do', event), input_id) > 0 $$;
-- 'running: A B', from its events; and the inputs that are kept.
CREATE FUNCTION spec.workflow(id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce((SELECT w.state || ': ' || string_agg(e.event_type, ' ' ORDER BY e.sequence) FROM foreman.workflows w, foreman.workflow_events('spec', id) e
        WHERE w.workflow_id = id GROUP BY w.state), 'nowhere') || coalesce((SELECT ' (' || string_agg(i.source || ' ' || i.state, ', ' ORDER BY i.input) || ')'
        FROM foreman.workflow_inputs('spec', id) i), '') $$;
-- Another type, for what becomes of types.
CREATE FUNCTION spec.define_brief() RETURNS bool LANGUAGE sql
    AS $$ SELECT foreman.drop_workflow_type('brief', if_exists => true); SELECT foreman.create_workflow_type('brief', 'spec.decide') $$;
CREATE FUNCTION spec.brief(id text, event text) RETURNS text LANGUAGE sql AS $$ SELECT outcome FROM foreman.execute('brief', id, jsonb_build_object('do', event)) $$;
CREATE FUNCTION spec.of_brief() RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM foreman.workflow_types WHERE workflow_type = 'brief') THEN 'a type: ' ELSE 'no type: ' END
        || coalesce((SELECT string_agg(workflow_id || ' ' || state, ', ' ORDER BY workflow_id) FROM foreman.workflows WHERE workflow_type = 'brief'), 'no workflow') $$;
-- A type that workers outside decide. Who claims its task learns of the events so far, and then submits nothing new.
SELECT foreman.create_workflow_type('flow', queue => 'flows');
CREATE TABLE spec.task (id text, token uuid);
CREATE FUNCTION spec.claim_task() RETURNS text LANGUAGE sql AS $$
    WITH c AS (SELECT * FROM foreman.claim_workflow_task('{flow}', 'w')), kept AS (INSERT INTO spec.task SELECT workflow_id, token FROM c)
    SELECT coalesce((SELECT string_agg(e ->> 'type', ' ' ORDER BY (e -> 'sequence')::int) FROM c, jsonb_array_elements(c.history) e), 'no task') $$;
CREATE FUNCTION spec.submit_task() RETURNS text LANGUAGE sql AS $$
    WITH t AS (DELETE FROM spec.task RETURNING *) SELECT string_agg(foreman.submit_commands('flow', t.id, t.token, '[]'), ' ') FROM t $$;
CREATE FUNCTION spec.signal_flow(event text) RETURNS bool LANGUAGE sql AS $$ SELECT foreman.signal_workflow('flow', 'f', jsonb_build_object('type', event)) > 0 $$;
CREATE FUNCTION spec.wait_for_flow(events int) RETURNS bool LANGUAGE sql AS $$
    SELECT spec.wait_for(format('(SELECT sequence = %s FROM foreman.workflows WHERE workflow_type = ''flow'') AND NOT EXISTS (SELECT FROM foreman.workers WHERE state = ''busy'')', events)) $$;
-- A signal that fills the history of the flow, so that the next ones are held back; those, and the jobs of inputs.
CREATE FUNCTION spec.fill_flow() RETURNS bool LANGUAGE sql AS $$ SELECT foreman.signal_workflow('flow', 'f', jsonb_build_object('type', 'big', 'text', repeat('x', 1100000))) > 0 $$;
CREATE FUNCTION spec.held() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM foreman.workflow_inputs('flow', 'f') WHERE state = 'pending' AND job_id IS NULL $$;
CREATE FUNCTION spec.flow_jobs() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM foreman.live_job WHERE kind = 'workflow:flow' $$;
-- A workflow with an effect that is done outside; whoever claims that lets it fail for good, and the workflow with it.
CREATE FUNCTION spec.with_effect(id text) RETURNS text LANGUAGE sql
    AS $$ SELECT outcome FROM foreman.execute('spec', id, '{"do": "A", "effects": [{"kind": "unheard", "key": "e"}]}') $$;
CREATE FUNCTION spec.fail_effects() RETURNS text LANGUAGE sql
    AS $$ SELECT string_agg(foreman.fail(job_id, token, 'broken', discard => true), ' ') FROM foreman.claim('{default}', 'w', kinds => '{unheard}') $$;
CREATE FUNCTION spec.effects(id text) RETURNS text LANGUAGE sql
    AS $$ SELECT string_agg(key || ' ' || state, ', ' ORDER BY key) || ', ' || (SELECT count(*) FROM foreman.live_job WHERE kind = 'unheard') || ' jobs' FROM foreman.workflow_effects('spec', id) $$;

CREATE PROCEDURE spec.tidy_workflows() LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE foreman.workflow_instance, foreman.workflow_event, foreman.workflow_input, foreman.workflow_effect;
END $$;

SELECT foreman.register_handler('note', 'spec.note(jsonb)');
SELECT foreman.register_handler('hold', 'spec.hold(jsonb)', max_group => 1);
SELECT spec.put('warm up', 'warm up');
