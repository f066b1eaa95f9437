-- What decide, evolve and the other functions of a workflow type may answer wrongly or do besides: an error that names the
-- workflow type, the id and the field; nothing has changed; and the workflow goes on once the cause is gone.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

SELECT foreman.register_handler('note', 't.note') \g /dev/null
CREATE FUNCTION t.boom(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'boom'; END $$;
SELECT foreman.register_handler('boom', 't.boom') \g /dev/null
-- The context of what a statement raises.
CREATE FUNCTION t.context(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN context;
END $$;

SELECT foreman.execute('order', '1', '{"do": "A"}') \g /dev/null
-- An answer of decide, and the error that it is refused with.
CREATE FUNCTION w.refused(answer jsonb, sqlstate text, message text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    error text;
    detail text;
    state text;
BEGIN
    PERFORM foreman.execute('order', '1', jsonb_build_object('answer', answer));
    RETURN fail(format('not refused: %s', left(answer::text, 200)));
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS error = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, state = RETURNED_SQLSTATE;
    RETURN is(state || ' ' || error, sqlstate || ' ' || replace(message, '!', 'decide of workflow type "order" is wrong:'), left(answer::text, 100))
        || E'\n' || matches(detail, 'workflow "1"', 'with the id');
END $$;

SELECT w.refused(a, '22023', '! the answer must be an object') FROM unnest('{null,1,"\"x\"",true,[],"[{\"events\":[]}]"}'::jsonb[]) a;
SELECT w.refused('{}', '22023', '! events must have at least one event, or the answer must be {"reject": ...}');
SELECT w.refused('{"events": []}', '22023', '! events must have at least one event, or the answer must be {"reject": ...}');
SELECT w.refused('{"reject": 1, "events": [{"type": "A"}]}', '22023', '! the answer must not have anything beside "reject"');
SELECT w.refused('{"events": [{"type": "A"}], "even": 1}', '22023', '! the answer must not have the key: even');
SELECT w.refused(jsonb_build_object('events', '[{"type": "A"}]'::jsonb, 'x' || repeat(U&'\00e4', 40), 1), '22023', '! the answer must not have the key: x' || repeat(U&'\00e4', 31));
-- Wrong types, at each field.
SELECT w.refused('{"events": [{"type": "A"}]}'::jsonb || jsonb_build_object(field, value), '22023', format('! %s must be an array', field))
  FROM unnest('{events,effects,timers,cancel_timers,children,signals}'::text[]) field, unnest('{null,1,"\"x\"","{}"}'::jsonb[]) value;
SELECT w.refused('{"events": [{"type": "A"}]}'::jsonb || jsonb_build_object(field, '[1]'::jsonb), '22023', format('! %s[0] must be an object', field))
  FROM unnest('{events,effects,timers,children,signals}'::text[]) field;
SELECT w.refused('{"events": [{"type": "A"}], "cancel_timers": [1]}', '22023', '! cancel_timers must be an array of strings');
SELECT w.refused('{"events": [{"type": "A"}], "search": 1}', '22023', '! search must be an object');
SELECT w.refused('{"events": [{}]}', '22023', '! events[0].type is missing');
SELECT w.refused('{"events": [{"type": "A"}, {"type": 1}]}', '22023', '! events[1].type must be a string');
SELECT w.refused('{"events": [{"type": ""}]}', '22023', '! events[0].type: type must not be empty');
SELECT w.refused('{"events": [{"type": "A", "version": 0}]}', '22023', '! events[0].version must be 1 or more');
SELECT w.refused('{"events": [{"type": "A", "date": 0}]}', '22023', '! events[0] must not have the key: date');
-- Effects.
CREATE FUNCTION w.effects_are(effects jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('events', '[{"type": "A"}]'::jsonb, 'effects', effects) $$;
SELECT w.refused(w.effects_are('[{"kind": "note", "key": "k"}, {"kind": "note", "key": "k"}]'), '22023', '! effects has two effects of one key: k');
SELECT w.refused(w.effects_are('[{"kind": "note", "ky": "k"}]'), '22023', '! effects[0]: key "ky" is not a parameter of enqueue');
SELECT w.refused(w.effects_are(jsonb_build_array(jsonb_build_object('kind', 'note', 'x' || repeat(U&'\00e4', 40), 1))), '22023',
    format('! effects[0]: key "x%s" is not a parameter of enqueue', repeat(U&'\00e4', 31)));
SELECT w.refused(w.effects_are('[{"key": "k"}]'), '22004', '! effects[0]: kind must not be NULL');
SELECT w.refused(w.effects_are('[{"kind": "note", "undo": 1}]'), '22023', '! effects[0].undo must be an object');
SELECT w.refused(w.effects_are('[{"kind": "note", "undo": {"args": 1}}]'), '22004', '! effects[0].undo: kind must not be NULL');
SELECT w.refused(w.effects_are('[{"kind": "note", "undo": {"kind": "note", "key": "x"}}]'), '22023', '! effects[0].undo: key "key" is not a parameter of enqueue');
SELECT w.refused(w.effects_are('[{"kind": "note", "on_result": 1}]'), '22023', '! effects[0].on_result must be a string');
SELECT w.refused(w.effects_are('[{"kind": "workflow:order"}]'), '22023', '! effects[0]: kind "workflow:order" runs the inputs of workflows');
SELECT w.refused(w.effects_are((SELECT jsonb_agg('{"kind": "note"}'::jsonb) FROM generate_series(1, 1000000))), '22023', '! effects must not have more than 10000 elements');
-- Timers.
CREATE FUNCTION w.timer(timer jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('events', '[{"type": "A"}]'::jsonb, 'timers', jsonb_build_array('{"key": "k"}' || timer)) $$;
SELECT w.refused(w.timer('{}'), '22023', '! timers[0] must have either "after" or "fire_at"');
SELECT w.refused(w.timer('{"after": "1 h", "fire_at": "2100-01-01"}'), '22023', '! timers[0] must have either "after" or "fire_at"');
SELECT w.refused(w.timer('{"fire_at": "2001-01-01"}'), '22023', '! timers[0].fire_at has passed; use greatest(now, ...)');
SELECT w.refused(w.timer('{"fire_at": null}'), '22023', '! timers[0].fire_at must not be null');
SELECT w.refused(w.timer('{"fire_at": "soon"}'), '22007', '! timers[0].fire_at: fire_at: invalid input syntax for type timestamp with time zone: "soon"');
SELECT w.refused(w.timer(jsonb_build_object('fire_at', i)), '22008', format('! timers[0].fire_at: fire_at must not be %s', i)) FROM unnest('{infinity,-infinity}'::text[]) i;
SELECT w.refused(w.timer('{"after": "1 month"}'), '22023', '! timers[0].after: after 1 months is not supported');
SELECT w.refused(w.timer('{"after": "-1 s"}'), '22008', '! timers[0].after: after -1 s is out of range');
SELECT w.refused(w.timer('{"after": null}'), '22004', '! timers[0].after: after must not be NULL');
SELECT w.refused(w.timer('{"after": {}}'), '22023', '! timers[0].after: after must be a string with an interval, not an object');
SELECT w.refused(w.timer(jsonb_build_object('after', '1 h', 'key', repeat('k', 201))), '22023', '! timers[0].key must not be longer than 200 bytes');
SELECT w.refused('{"events": [{"type": "A"}], "timers": [{"key": "k", "after": "1 h"}, {"key": "k", "after": "2 h"}]}', '22023', '! timers sets one timer twice: k');
-- Children and signals.
CREATE FUNCTION w.child(child jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('events', '[{"type": "A"}]'::jsonb, 'children', jsonb_build_array(child)) $$;
SELECT w.refused(w.child('{"workflow_id": "x"}'), '22023', '! children[0].workflow_type is missing');
SELECT w.refused(w.child('{"workflow_type": "order"}'), '22023', '! children[0].workflow_id is missing');
SELECT w.refused(w.child('{"workflow_type": "order", "workflow_id": "x", "on_parent_end": "die"}'), '22023', '! children[0].on_parent_end must be cancel, terminate or abandon');
SELECT w.refused(w.child('{"workflow_type": "nothing", "workflow_id": "x"}'), '42704', '! children[0].workflow_type: workflow type "nothing" does not exist');
SELECT w.refused('{"events": [{"type": "A"}], "signals": [{"workflow_type": "nothing", "workflow_id": "x"}]}', '42704', '! signals[0].workflow_type: workflow type "nothing" does not exist');

-- Keys of effects.
SELECT foreman.execute('order', 'keys', '{"do": "A", "effects": [{"kind": "note", "key": "open", "run_at": "2100-01-01"}, {"kind": "note", "key": "done"}, {"kind": "boom", "key": "failed", "on_failure": "on failed", "max_attempts": 1}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'keys') = 'done completed, failed failed, open open' AND w.state('order', 'keys') = 'running 2' $$), 'an effect is open, one completed, one failed');
SELECT throws_ok(format($$ SELECT foreman.execute('order', 'keys', '{"do": "B", "effects": [{"kind": "note", "key": "%s"}]}') $$, key), '23505',
    format('workflow "order", id "keys" has an effect with key "%s" already', key), key || ': its key is taken') FROM unnest('{open,done}'::text[]) key;
SELECT is((SELECT outcome FROM foreman.execute('order', 'keys', '{"do": "B", "effects": [{"kind": "note", "key": "failed"}]}')), 'accepted', 'failed: its key is free');
SELECT ok(t.wait_until($$ w.effects('order', 'keys') = 'done completed, failed failed, open open, failed completed' $$), 'the second one is done');
-- A job of another has the unique key of the effect.
SELECT foreman.enqueue('note', unique_key => 'u', run_at => '2100-01-01') \g /dev/null
SELECT throws_ok($$ SELECT foreman.execute('order', '1', '{"do": "B", "effects": [{"kind": "note", "key": "e", "unique_key": "u"}]}') $$, '23505',
    'workflow "order", id "1", effect "e": another job has its unique_key', 'an effect is never the job of somebody else');
SELECT throws_ok($$ SELECT foreman.execute('order', '1', '{"do": "B", "effects": [{"kind": "note", "key": "e", "unique_key": "u", "on_conflict": "replace"}]}') $$, '23505',
    NULL, 'nor does it replace it');

-- decide itself.
CREATE FUNCTION w.try(body text, input jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION w.bad(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS %L', 'BEGIN ' || body || '; RETURN ''{"events": [{"type": "A"}]}''; END');
    PERFORM foreman.execute('bad', '1', input);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN context LIKE '%decide of workflow "bad", id "1"%' THEN '' ELSE E'\n' || context END;
END $$;
CREATE FUNCTION w.bad(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';
SELECT foreman.create_workflow_type('bad', 'w.bad', 'w.evolve') \g /dev/null
SELECT throws_ok($$ SELECT foreman.execute('bad', '1', '{}') $$, '22004', 'decide of workflow type "bad" answered NULL', 'NULL');
SELECT is(w.try($$ PERFORM foreman.execute('order', '2', '{"do": "A"}') $$), '55000 a function of a workflow type must not ask for another workflow''s state or decision', 'it executes another');
SELECT is(w.try($$ PERFORM foreman.workflow_state('order', '1') $$), '55000 a function of a workflow type must not ask for another workflow''s state or decision', 'it reads the state of another');
SELECT is((SELECT outcome FROM foreman.execute('order', '1', '{"do": "B"}')), 'accepted', 'later calls are not inside any more');
SELECT is(w.try($$ CREATE TEMPORARY TABLE x () $$), '42501 cannot create temporary table within security-restricted operation', 'it makes a temporary table');
SELECT is(w.try($$ SET ROLE NONE $$), '42501 cannot set parameter "role" within security-definer function', 'it changes its role');
SELECT is(w.try($$ RAISE 'no' $$), 'P0001 no', 'it raises');
SELECT is(w.try($$ PERFORM 1 / 0 $$), '22012 division by zero', 'it divides by zero');
SELECT is(w.try($$ PERFORM pg_sleep(0); COMMIT $$), '2D000 invalid transaction termination', 'it commits');
SELECT is(w.try($$ RETURN repeat('[', 100000) || repeat(']', 100000) $$) ~ '^54001 stack depth limit exceeded', true, 'its answer is too deep');
SELECT is(w.state('bad', '1') || ' ' || w.inputs('bad', '1'), 'nowhere none', 'nothing of it has happened');
-- What it may do: write, and set for itself.
CREATE TABLE w.written (x int);
SELECT is(w.try($$ INSERT INTO w.written VALUES (1) $$), 'accepted', 'it may write');
SELECT is((SELECT count(*) FROM w.written), 1::int8, 'in the same transaction');
SELECT is(w.try($$ PERFORM set_config('work_mem', '123kB', false), set_config('search_path', 'nowhere', false) $$), 'accepted', 'it may set');
SELECT isnt(current_setting('work_mem') || current_setting('search_path'), '123kBnowhere', 'but the caller keeps its settings');
SELECT is(w.try($$ IF current_setting('search_path') <> 'w, pg_temp' THEN RAISE '%', current_setting('search_path'); END IF $$), 'accepted', 'its search_path is its schema');

-- evolve.
SELECT foreman.execute('order', 'evolve', '{"do": "A"}') \g /dev/null
SELECT throws_ok($$ SELECT foreman.execute('order', 'evolve', '{"events": [{"type": "B"}, {"type": "C", "data": {"evolve raises": 1}}]}') $$, 'P0001', 'evolve does not like this', 'evolve raises');
SELECT matches(t.context($$ SELECT foreman.execute('order', 'evolve', '{"events": [{"type": "B"}, {"type": "C", "data": {"evolve raises": 1}}]}') $$),
    'evolve of event 3 \(C\) of workflow "order", id "evolve"', 'the event is named');
SELECT is(w.state('order', 'evolve'), 'running 1', 'nothing has happened');
SELECT is((SELECT outcome FROM foreman.execute('order', 'evolve', '{"do": "B", "data": {"evolve answers null": 1}}')), 'accepted', 'evolve answers NULL');
SELECT is(foreman.workflow_state('order', 'evolve'), 'null', 'a null state is a state');
SELECT is((SELECT outcome FROM foreman.execute('order', 'evolve', '{"do": "C"}')), 'accepted', 'it goes on from there');
SELECT is(foreman.workflow_state('order', 'evolve') ->> 'seen', '["C"]', 'with the next event');

-- is_terminal, unique_key.
CREATE FUNCTION w.terminal_raises(state jsonb) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'not terminal'; END $$;
CREATE FUNCTION w.key_raises(input jsonb) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'no key'; END $$;
SELECT foreman.create_workflow_type('third', 'w.decide', 'w.evolve', 'w.terminal_raises') \g /dev/null
SELECT matches(t.context($$ SELECT foreman.execute('third', '1', '{"do": "A"}') $$), 'is_terminal of workflow "third", id "1"', 'is_terminal raises');
SELECT foreman.alter_workflow_type('third', unique_key => 'w.key_raises', reset => '{is_terminal}') \g /dev/null
SELECT matches(t.context($$ SELECT foreman.execute('third', '1', '{"do": "A"}') $$), 'unique_key of workflow "third", id "1"', 'unique_key raises');
SELECT foreman.alter_workflow_type('third', unique_key => 'w.unique_key') \g /dev/null
SELECT throws_like(format($$ SELECT foreman.execute('third', '1', %L) $$, jsonb_build_object('do', 'A', 'data', jsonb_build_object('email', k))), 'unique_key %', 'a key must be a name') FROM unnest(ARRAY['', repeat('x', 256)]) k;
SELECT is((SELECT outcome FROM foreman.execute('third', '1', jsonb_build_object('do', 'A', 'data', jsonb_build_object('email', E' "''\\%%')))), 'accepted', 'a key with quotes');

-- Ids, keys and types of any bytes; large texts.
SELECT is((SELECT outcome FROM foreman.execute('order', E'"''\\:%;%', jsonb_build_object('do', E'"''\\%', 'timers', '[{"key": "a:b;\"", "after": "1 h"}]'::jsonb,
    'effects', '[{"kind": "note", "key": ":;\"", "args": {"x": 1}}]'::jsonb))), 'accepted', 'any bytes');
SELECT is((SELECT outcome FROM foreman.execute('order', E'"''\\:%;%', '{"do": "B", "cancel_timers": ["a:b;\""]}')), 'accepted', 'and its timer is cancelled');
SELECT is_empty('SELECT FROM foreman.timers', 'by its key');
SELECT is((SELECT outcome FROM foreman.execute('order', 'large', jsonb_build_object('do', 'A', 'data', repeat('x', 3000000)))), 'accepted', 'three megabytes');
SELECT is(length(foreman.workflow_state('order', 'large') ->> 'data'), 3000000, 'are in the state');
SELECT throws_ok($$ SELECT foreman.execute('order', 'zero', '{"do": "a\u0000"}') $$, '22P05', NULL, 'no zero bytes');
SELECT throws_ok($$ SELECT foreman.execute('nothing', '1', '{}') $$, '42704', 'workflow type "nothing" does not exist', 'an unknown type');
SELECT throws_ok($$ SELECT foreman.execute('order', '', '{}') $$, '22023', NULL, 'an empty id');

-- Functions that are replaced, dropped and made again, while instances run and inputs wait.
SELECT foreman.alter_workflow_type('third', reset => '{unique_key}') \g /dev/null
CREATE FUNCTION w."De""cide"(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT w.decide(now, state, input) $$;
SELECT foreman.alter_workflow_type('third', decide => 'w."De""cide"') \g /dev/null
SELECT is((SELECT outcome FROM foreman.execute('third', '1', '{"do": "B"}')), 'accepted', 'a name that needs quotes');
DROP FUNCTION w."De""cide";
SELECT throws_ok($$ SELECT foreman.execute('third', '1', '{"do": "C"}') $$, '42883', 'decide of workflow type "third" does not exist: w."De""cide"(timestamp with time zone,pg_catalog.jsonb,pg_catalog.jsonb)', 'decide is gone');
SELECT foreman.create_queue('fast', backoff_base => '1 ms', backoff_max => '20 ms') \g /dev/null
SELECT foreman.alter_workflow_type('third', queue => 'fast') \g /dev/null
SELECT foreman.signal_workflow('third', '1', '{"do": "C"}') \g /dev/null
SELECT ok(t.wait_until($$ w.inputs('third', '1') = 'signal dead' $$), 'an input that nobody can handle becomes a dead letter');
SELECT matches((SELECT reason FROM foreman.dead_letter WHERE kind = 'workflow:third'), 'decide of workflow type "third" does not exist', 'that says why');
CREATE FUNCTION w."De""cide"(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT w.decide(now, state, input) $$;
SELECT is((SELECT outcome FROM foreman.execute('third', '1', '{"do": "D"}')), 'accepted', 'it is there again');
SELECT foreman.retry_dead_letter(job_id) FROM foreman.dead_letter WHERE kind = 'workflow:third' \g /dev/null
SELECT ok(t.wait_until($$ w.events('third', '1') = 'A B D C' $$), 'and the instance goes on');

-- A type that is dropped while an input waits.
SELECT throws_ok($$ SELECT foreman.drop_workflow_type('third') $$, '55006', 'workflow type "third" has running instances', 'a type that is needed is not dropped');
SELECT foreman.create_workflow_type('fourth', 'w.decide', 'w.evolve') \g /dev/null
SELECT foreman.pause_queue('default') \g /dev/null
SELECT foreman.signal_workflow('fourth', '1', '{"do": "A"}') \g /dev/null
SELECT ok(foreman.drop_workflow_type('fourth'), 'a type is dropped while an input waits');
SELECT foreman.resume_queue('default') \g /dev/null
SELECT throws_ok($$ SELECT foreman.signal_workflow('fourth', '1', '{"do": "B"}') $$, '42704', NULL, 'no other input comes');
SELECT throws_ok($$ SELECT foreman.unregister_handler('workflow:order') $$, NULL, NULL, 'the kind of a type cannot be dropped by itself');
SELECT foreman.create_workflow_type('fourth', 'w.decide', 'w.evolve') \g /dev/null
SELECT ok(t.wait_until($$ w.events('fourth', '1') = 'A' $$), 'once the type is there again, the input is handled');

SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'p') $$), 'no input is left');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
