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
SELECT foreman.create_workflow_type('outside');
-- A workflow that has recorded so many side effects.
CREATE PROCEDURE wf.long_outside(id text, events int) LANGUAGE plpgsql AS $$
DECLARE
    ms float8;
BEGIN
    CALL wf.submit(id, 1, ms);
    INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at, command)
    SELECT i.instance, i.sequence + n, 'SideEffectRecorded', 1, jsonb_build_object('sequence', i.sequence + n, 'name', 's', 'value', n), now(), i.sequence + n
      FROM foreman.workflow_instance i, generate_series(1, events) n WHERE i.workflow_type = 'outside' AND i.workflow_id = id;
    UPDATE foreman.workflow_instance SET sequence = sequence + events WHERE workflow_type = 'outside' AND workflow_id = id;
END $$;
-- The median of so many submits of a command, in ms; the claims in between are not in it.
CREATE PROCEDURE wf.submit(id text, times int, INOUT ms float8 DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    took float8[];
    t timestamptz;
    task record;
BEGIN
    FOR i IN 1 .. times LOOP
        PERFORM foreman.signal_workflow('outside', id, '{}');
        LOOP
            COMMIT;
            SELECT * INTO task FROM foreman.claim_workflow_task('{outside}', 'w');
            EXIT WHEN task.token IS NOT NULL;
            PERFORM pg_sleep(0.001);
        END LOOP;
        -- A claim of the long one has read its whole history, and the caches of the processor hold little else: so here.
        PERFORM jsonb_agg(jsonb_build_object('sequence', e.sequence, 'data', e.data)) FROM foreman.workflow_event e;
        t := clock_timestamp();
        PERFORM foreman.submit_commands('outside', id, task.token, jsonb_build_array(jsonb_build_object('command', 'wait_for_signal', 'sequence', task.sequence + 1000000, 'name', 'x')));
        took := took || 1000 * extract(epoch FROM clock_timestamp() - t)::float8;
    END LOOP;
    ms := (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM unnest(took) x);
END $$;
