-- Signals that come faster than workers outside look at them wait outside of the history, so that what a worker claims,
-- and what a workflow that continues as new takes along, stays small. None is lost, none is handled twice, each sender's
-- stay in their order, no job spins meanwhile, and nothing that must not wait waits behind them.
\ir lib/helpers.sql
\ir lib/workflows.sql
\ir lib/outside_workflows.sql
SELECT no_plan();

CREATE FUNCTION o.signals(id text, first int, last int) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(foreman.signal_workflow('flow', id, jsonb_build_object('type', 'go', 'n', n))) FROM generate_series(first, last) n $$;
-- '3 in 1 run, in order': the numbers of the signals that one has been told.
CREATE FUNCTION o.told(id text) RETURNS text LANGUAGE sql AS $$
    SELECT count(*) || CASE WHEN count(*) <> count(DISTINCT n) THEN ', some twice' ELSE '' END || CASE WHEN bool_and(n >= before) THEN ', in order' ELSE ', out of order' END
      FROM (SELECT (data -> 'input' ->> 'n')::int AS n, lag((data -> 'input' ->> 'n')::int, 1, 0) OVER (ORDER BY sequence) AS before
              FROM foreman.workflow_events('flow', id, max_rows => 100000) WHERE event_type = 'SignalReceived') e $$;
CREATE FUNCTION o.held(id text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM foreman.workflow_inputs('flow', id) WHERE state = 'pending' AND job_id IS NULL $$;
CREATE FUNCTION o.jobs() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM foreman.live_job WHERE origin = 'i' $$;
CREATE FUNCTION o.quiet() RETURNS bool LANGUAGE sql AS $$ SELECT t.wait_until('o.jobs() = 0', 60) $$;

-- Nobody looks.
SELECT foreman.signal_workflow('flow', 'a', '{}') \g /dev/null
SELECT o.signals('a', 1, 3000) \g /dev/null
SELECT ok(o.quiet(), 'of 3,000 signals that no worker looks at no job is left that would look again and again');
SELECT is(w.state('flow', 'a') || ', ' || o.held('a'), 'running 1024, 1977', 'a thousand are in the history, the others wait');
SELECT is((SELECT string_agg(DISTINCT reason, ', ' ORDER BY reason) FROM foreman.why_workflow('flow', 'a')), 'input_held_back, task', 'why_workflow() says so');
SELECT is((SELECT pending_inputs FROM foreman.workflow_counts WHERE workflow_type = 'flow'), 1977::bigint, 'they count as pending');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT foreman.signal_workflow('flow', 'a', '{"type": "go", "n": 3001}', input_id => 'last') \g /dev/null
SELECT foreman.signal_workflow('flow', 'a', '{"type": "go", "n": 3001}', input_id => 'last') \g /dev/null
SELECT ok(o.quiet() AND o.held('a') = 1978, 'one more waits behind them, once');

-- A worker looks, and does nothing yet.
SELECT o.claim('a') AS token \gset
SELECT is(w.state('flow', 'a'), 'running 1024', 'a claim makes no room yet');
SELECT is(o.submit('a', :'token', '[]'), 'accepted', 'a worker has seen them');
SELECT ok(o.quiet(), 'what has room is handled');
SELECT is(w.state('flow', 'a') || ', ' || o.held('a'), 'running 2048, 954', 'the next thousand are in the history');

-- The end of an effect stays behind what was sent before it; a cancel does not.
CREATE FUNCTION o.note(args jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{}'::jsonb $$;
SELECT foreman.register_handler('note', 'o.note') \g /dev/null
SELECT o.work('a', '[{"command": "schedule_effect", "sequence": 1, "kind": "note"}]') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.workflow_events('flow', 'a', 3000) WHERE event_type = 'EffectCompleted') $$, 60), 'an effect ends, and there is room');
SELECT is((SELECT count(*) FROM foreman.workflow_events('flow', 'a', 2048, 100000) WHERE event_type IN ('SignalReceived', 'EffectCompleted')), 955::bigint, 'all signals are in the history');
SELECT is(o.told('a'), '3001, in order', 'each once, in the order in which they were sent');
SELECT is((SELECT state FROM foreman.workflow_inputs('flow', 'a') WHERE input_id = 'last'), 'accepted', 'the last one has its answer');
SELECT ok(o.quiet(), 'nothing is left to do');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT o.work('a', '[{"command": "complete", "sequence": 2}]') \g /dev/null

-- Cancel, timers and the end of an effect of a workflow with a full history.
SELECT foreman.signal_workflow('flow', 'b', '{}') \g /dev/null
SELECT o.work('b', '[{"command": "set_timer", "sequence": 1, "after": "1 hour"}, {"command": "set_timer", "sequence": 2, "after": "10 ms"}, {"command": "schedule_effect", "sequence": 3, "kind": "outside", "queue": "flows"}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('b', 'TimerFired') $$), 'a workflow waits for an effect');
SELECT foreman.signal_workflow('flow', 'b', jsonb_build_object('type', 'big', 'text', repeat('x', 1100000))) \g /dev/null
SELECT ok(t.wait_until($$ o.happened('b', 'SignalReceived') $$), 'a signal of a megabyte fills it');
SELECT o.signals('b', 1, 3) \g /dev/null
SELECT ok(o.quiet() AND o.held('b') = 3, 'others wait behind that');
SELECT foreman.complete(job_id, token) FROM foreman.claim('{flows}', 'w', kinds => '{outside}') \g /dev/null
SELECT ok(o.quiet() AND o.held('b') = 4 AND NOT o.happened('b', 'EffectCompleted'), 'the end of an effect waits behind what came before it');
SELECT foreman.cancel_workflow('flow', 'b', 'no more') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('b', 'CancelRequested') $$), 'a cancel does not');
SELECT is(o.held('b'), 4::bigint, 'and nothing passed with it');
SELECT is(o.work('b', '[]'), 'accepted', 'a worker looks');
SELECT ok(o.quiet(), 'then the others come');
SELECT is(regexp_replace(w.events('flow', 'b'), '.*TimerFired ', ''), 'SignalReceived CancelRequested SignalReceived SignalReceived SignalReceived EffectCompleted', 'in their order');
SELECT o.work('b', '[{"command": "cancel", "sequence": 4}]') \g /dev/null

-- It continues as new: what it has not used comes along, what waited follows.
SELECT foreman.signal_workflow('flow', 'c', '{}'), o.signals('c', 1, 2500) \g /dev/null
SELECT ok(o.quiet() AND o.held('c') = 1477, 'another one has a backlog');
SELECT o.work('c', (SELECT jsonb_build_array(jsonb_build_object('command', 'continue_as_new', 'sequence', 1, 'input', '{}'::jsonb, 'consumed', jsonb_agg(n))) FROM generate_series(2, 101) n)) \g /dev/null
SELECT ok(o.quiet(), 'it continues as new after 100');
SELECT is(w.state('flow', 'c') || ', ' || o.held('c'), 'running 1024, 1377', 'as many follow as it has used');
SELECT is(o.told('c'), '1023, in order', 'behind those that came along');
SELECT is((SELECT min((data -> 'input' -> 'n')::int) || ' to ' || max((data -> 'input' -> 'n')::int) FROM foreman.workflow_events('flow', 'c', 0, 100000) WHERE event_type = 'SignalReceived'), '101 to 1123', 'none is missing');

-- Parked: nobody looks until it is resumed.
SELECT o.work('c', '[{"command": "record_side_effect", "sequence": 1, "name": "s", "value": 1}]') \g /dev/null
SELECT ok(o.quiet(), 'one more task has made room');
SELECT is(o.work('c', '[{"command": "record_side_effect", "sequence": 1, "name": "other", "value": 1}]'), 'parked', 'it is parked');
SELECT o.signals('c', 2501, 2501), foreman.signal_workflow('flow', 'c', jsonb_build_object('type', 'big', 'text', repeat('x', 1100000))), o.signals('c', 2502, 2510) \g /dev/null
SELECT ok(o.quiet() AND o.held('c') > 0, 'signals wait for it');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT foreman.resume_workflow('flow', 'c') \g /dev/null
SELECT is(o.work('c', '[]'), 'accepted', 'resumed, a worker looks');
SELECT ok(o.quiet(), 'the others come');
SELECT is(o.held('c'), 0::bigint, 'all of them');

-- Its end.
SELECT foreman.signal_workflow('flow', 'd', '{}'), o.signals('d', 1, 1500) \g /dev/null
SELECT ok(o.quiet() AND o.held('d') = 477, 'another one has a backlog');
SELECT foreman.signal_workflow('flow', 'd', '{"type": "go", "n": 1501}', input_id => 'late') \g /dev/null
SELECT ok(o.quiet() AND o.held('d') = 478, 'and one more, with a name');
SELECT foreman.terminate_workflow('flow', 'd') \g /dev/null
SELECT ok(o.quiet() AND o.held('d') = 0, 'what waited for it is done with when it is terminated');
SELECT is(w.inputs('flow', 'd'), 'signal already_completed', 'as what came after the end');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
