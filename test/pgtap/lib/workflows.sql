-- For the files on workflows, by \ir after helpers.sql: a type `order` whose decide does what its input says. The input
-- {"do": "EventType", ...} is accepted with that one event; its other keys (effects, timers, cancel_timers, children,
-- signals, search, events) go into the decision as they are. {"reject": x} is rejected, {"raise": text} raises,
-- {"answer": x} answers x itself.
CREATE SCHEMA w;
GRANT USAGE ON SCHEMA w TO PUBLIC;

CREATE FUNCTION w.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF input ? 'raise' THEN RAISE EXCEPTION '%', input ->> 'raise' USING ERRCODE = coalesce(input ->> 'sqlstate', 'P0001'), DETAIL = 'why', HINT = 'how'; END IF;
    IF input ? 'answer' THEN RETURN input -> 'answer'; END IF;
    IF input ? 'reject' THEN RETURN jsonb_build_object('reject', input -> 'reject'); END IF;
    IF input ? 'only after' AND NOT state -> 'seen' ? (input ->> 'only after') THEN RETURN '{"reject": "too early"}'; END IF;
    IF input ? 'do' OR input ? 'events' THEN
        RETURN jsonb_build_object('events', coalesce(input -> 'events', jsonb_build_array(jsonb_build_object('type', input -> 'do', 'data', coalesce(input -> 'data', '{}')))))
            || (input - 'do' - 'data' - 'events' - 'only after' - 'type');
    END IF;
    IF input ->> 'type' = 'cancel' AND state ? 'accepts cancel' THEN RETURN '{"events": [{"type": "CancelAccepted"}]}'; END IF;
    IF input ->> 'type' LIKE 'on %' THEN RETURN jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', input ->> 'type', 'data', input))); END IF;
    RETURN jsonb_build_object('reject', format('unknown input %s', input ->> 'type'));
END $$;

-- The state: types of the events seen, the last one's data, how many.
CREATE FUNCTION w.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF event -> 'data' ? 'evolve raises' THEN RAISE EXCEPTION 'evolve does not like this'; END IF;
    IF event -> 'data' ? 'evolve answers null' THEN RETURN NULL; END IF;
    RETURN coalesce(nullif(state, 'null'), '{}') || jsonb_build_object('seen', coalesce(state -> 'seen', '[]') || jsonb_build_array(event -> 'type'),
        'n', coalesce((state ->> 'n')::int, 0) + 1, 'data', event -> 'data');
END $$;

CREATE FUNCTION w.is_terminal(state jsonb) RETURNS bool LANGUAGE sql AS $$ SELECT coalesce(state -> 'seen' ->> -1 = 'End', false) $$;
CREATE FUNCTION w.unique_key(input jsonb) RETURNS text LANGUAGE sql AS $$ SELECT input -> 'data' ->> 'email' $$;

SELECT foreman.create_workflow_type('order', 'w.decide', 'w.evolve', 'w.is_terminal', unique_key => 'w.unique_key') \g /dev/null

-- 'A B C': the types of the events.
CREATE FUNCTION w.events(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(event_type, ' ' ORDER BY sequence), 'none') FROM foreman.workflow_events(type, id) $$;
-- 'running 3': state and number of the last event.
CREATE FUNCTION w.state(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(max(state || ' ' || sequence), 'nowhere') FROM foreman.workflows WHERE workflow_type = type AND workflow_id = id $$;
CREATE FUNCTION w.effects(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(key || ' ' || state, ', ' ORDER BY decided_at, key), 'none') FROM foreman.workflow_effects(type, id) $$;
CREATE FUNCTION w.inputs(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(source || ' ' || state, ', ' ORDER BY input), 'none') FROM foreman.workflow_inputs(type, id) $$;

-- What must hold of all workflows at any time, as one row each that does not: events without gaps, no input twice, no
-- effect and no timer without its workflow and its job, nothing that waits for nobody.
CREATE FUNCTION w.broken() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s events of instance %s, which is at %s', count(e.sequence), i.instance, i.sequence)
      FROM foreman.workflow_instance i LEFT JOIN foreman.workflow_event e USING (instance)
     GROUP BY i.instance, i.sequence HAVING count(e.sequence) <> i.sequence OR max(e.sequence) <> i.sequence
    UNION ALL
    SELECT format('instance %s has no event', instance) FROM foreman.workflow_instance WHERE sequence = 0 AND state = 'r'
    UNION ALL
    SELECT format('pending input %s has no job', i.input) FROM foreman.workflow_input i
     WHERE state = 'p' AND NOT EXISTS (SELECT FROM foreman.live_job j WHERE j.job_id = i.job_id)
       AND NOT (i.job_id IS NULL AND EXISTS (SELECT FROM foreman.workflow_instance r WHERE r.workflow_type = i.workflow_type AND r.workflow_id = i.workflow_id
           AND r.state = 'r' AND (r.parked IS NOT NULL OR EXISTS (SELECT FROM foreman.live_job j WHERE j.job_id = r.task))))
    UNION ALL
    SELECT format('open effect %s has no job', e.effect) FROM foreman.workflow_effect e
     WHERE state = 'o' AND NOT EXISTS (SELECT FROM foreman.live_job j WHERE j.job_id = e.job_id)
    UNION ALL
    SELECT format('task %s of instance %s is no job', i.task, i.instance) FROM foreman.workflow_instance i
     WHERE state = 'r' AND task IS NOT NULL AND NOT EXISTS (SELECT FROM foreman.live_job j WHERE j.job_id = i.task)
    UNION ALL
    SELECT format('timer %s of an instance that does not run', j.unique_key) FROM foreman.live_job j JOIN foreman.workflow_instance i ON i.instance = j.origin_id
     WHERE j.origin = 't' AND j.state = 'w' AND i.state <> 'r'
    UNION ALL
    SELECT format('%s: counted %s running, %s parked, %s pending, there are %s, %s, %s', t.workflow_type, c.running, c.parked, c.pending_inputs, i.running, i.parked, n.pending)
      FROM foreman.workflow_type t JOIN foreman.workflow_counts c USING (workflow_type)
      CROSS JOIN LATERAL (SELECT count(*) AS running, count(parked) AS parked FROM foreman.workflow_instance i WHERE i.workflow_type = t.workflow_type AND i.state = 'r') i
      CROSS JOIN LATERAL (SELECT count(*) AS pending FROM foreman.workflow_input n WHERE n.workflow_type = t.workflow_type AND n.state = 'p') n
     WHERE (c.running, c.parked, c.pending_inputs) <> (i.running, i.parked, n.pending) $$;
-- The board counts in the callback of a commit, a moment after its rows can be seen: a session that asks for w.broken() waits
-- for this before, since another one may be just there. What is wrong with the rows is wrong at any time.
CREATE FUNCTION w.counted() RETURNS bool LANGUAGE sql AS $$ SELECT NOT EXISTS (SELECT FROM w.broken() b WHERE b LIKE '%: counted %') $$;
