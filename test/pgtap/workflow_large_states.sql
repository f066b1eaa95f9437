-- A state that is too large to be stored with every decision is kept by the session that folded it last: no event is
-- folded twice, and the state that decide gets is the one that the events make, whatever happened in between.
-- Broken by: a kept state that is found although the last events were rolled back, masked, or written by somebody else, or
-- although evolve is another one.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
-- decide writes down which inputs the state has seen; evolve counts its calls.
CREATE SEQUENCE w.evolved;
CREATE FUNCTION w.calls() RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE n int8 := nextval('w.evolved') - 1;
BEGIN PERFORM setval('w.evolved', 1, false); RETURN n; END $$;
CREATE FUNCTION w.big_decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN RETURN jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', 'Seen', 'data', input || jsonb_build_object('before', state ->> 'seen')))) || coalesce(input -> 'more', '{}'); END $$;
CREATE FUNCTION w.big_evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval('w.evolved'); RETURN state || jsonb_build_object('seen', concat_ws(' ', state ->> 'seen', event -> 'data' ->> 'n')); END $$;
SELECT foreman.create_workflow_type('large', 'w.big_decide', 'w.big_evolve', initial_state => jsonb_build_object('pad', repeat('x', 5000))) \g /dev/null
-- Gives it the input n; what decide saw.
CREATE FUNCTION w.gives(id text, n text, more jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.execute('large', id, jsonb_strip_nulls(jsonb_build_object('n', n, 'more', more)));
    RETURN (SELECT data ->> 'before' FROM foreman.workflow_events('large', id) ORDER BY sequence DESC LIMIT 1);
END $$;

SELECT w.gives('a', n::text) FROM generate_series(1, 20) n \g /dev/null
SELECT w.calls() \g /dev/null
SELECT is(w.gives('a', '21'), (SELECT string_agg(n::text, ' ' ORDER BY n) FROM generate_series(1, 20) n), 'the state has seen all that was before');
SELECT cmp_ok(w.calls(), '<=', 22::int8, 'each event is folded once more at most');
SELECT w.gives('b', '1'), w.gives('b', '2') \g /dev/null
SELECT w.calls() \g /dev/null
SELECT w.gives('b', '3') \g /dev/null
SELECT is(w.calls(), 1::int8, 'the next input of the session folds its own event only');

-- Rolled back to a savepoint, as a whole, and in a block.
BEGIN;
SELECT w.gives('b', '4') \g /dev/null
SAVEPOINT s;
SELECT w.gives('b', 'never') \g /dev/null
ROLLBACK TO s;
SELECT is(w.gives('b', '5'), '1 2 3 4', 'after a savepoint was rolled back');
COMMIT;
BEGIN;
SELECT w.gives('b', 'never') \g /dev/null
ROLLBACK;
SELECT is(w.gives('b', '6'), '1 2 3 4 5', 'after a transaction was rolled back');
DO $$ BEGIN PERFORM w.gives('b', 'never'); RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
SELECT is(w.gives('b', '7'), '1 2 3 4 5 6', 'after a block with an exception');

-- Another process appends the event whose number was rolled back here.
BEGIN;
SELECT w.gives('b', 'never') \g /dev/null
ROLLBACK;
SELECT foreman.signal_workflow('large', 'b', '{"n": "8"}') \g /dev/null
SELECT ok(t.wait_until($$ w.inputs('large', 'b') = 'none' $$), 'an executor appends one');
SELECT is(w.gives('b', '9'), '1 2 3 4 5 6 7 8', 'after another session appended');

-- Search attributes, masks, forks, a table that was written anew.
SELECT w.gives('b', '10', '{"search": {"x": 1}}') \g /dev/null
SELECT foreman.set_search_attributes('large', 'b', '{"y": 2}') \g /dev/null
SELECT is(w.gives('b', '11'), '1 2 3 4 5 6 7 8 9 10', 'after search attributes changed');
CREATE FUNCTION w.hide(data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$ SELECT data || '{"n": "-"}' $$;
SELECT w.gives('b', '12') \g /dev/null
SELECT foreman.mask_events('large', 'b', 'w.hide') \g /dev/null
SELECT is(w.gives('b', '13'), '- - - - - - - - - - - -', 'after a mask');
SELECT foreman.fork_workflow('large', 'b', 3, 'f', 'why') \g /dev/null
SELECT is(w.gives('f', '4'), '- - -', 'a fork begins with the events that it was given');
SELECT is(w.gives('b', '14'), '- - - - - - - - - - - - 13', 'and changes nothing of the other');
BEGIN;
SELECT w.gives('b', '15'), w.gives('b', '16') \g /dev/null
COMMIT;
VACUUM FULL foreman.workflow_instance;
SELECT is(w.gives('b', '17'), '- - - - - - - - - - - - 13 14 15 16', 'after VACUUM FULL');

-- Another evolve, and one that calls another function.
CREATE OR REPLACE FUNCTION w.big_evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN PERFORM nextval('w.evolved'); RETURN state || jsonb_build_object('seen', concat_ws(',', state ->> 'seen', event -> 'data' ->> 'n')); END $$;
SELECT is(w.gives('b', '18'), '-,-,-,-,-,-,-,-,-,-,-,-,13,14,15,16,17', 'with another evolve all is folded again');

-- More instances than are kept.
SELECT w.gives('many ' || n, '1') FROM generate_series(1, 150) n \g /dev/null
SELECT is((SELECT string_agg(DISTINCT w.gives('many ' || n, '2'), '; ') FROM generate_series(1, 150) n), '1', 'more instances than are kept at once');
SELECT is((SELECT string_agg(DISTINCT w.gives('many ' || n, '3'), '; ') FROM generate_series(150, 1, -1) n), '1,2', 'in another order');
SELECT cmp_ok((SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'foreman kept state'), '<', 1000000::numeric, 'what is kept is bounded');
SELECT foreman.create_workflow_type('huge', 'w.big_decide', 'w.big_evolve', initial_state => jsonb_build_object('pad', repeat('x', 5000000))) \g /dev/null
SELECT foreman.execute('huge', n::text, '{"n": "1"}') FROM generate_series(1, 8) n \g /dev/null
SELECT cmp_ok((SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'foreman kept state'), '<', 20000000::numeric, 'in bytes too');
SELECT is((SELECT foreman.workflow_state('large', 'b') ->> 'seen'), '-,-,-,-,-,-,-,-,-,-,-,-,13,14,15,16,17,18', 'the state is what the events say');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
