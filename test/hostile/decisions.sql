-- Decisions of workflows and commands of workers that are nearly right: valid ones with one to three places changed, left
-- out, doubled or filled with what was never asked for. After setup.sql, with :seed and :rounds. Prints what is wrong, and
-- at its end 'decisions|' with how many were accepted and refused.
--   A refused one has a clear error, which names what is wrong, and leaves everything as it was.
--   An accepted decision is there as it was answered: its events with these types, in this order. Of accepted commands each
--   has its event, with its sequence.
--   Afterwards no invariant of any workflow is broken.
\set QUIET on
\ir ../pgtap/lib/workflows.sql
-- Whatever the calls before this have stopped, paused and dropped.
SELECT fuzz.restore() \g /dev/null
SELECT foreman.create_queue('decisions'), foreman.create_workflow_type('flow', queue => 'decisions') \g /dev/null

CREATE TABLE fuzz.json (nth serial, value jsonb);
DO $$
DECLARE
    v record;
    made jsonb;
BEGIN
    FOR v IN SELECT expression, type FROM fuzz.value WHERE type IN ('jsonb', 'text', 'interval') AND expression <> 'NULL' LOOP
        EXECUTE format('SELECT to_jsonb((%s)::%s)', v.expression, v.type) INTO made;
        IF length(made::text) < 20000 THEN
            INSERT INTO fuzz.json (value) VALUES (made);
        END IF;
    END LOOP;
END $$;
INSERT INTO fuzz.json (value) VALUES ('1'), ('-1'), ('2147483648'), ('0.5'), ('"x"'), ('"a"'), ('"2"'), ('"1 s"'), ('"-1 s"'), ('"order"'), ('"none of these"'), ('"2030-01-01T00:00:00Z"'), ('[{}]'), ('[[]]'), ('{"kind": "k1"}'), ('"theirs"');

-- Every place in a value, and itself.
CREATE FUNCTION fuzz.places(whole jsonb) RETURNS SETOF text[] LANGUAGE sql AS $$
    WITH RECURSIVE p(path, value) AS (
        SELECT '{}'::text[], whole
        UNION ALL
        SELECT p.path || c.key, c.value FROM p, LATERAL (
            SELECT e.key, e.value FROM jsonb_each(CASE jsonb_typeof(p.value) WHEN 'object' THEN p.value ELSE '{}' END) e
            UNION ALL
            SELECT (a.nth - 1)::text, a.value FROM jsonb_array_elements(CASE jsonb_typeof(p.value) WHEN 'array' THEN p.value ELSE '[]' END) WITH ORDINALITY a(value, nth)) c
         WHERE cardinality(p.path) < 6)
    SELECT path FROM p LIMIT 300 $$;
CREATE FUNCTION fuzz.any_json() RETURNS jsonb LANGUAGE sql VOLATILE AS
    $$ SELECT value FROM fuzz.json WHERE nth = (SELECT 1 + floor(random() * (SELECT count(*) FROM fuzz.json))::int) $$;
CREATE FUNCTION fuzz.changed(whole jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    places text[];
    place text[];
    other text[];
BEGIN
    FOR i IN 1 .. 1 + floor(random() * 3)::int LOOP
        -- Arrays of several lengths do not aggregate; their texts do.
        places := ARRAY(SELECT p::text FROM fuzz.places(whole) p);
        place := fuzz.pick(places)::text[];
        other := fuzz.pick(places)::text[];
        whole := CASE floor(random() * 6)::int
            WHEN 0 THEN whole #- place
            WHEN 1 THEN jsonb_set(whole, place || CASE jsonb_typeof(whole #> place) WHEN 'array' THEN '0' ELSE fuzz.pick('{nonsense,key,kind,type,data,0,sequence,command,""}') END, coalesce(fuzz.any_json(), 'null'))
            WHEN 2 THEN jsonb_set(whole, place, coalesce(whole #> other, 'null'))
            WHEN 3 THEN CASE WHEN place[cardinality(place)] ~ '^\d+$' AND jsonb_typeof(whole #> place[: cardinality(place) - 1]) = 'array' THEN jsonb_insert(whole, place, whole #> place) ELSE whole END
            WHEN 4 THEN jsonb_set(whole, place, jsonb_build_array(whole #> place))
            ELSE CASE WHEN cardinality(place) = 0 AND random() < 0.8 THEN whole ELSE jsonb_set(whole, place, coalesce(fuzz.any_json(), 'null')) END
        END;
    END LOOP;
    RETURN whole;
END $$;

-- What a workflow is and has, for a comparison; without what came in from elsewhere meanwhile.
CREATE FUNCTION fuzz.of_workflow(type text, id text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', w.state, w.search, (SELECT count(*) FROM foreman.workflow_effect e WHERE e.instance = i.instance),
            (SELECT count(*) FROM foreman.workflow_event e WHERE e.instance = i.instance AND e.event_type NOT IN ('ChildEnded', 'SignalReceived', 'TimerFired', 'EffectCompleted', 'EffectFailed')),
            (SELECT string_agg(unique_key || run_at, ' ' ORDER BY unique_key) FROM foreman.live_job WHERE kind = 'workflow:' || $1 AND unique_key LIKE $2 || ':%'))
      FROM foreman.workflows w JOIN foreman.workflow_instance i USING (workflow_type, workflow_id) WHERE w.workflow_type = $1 AND w.workflow_id = $2 $$;

CREATE FUNCTION fuzz.check_refusal(state text, message text, what jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN state ~ '^(XX|P0|58|53[124]|0B|2F|3[89])' THEN format('decisions: finding: %s %s: %s', state, left(message, 300), left(what::text, 1500))
                WHEN length(message) > 3000 THEN format('decisions: finding: says %s characters: %s', length(message), left(what::text, 1500)) END $$;

CREATE TEMP TABLE tally (what text, answer text, times int8 DEFAULT 1, PRIMARY KEY (what, answer));
CREATE TEMP TABLE found (finding text);
CREATE PROCEDURE fuzz.decisions(rounds int4) LANGUAGE plpgsql AS $$
DECLARE
    base jsonb := '{"events": [{"type": "A", "data": {"x": 1}}, {"type": "B", "version": 1}],
        "effects": [{"key": "e", "kind": "k1", "args": {"a": 1}, "queue": "mine", "on_result": "seen", "on_failure": "failed", "undo": {"kind": "k1", "queue": "mine"}, "max_attempts": 2, "run_at": "2040-01-01T00:00:00Z"}],
        "timers": [{"key": "t", "after": "1 h", "input": {"do": "T"}}, {"key": "u", "fire_at": "2040-01-01T00:00:00Z", "input": {"do": "U"}}], "cancel_timers": ["v"],
        "children": [{"workflow_type": "order", "workflow_id": "child", "input": {"do": "C"}, "on_end": "ended", "on_parent_end": "terminate"}],
        "signals": [{"workflow_type": "order", "workflow_id": "other", "input": {"do": "S"}}], "search": {"customer": 7}}';
    answer jsonb;
    id text;
    before text;
    last int8;
    outcome text;
    state text;
    message text;
BEGIN
    PERFORM foreman.execute('order', 'other', '{"do": "Begun"}');
    FOR i IN 1 .. rounds LOOP
        id := 'd' || i % 50;
        IF NOT EXISTS (SELECT FROM foreman.workflows w WHERE w.workflow_type = 'order' AND w.workflow_id = id AND w.state = 'running') THEN
            id := id || '.' || i;
            PERFORM foreman.execute('order', id, '{"do": "Begun"}');
        END IF;
        -- Keys and children are of this round, so that only what was changed is wrong.
        answer := fuzz.changed(replace(base::text, '"child"', '"child' || i || '"')::jsonb);
        before := fuzz.of_workflow('order', id);
        last := (SELECT w.sequence FROM foreman.workflows w WHERE w.workflow_type = 'order' AND w.workflow_id = id);
        state := NULL;
        BEGIN
            SELECT x.outcome INTO outcome FROM foreman.execute('order', id, jsonb_build_object('answer', answer)) x;
        EXCEPTION WHEN OTHERS THEN
            state := SQLSTATE;
            message := SQLERRM;
            INSERT INTO found SELECT r FROM fuzz.check_refusal(state, message, answer) r WHERE r IS NOT NULL;
            IF state = '22023' AND message !~ 'type "order"' THEN
                INSERT INTO found VALUES (format('decisions: finding: does not say whose decision is wrong: %s', message));
            END IF;
        END;
        INSERT INTO tally VALUES ('decision', coalesce(state, outcome)) ON CONFLICT ON CONSTRAINT tally_pkey DO UPDATE SET times = tally.times + 1;
        IF state IS NULL AND outcome = 'accepted' THEN
            IF ARRAY(SELECT e.event_type FROM foreman.workflow_events('order', id) e WHERE e.sequence > last ORDER BY e.sequence)
                IS DISTINCT FROM ARRAY(SELECT e ->> 'type' FROM jsonb_array_elements(answer -> 'events') e) THEN
                INSERT INTO found VALUES (format('decisions: finding: accepted, with other events: %s', left(answer::text, 1500)));
            END IF;
        ELSIF fuzz.of_workflow('order', id) IS DISTINCT FROM before THEN
            INSERT INTO found VALUES (format('decisions: finding: refused (%s), and has changed something: %s, before %s: %s', coalesce(state, outcome), fuzz.of_workflow('order', id), before, left(answer::text, 1500)));
        END IF;
        COMMIT;
    END LOOP;
END $$;

-- A worker outside: it claims, decides something that is nearly right, and where that is refused something that is right.
CREATE PROCEDURE fuzz.commands(rounds int4) LANGUAGE plpgsql AS $$
DECLARE
    base jsonb;
    commands jsonb;
    id text;
    task record;
    n int4;
    number int4 := 1;
    before text;
    outcome text;
    state text;
    message text;
    deadline timestamptz;
BEGIN
    FOR i IN 1 .. rounds LOOP
        -- Another one where that has ended.
        WHILE EXISTS (SELECT FROM foreman.workflows w WHERE w.workflow_type = 'flow' AND w.workflow_id = 'f' || number AND w.state <> 'running') LOOP
            number := number + 1;
        END LOOP;
        id := 'f' || number;
        PERFORM foreman.signal_workflow('flow', id, jsonb_build_object('n', i)) ;
        COMMIT;
        deadline := clock_timestamp() + interval '20 s';
        LOOP
            SELECT * INTO task FROM foreman.claim_workflow_task('{flow}', 'fuzz', lease => '1 h');
            COMMIT;
            EXIT WHEN task.token IS NOT NULL OR clock_timestamp() > deadline;
            PERFORM pg_sleep(0.005);
        END LOOP;
        IF task.token IS NULL THEN
            INSERT INTO found VALUES (format('decisions: finding: no task for workflow %s within 20 s', id));
            RETURN;
        END IF;
        id := task.workflow_id;
        n := (SELECT coalesce(max((e.data -> 'sequence')::int), 0) FROM foreman.workflow_events('flow', id) e WHERE e.data ? 'sequence');
        base := jsonb_build_array(
            jsonb_build_object('command', 'schedule_effect', 'sequence', n + 1, 'kind', 'k1', 'queue', 'mine', 'args', '{"a": 1}'::jsonb, 'run_at', '2040-01-01T00:00:00Z', 'undo', '{"kind": "k1", "queue": "mine"}'::jsonb),
            jsonb_build_object('command', 'set_timer', 'sequence', n + 2, 'name', 't', 'after', '1 h'),
            jsonb_build_object('command', 'cancel_timer', 'sequence', n + 3, 'timer', n + 2),
            jsonb_build_object('command', 'wait_for_signal', 'sequence', n + 4, 'name', 's', 'timeout', '1 h'),
            jsonb_build_object('command', 'start_child', 'sequence', n + 5, 'workflow_type', 'order', 'workflow_id', 'of flow ' || i, 'input', '{"do": "C"}'::jsonb, 'on_parent_end', 'abandon'),
            jsonb_build_object('command', 'record_side_effect', 'sequence', n + 6, 'name', 'r', 'value', i),
            jsonb_build_object('command', 'upsert_search_attributes', 'sequence', n + 7, 'search', '{"customer": 7}'::jsonb));
        IF random() < 0.1 THEN
            base := base || jsonb_build_object('command', fuzz.pick('{complete,fail,cancel,continue_as_new}'), 'sequence', n + 8);
        END IF;
        commands := fuzz.changed(base);
        before := fuzz.of_workflow('flow', id);
        state := NULL;
        BEGIN
            outcome := foreman.submit_commands('flow', id, task.token, commands);
        EXCEPTION WHEN OTHERS THEN
            state := SQLSTATE;
            message := SQLERRM;
            INSERT INTO found SELECT r FROM fuzz.check_refusal(state, message, commands) r WHERE r IS NOT NULL;
        END;
        INSERT INTO tally VALUES ('commands', coalesce(state, outcome)) ON CONFLICT ON CONSTRAINT tally_pkey DO UPDATE SET times = tally.times + 1;
        IF state IS NOT NULL THEN
            IF fuzz.of_workflow('flow', id) IS DISTINCT FROM before THEN
                INSERT INTO found VALUES (format('decisions: finding: commands were refused (%s), and have changed something: %s', state, left(commands::text, 1500)));
            END IF;
            outcome := foreman.submit_commands('flow', id, task.token, '[]');
            IF outcome <> 'accepted' THEN
                INSERT INTO found VALUES (format('decisions: finding: after a refusal the lease is %s: %s', outcome, left(commands::text, 1500)));
            END IF;
        ELSIF outcome = 'parked' THEN
            PERFORM foreman.resume_workflow('flow', id);
        ELSIF outcome = 'accepted' AND NOT commands @> '[{"command": "continue_as_new"}]' THEN
            INSERT INTO found SELECT format('decisions: finding: accepted, and no event of sequence %s: %s', c -> 'sequence', left(commands::text, 1500))
              FROM jsonb_array_elements(commands) c
             WHERE NOT EXISTS (SELECT FROM foreman.workflow_events('flow', id) e WHERE e.data -> 'sequence' = c -> 'sequence') LIMIT 1;
        ELSIF outcome <> 'accepted' THEN
            INSERT INTO found VALUES (format('decisions: finding: the answer is %s: %s', outcome, left(commands::text, 1500)));
        END IF;
        COMMIT;
        -- What is parked again and again, or has grown long, goes.
        IF i % 10 = 9 THEN
            PERFORM foreman.terminate_workflow('flow', id) FROM foreman.workflows w WHERE w.workflow_type = 'flow' AND w.workflow_id = id AND w.state = 'running';
        END IF;
        COMMIT;
    END LOOP;
END $$;

SELECT setseed(hashint8extended(:seed, 1)::float8 / 9223372036854775808.0) \g /dev/null
CALL fuzz.decisions(:rounds);
CALL fuzz.commands(:rounds);
SELECT finding || CASE WHEN count(*) > 1 THEN ' (' || count(*) || ' times)' ELSE '' END FROM found GROUP BY finding LIMIT 20;
SELECT 'decisions: finding: ' || b FROM w.broken() b LIMIT 5;
SELECT 'decisions: finding: the canary was called' FROM fuzz.touched WHERE is_called;
SELECT 'decisions|' || what || ': ' || string_agg(answer || ' ' || times, ', ' ORDER BY times DESC) FROM tally GROUP BY what;
