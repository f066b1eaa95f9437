-- Effects, timers and what comes back from them: each end of a job and the input that follows from it are one transaction.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE FUNCTION w.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (j.job_id, coalesce(j.args ->> 'note', '') || ' ' || foreman.idempotency_key());
    IF j.args ? 'raise' THEN RAISE EXCEPTION '%', j.args ->> 'raise' USING ERRCODE = 'P0007', DETAIL = 'd'; END IF;
    RETURN j.args -> 'result';
END $$;
SELECT foreman.register_handler('effect', 'w.effect(foreman.job)', backoff_base => '1 ms') \g /dev/null

SELECT foreman.execute('order', '1', '{"do": "A", "effects": [{"kind": "effect", "key": "pay", "args": {"result": {"ref": 1}}, "on_result": "on paid"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '1') = 'running 2' $$), 'the result of an effect is an input');
SELECT is(foreman.workflow_state('order', '1') -> 'data', '{"type": "on paid", "effect": "pay", "result": {"ref": 1}}', 'with its key and result');
SELECT is(w.effects('order', '1'), 'pay completed', 'the effect is completed');
SELECT is((SELECT what FROM t.log), ' order:1:pay', 'idempotency_key() is type:id:key');
SELECT is((SELECT metadata FROM foreman.jobs WHERE kind = 'effect'), '{"effect": "pay", "workflow_id": "1", "workflow_type": "order"}', 'its job says whose it is');

-- Failures.
SELECT foreman.execute('order', '2', '{"do": "A", "effects": [{"kind": "effect", "key": "pay", "max_attempts": 2, "args": {"raise": "no money"}, "on_failure": "on unpaid"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '2') = 'running 2' $$), 'an effect that is discarded is an input');
SELECT is(foreman.workflow_state('order', '2') #>> '{data,error,message}', 'no money', 'with what was raised');
SELECT is(foreman.workflow_state('order', '2') #>> '{data,error,sqlstate}', 'P0007', 'and its SQLSTATE');
SELECT is((SELECT jsonb_array_length(errors) FROM foreman.jobs WHERE kind = 'effect' AND state = 'discarded'), 2, 'after all its attempts');

-- A dead letter without on_failure ends the workflow unless decide takes it.
SELECT foreman.execute('order', '3', '{"do": "A", "data": {"email": "x@y"}, "timers": [{"key": "t", "after": "1 day"}], "effects": [{"kind": "effect", "key": "done", "args": {}, "undo": {"kind": "effect", "args": {"note": "undo"}}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'done completed' $$), 'an effect is done');
SELECT foreman.execute('order', '3', '{"do": "B", "effects": [{"kind": "effect", "key": "dead", "max_attempts": 1, "args": {"raise": "x"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '3') = 'failed 2' $$), 'decide rejects effect_failed: the workflow has failed');
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'done undone, dead failed' $$), 'what was done is undone');
SELECT is((SELECT what FROM t.log WHERE what LIKE 'undo%'), 'undo order:3:done:undo', 'by a job of its own');
SELECT is((SELECT count(*) FROM foreman.timers), 0::int8, 'its timers are gone');
SELECT is((SELECT outcome FROM foreman.execute('order', '4', '{"do": "A", "data": {"email": "x@y"}}')), 'accepted', 'its unique key is free');

-- Timers.
SELECT foreman.execute('order', '5', '{"do": "A", "timers": [{"key": "soon", "after": "50 ms", "input": {"do": "Fired"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '5') = 'A Fired' $$), 'a timer is an input');
SELECT foreman.execute('order', '6', '{"do": "A", "timers": [{"key": "k", "after": "1 h", "input": {"do": "Late"}}]}') \g /dev/null
SELECT foreman.execute('order', '6', '{"do": "B", "timers": [{"key": "k", "after": "50 ms", "input": {"do": "Early"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '6') = 'A B Early' $$), 'a timer that is set again replaces the first');
SELECT foreman.execute('order', '7', '{"do": "A", "timers": [{"key": "k", "after": "1 h", "input": {"do": "Late"}}, {"key": "other", "after": "1 h"}]}') \g /dev/null
SELECT foreman.execute('order', '7', '{"do": "B", "cancel_timers": ["k", "never set"]}') \g /dev/null
SELECT is((SELECT string_agg(split_part(t.key, ':', 2), ' ') FROM foreman.timers t JOIN foreman.workflows w ON t.key = w.instance || ':other' WHERE w.workflow_id = '7'), 'other', 'a timer is cancelled by its key');
-- Its own key, while it fires.
SELECT foreman.execute('order', '8', '{"do": "A", "timers": [{"key": "k", "after": "1 ms", "input": {"do": "Fired", "timers": [{"key": "k", "after": "20 ms", "input": {"do": "Fired again"}}]}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '8') = 'A Fired Fired again' $$), 'a timer that is set again while it fires survives');
SELECT foreman.execute('order', '9', '{"do": "A", "timers": [{"key": "k", "after": "1 ms", "input": {"do": "Fired", "cancel_timers": ["k"]}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '9') = 'A Fired' $$), 'one that is cancelled while it fires has fired');
-- Rejected and late timers are done; those that raise are tried again, then told once.
SELECT foreman.execute('order', '10', '{"do": "A", "timers": [{"key": "k", "after": "1 ms", "input": {"reject": "no"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.inputs('order', '10') = 'timer rejected' $$), 'a rejected timer is recorded');
SELECT is((SELECT max(state || ' ' || attempt) FROM foreman.jobs WHERE args = '{"reject": "no"}'), 'completed 1', 'and done');

SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'p') $$), 'no input is left');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
