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

-- What a worker outside submits costs as much after 10,000 events as after ten: it is compared by its numbers alone.
SELECT foreman.create_workflow_type('flow'), foreman.start() \g /dev/null
CREATE FUNCTION w.submits(id text, commands jsonb) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE token uuid;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        SELECT c.token INTO token FROM foreman.claim_workflow_task('{flow}', 'w') c WHERE c.workflow_id = id;
        EXIT WHEN token IS NOT NULL;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN t.cost(format('SELECT foreman.submit_commands(%L, %L, %L, %L)', 'flow', id, token, commands));
END $$;
SELECT foreman.signal_workflow('flow', 'short', '{"type": "go"}') \g /dev/null
SELECT w.submits('short', '[{"command": "record_side_effect", "sequence": 1, "name": "s", "value": 1}, {"command": "wait_for_signal", "sequence": 2, "name": "x"}]') \g /dev/null
SELECT foreman.signal_workflow('flow', 'short', '{"type": "go"}') \g /dev/null
SELECT w.submits('short', '[{"command": "record_side_effect", "sequence": 1, "name": "s", "value": 1}, {"command": "wait_for_signal", "sequence": 3, "name": "x"}]') AS short_history \gset
SELECT foreman.signal_workflow('flow', 'long', '{"type": "go"}') \g /dev/null
SELECT w.submits('long', '[{"command": "record_side_effect", "sequence": 1, "name": "s", "value": 1}, {"command": "wait_for_signal", "sequence": 2, "name": "x"}]') \g /dev/null
INSERT INTO foreman.workflow_event (instance, sequence, event_type, version, data, recorded_at, command)
SELECT i.instance, i.sequence + n, 'SideEffectRecorded', 1, jsonb_build_object('sequence', 2 + n, 'name', 's', 'value', n), now(), 2 + n
  FROM foreman.workflow_instance i, generate_series(1, 10000) n WHERE i.workflow_id = 'long';
UPDATE foreman.workflow_instance SET sequence = sequence + 10000 WHERE workflow_id = 'long';
SELECT foreman.signal_workflow('flow', 'long', '{"type": "go"}') \g /dev/null
SELECT w.submits('long', '[{"command": "record_side_effect", "sequence": 10002, "name": "s", "value": 1}, {"command": "wait_for_signal", "sequence": 10003, "name": "x"}]') AS long_history \gset
SELECT cmp_ok(:long_history::int8, '<', :short_history::int8 + 20, format('commands after 10,000 events: %s blocks, after few %s', :long_history, :short_history));
SELECT is((SELECT max(command) FROM foreman.workflow_event), 10003, 'and they are accepted');

-- A signal ends the wait for it, which is looked for among the timers of its workflow, not among all jobs.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SELECT t.cost($$ SELECT foreman.signal_workflow('flow', 'short', '{"type": "go"}'), foreman.drain() $$) AS few_jobs \gset
SELECT t.cost($$ SELECT foreman.signal_workflow('flow', 'short', '{"type": "go"}'), foreman.drain() $$) AS few_jobs \gset
SELECT count(foreman.enqueue('later', run_at => now() + '1 day')) FROM generate_series(1, 10000) \g /dev/null
SELECT t.cost($$ SELECT foreman.signal_workflow('flow', 'short', '{"type": "go"}'), foreman.drain() $$) AS many_jobs \gset
SELECT cmp_ok(:many_jobs::int8, '<', :few_jobs::int8 + 100, format('a signal beside 10,000 jobs: %s blocks, beside few %s', :many_jobs, :few_jobs));

-- Its end asks for its children.
VACUUM ANALYZE foreman.workflow_instance;
SELECT t.cost($$ SELECT foreman.terminate_workflow('order', 'many 1500') $$) AS one_end \gset
SELECT t.cost($$ SELECT foreman.terminate_workflow('order', 'many 1501') $$) AS one_end \gset
SELECT cmp_ok(:one_end::int8, '<', 100::int8, format('the end of one of 3,000 without children: %s blocks', :one_end));
SELECT * FROM finish();
