-- execute(): an input is decided in the caller's transaction, and leaves its events and all that they ask for, or nothing.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

-- Three outcomes.
SELECT results_eq($$ SELECT outcome, rejection, first_sequence, last_sequence FROM foreman.execute('order', '1', '{"do": "Placed", "data": {"total": 5}}') $$,
    $$ VALUES ('accepted', NULL::jsonb, 1::int8, 1::int8) $$, 'the first input begins the workflow');
SELECT results_eq($$ SELECT outcome, first_sequence, last_sequence FROM foreman.execute('order', '1', '{"events": [{"type": "A"}, {"type": "B", "data": 1, "version": 3}]}') $$,
    $$ VALUES ('accepted', 2::int8, 3::int8) $$, 'events are numbered without gaps');
SELECT results_eq($$ SELECT sequence, event_type, version, data FROM foreman.workflow_events('order', '1') $$,
    $$ VALUES (1::int8, 'Placed', 1, '{"total": 5}'::jsonb), (2, 'A', 1, '{}'), (3, 'B', 3, '1') $$, 'each with its version and data');
SELECT results_eq($$ SELECT outcome, rejection, first_sequence FROM foreman.execute('order', '1', '{"reject": {"because": ["x"]}}') $$,
    $$ VALUES ('rejected', '{"because": ["x"]}'::jsonb, NULL::int8) $$, 'a rejected input answers what decide said');
SELECT is(w.state('order', '1'), 'running 3', 'and changes nothing');
SELECT is((SELECT outcome FROM foreman.execute('order', '1', '{"do": "End"}')), 'accepted', 'a terminal state ends it');
SELECT is(w.state('order', '1'), 'completed 4', 'in the same transaction');
SELECT is((SELECT outcome FROM foreman.execute('order', '1', '{"do": "Again"}')), 'already_completed', 'what comes after the end is answered so');
SELECT is(w.events('order', '1'), 'Placed A B End', 'and adds nothing');

-- A rejected beginning leaves no workflow.
SELECT is((SELECT outcome FROM foreman.execute('order', 'ghost', '{"reject": 1}')), 'rejected', 'the first input is rejected');
SELECT is(w.state('order', 'ghost'), 'nowhere', 'no workflow is left');
SELECT is(w.inputs('order', 'ghost'), 'execute rejected', 'but a record, since record_inputs is rejected');

-- The caller's transaction.
BEGIN;
SELECT foreman.execute('order', 'undone', '{"do": "A"}') \g /dev/null
SAVEPOINT s;
SELECT foreman.execute('order', 'undone', '{"do": "B"}') \g /dev/null
SELECT foreman.execute('order', 'other', '{"do": "B"}') \g /dev/null
ROLLBACK TO s;
SELECT is(w.events('order', 'undone') || ', ' || w.state('order', 'other'), 'A, nowhere', 'a savepoint takes back what came after it');
SELECT is((SELECT first_sequence FROM foreman.execute('order', 'undone', '{"do": "C"}')), 2::int8, 'the number is used again');
ROLLBACK;
SELECT is(w.state('order', 'undone'), 'nowhere', 'a rollback takes back all');

-- One id, two types.
SELECT foreman.create_workflow_type('invoice', 'w.decide', 'w.evolve') \g /dev/null
SELECT foreman.execute('invoice', '1', '{"do": "Billed"}') \g /dev/null
SELECT is(w.events('invoice', '1') || ', ' || w.state('invoice', '1'), 'Billed, running 1', 'types do not share ids');

-- input_id.
SELECT foreman.execute('order', 'twice', '{"do": "A"}', input_id => 'i1') AS first \gset
SELECT is(foreman.execute('order', 'twice', '{"do": "B"}', input_id => 'i1')::text, :'first', 'a second input of an input_id is answered as the first');
SELECT is(w.events('order', 'twice'), 'A', 'and is not decided');
SELECT foreman.execute('order', 'twice', '{"reject": "no"}', input_id => 'i2') AS first \gset
SELECT is(foreman.execute('order', 'twice', '{"do": "B"}', input_id => 'i2')::text, :'first', 'a rejection, too');
SELECT is((SELECT outcome FROM foreman.execute('order', 'other id', '{"do": "B"}', input_id => 'i1')), 'accepted', 'an input_id is one of its workflow');

-- expected_sequence.
SELECT is((SELECT outcome FROM foreman.execute('order', 'expected', '{"do": "A"}', expected_sequence => 0)), 'accepted', 'expected_sequence 0 means that it is new');
SELECT throws_ok($$ SELECT foreman.execute('order', 'expected', '{"do": "B"}', expected_sequence => 0) $$, '40001',
    'workflow "order", id "expected" is at sequence 1, not 0', 'another sequence is refused');
SELECT is((SELECT last_sequence FROM foreman.execute('order', 'expected', '{"do": "B"}', expected_sequence => 1)), 2::int8, 'the right one is not');

-- unique_key.
SELECT is((SELECT outcome FROM foreman.execute('order', 'u1', '{"do": "A", "data": {"email": "a@b"}}')), 'accepted', 'a workflow takes a unique key');
SELECT throws_ok($$ SELECT foreman.execute('order', 'u2', '{"do": "A", "data": {"email": "a@b"}}') $$, '23505',
    'workflow type "order" has a running instance with unique key "a@b"', 'a second one is refused');
SELECT is((SELECT outcome FROM foreman.execute('order', 'u1', '{"do": "B", "data": {"email": "a@b"}}')), 'accepted', 'the same workflow goes on');
SELECT foreman.execute('order', 'u1', '{"do": "End"}') \g /dev/null
SELECT is((SELECT outcome FROM foreman.execute('order', 'u2', '{"do": "A", "data": {"email": "a@b"}}')), 'accepted', 'the key is free after the end');

-- State, snapshots, time travel.
SELECT count(foreman.execute('order', 'long', '{"do": "Step"}')) FROM generate_series(1, 250) \g /dev/null
SELECT is(foreman.workflow_state('order', 'long') ->> 'n', '250', 'the state has seen all events');
SELECT is(foreman.workflow_state('order', 'long', 7) ->> 'n', '7', 'and can be seen as it was');
SELECT is(foreman.workflow_state('order', 'long', 0), '{}', 'before the first event it is the initial one');
SELECT cmp_ok((SELECT sequence - folded_sequence FROM foreman.workflow_instance WHERE workflow_id = 'long'), '<', 100::int8, 'a snapshot is at most snapshot_every events old');
CREATE OR REPLACE FUNCTION w.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('count', coalesce((state ->> 'count')::int, 0) + 1) $$;
SELECT is(foreman.workflow_state('order', 'long'), '{"count": 250}', 'another evolve folds anew, from the first event');
SELECT foreman.execute('order', 'long', '{"do": "Step"}') \g /dev/null
SELECT is(foreman.workflow_state('order', 'long'), '{"count": 251}', 'and its snapshot is its own');

-- Search attributes.
SELECT foreman.execute('order', 's', '{"do": "A", "search": {"customer": 7, "city": "Ulm"}}') \g /dev/null
SELECT foreman.execute('order', 's', '{"do": "B", "search": {"city": null, "paid": true}}') \g /dev/null
SELECT is((SELECT search FROM foreman.workflows WHERE workflow_id = 's'), '{"paid": true, "customer": 7}', 'search attributes are merged');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
