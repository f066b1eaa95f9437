-- A failed workflow goes on where it failed; a workflow begins with the events of another one.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE TABLE w.broken_kinds (kind text);
CREATE FUNCTION w.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM w.broken_kinds WHERE broken_kinds.kind = j.kind) THEN RAISE 'broken'; END IF;
    RETURN j.args -> 'result';
END $$;
SELECT foreman.register_handler('charge', 'w.effect(foreman.job)', backoff_base => '1 ms'), foreman.register_handler('fine', 'w.effect(foreman.job)') \g /dev/null

-- It fails with an effect that is by hand and a timer open, and one effect that decide had handled before.
INSERT INTO w.broken_kinds VALUES ('charge'), ('fine');
SELECT foreman.execute('order', '1', '{"do": "A", "data": {"email": "a@b"}, "effects": [{"kind": "fine", "key": "old", "max_attempts": 1, "on_failure": "on old"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '1') = 'A on old' $$), 'decide takes a failure');
SELECT foreman.execute('order', '1', '{"do": "B", "timers": [{"key": "t", "after": "1 day", "input": {"do": "T"}}], "effects": [{"kind": "charge", "key": "pay", "max_attempts": 1, "on_result": "on paid"}, {"kind": "by hand", "key": "other"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '1') = 'failed 3' $$), 'and not another one: the workflow has failed');
SELECT is(w.effects('order', '1'), 'old failed, other cancelled, pay failed', 'what was open is cancelled');
DELETE FROM w.broken_kinds;
SELECT foreman.stop() \g /dev/null
SELECT is(foreman.retry_workflow('order', '1', 'the bank is back'), 4::int8, 'it is retried');
SELECT is(w.state('order', '1'), 'running 4', 'and runs');
SELECT is(w.effects('order', '1'), 'old failed, other open, pay open', 'with what it waited for');
SELECT is((SELECT count(*) FROM foreman.timers WHERE kind = 'workflow:order' AND fire_at > now() + '23 h'), 1::int8, 'and its timer, at its time');
SELECT is((SELECT data FROM foreman.workflow_events('order', '1', 3)), jsonb_build_object('by', current_user, 'reason', 'the bank is back'), 'who did it and why is in its history');
SELECT is((SELECT event_type FROM foreman.workflow_events('order', '1', 3)), 'foreman.Retried', 'as an event');
SELECT is(foreman.workflow_state('order', '1') -> 'seen', '["A", "on old", "B"]', 'which evolve does not see');
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '1') $$, '55000', 'workflow "order", id "1" cannot be retried: it is running', 'a second retry is refused');
SELECT throws_ok($$ SELECT foreman.execute('order', 'x', '{"do": "A", "data": {"email": "a@b"}}') $$, '23505', NULL, 'it has its unique key again');
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '1') = 'A on old B foreman.Retried on paid' $$), 'the effect is done, and decide goes on');
SELECT foreman.execute('order', '1', '{"do": "End"}') \g /dev/null
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '1') $$, '55000', 'workflow "order", id "1" cannot be retried: it is completed', 'a completed one is refused');

-- A timer that failed.
SELECT foreman.execute('order', '2', '{"do": "A"}') \g /dev/null
SELECT foreman.stop() \g /dev/null
SELECT foreman.execute('order', '2', '{"do": "B", "timers": [{"key": "t", "after": "0", "input": {"raise": "no"}}]}') \g /dev/null
UPDATE foreman.live_job SET max_attempts = 1 WHERE origin = 't';
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '2') = 'failed 2' $$), 'a timer fails');
CREATE FUNCTION w.takes(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql RETURN '{"events": [{"type": "Taken"}]}'::jsonb;
SELECT foreman.alter_workflow_type('order', decide => 'w.takes') \g /dev/null
SELECT is(foreman.retry_workflow('order', '2'), 3::int8, 'it is retried');
SELECT ok(t.wait_until($$ w.events('order', '2') = 'A B foreman.Retried Taken' $$), 'and the timer fires');
SELECT foreman.alter_workflow_type('order', decide => 'w.decide') \g /dev/null

-- One whose dead letter was retried by itself: its result came too late, so it is done again.
INSERT INTO w.broken_kinds VALUES ('charge');
SELECT foreman.execute('order', 'late', '{"do": "A", "effects": [{"kind": "charge", "key": "pay", "max_attempts": 1, "on_result": "on paid"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', 'late') = 'failed 1' $$), 'a workflow fails');
DELETE FROM w.broken_kinds;
SELECT foreman.retry_workflow_dead_letters('order', 'late') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', 'late') = 'pay completed' $$), 'its dead letter is retried, and done');
SELECT is(foreman.retry_workflow('order', 'late'), 2::int8, 'then the workflow is');
SELECT ok(t.wait_until($$ w.events('order', 'late') = 'A foreman.Retried on paid' $$), 'and hears of the result');

-- What cannot be retried.
INSERT INTO w.broken_kinds VALUES ('charge');
SELECT foreman.execute('order', '3', '{"do": "A", "effects": [{"kind": "fine", "key": "book", "undo": {"kind": "fine"}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'book completed' $$), 'an effect is done');
SELECT foreman.execute('order', '3', '{"do": "B", "effects": [{"kind": "charge", "key": "pay", "max_attempts": 1}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'book undone, pay failed' $$), 'and undone after a failure');
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '3') $$, '55000', 'workflow "order", id "3" cannot be retried: what it had done is undone', 'then there is nothing to go on with');
SELECT foreman.execute('order', '4', '{"do": "A", "data": {"email": "c@d"}, "effects": [{"kind": "charge", "key": "pay", "max_attempts": 1}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('order', '4') = 'failed 1' $$), 'another one fails');
SELECT foreman.execute('order', '5', '{"do": "A", "data": {"email": "c@d"}}') \g /dev/null
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '4') $$, '23505', 'workflow type "order" has a running instance with unique key "c@d"', 'somebody else has its unique key');
SELECT is(w.state('order', '4') || ' ' || w.effects('order', '4'), 'failed 1 pay failed', 'and nothing has changed');
SELECT foreman.terminate_workflow('order', '5') \g /dev/null
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '5') $$, '55000', NULL, 'a terminated one is refused');
SELECT foreman.purge_dead_letters() \g /dev/null
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', '4') $$, '55000', 'workflow "order", id "4" cannot be retried: the dead letter that made it fail is gone', 'what failed must be there');
SELECT throws_ok($$ SELECT foreman.retry_workflow('order', 'nobody') $$, '42704', NULL, 'the workflow must be there');

-- Forks.
SELECT foreman.execute('order', 'a', '{"do": "A", "search": {"customer": "ann"}, "effects": [{"kind": "by hand", "key": "e"}], "timers": [{"key": "t", "after": "1 day"}]}'), foreman.execute('order', 'a', '{"do": "B"}'), foreman.execute('order', 'a', '{"do": "End"}') \g /dev/null
SELECT is(foreman.fork_workflow('order', 'a', 2, 'b', 'try again'), 3::int8, 'a workflow begins with the first events of another one');
SELECT is(w.events('order', 'b') || ' ' || w.state('order', 'b'), 'A B foreman.Forked running 3', 'and runs');
SELECT is((SELECT data FROM foreman.workflow_events('order', 'b', 2)), jsonb_build_object('by', current_user, 'reason', 'try again', 'workflow_id', 'a', 'sequence', 2), 'its history says of which it is a fork, by whom and why');
SELECT is(foreman.workflow_state('order', 'b') -> 'seen', '["A", "B"]', 'its state is that of the events');
SELECT is(w.effects('order', 'b') || (SELECT count(*) FROM foreman.timers t JOIN foreman.workflows w ON t.key LIKE w.instance || ':%' WHERE w.workflow_id = 'b'), 'none0', 'without effects and timers');
SELECT is((SELECT search FROM foreman.workflows WHERE workflow_id = 'b'), '{"customer": "ann"}', 'but with its attributes');
SELECT is(w.state('order', 'a'), 'completed 3', 'the other one is as it was');
SELECT is((SELECT outcome FROM foreman.execute('order', 'b', '{"do": "C", "only after": "B"}')), 'accepted', 'it goes on');
SELECT throws_ok($$ SELECT foreman.fork_workflow('order', 'a', 2, 'b') $$, '23505', 'workflow "order", id "b" exists already', 'once');
SELECT throws_ok($$ SELECT foreman.fork_workflow('order', 'a', 3, 'c') $$, '55000', 'workflow "order", id "a" has ended at event 3', 'not at its end');
SELECT throws_ok($$ SELECT foreman.fork_workflow('order', 'a', 4, 'c') $$, '22003', NULL, 'nor after it');
SELECT throws_ok($$ SELECT foreman.fork_workflow('order', 'nobody', 1, 'c') $$, '42704', NULL, 'nor of nothing');
SELECT is(w.state('order', 'c'), 'nowhere', 'what was refused left nothing');
SELECT throws_ok($$ SELECT foreman.execute('order', 'own', '{"do": "foreman.Mine"}') $$, '22023', NULL, 'decide makes no events of ours');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
