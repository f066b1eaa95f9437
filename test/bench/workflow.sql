-- Workflows for test/bench/workflow.sh: a type whose inputs cost one event, one effect and one timer; one that only
-- counts; and one of three steps, each an effect.
CREATE SCHEMA wf;
CREATE FUNCTION wf.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN '{"events": [{"type": "Stepped", "data": {"total": 5}}], "effects": [{"kind": "noop", "args": {"a": 1}}],
             "timers": [{"key": "pay", "after": "1 day", "input": {"type": "late"}}]}';
END $$;
CREATE FUNCTION wf.count(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN '{"events": [{"type": "Stepped", "data": {"total": 5}}]}'; END $$;
CREATE FUNCTION wf.three(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    n int := coalesce((state ->> 'n')::int, 0);
BEGIN
    IF n = 3 THEN RETURN '{"events": [{"type": "Done"}]}'; END IF;
    RETURN jsonb_build_object('events', '[{"type": "Stepped"}]'::jsonb,
        'effects', jsonb_build_array(jsonb_build_object('kind', 'noop', 'key', 'step ' || n, 'on_result', 'stepped')));
END $$;
CREATE FUNCTION wf.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN jsonb_build_object('n', coalesce((state ->> 'n')::int, 0) + 1); END $$;
CREATE FUNCTION wf.done(state jsonb) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN (state ->> 'n')::int = 4; END $$;
SELECT foreman.create_workflow_type('full', 'wf.decide', 'wf.evolve');
SELECT foreman.create_workflow_type('count', 'wf.count', 'wf.evolve');
SELECT foreman.create_workflow_type('fold', 'wf.count', 'wf.evolve', snapshot_every => 1000000);
SELECT foreman.create_workflow_type('three', 'wf.three', 'wf.evolve', 'wf.done');
-- No snapshot, whatever the size of the state: the next call folds all events.
CREATE PROCEDURE wf.forget_snapshots() LANGUAGE sql AS
$$ UPDATE foreman.workflow_instance SET folded = NULL, folded_by = NULL, folded_sequence = 0 WHERE workflow_type = 'fold' $$;
CREATE PROCEDURE wf.wait_ended(type text, n int, seconds int) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
    WHILE (SELECT count(*) FROM foreman.workflow_instance WHERE workflow_type = type AND state = 'c') < n LOOP
        IF clock_timestamp() > deadline THEN RAISE 'workflows have not ended'; END IF;
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CREATE PROCEDURE wf.wait_sequence(id text, n int, seconds int) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
    WHILE coalesce((SELECT sequence FROM foreman.workflow_instance WHERE workflow_type = 'count' AND workflow_id = id), 0) < n LOOP
        IF clock_timestamp() > deadline THEN RAISE 'signals were not handled'; END IF;
        COMMIT;
        PERFORM pg_sleep(0.001);
    END LOOP;
END $$;
