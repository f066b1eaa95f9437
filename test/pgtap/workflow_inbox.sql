-- signal_workflow(): inputs that are handled soon, in order, each once; and what becomes of one that cannot be handled.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();

SELECT foreman.signal_workflow('order', '1', '{"do": "A"}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '1') = 'A' $$), 'a signal begins a workflow');
BEGIN;
SELECT count(foreman.signal_workflow('order', '1', jsonb_build_object('do', 'S' || i))) FROM generate_series(1, 300) i \g /dev/null
COMMIT;
SELECT ok(t.wait_until($$ w.state('order', '1') = 'running 301' $$), 'many are handled');
SELECT is(w.events('order', '1'), 'A ' || (SELECT string_agg('S' || i, ' ' ORDER BY i) FROM generate_series(1, 300) i), 'in their order, each once');
SELECT foreman.signal_workflow('order', '2', '{"do": "A"}', input_id => 'x') AS first \gset
SELECT is(foreman.signal_workflow('order', '2', '{"do": "B"}', input_id => 'x'), :first::int8, 'a second signal of an input_id is the first');
SELECT ok(t.wait_until($$ w.inputs('order', '2') = 'signal accepted' $$), 'it is handled');
SELECT is(w.events('order', '2'), 'A', 'once');
SELECT throws_ok($$ SELECT foreman.signal_workflow('order', 'nobody', '{"do": "A"}', start => false) $$, '42704', 'workflow "order", id "nobody" does not exist', 'start => false begins none');

-- One that raises waits, is tried again, and is set aside when its attempts are over; later ones go on then.
SELECT foreman.alter_workflow_type('order', queue => 'orders') \g /dev/null
SELECT foreman.create_queue('orders', backoff_base => '1 ms', backoff_max => '1 ms') \g /dev/null
SELECT foreman.execute('order', '3', '{"do": "A"}') \g /dev/null
SELECT foreman.signal_workflow('order', '3', '{"raise": "bad"}') AS bad, foreman.signal_workflow('order', '3', '{"do": "B"}') AS good \gset
SELECT ok(t.wait_until($$ w.events('order', '3') = 'A B' $$), 'the one behind it is handled');
SELECT is((SELECT state FROM foreman.workflow_inputs('order', '3') WHERE input = :bad), 'dead', 'the bad one is dead');
SELECT results_eq($$ SELECT d.attempt, d.reason, d.errors -> 0 ->> 'hint' FROM foreman.dead_letter d WHERE kind = 'workflow:order' $$, $$ VALUES (5::int2, 'bad', 'how') $$, 'its job is a dead letter, with the error as it was');
CREATE OR REPLACE FUNCTION w.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"events": [{"type": "Mended"}]}'::jsonb $$;
SELECT is(foreman.retry_dead_letter((SELECT job_id FROM foreman.dead_letter)), true, 'it can be tried again');
SELECT ok(t.wait_until($$ w.events('order', '3') = 'A B Mended' $$), 'and is handled then');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
