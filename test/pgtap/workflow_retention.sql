-- Workflows that have ended go when the retention of their type is over, with all that is theirs; those that run stay.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT foreman.create_workflow_type('brief', 'w.decide', 'w.evolve', 'w.is_terminal', record_inputs => 'all', retain_completed => '1 h') \g /dev/null
-- A workflow of a type, with an effect, which ended so long ago.
CREATE FUNCTION w.ended(type text, id text, ago interval, with_state text DEFAULT 'c') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.execute(type, id, '{"do": "A", "effects": [{"kind": "nobody", "key": "e"}]}', 'first'), foreman.execute(type, id, '{"do": "B"}');
    UPDATE foreman.workflow_effect SET state = 'c' WHERE instance = (SELECT instance FROM foreman.workflows w WHERE w.workflow_type = type AND w.workflow_id = id);
    UPDATE foreman.workflow_instance i SET state = with_state::"char", ended_at = now() - ago WHERE i.workflow_type = type AND i.workflow_id = id;
    UPDATE foreman.workflow_input i SET handled_at = now() - ago - interval '1 s' WHERE i.workflow_type = type AND i.workflow_id = id;
END $$;
CREATE FUNCTION w.pruned(wanted text) RETURNS int8 LANGUAGE sql AS $$ SELECT coalesce(sum(rows), 0)::int8 FROM foreman.prune_once() WHERE what = wanted $$;
CREATE FUNCTION w.left() RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(workflow_id, ' ' ORDER BY workflow_id), 'none') FROM foreman.workflows $$;

SELECT w.ended('order', 'old', '8 days'), w.ended('order', 'new', '6 days'), w.ended('brief', 'brief old', '2 h'), w.ended('brief', 'brief new', '30 min'),
       w.ended('order', 'cancelled', '8 days', 'x'), w.ended('order', 'failed', '8 days', 'f'), w.ended('order', 'terminated', '8 days', 't') \g /dev/null
SELECT foreman.execute('order', 'runs', '{"do": "A"}', 'id') \g /dev/null
UPDATE foreman.workflow_instance SET started_at = now() - interval '1 year', last_event_at = now() - interval '1 year' WHERE workflow_id = 'runs';
UPDATE foreman.workflow_input SET handled_at = now() - interval '1 year' WHERE workflow_id = 'runs';
SELECT is(w.pruned('workflows'), 5::int8, 'what ended before its type''s retention goes, however it ended');
SELECT is(w.left(), 'brief new new runs', 'the rest stays');
SELECT is((SELECT count(DISTINCT instance) FROM foreman.workflow_event), 3::int8, 'events go with their workflows');
SELECT is((SELECT string_agg(DISTINCT workflow_id, ' ' ORDER BY workflow_id) FROM foreman.workflow_input), 'brief new new runs', 'inputs too');
SELECT is((SELECT count(*) FROM foreman.workflow_effect), 2::int8, 'and effects');
SELECT is(w.pruned('workflows'), 0::int8, 'a second pass finds nothing');
SELECT is((SELECT outcome FROM foreman.execute('order', 'old', '{"do": "A"}', 'first')), 'accepted', 'the id is free again');
SELECT is(w.events('order', 'old'), 'A', 'for a new workflow');

-- What something is under way for stays.
SELECT w.ended('order', 'open', '8 days'), w.ended('order', 'undoing', '8 days'), w.ended('order', 'asked', '8 days') \g /dev/null
UPDATE foreman.workflow_effect SET state = 'o' WHERE instance = (SELECT instance FROM foreman.workflows WHERE workflow_id = 'open');
UPDATE foreman.workflow_effect SET state = 'u' WHERE instance = (SELECT instance FROM foreman.workflows WHERE workflow_id = 'undoing');
SELECT foreman.signal_workflow('order', 'asked', '{"do": "C"}') \g /dev/null
SELECT is(w.pruned('workflows'), 0::int8, 'an open effect, an undo that runs and an input that waits keep a workflow');
UPDATE foreman.workflow_effect SET state = 'n' WHERE state = 'u';
SELECT is(w.pruned('workflows'), 1::int8, 'until they are done');

-- Children of a parent that runs; and a parent whose child runs.
SELECT w.ended('order', 'child', '8 days'), w.ended('order', 'parent', '8 days') \g /dev/null
UPDATE foreman.workflow_instance SET parent = (SELECT instance FROM foreman.workflows WHERE workflow_id = 'runs') WHERE workflow_id = 'child';
UPDATE foreman.workflow_instance SET parent = (SELECT instance FROM foreman.workflows WHERE workflow_id = 'parent') WHERE workflow_id = 'runs';
SELECT is(w.pruned('workflows'), 2::int8, 'children go, and parents');
SELECT is(w.state('order', 'runs') || (SELECT parent IS NULL FROM foreman.workflows WHERE workflow_id = 'runs'), 'running 1true', 'the one that runs stays');

-- One of a chain: its inputs go, those of the one that continues it stay.
SELECT w.ended('order', 'chain', '8 days', 'n') \g /dev/null
SELECT foreman.execute('order', 'chain', '{"do": "A"}', 'second') \g /dev/null
SELECT is(w.pruned('workflows'), 1::int8, 'one that was continued goes');
SELECT is((SELECT string_agg(input_id, ' ') FROM foreman.workflow_inputs('order', 'chain')) || ', ' || w.events('order', 'chain'), 'second, A', 'what continues it stays');

-- Inputs that began nothing.
SELECT foreman.execute('order', 'never', '{"reject": 1}'), foreman.execute('order', 'never', '{"reject": 1}', 'n') \g /dev/null
UPDATE foreman.workflow_input SET handled_at = now() - interval '8 days' WHERE workflow_id = 'never' AND input_id IS NULL;
SELECT is(w.pruned('inputs'), 1::int8, 'a rejected input without a workflow goes after the retention');
SELECT is((SELECT count(*) FROM foreman.workflow_input WHERE workflow_id = 'never'), 1::int8, 'not before');
SELECT is((SELECT count(*) FROM foreman.workflow_input WHERE workflow_id = 'runs'), 1::int8, 'those of a workflow that runs stay, however old');

-- Many, of all lengths: all steps of a pass together.
INSERT INTO foreman.workflow_instance (instance, root, workflow_type, workflow_id, state, sequence, started_at, ended_at)
SELECT nextval('foreman.workflow_instance_seq'), 0, 'brief', 'many ' || n, 'c', CASE WHEN n % 500 = 0 THEN 5000 ELSE 3 END, now(), now() - interval '1 day' FROM generate_series(1, 3000) n;
INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at)
SELECT i.instance, s, 'X', 1, '{}', now() FROM foreman.workflow_instance i, generate_series(1, i.sequence) s WHERE i.workflow_id LIKE 'many %';
SELECT is(w.pruned('workflows'), 3000::int8, 'a pass takes all of them');
SELECT is((SELECT count(*) FROM foreman.workflow_event WHERE event_type = 'X'), 0::int8, 'with their events');
SELECT is_empty($$ SELECT b FROM w.broken() b WHERE b NOT LIKE 'open effect % has no job' AND b NOT LIKE '%: counted %' $$, 'nothing is broken, apart from what this file wrote into the rows itself');

-- health(): types whose functions are missing, and inputs that nobody could handle.
SELECT is((SELECT string_agg(name || ' ' || ok, ', ' ORDER BY name) FROM foreman.health() WHERE name LIKE 'workflow%'), 'workflow_inputs true, workflow_types true', 'health: all is well');
ALTER FUNCTION w.evolve(jsonb, jsonb) RENAME TO evolve_away;
SELECT matches((SELECT detail FROM foreman.health() WHERE name = 'workflow_types' AND NOT ok), '^evolve of workflow type "brief" does not exist: .*; 2 such types$', 'a function that is missing');
ALTER FUNCTION w.evolve_away(jsonb, jsonb) RENAME TO evolve;
CREATE ROLE retention_worker LOGIN;
GRANT USAGE ON SCHEMA w TO retention_worker;
SELECT foreman.create_workflow_type('poor', 'w.decide', 'w.evolve', run_as => 'retention_worker') \g /dev/null
REVOKE EXECUTE ON FUNCTION w.decide(timestamptz, jsonb, jsonb) FROM PUBLIC;
SELECT matches((SELECT detail FROM foreman.health() WHERE name = 'workflow_types' AND NOT ok), '^permission denied for decide of workflow type "poor"', 'a function that its role may not execute');
SELECT foreman.drop_workflow_type('poor') \g /dev/null
DROP OWNED BY retention_worker;
DROP ROLE retention_worker;
SELECT foreman.signal_workflow('order', 'runs', '{"raise": "no"}') \g /dev/null
UPDATE foreman.live_job SET max_attempts = 1 WHERE origin = 'i';
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.health() WHERE name = 'workflow_inputs' AND NOT ok) $$), 'an input that is a dead letter');
SELECT * FROM finish();
