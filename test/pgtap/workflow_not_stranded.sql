-- Dead letters of workflows. Six demands: the workflow is sure to come to an end; decide hears what the error said; the
-- unique key is free then; the notice is not tried for ever; a type can do without it, and it shows in any case; and the
-- dead letter is marked as handled. The same for timers.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE FUNCTION w.fails(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'card is %', j.args ->> 'card' USING ERRCODE = 'P0007'; END $$;
SELECT foreman.register_handler('fails', 'w.fails(foreman.job)', max_attempts => 2, backoff_base => '1 ms') \g /dev/null
SELECT foreman.create_queue('orders', backoff_base => '1 ms', backoff_max => '1 ms') \g /dev/null
SELECT foreman.alter_workflow_type('order', queue => 'orders') \g /dev/null

-- 1. A guaranteed end: decide knows nothing of effect_failed.
SELECT foreman.execute('order', 'end', '{"do": "A", "data": {"email": "a@b"}, "effects": [{"kind": "fails", "key": "pay", "args": {"card": "stolen"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'end') = 'failed 1' $$), 'a workflow that does not know what to do with a dead letter has failed');
SELECT matches((SELECT reason FROM foreman.workflows WHERE workflow_id = 'end'), 'card is stolen', 'and says why');
SELECT ok((SELECT ended_at IS NOT NULL FROM foreman.workflows WHERE workflow_id = 'end'), 'and when');

-- 2. What was raised reaches decide.
CREATE FUNCTION w.knows(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT CASE WHEN input ->> 'type' IN ('effect_failed', 'timer_failed') THEN jsonb_build_object('events', jsonb_build_array(jsonb_build_object('type', 'GivenUp', 'data', input)))
        ELSE w.decide(now, state, input) END $$;
SELECT foreman.create_workflow_type('knows', 'w.knows', 'w.evolve', 'w.is_terminal', unique_key => 'w.unique_key') \g /dev/null
SELECT foreman.execute('knows', '1', '{"do": "A", "effects": [{"kind": "fails", "key": "pay", "args": {"card": "stolen"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('knows', '1') = 'A GivenUp' $$), 'decide is told once');
SELECT is((foreman.workflow_state('knows', '1') -> 'data') - 'error', '{"type": "effect_failed", "effect": "pay"}', 'which effect');
SELECT is((foreman.workflow_state('knows', '1') #>> '{data,error,message}') || ' ' || (foreman.workflow_state('knows', '1') #>> '{data,error,sqlstate}'), 'card is stolen P0007', 'and what was raised');
SELECT is(w.state('knows', '1'), 'running 2', 'it goes on');

-- 3. The unique key is free.
SELECT is((SELECT outcome FROM foreman.execute('order', 'next', '{"do": "A", "data": {"email": "a@b"}}')), 'accepted', 'the key of the failed one is free');

-- 4. No loop: a decide that raises on the notice ends it after the attempts of the notice.
CREATE FUNCTION w.raises(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF input ->> 'type' LIKE '%\_failed' THEN RAISE 'cannot bear it'; END IF;
    RETURN w.decide(now, state, input);
END $$;
SELECT foreman.create_workflow_type('raises', 'w.raises', 'w.evolve', queue => 'orders') \g /dev/null
SELECT foreman.execute('raises', '1', '{"do": "A", "effects": [{"kind": "fails", "key": "pay"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('raises', '1') = 'failed 1' $$), 'decide raises on the notice: the workflow has failed');
SELECT matches((SELECT reason FROM foreman.workflows WHERE workflow_type = 'raises'), 'cannot bear it', 'with that reason');
SELECT is((SELECT max(attempt) FROM foreman.dead_letter WHERE kind = 'workflow:raises'), 5::int2, 'after five attempts');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.live_job) $$), 'nothing is tried any more');

-- 5. A type can do without, and what happened shows.
SELECT foreman.create_workflow_type('ignores', 'w.decide', 'w.evolve', on_dead_letter => 'ignore') \g /dev/null
SELECT foreman.execute('ignores', '1', '{"do": "A", "effects": [{"kind": "fails", "key": "pay"}, {"kind": "fails", "key": "named", "on_failure": "on failed"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('ignores', '1') = 'named failed, pay failed' AND w.state('ignores', '1') = 'running 2' $$), 'on_dead_letter => ignore: only an on_failure is heard');
SELECT is(foreman.workflow_state('ignores', '1') #>> '{data,effect}', 'named', 'of its own effect');
SELECT isnt_empty($$ SELECT error FROM foreman.workflow_effects('ignores', '1') WHERE key = 'pay' AND error IS NOT NULL $$, 'the other shows its error');
SELECT is((SELECT count(*) FROM foreman.dead_letter WHERE kind = 'fails' AND metadata ->> 'workflow_type' = 'ignores'), 2::int8, 'and is a dead letter of that workflow');

-- 6. Timers: what they ask cannot be decided.
SELECT foreman.execute('order', 'timer', '{"do": "A", "data": {"email": "t@b"}, "timers": [{"key": "due", "after": "1 ms", "input": {"raise": "clock is broken"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'timer') = 'failed 1' $$), 'a timer that cannot be handled ends its workflow');
SELECT matches((SELECT reason FROM foreman.workflows WHERE workflow_id = 'timer'), 'clock is broken', 'with what was raised');
SELECT is((SELECT outcome FROM foreman.execute('order', 'timer next', '{"do": "A", "data": {"email": "t@b"}}')), 'accepted', 'its key is free');
SELECT foreman.alter_workflow_type('knows', queue => 'orders') \g /dev/null
SELECT foreman.execute('knows', '2', '{"do": "A", "timers": [{"key": "due", "after": "1 ms", "input": {"raise": "clock is broken"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('knows', '2') = 'A GivenUp' $$), 'unless decide takes timer_failed');
SELECT is((foreman.workflow_state('knows', '2') -> 'data') - 'error', '{"type": "timer_failed", "timer": "due", "input": {"raise": "clock is broken"}}', 'which names the timer and its input');
SELECT is(foreman.workflow_state('knows', '2') #>> '{data,error,message}', 'clock is broken', 'and what was raised');

-- A dead letter that is tried again and succeeds is heard of then, once.
CREATE OR REPLACE FUNCTION w.fails(j foreman.job) RETURNS void LANGUAGE sql AS 'SELECT';
SELECT foreman.execute('knows', '3', '{"do": "A"}') \g /dev/null
SELECT foreman.retry_dead_letter(job_id) FROM foreman.dead_letter WHERE metadata ->> 'workflow_type' = 'knows' \g /dev/null
SELECT ok(t.wait_until($$ w.effects('knows', '1') = 'pay completed' $$), 'an effect that is tried again is completed');
SELECT is(w.events('knows', '1'), 'A GivenUp', 'without on_result, decide does not hear of it');
-- One that completes after its workflow has failed is undone.
CREATE FUNCTION w.undoes(j foreman.job) RETURNS void LANGUAGE sql AS $$ INSERT INTO t.log (job_id, what) VALUES (j.job_id, foreman.idempotency_key()) $$;
SELECT foreman.register_handler('undoes', 'w.undoes') \g /dev/null
CREATE OR REPLACE FUNCTION w.fails(j foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.execute('order', 'late', '{"do": "A", "effects": [{"kind": "fails", "key": "pay", "undo": {"kind": "undoes"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'late') = 'failed 1' $$), 'a workflow has failed');
CREATE OR REPLACE FUNCTION w.fails(j foreman.job) RETURNS void LANGUAGE sql AS 'SELECT';
SELECT foreman.retry_dead_letter(job_id) FROM foreman.dead_letter WHERE metadata ->> 'workflow_id' = 'late' \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'late') = 'pay undone' $$), 'its effect is tried again by hand, completes, and is undone');
SELECT is((SELECT count(*) FROM t.log WHERE what = 'order:late:pay:undo'), 1::int8, 'once');

-- The start of a child that nobody can handle, or that its type rejects, is heard of by its parent.
SELECT foreman.execute('knows', 'parent', '{"do": "A", "children": [{"workflow_type": "order", "workflow_id": "no", "input": {"reject": "not today"}, "on_end": "on child"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('knows', 'parent') = 'A on child' $$), 'a child that rejects its start has ended for its parent');
SELECT is(foreman.workflow_state('knows', 'parent') #>> '{data,state}', 'rejected', 'as rejected');
SELECT foreman.execute('knows', 'parent', '{"do": "B", "children": [{"workflow_type": "order", "workflow_id": "bad", "input": {"raise": "cannot start"}, "on_end": "on child"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('knows', 'parent') = 'A on child B on child' $$), 'so has one whose start is a dead letter');
SELECT is((foreman.workflow_state('knows', 'parent') -> 'data') - 'reason', '{"type": "on child", "workflow_type": "order", "workflow_id": "bad", "state": "failed", "result": null}', 'as failed');
SELECT matches(foreman.workflow_state('knows', 'parent') #>> '{data,reason}', 'cannot start', 'with what was raised');
SELECT is(foreman.retry_workflow_dead_letters('order', 'bad'), 1::bigint, 'tried again by hand');
SELECT ok(t.wait_until($$ (SELECT state FROM foreman.workflow_input WHERE workflow_id = 'bad') = 'd' AND NOT EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'p') $$), 'it is a dead letter again');
SELECT is(w.events('knows', 'parent'), 'A on child B on child', 'of which the parent does not hear again');
-- A child that goes with its parent does not begin after it.
SELECT foreman.pause_queue('orders') \g /dev/null
SELECT foreman.execute('order', 'gone', '{"do": "A", "children": [{"workflow_type": "order", "workflow_id": "orphan", "input": {"do": "B"}}, {"workflow_type": "order", "workflow_id": "free", "input": {"do": "B"}, "on_parent_end": "abandon"}]}') \g /dev/null
SELECT foreman.execute('order', 'gone', '{"do": "End"}') \g /dev/null
SELECT foreman.resume_queue('orders') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'free') = 'running 1' $$), 'a child that its parent abandons begins after the end of that');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'p') $$), 'no input is left');
SELECT is(w.state('order', 'orphan'), 'nowhere', 'one that goes with it does not');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
