-- What a session prepared while the tables of workflows were empty costs as little when they are full: a plan that is
-- kept must not read all workflows of a type for one of them.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
-- As after a TRUNCATE or a restore: empty, and known to be.
VACUUM ANALYZE foreman.workflow_instance, foreman.workflow_input, foreman.workflow_event, foreman.workflow_effect;
SELECT foreman.execute('order', 'first', '{"do": "A"}') \g /dev/null
SELECT foreman.signal_workflow('order', 'first', '{"do": "B"}'), foreman.drain() \g /dev/null
SELECT t.cost($$ SELECT foreman.execute('order', 'few', '{"do": "A"}') $$) AS few \gset
SELECT t.cost($$ SELECT foreman.signal_workflow('order', 'first', '{"do": "C"}'), foreman.drain() $$) AS few_signals \gset
SELECT count(foreman.execute('order', 'many ' || i, '{"do": "A"}')) FROM generate_series(1, 3000) i \g /dev/null
SELECT count(foreman.signal_workflow('order', 'waiting', '{"do": "A"}')) FROM generate_series(1, 1500) i \g /dev/null
SELECT foreman.cancel_where(queue => 'default') \g /dev/null
INSERT INTO foreman.workflow_input (input, workflow_type, workflow_id, source, payload, received_at)
SELECT nextval('foreman.workflow_input_seq'), 'order', 'others ' || i, 's', '{}', now() FROM generate_series(1, 3000) i;
SELECT t.cost($$ SELECT foreman.execute('order', 'last', '{"do": "A"}') $$) AS many \gset
SELECT cmp_ok(:many::int8, '<', 2 * :few::int8 + 20, format('one more workflow of 3,000: %s blocks, after %s', :many, :few));
VACUUM foreman.live_job;
SELECT t.cost($$ SELECT foreman.signal_workflow('order', 'first', '{"do": "D"}'), foreman.drain() $$) AS many_signals \gset
SELECT cmp_ok(:many_signals::int8, '<', 4 * :few_signals::int8 + 20, format('a signal beside 3,000 that wait: %s blocks, after %s', :many_signals, :few_signals));
SELECT * FROM finish();
