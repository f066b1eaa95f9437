-- What users of other workflow engines reported, asked of this one. Each report stands at its test.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE FUNCTION w.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (j.job_id, j.args ->> 'note');
    IF j.args ? 'fail before' AND j.attempt < (j.args ->> 'fail before')::int THEN RAISE EXCEPTION 'not yet'; END IF;
    IF j.args ? 'hold' THEN
        WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = j.args ->> 'hold') LOOP PERFORM pg_sleep(0.01); END LOOP;
    END IF;
    IF j.args ? 'huge' THEN RAISE EXCEPTION '%', repeat('x', (j.args ->> 'huge')::int) USING DETAIL = convert_from('\x0102c3a4'::bytea, 'UTF8'); END IF;
    IF j.args ? 'scalar' THEN RETURN to_jsonb(chr(1) || 'end'); END IF;
    RETURN j.args -> 'result';
END $$;
SELECT foreman.register_handler('effect', 'w.effect(foreman.job)', backoff_base => '1 ms', backoff_max => '1 ms') \g /dev/null

-- A null state is a state: https://github.com/JasperFx/marten/issues/5797
SELECT foreman.execute('order', 'null', '{"events": [{"type": "A", "data": {"evolve answers null": 1}}]}') \g /dev/null
SELECT is(foreman.workflow_state('order', 'null'), 'null', 'evolve may answer NULL');
SELECT is((SELECT outcome FROM foreman.execute('order', 'null', '{"do": "B"}')), 'accepted', 'and the workflow goes on');
SELECT is(w.events('order', 'null'), 'A B', 'with its whole history');

-- History has no limit, and a workflow can be ended in any state: https://github.com/temporalio/temporal/issues/6638
SELECT foreman.execute('order', 'large', jsonb_build_object('events', (SELECT jsonb_agg(jsonb_build_object('type', 'E')) FROM generate_series(1, 9000)))) \g /dev/null
SELECT foreman.execute('order', 'large', jsonb_build_object('do', 'Big', 'data', to_jsonb(repeat('0123456789', 1000000)))) \g /dev/null
SELECT is(w.state('order', 'large'), 'running 9001', 'thousands of events, and one of ten megabytes');
SELECT is(foreman.terminate_workflow('order', 'large', 'enough'), 'terminated', 'it can be terminated');
SELECT is(w.state('order', 'large'), 'terminated 9001', 'and is');

-- Compensation runs on cancel, in the middle, with an undo that fails, and in children:
-- https://github.com/temporalio/sdk-java/issues/305
SELECT foreman.execute('order', 'trip', '{"do": "A", "effects": [
    {"kind": "effect", "key": "flight", "args": {"note": "book flight", "result": "F1"}, "undo": {"kind": "effect", "args": {"note": "cancel flight"}}},
    {"kind": "effect", "key": "hotel", "args": {"note": "book hotel"}, "undo": {"kind": "effect", "max_attempts": 5, "args": {"note": "cancel hotel", "fail before": 3}}},
    {"kind": "effect", "key": "mail", "args": {"note": "send mail"}}],
  "children": [{"workflow_type": "order", "workflow_id": "trip car", "on_end": "on car", "input":
    {"do": "A", "effects": [{"kind": "effect", "key": "car", "args": {"note": "book car"}, "undo": {"kind": "effect", "args": {"note": "cancel car"}}}]}}]}') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.log WHERE what LIKE 'book%') = 3 AND w.effects('order', 'trip car') = 'car completed' $$), 'a trip is booked, its car by a child');
SELECT foreman.execute('order', 'trip', '{"do": "B", "effects": [{"kind": "effect", "key": "seat", "args": {"note": "book seat", "hold": "seat"}, "undo": {"kind": "effect", "args": {"note": "cancel seat"}}}],
    "timers": [{"key": "t", "after": "1 day"}]}') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.workers WHERE kind = 'effect') $$), 'a seat is being booked');
SELECT is(foreman.cancel_workflow('order', 'trip', 'ill'), 'cancel_requested', 'the trip is cancelled then');
SELECT ok(t.wait_until($$ w.state('order', 'trip') = 'cancelled 2' AND w.state('order', 'trip car') = 'cancelled 1' $$), 'it ends, and the child with it');
INSERT INTO t.gate VALUES ('seat');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM t.log WHERE what LIKE 'cancel%') >= 3 AND NOT EXISTS (SELECT FROM foreman.live_job) $$), 'what was done is undone');
SELECT is((SELECT string_agg(what, ', ' ORDER BY n) FROM (SELECT min(n) AS n, what FROM t.log WHERE what IN ('cancel flight', 'cancel hotel') GROUP BY what) l), 'cancel hotel, cancel flight', 'the last one first, although its undo failed twice');
SELECT ok((SELECT count(*) FROM t.log WHERE what = 'cancel car') = 1, 'in the child, too');
SELECT ok(NOT EXISTS (SELECT FROM foreman._workflow_effects WHERE workflow_id IN ('trip', 'trip car') AND (state IN ('open', 'undoing') OR state = 'completed' AND key <> 'mail')), 'nothing that has an undo is left as it was');
SELECT is((SELECT count(*) FROM foreman.timers), 0::int8, 'nor a timer');

-- An undo that cannot be done is a dead letter, and the others are done all the same.
SELECT foreman.execute('order', 'half', '{"do": "A", "effects": [
    {"kind": "effect", "key": "a", "args": {}, "undo": {"kind": "effect", "args": {"note": "undo a"}}},
    {"kind": "effect", "key": "b", "args": {}, "undo": {"kind": "effect", "max_attempts": 2, "args": {"note": "undo b", "fail before": 9}}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'half') = 'a completed, b completed' $$), 'two effects are done');
SELECT foreman.cancel_workflow('order', 'half') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'half') = 'a undone, b undo_failed' $$), 'one of them cannot be undone');
SELECT is((SELECT count(*) FROM foreman.dead_letter WHERE args ->> 'note' = 'undo b'), 1::int8, 'its undo is a dead letter');

-- Errors and results that other engines choke on: https://github.com/hatchet-dev/hatchet/issues/2573
SELECT foreman.execute('order', 'odd', '{"do": "A", "effects": [
    {"kind": "effect", "key": "huge", "max_attempts": 1, "args": {"huge": 50000000}, "on_failure": "on huge"},
    {"kind": "effect", "key": "scalar", "args": {"scalar": 1}, "on_result": "on scalar"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'odd') = 'running 3' $$, 60), 'an error of fifty megabytes, and a result that is no object, are inputs');
SELECT cmp_ok((SELECT max(length(data #>> '{error,message}')) FROM foreman.workflow_events('order', 'odd')), '<=', 8192, 'the message is cut');

-- The end of a parent reaches its own children, not a stranger that has the same id:
-- https://github.com/cadence-workflow/cadence/pull/4612
SELECT foreman.execute('order', 'namesake', '{"do": "A"}') \g /dev/null
SELECT foreman.execute('order', 'parent', '{"do": "A", "children": [{"workflow_type": "order", "workflow_id": "namesake", "input": {"do": "A"}, "on_end": "on child"},
    {"workflow_type": "order", "workflow_id": "left alone", "input": {"do": "A"}, "on_parent_end": "abandon"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', 'parent') = 'A on child' AND w.state('order', 'left alone') = 'running 1' $$), 'a child whose id is taken is refused, and the parent hears of it');
SELECT is(foreman.workflow_state('order', 'parent') #>> '{data,state}', 'rejected', 'as rejected');
SELECT foreman.execute('order', 'parent', '{"do": "End"}') \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.live_job)'), 'nothing is left to do');
SELECT is(w.state('order', 'namesake') || ', ' || w.state('order', 'left alone'), 'running 1, running 1', 'the end of the parent reaches neither the stranger nor the child that it abandons');

-- A child that ends tells its parent, and a parent that is gone holds up nobody: https://github.com/cadence-workflow/cadence/issues/4919
SELECT foreman.execute('order', 'p2', '{"do": "A", "children": [{"workflow_type": "order", "workflow_id": "c2", "input": {"do": "A"}, "on_end": "on child", "on_parent_end": "terminate"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'c2') = 'running 1' $$), 'a child runs');
SELECT is(foreman.terminate_workflow('order', 'p2'), 'terminated', 'its parent is terminated');
SELECT ok(t.wait_until($$ w.state('order', 'c2') = 'terminated 1' $$), 'and it with it');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
