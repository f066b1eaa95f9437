-- What a workflow waits for, which workflows there are, and how those of a type go.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE FUNCTION w.why(type text, id text) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(reason, ' ' ORDER BY n) FROM foreman.why_workflow(type, id) WITH ORDINALITY AS y(reason, detail, until, n) $$;
CREATE FUNCTION w.undo(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF args ? 'raise' THEN RAISE 'cannot'; END IF; RETURN args; END $$;
SELECT foreman.register_handler('fine', 'w.undo(jsonb)', backoff_base => '1 ms') \g /dev/null

SELECT is(w.why('order', 'nobody'), 'not_found', 'there is no such workflow');
SELECT throws_ok($$ SELECT foreman.why_workflow('nothing', '1') $$, '42704', NULL, 'nor such a type');
SELECT foreman.execute('order', '1', '{"do": "A"}') \g /dev/null
SELECT is(w.why('order', '1'), 'waits_for_input', 'nothing is under way: it waits for an input');
SELECT foreman.execute('order', '1', '{"do": "B", "effects": [{"kind": "by hand", "key": "e"}], "timers": [{"key": "t", "after": "1 day"}], "children": [{"workflow_type": "order", "workflow_id": "child", "input": {"do": "A"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'child') = 'running 1' $$), 'a child runs');
SELECT is(w.why('order', '1'), 'effect_open timer child_running', 'an effect, a timer and a child are waited for');
SELECT is((SELECT detail -> 'job' -> 0 ->> 'reason' FROM foreman.why_workflow('order', '1') WHERE reason = 'effect_open'), 'no_handler', 'why the effect is not done is said');
SELECT is((SELECT detail - 'job' - 'job_id' FROM foreman.why_workflow('order', '1') WHERE reason = 'effect_open'), '{"effect": "e", "kind": "by hand"}', 'and which effect it is');
SELECT ok((SELECT until > now() + '23 hours' FROM foreman.why_workflow('order', '1') WHERE reason = 'timer'), 'when the timer fires');
SELECT is((SELECT detail FROM foreman.why_workflow('order', '1') WHERE reason = 'child_running'), '{"workflow_id": "child", "workflow_type": "order"}', 'and which child it is');

SELECT foreman.pause_queue('default') \g /dev/null
SELECT foreman.signal_workflow('order', 'child', '{"do": "B"}') \g /dev/null
SELECT is(w.why('order', 'child'), 'input_pending queue_paused', 'an input waits, since the queue is paused');
SELECT is((SELECT detail -> 'job' -> 0 ->> 'reason' FROM foreman.why_workflow('order', 'child') WHERE reason = 'input_pending'), 'paused', 'as its job says');
SELECT foreman.signal_workflow('order', 'new', '{"do": "A"}') \g /dev/null
SELECT is(w.why('order', 'new'), 'input_pending', 'one that is to begin has an input');
SELECT foreman.resume_queue('default') \g /dev/null
SELECT ok(t.wait_until($$ w.why('order', 'child') = 'waits_for_input' $$), 'then it is handled');

SELECT foreman.signal_workflow('order', 'child', '{"raise": "no", "sqlstate": "P0001"}') AS input \gset
UPDATE foreman.live_job SET max_attempts = 1 WHERE origin = 'i' AND origin_id = :input;
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'd') OR NOT EXISTS (SELECT FROM foreman.live_job WHERE origin = 'i' AND attempt = 0) $$), 'an input fails');
UPDATE foreman.live_job SET max_attempts = 1, run_at = now() WHERE origin = 'i' AND origin_id = :input;
SELECT foreman.run_now(job_id) FROM foreman.live_job WHERE origin = 'i' AND origin_id = :input \g /dev/null
SELECT ok(t.wait_until($$ w.why('order', 'child') = 'input_dead' $$), 'an input whose job is a dead letter is said');

SELECT foreman.execute('order', 'end', '{"do": "End"}') \g /dev/null
SELECT is(w.why('order', 'end'), 'ended', 'it has ended');
SELECT is((SELECT detail FROM foreman.why_workflow('order', 'end')), '{"state": "completed"}', 'and how');
SELECT foreman.execute('order', 'undone', '{"do": "A", "effects": [{"kind": "fine", "key": "x", "undo": {"kind": "fine", "max_attempts": 1, "args": {"raise": 1}}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'undone') = 'x completed' $$), 'an effect is done');
SELECT foreman.cancel_workflow('order', 'undone', 'enough') \g /dev/null
SELECT ok(t.wait_until($$ w.why('order', 'undone') = 'ended undo_failed' $$), 'an undo that failed is said');
SELECT is((SELECT detail FROM foreman.why_workflow('order', 'undone') WHERE reason = 'ended'), '{"state": "cancelled", "reason": "enough"}', 'beside why it ended');

SELECT foreman.execute('order', 'missing', '{"do": "A"}') \g /dev/null
ALTER FUNCTION w.decide(timestamptz, jsonb, jsonb) RENAME TO decide_away;
SELECT is(w.why('order', 'missing'), 'function_missing waits_for_input', 'a function of the type that is gone is said');
ALTER FUNCTION w.decide_away(timestamptz, jsonb, jsonb) RENAME TO decide;

-- Lists.
SELECT is((SELECT string_agg(workflow_id, ' ') FROM foreman.list_workflows('order')), 'missing undone end new child 1', 'the newest first');
SELECT is((SELECT string_agg(workflow_id, ' ') FROM foreman.list_workflows(state => 'completed')), 'end', 'by state');
SELECT is((SELECT string_agg(workflow_id, ' ') FROM foreman.list_workflows(max_rows => 2)), 'missing undone', 'a page');
SELECT is((SELECT string_agg(workflow_id, ' ') FROM foreman.list_workflows(max_rows => 2, before => (SELECT min(instance) FROM foreman.list_workflows(max_rows => 2)))), 'end new', 'and the next one');
SELECT is((SELECT count(*) FROM foreman.list_workflows(since => now() + '1 h')), 0::int8, 'begun since');
SELECT foreman.set_search_attributes('order', '1', '{"customer": "ann", "vip": true}') \g /dev/null
SELECT is((SELECT string_agg(workflow_id || ' ' || search, ' ') FROM foreman.list_workflows(search => '{"customer": "ann"}')), '1 {"vip": true, "customer": "ann"}', 'by attributes');
SELECT throws_ok($$ SELECT foreman.list_workflows(state => 'lost') $$, '22023', 'state "lost" is unknown', 'an unknown state is refused');
SELECT throws_ok($$ SELECT foreman.list_workflows(search => '[]') $$, '22023', 'search must be an object', 'attributes are an object');
SELECT throws_ok($$ SELECT foreman.list_workflows('nothing') $$, '42704', NULL, 'an unknown type is refused');

-- With ten thousand workflows of another type, a page reads a page.
SELECT foreman.create_workflow_type('many', 'w.decide', 'w.evolve') \g /dev/null
INSERT INTO foreman.workflow_instance (instance, root, workflow_type, workflow_id, state, sequence, started_at, search)
SELECT nextval('foreman.workflow_instance_seq'), 0, 'many', n, CASE WHEN n % 5000 = 0 THEN 'f' ELSE 'r' END, 0, now(), jsonb_build_object('n', n) FROM generate_series(1, 10000) n;
ANALYZE foreman.workflow_instance;
CREATE FUNCTION w.seq_reads(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE before_rows int8; after_rows int8; entries_before int8; entries_after int8;
BEGIN
    SELECT pg_stat_get_xact_tuples_returned('foreman.workflow_instance'::regclass), sum(pg_stat_get_xact_tuples_returned(indexrelid)) INTO before_rows, entries_before FROM pg_index WHERE indrelid = 'foreman.workflow_instance'::regclass;
    EXECUTE query;
    SELECT pg_stat_get_xact_tuples_returned('foreman.workflow_instance'::regclass), sum(pg_stat_get_xact_tuples_returned(indexrelid)) INTO after_rows, entries_after FROM pg_index WHERE indrelid = 'foreman.workflow_instance'::regclass;
    RETURN CASE WHEN after_rows > before_rows THEN 'it scanned the table' WHEN entries_after - entries_before > 1000 THEN format('it read %s index entries', entries_after - entries_before) ELSE 'it read little' END;
END $$;
SELECT is(w.seq_reads($$ SELECT count(*) FROM foreman.list_workflows() $$), 'it read little', 'the newest of all types');
SELECT is(w.seq_reads($$ SELECT count(*) FROM foreman.list_workflows('order') $$), 'it read little', 'a type that has few');
SELECT is(w.seq_reads($$ SELECT count(*) FROM foreman.list_workflows('many', 'failed') $$), 'it read little', 'a state that few are in');
SELECT is(w.seq_reads($$ SELECT count(*) FROM foreman.list_workflows('many', before => 200) $$), 'it read little', 'a page in the middle');
SELECT is(w.seq_reads($$ SELECT count(*) FROM foreman.list_workflows(search => '{"n": 77}') $$), 'it read little', 'one by its attributes');
SELECT is((SELECT count(*) FROM foreman.list_workflows('many', 'failed')), 2::int8, 'and they are found');
SELECT is((SELECT workflow_id FROM foreman.list_workflows(search => '{"n": 77}')), '77', 'each of them');

-- The graph.
SELECT foreman.create_workflow_type('path', 'w.decide', 'w.evolve', 'w.is_terminal') \g /dev/null
SELECT foreman.workflow_graph('path') = 'flowchart TD' AS empty \gset
SELECT ok(:'empty', 'no workflow, no path');
SELECT foreman.execute('path', id, jsonb_build_object('do', what)) FROM (VALUES (1, '1', 'A'), (2, '1', 'B'), (3, '1', 'B'), (4, '1', 'End'), (5, '2', 'A'), (6, '2', 'End'), (7, '3', 'say "x"')) v(n, id, what) ORDER BY n \g /dev/null
SELECT is(foreman.workflow_graph('path'), $$flowchart TD
    e1["A"]
    e2["B"]
    e3["End"]
    e4["say #quot;x#quot;"]
    begin((begin)) -->|1| e4
    begin((begin)) -->|2| e1
    e1 -->|1| e2
    e1 -->|1| e3
    e2 -->|1| e2
    e2 -->|1| e3
    e3 -->|2| completed((completed))$$, 'which events followed one another, and how often');

-- Rights: who sees nothing of the queue finds nothing.
CREATE ROLE why_stranger LOGIN;
SELECT foreman.create_queue('elsewhere') \g /dev/null
SELECT foreman.grant_role('monitor', 'why_stranger', 'elsewhere') \g /dev/null
SET ROLE why_stranger;
SELECT is((SELECT count(*) FROM foreman.list_workflows()), 0::int8, 'a monitor of another queue lists nothing');
SELECT is((SELECT reason FROM foreman.why_workflow('order', '1')), 'not_found', 'and asks for nothing');
SELECT throws_ok($$ SELECT foreman.workflow_graph('path') $$, '42501', NULL, 'nor draws anything');
RESET ROLE;
SELECT foreman.grant_role('monitor', 'why_stranger', 'default') \g /dev/null
SET ROLE why_stranger;
SELECT is((SELECT count(*) FROM foreman.list_workflows('order')), 6::int8, 'a monitor of the queue lists them');
SELECT is((SELECT count(*) FROM foreman.list_workflows(search => '{"customer": "ann"}')), 0::int8, 'but does not guess at their attributes');
RESET ROLE;
SELECT foreman.revoke_role('monitor', 'why_stranger', 'default'), foreman.revoke_role('monitor', 'why_stranger', 'elsewhere') \g /dev/null
DROP ROLE why_stranger;
SELECT * FROM finish();
