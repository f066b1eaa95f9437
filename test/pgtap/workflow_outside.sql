-- Workflows that workers outside decide: tasks, commands, replay. Cases of assay-workflow's tests that it takes over:
-- schedule_activity_is_idempotent_on_seq, timer_idempotent_on_seq, start_workflow_makes_it_dispatchable,
-- workflow_task_claim_is_exclusive, submit_commands_schedules_activities_and_releases_claim,
-- activity_completion_redispatches_workflow, complete_activity_appends_event, fail_activity_retries_until_max_attempts,
-- complete_workflow_command_marks_terminal, workflow_with_signal, workflow_wait_for_signal_timeout_signal_wins and
-- _timer_wins, workflow_with_durable_timer, child_workflow_completes_before_parent, cancellation_stops_work,
-- continue_as_new_starts_fresh_run, side_effect_is_recorded_once, search_attributes, workflow_not_found.
-- Crashed workers: examples/workflow_worker.
\ir lib/helpers.sql
\ir lib/workflows.sql
\ir lib/outside_workflows.sql
SELECT no_plan();

-- Start, effect, result, end.
CREATE FUNCTION o.charge(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF args ? 'fail' THEN RAISE EXCEPTION 'no money'; END IF; RETURN '{"paid": 5}'; END $$;
SELECT foreman.register_handler('charge', 'o.charge') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'w')), 0::bigint, 'without workflows there is no task');
SELECT foreman.signal_workflow('flow', 'a', '{"amount": 5}') \g /dev/null
SELECT ok(t.wait_until($$ o.tasks('a') = 'available' $$), 'a workflow that began has a task');
SELECT is((SELECT string_agg(reason || ' ' || coalesce(detail ->> 'worker', 'nobody'), ', ') FROM foreman.why_workflow('flow', 'a')), 'task nobody', 'why_workflow() says that a worker is waited for');
SELECT is((SELECT count(*) FROM foreman.claim('{flows}', 'w')), 0::bigint, 'a worker that claims jobs of any kind does not get it');
SELECT workflow_id, sequence, token, history -> 0 ->> 'type' AS first, history -> 0 -> 'data' -> 'input' AS input FROM foreman.claim_workflow_task('{flow}', 'w') \gset
SELECT is(:'workflow_id' || ' ' || :'sequence' || ' ' || :'first' || ' ' || :'input', 'a 1 WorkflowStarted {"amount": 5}', 'a claim carries the history');
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'other')), 0::bigint, 'a second worker does not get it');
SELECT is(o.submit('a', :'token', '[{"command": "schedule_effect", "sequence": 1, "name": "pay", "kind": "charge", "args": {"n": 1}}, {"command": "set_timer", "sequence": 2, "after": "1 hour"}]'), 'accepted', 'commands are applied');
SELECT ok(t.wait_until($$ w.events('flow', 'a') = 'WorkflowStarted EffectScheduled TimerSet EffectCompleted' $$), 'the effect runs, and its end is an event');
SELECT is(o.data('a', 'EffectCompleted'), '{"effect": "1", "result": {"paid": 5}, "sequence": 1}', 'with its result and the command that it answers');
SELECT is(o.submit('a', :'token', '[]'), 'lost', 'the token was good for one submit');
SELECT is(o.claim('a') IS NOT NULL, true, 'the end of an effect makes the workflow due again');
SELECT token FROM foreman.live_job WHERE origin = 'd' AND state = 'r' \gset
SELECT is(o.submit('a', :'token', '[{"command": "schedule_effect", "sequence": 1, "name": "pay", "kind": "charge", "args": {"n": 1}}, {"command": "set_timer", "sequence": 2, "after": "1 hour"}, {"command": "upsert_search_attributes", "sequence": 3, "search": {"paid": true}}]'), 'accepted', 'a replay that submits everything again');
SELECT is(w.events('flow', 'a'), 'WorkflowStarted EffectScheduled TimerSet EffectCompleted SearchAttributesUpserted', 'does nothing twice');
SELECT is((SELECT search FROM foreman.workflows WHERE workflow_id = 'a'), '{"paid": true}', 'search attributes are set');
SELECT foreman.signal_workflow('flow', 'a', '{"type": "go", "x": 1}') \g /dev/null
SELECT is(o.work('a', '[{"command": "complete", "sequence": 4, "result": 7}]'), 'accepted', 'a worker completes it');
SELECT is(w.state('flow', 'a'), 'completed 7', 'it has ended');
SELECT is((SELECT count(*) FROM foreman.live_job WHERE origin_id = (SELECT instance FROM foreman.workflows WHERE workflow_id = 'a') AND origin IN ('t', 'd')), 0::bigint, 'its timer and its tasks are gone');

-- An effect that fails is retried by the engine, and then told.
SELECT foreman.signal_workflow('flow', 'b', '{}') \g /dev/null
SELECT o.work('b', '[{"command": "schedule_effect", "sequence": 1, "kind": "charge", "args": {"fail": 1}, "queue": "flows", "max_attempts": 2}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('b', 'EffectFailed') $$), 'an effect that fails for good is an event');
SELECT is(w.events('flow', 'b') || ' ' || (o.data('b', 'EffectFailed') -> 'error' ->> 'message'), 'WorkflowStarted EffectScheduled EffectFailed no money', 'one, after its last attempt');
SELECT is(o.work('b', '[{"command": "fail", "sequence": 2, "reason": "not paid"}]'), 'accepted', 'a worker gives up');
SELECT is((SELECT state || ': ' || reason FROM foreman.workflows WHERE workflow_id = 'b'), 'failed: not paid', 'and says why');

-- An effect that somebody retries after its failure was told: replays go on as they went.
CREATE TABLE o.switch (fails bool);
INSERT INTO o.switch VALUES (true);
CREATE FUNCTION o.flaky(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF (SELECT fails FROM o.switch) THEN RAISE EXCEPTION 'not yet'; END IF; RETURN '{"done": 1}'; END $$;
SELECT foreman.register_handler('flaky', 'o.flaky') \g /dev/null
SELECT foreman.signal_workflow('flow', 'retried', '{}') \g /dev/null
SELECT o.work('retried', '[{"command": "schedule_effect", "sequence": 1, "kind": "flaky", "max_attempts": 1}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('retried', 'EffectFailed') $$), 'an effect fails');
SELECT o.work('retried', '[{"command": "wait_for_signal", "sequence": 2, "name": "help"}]') \g /dev/null
SELECT foreman.retry_workflow_dead_letters('flow', 'retried') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('retried', 'EffectRetried') $$), 'somebody retries it, and it fails again');
UPDATE o.switch SET fails = false;
SELECT foreman.retry_workflow_dead_letters('flow', 'retried') \g /dev/null
SELECT ok(t.wait_until($$ o.data('retried', 'EffectRetried') ? 'result' $$), 'and once more: it completes');
SELECT is(w.events('flow', 'retried'), 'WorkflowStarted EffectScheduled EffectFailed SignalAwaited EffectRetried EffectRetried', 'its command has one end');
SELECT is(o.data('retried', 'EffectRetried'), '{"effect": "1", "result": {"done": 1}, "sequence": 1}', 'what came of it is told beside');
SELECT is(w.effects('flow', 'retried'), '1 completed', 'and the effect is completed');
SELECT is(o.work('retried', '[{"command": "schedule_effect", "sequence": 1, "kind": "flaky", "max_attempts": 1}, {"command": "wait_for_signal", "sequence": 2, "name": "help"}, {"command": "complete", "sequence": 3}]'), 'accepted', 'a worker sees it, and goes on as before');

-- What arrives while the task is leased.
SELECT foreman.signal_workflow('flow', 'c', '{}') \g /dev/null
SELECT o.claim('c') AS token \gset
SELECT is((SELECT string_agg(reason || ' ' || coalesce(detail ->> 'worker', 'nobody'), ', ') FROM foreman.why_workflow('flow', 'c')), 'task w', 'why_workflow() says which worker has it');
SELECT foreman.signal_workflow('flow', 'c', '{"type": "x"}') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('c', 'SignalReceived') $$), 'a signal arrives while the task is leased');
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'other')), 0::bigint, 'no other worker gets the workflow meanwhile');
SELECT o.submit('c', :'token', '[]') \g /dev/null
SELECT o.claim('c') AS token \gset
SELECT isnt(:'token', ''::text, 'but right afterwards it is due again');
SELECT o.submit('c', :'token', '[{"command": "wait_for_signal", "sequence": 1, "name": "go"}]') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'w')), 0::bigint, 'and not again after that');

-- A wait with a time-out: what came first is recorded.
SELECT foreman.signal_workflow('flow', 'c', '{"type": "other"}') \g /dev/null
SELECT o.work('c', '[{"command": "wait_for_signal", "sequence": 2, "name": "stop", "timeout": "1 hour"}, {"command": "wait_for_signal", "sequence": 3, "name": "never", "timeout": "100 ms"}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('c', 'SignalTimedOut') $$), 'a wait times out, as an event');
SELECT is(o.data('c', 'SignalTimedOut'), '{"name": "never", "sequence": 3}', 'that names the wait');
SELECT o.work('c', '[]') \g /dev/null
SELECT foreman.signal_workflow('flow', 'c', '{"type": "stop", "why": 1}') \g /dev/null
SELECT ok(t.wait_until($$ o.data('c', 'SignalReceived') ->> 'name' = 'stop' $$), 'a signal ends the other wait');
SELECT is((SELECT count(*) FROM foreman.live_job WHERE kind = 'workflow:flow' AND origin = 't'), 0::bigint, 'and its time-out');
SELECT o.work('c', '[{"command": "set_timer", "sequence": 4, "name": "nap", "after": "50 ms"}, {"command": "set_timer", "sequence": 5, "after": "1 day"}, {"command": "cancel_timer", "sequence": 6, "timer": 5}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('c', 'TimerFired') $$), 'a timer fires');
SELECT is(o.data('c', 'TimerFired'), '{"name": "nap", "sequence": 4}', 'once, the one that was not cancelled');
SELECT o.work('c', '[{"command": "record_side_effect", "sequence": 7, "name": "random", "value": 42}]') \g /dev/null
SELECT o.claim('c') AS token \gset
SELECT isnt(:'token', ''::text, 'after a side effect the worker goes on');
SELECT is(o.data('c', 'SideEffectRecorded') -> 'value', '42', 'with the value that was recorded');

-- Replay that does not match is parked, once, and goes on when somebody says so.
SELECT is(o.submit('c', :'token', '[{"command": "schedule_effect", "sequence": 4, "name": "nap", "kind": "charge"}]'), 'parked', 'a replay with another command is parked');
SELECT is((SELECT parked - 'at' FROM foreman.workflows WHERE workflow_id = 'c'), '{"reason": "command 4 is EffectScheduled \"nap\", but the history has TimerSet \"nap\"", "command": 4, "recorded": {"name": "nap", "type": "TimerSet"}, "submitted": {"name": "nap", "type": "EffectScheduled"}}', 'with the difference');
SELECT is((SELECT detail - 'at' = (SELECT parked - 'at' FROM foreman.workflows WHERE workflow_id = 'c') FROM foreman.why_workflow('flow', 'c') WHERE reason = 'parked'), true, 'why_workflow() says so');
SELECT foreman.signal_workflow('flow', 'c', '{"type": "late"}') \g /dev/null
SELECT ok(t.wait_until($$ o.data('c', 'SignalReceived') ->> 'name' = 'late' $$), 'what arrives then is recorded');
SELECT is(o.tasks('c'), 'none', 'and no worker is bothered with it');
SELECT is(foreman.resume_workflow('flow', 'c', 'fixed'), true, 'resume_workflow() goes on');
SELECT is(o.data('c', 'foreman.Resumed'), jsonb_build_object('by', current_user, 'reason', 'fixed'), 'and is recorded');
SELECT throws_ok($$ SELECT foreman.resume_workflow('flow', 'c') $$, '55000', 'workflow "flow", id "c" is not parked', 'only one that is parked can be resumed');
SELECT is(o.work('c', '[{"command": "set_timer", "sequence": 4, "name": "nap", "after": "50 ms"}, {"command": "complete", "sequence": 8}]'), 'accepted', 'with the right code it completes');

-- A worker that cannot do it gives it back, and after enough failures it is parked, not tried for ever.
SELECT foreman.signal_workflow('flow', 'd', '{}') \g /dev/null
CREATE PROCEDURE o.fail_all(id text) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        PERFORM foreman.fail(c.job_id, c.token, 'bug in the worker') FROM foreman.claim_workflow_task('{flow}', 'w') c;
        COMMIT;
        EXIT WHEN EXISTS (SELECT FROM foreman.dead_letter WHERE args ->> 'workflow_id' = id);
        PERFORM pg_sleep(0.005);
    END LOOP;
END $$;
CALL o.fail_all('d');
SELECT is((SELECT attempt FROM foreman.dead_letter WHERE args ->> 'workflow_id' = 'd'), 10::int2, 'a task that workers fail ten times');
SELECT ok(t.wait_until($$ (SELECT parked ->> 'reason' = 'bug in the worker' FROM foreman.workflows WHERE workflow_id = 'd') $$), 'parks the workflow with what they said');
SELECT foreman.resume_workflow('flow', 'd', 'fixed') \g /dev/null
SELECT is(o.work('d', '[{"command": "start_child", "sequence": 1, "workflow_type": "flow", "workflow_id": "d1", "input": {"n": 1}}]'), 'accepted', 'then it goes on');

-- Children.
SELECT is(o.work('d1', '[{"command": "complete", "sequence": 1, "result": {"done": 1}}]'), 'accepted', 'a child completes');
SELECT ok(t.wait_until($$ o.happened('d', 'ChildEnded') $$), 'its parent hears of it');
SELECT is(o.data('d', 'ChildEnded') - 'reason', '{"state": "completed", "result": {"done": 1}, "sequence": 1, "workflow_id": "d1", "workflow_type": "flow"}', 'with the result, and the command that started it');
SELECT o.work('d', '[{"command": "start_child", "sequence": 2, "workflow_type": "flow", "workflow_id": "d2", "input": {}}]') \g /dev/null
SELECT o.work('d2', '[{"command": "wait_for_signal", "sequence": 1, "name": "x"}]') \g /dev/null

-- A cancel stops what goes on, the worker says when it is done; the children go with it.
SELECT foreman.signal_workflow('flow', 'd', '{"type": "x"}') \g /dev/null
SELECT o.work('d', '[{"command": "set_timer", "sequence": 3, "after": "1 hour"}, {"command": "schedule_effect", "sequence": 4, "kind": "charge", "run_at": "2100-01-01"}]') \g /dev/null
SELECT is(foreman.cancel_workflow('flow', 'd', 'enough'), 'cancel_requested', 'a cancel');
SELECT ok(t.wait_until($$ o.happened('d', 'EffectFailed') $$), 'cancels effects that wait');
SELECT is((SELECT count(*) FROM foreman.live_job WHERE kind = 'workflow:flow' AND origin = 't'), 0::bigint, 'and timers');
SELECT is(w.state('flow', 'd') ~ '^running', true, 'it runs until a worker agrees');
SELECT is(o.work('d', '[{"command": "cancel", "sequence": 5, "reason": "enough"}]'), 'accepted', 'a worker does');
SELECT is((SELECT state || ': ' || reason FROM foreman.workflows WHERE workflow_id = 'd'), 'cancelled: enough', 'it is cancelled');
SELECT is(foreman.cancel_workflow('flow', 'd'), 'finished', 'once');
SELECT ok(t.wait_until($$ o.happened('d2', 'CancelRequested') $$), 'its child is asked to end, too');
SELECT o.work('d2', '[{"command": "cancel", "sequence": 2}]') \g /dev/null
SELECT foreman.signal_workflow('flow', 'e', '{}') \g /dev/null
SELECT ok(t.wait_until($$ o.tasks('e') = 'available' $$), 'one that no worker has seen');
SELECT foreman.cancel_workflow('flow', 'e', 'early') \g /dev/null
SELECT ok(t.wait_until($$ w.state('flow', 'e') = 'cancelled 2' $$), 'ends at once when it is cancelled');
SELECT is(o.tasks('e'), 'none', 'with its task');

-- continue_as_new: what was not used comes along.
SELECT foreman.signal_workflow('flow', 'f', '{"round": 1}') \g /dev/null
SELECT o.work('f', '[{"command": "set_timer", "sequence": 1, "after": "1 hour"}]') \g /dev/null
SELECT foreman.signal_workflow('flow', 'f', '{"type": "s", "n": 1}'), foreman.signal_workflow('flow', 'f', '{"type": "s", "n": 2}') \g /dev/null
SELECT ok(t.wait_until($$ o.data('f', 'SignalReceived') -> 'input' -> 'n' = '2' $$), 'two signals came');
SELECT o.claim('f') AS token \gset
SELECT foreman.signal_workflow('flow', 'f', '{"type": "s", "n": 3}') \g /dev/null
SELECT ok(t.wait_until($$ o.data('f', 'SignalReceived') -> 'input' -> 'n' = '3' $$), 'and a third that the worker has not seen');
SELECT is(o.submit('f', :'token', '[{"command": "continue_as_new", "sequence": 2, "input": {"round": 2}, "consumed": [3]}]'), 'accepted', 'a worker that used the first one begins anew');
SELECT is(w.events('flow', 'f'), 'WorkflowStarted SignalReceived SignalReceived', 'with a fresh history');
SELECT results_eq($$ SELECT data -> 'input' -> 'n' FROM foreman.workflow_events('flow', 'f') WHERE event_type = 'SignalReceived' $$, $$ VALUES ('2'::jsonb), ('3') $$, 'that has the other two signals');
SELECT is((SELECT string_agg(state, ' ' ORDER BY instance) FROM foreman.workflows WHERE workflow_id = 'f'), 'continued running', 'under the same id');
SELECT is((SELECT count(*) FROM foreman.live_job WHERE kind = 'workflow:flow' AND origin = 't'), 0::bigint, 'the timers of the old one are gone');
SELECT is(o.submit('f', :'token', '[]'), 'lost', 'and its tokens');
CREATE FUNCTION o.key_of(j foreman.job) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb(foreman.idempotency_key())';
SELECT foreman.register_handler('key_of', 'o.key_of') \g /dev/null
SELECT o.work('f', '[{"command": "schedule_effect", "sequence": 1, "kind": "key_of"}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('f', 'EffectCompleted') $$), 'the new one counts its commands from 1');
SELECT is(o.data('f', 'EffectCompleted') ->> 'result', format('flow:f:%s:1', (SELECT max(instance) FROM foreman.workflows WHERE workflow_id = 'f')), 'but its effects have idempotency keys of their own');
SELECT is(o.work('f', '[{"command": "complete", "sequence": 2}]'), 'accepted', 'it completes');

-- What was under way then ends under another name: the commands of the new run have the same numbers.
CREATE TABLE o.gate (open bool);
CREATE FUNCTION o.slow(args jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN IF NOT EXISTS (SELECT FROM o.gate) THEN PERFORM foreman.snooze('100 ms'); END IF; RETURN '{"slow": 1}'; END $$;
SELECT foreman.register_handler('slow', 'o.slow') \g /dev/null
SELECT foreman.signal_workflow('flow', 'earlier', '{}') \g /dev/null
SELECT is(o.work('earlier', '[{"command": "schedule_effect", "sequence": 1, "kind": "slow"}, {"command": "start_child", "sequence": 2, "workflow_type": "flow", "workflow_id": "earlier child"}, {"command": "continue_as_new", "sequence": 3, "input": {}}]'), 'accepted',
    'a run continues while an effect and a child of it are under way');
SELECT o.work('earlier', '[{"command": "wait_for_signal", "sequence": 1, "name": "x"}]') \g /dev/null
-- Before the other task of the queue, which the end of the effect makes.
SELECT ok(t.wait_until($$ o.tasks('earlier child') = 'available' $$), 'the child has a task');
INSERT INTO o.gate VALUES (true);
SELECT ok(t.wait_until($$ o.happened('earlier', 'EarlierEffectEnded') $$), 'the effect ends in the new one');
SELECT is(o.data('earlier', 'EarlierEffectEnded'), '{"effect": "1", "result": {"slow": 1}}', 'with its result, and no number of a command');
SELECT o.work('earlier child', '[{"command": "complete", "sequence": 1, "result": 7}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('earlier', 'EarlierChildEnded') $$), 'so does the child');
SELECT is(o.happened('earlier', 'EffectCompleted') OR o.happened('earlier', 'ChildEnded'), false, 'no command of the new run has ended by it');
SELECT o.work('earlier', '[{"command": "complete", "sequence": 2}]') \g /dev/null

-- Defects of assay-workflow 0.1.4, by what users saw.
SELECT foreman.signal_workflow('flow', 'g', '{}') \g /dev/null
SELECT o.claim('g', lease => '3 seconds') AS token \gset
SELECT job_id, token FROM foreman.live_job WHERE origin = 'd' AND state = 'r' \gset
SELECT is(foreman.heartbeat(:job_id, :'token', '1 minute'), 'active', 'a replay that takes long keeps its lease by heartbeats');
SELECT pg_sleep(3.5) \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'w2')), 0::bigint, 'beyond its first length');
SELECT o.submit('g', :'token', '[{"command": "wait_for_signal", "sequence": 1, "name": "go"}]') \g /dev/null
SELECT foreman.signal_workflow('flow', 'g', '{"type": "go"}') \g /dev/null
SELECT o.claim('g', lease => '1 second') AS stale \gset
SELECT o.claim('g') AS token \gset
SELECT isnt(:'token', ''::text, 'a worker that dies before its first heartbeat loses its task, which is due again when the lease ends');
SELECT is(o.submit('g', :'stale', '[{"command": "complete", "sequence": 2}]'), 'lost', 'and cannot complete the workflow any more');
SELECT is(w.state('flow', 'g'), 'running 3', 'nothing has changed');
SELECT throws_ok(format($$ SELECT o.submit('g', %L, '[{"command": "set_timer", "sequence": 2, "after": "1 hour"}, {"command": "schedule_effect", "sequence": 3, "kind": "charge", "priority": "x"}]') $$, :'token'), '22023', NULL, 'a batch with a wrong command');
SELECT is(w.state('flow', 'g'), 'running 3', 'leaves nothing of the others');
SELECT is((SELECT count(*) FROM foreman.live_job WHERE kind = 'workflow:flow' AND origin = 't'), 0::bigint, 'no timer either');
SELECT is(o.submit('g', :'token', '[{"command": "complete", "sequence": 2}]'), 'accepted', 'the task is still the worker''s');
SELECT foreman.signal_workflow('flow', 'h', '{}') \g /dev/null
SELECT o.work('h', '[{"command": "wait_for_signal", "sequence": 1, "name": "go"}]') \g /dev/null
SELECT count(foreman.signal_workflow('flow', 'h', '{"type": "go"}')) FROM generate_series(1, 200) \g /dev/null
SELECT ok(t.wait_until($$ w.state('flow', 'h') = 'running 202' $$), 'events that come together get numbers without gaps');
SELECT is(w.state('flow', 'h'), 'running 202', 'none is missing');
SELECT o.work('h', '[{"command": "cancel", "sequence": 2}]') \g /dev/null

-- Bad input.
SELECT foreman.signal_workflow('flow', 'i', '{}') \g /dev/null
SELECT o.claim('i') AS token \gset
CREATE FUNCTION o.refused(token uuid, commands text, message text, says text) RETURNS text LANGUAGE sql AS $$
    SELECT throws_ok(format('SELECT o.submit(''i'', %L, %L)', token, commands), '22023', message, says) $$;
SELECT o.refused(:'token', '{}', 'commands must be an array', 'commands that are none');
SELECT o.refused(:'token', '[1]', 'submit_commands() for workflow type "flow" is wrong: commands[0] must be an object', 'a command that is no object');
SELECT o.refused(:'token', '[{"sequence": 1}]', 'submit_commands() for workflow type "flow" is wrong: commands[0].command is missing', 'one without a kind');
SELECT o.refused(:'token', '[{"command": "dance", "sequence": 1}]', 'submit_commands() for workflow type "flow" is wrong: commands[0].command is unknown: dance', 'an unknown one');
SELECT o.refused(:'token', '[{"command": "complete"}]', 'submit_commands() for workflow type "flow" is wrong: commands[0].sequence is missing', 'one without a sequence');
SELECT o.refused(:'token', '[{"command": "complete", "sequence": 2}, {"command": "complete", "sequence": 3}]', 'submit_commands() for workflow type "flow" is wrong: commands[1].command comes after one that ends the workflow: complete', 'one after the end');
SELECT o.refused(:'token', '[{"command": "set_timer", "sequence": 2, "after": "1 s"}, {"command": "set_timer", "sequence": 2, "after": "1 s"}]', 'submit_commands() for workflow type "flow" is wrong: commands[1].sequence must be greater than that of the command before it', 'one sequence twice');
SELECT o.refused(:'token', '[{"command": "complete", "sequence": 1, "resutl": 1}]', 'submit_commands() for workflow type "flow" is wrong: commands[0] must not have the key: resutl', 'a key that is unknown');
SELECT is(w.state('flow', 'i'), 'running 1', 'nothing of all that is left');
SELECT is(o.submit('i', :'token', '[{"command": "complete", "sequence": 1}]'), 'accepted', 'and the task goes on');
SELECT throws_ok($$ SELECT foreman.execute('flow', 'i', '{}') $$, '55000', 'workflow type "flow" is decided outside', 'execute() is for types with decide');
SELECT throws_ok($$ SELECT foreman.claim_workflow_task('{order}', 'w') $$, '55000', 'workflow type "order" is decided in the database', 'and claims are for types without');
SELECT throws_ok($$ SELECT foreman.claim_workflow_task('{nothing}', 'w') $$, '42704', 'workflow type "nothing" does not exist', 'an unknown type');
SELECT throws_ok($$ SELECT foreman.claim_workflow_task('{}', 'w') $$, '22023', 'types has 0 elements', 'no type');
SELECT is(o.submit('nobody', :'token', '[]'), 'lost', 'an unknown workflow');

-- Versions of workers: who began a workflow goes on with it.
SELECT foreman.signal_workflow('flow', 'v', '{}') \g /dev/null
SELECT o.submit('v', o.claim('v', 'v1'), '[{"command": "wait_for_signal", "sequence": 1, "name": "go"}]') \g /dev/null
SELECT is((SELECT worker_version FROM foreman.workflows WHERE workflow_id = 'v'), 'v1', 'the version of the first claim is kept');
SELECT foreman.signal_workflow('flow', 'v', '{"type": "go"}') \g /dev/null
SELECT ok(t.wait_until($$ o.tasks('v') = 'available' $$), 'its next task');
SELECT is((SELECT count(*) FROM foreman.claim_workflow_task('{flow}', 'w', worker_version => 'v2')), 0::bigint, 'is not for workers of another version');
SELECT is(o.submit('v', o.claim('v', 'v1'), '[{"command": "complete", "sequence": 2}]'), 'accepted', 'but for those of the same');
SELECT foreman.signal_workflow('flow', 'z', '{}') \g /dev/null
SELECT ok(t.wait_until($$ w.state('flow', 'z') = 'running 1' $$), 'while one runs');
SELECT throws_ok($$ SELECT foreman.alter_workflow_type('flow', queue => 'default') $$, '55006', NULL, 'the queue of its type stays');
SELECT is(foreman.terminate_workflow('flow', 'z'), 'terminated', 'it can be terminated');
SELECT is(o.tasks('z'), 'none', 'with its task');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
