-- Cases of the tests of ironflow that no other file has: see test/README.md.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE FUNCTION w.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF j.attempt < coalesce((j.args ->> 'fail before')::int, 0) THEN RAISE 'not yet'; END IF;
    INSERT INTO t.log (job_id, what) VALUES (j.job_id, foreman.idempotency_key());
    RETURN j.args;
END $$;
SELECT foreman.register_handler('effect', 'w.effect', backoff_base => '1 ms') \g /dev/null

-- Registration.
SELECT throws_ok($$ SELECT foreman.create_workflow_type('order', 'w.decide') $$, '42710', 'workflow type "order" exists', 'a type cannot be defined twice');
SELECT ok(foreman.create_workflow_type('plain', 'w.decide'), 'decide alone is a type');
SELECT foreman.execute('plain', '1', '{"do": "A"}') \g /dev/null
SELECT is(w.state('plain', '1') || ' ' || foreman.workflow_state('plain', '1'), 'running 1 {}', 'its state stays the initial one');
SELECT ok(foreman.create_workflow_type('custom', 'w.decide', 'w.evolve', 'w.is_terminal', '{"n": 40}', 'w.unique_key', 7, 'ignore', 'all', '3 days', 'q'), 'a type with all there is');
SELECT is((SELECT (initial_state, snapshot_every, on_dead_letter, record_inputs, retain_completed, queue)::text FROM foreman.workflow_types WHERE workflow_type = 'custom'),
    '("{""n"": 40}",7,ignore,all,"3 days",q)', 'is as it was defined');
SELECT foreman.execute('custom', '1', '{"do": "A"}') \g /dev/null
SELECT is(foreman.workflow_state('custom', '1') ->> 'n', '41', 'and begins with its own state');

-- Events of all workflows have one order; they are read from a number on, a page at a time.
SELECT foreman.execute('order', id, '{"events": [{"type": "A"}, {"type": "B"}]}') FROM unnest('{s1,s2,s1}'::text[]) id \g /dev/null
SELECT is((SELECT array_agg(workflow_id || sequence ORDER BY position) FROM foreman._workflow_events WHERE workflow_type = 'order'), '{s11,s12,s21,s22,s13,s14}'::text[], 'positions grow over all workflows');
SELECT is((SELECT array_agg(sequence) FROM foreman.workflow_events('order', 's1', 2)), '{3,4}'::int8[], 'events after a number');
SELECT is((SELECT array_agg(sequence) FROM foreman.workflow_events('order', 's1', max_rows => 2)), '{1,2}'::int8[], 'at most so many');

-- Which inputs are kept.
CREATE FUNCTION w.kept(type text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.execute(type, 'kept', input::jsonb) FROM unnest(ARRAY['{"do": "A"}', '{"reject": "no"}', '{"do": "End"}', '{"do": "B"}']) input;
    RETURN w.inputs(type, 'kept');
END $$;
SELECT is(w.kept('order'), 'execute rejected', 'record_inputs => rejected keeps those');
SELECT is((SELECT rejection FROM foreman.workflow_inputs('order', 'kept')), '"no"', 'with what decide answered');
SELECT is(w.kept('custom'), 'execute accepted, execute rejected, execute accepted, execute already_completed', 'all keeps all');
SELECT is((SELECT array_agg(rejection IS NOT NULL ORDER BY input) FROM foreman.workflow_inputs('custom', 'kept')), '{f,t,f,f}'::bool[], 'only a rejected one has a rejection');
SELECT foreman.create_workflow_type('none', 'w.decide', 'w.evolve', 'w.is_terminal', record_inputs => 'none') \g /dev/null
SELECT is(w.kept('none'), 'none', 'none keeps none');

-- Unique keys are those of a type.
SELECT foreman.execute('order', 'key', '{"do": "A", "data": {"email": "a@b"}}') \g /dev/null
SELECT is((SELECT outcome FROM foreman.execute('custom', 'key', '{"do": "A", "data": {"email": "a@b"}}')), 'accepted', 'another type may have the same unique key');

-- Timers.
SELECT foreman.execute('order', 'timer', '{"do": "A", "timers": [{"key": "k", "fire_at": "2100-01-01"}]}'), foreman.execute('order', 'timer', '{"do": "B", "timers": [{"key": "k", "fire_at": "2200-01-01"}]}') \g /dev/null
SELECT is((SELECT array_agg(fire_at::date) FROM foreman.timers), '{2200-01-01}'::date[], 'a timer that is set again is one row, with the new time');
SELECT foreman.execute('order', 'timer 2', '{"do": "A", "timers": [{"key": "k", "fire_at": "2300-01-01"}]}') \g /dev/null
SELECT foreman.execute('order', 'timer', '{"do": "C", "cancel_timers": ["k"]}') \g /dev/null
SELECT is((SELECT array_agg(fire_at::date) FROM foreman.timers), '{2300-01-01}'::date[], 'a key is one of its workflow: that of another stays');
SELECT foreman.execute('order', 'timer 2', '{"do": "End"}') \g /dev/null
SELECT is_empty('SELECT FROM foreman.timers', 'the end of a workflow takes its timers along');
SELECT foreman.execute('order', 'e2e', '{"do": "Started", "timers": [{"key": "t", "after": "1 h"}]}'), foreman.execute('order', 'e2e', '{"events": [{"type": "Completed"}, {"type": "TimerCancelled"}], "cancel_timers": ["t"]}') \g /dev/null
SELECT is(w.events('order', 'e2e') || (SELECT count(*) FROM foreman.timers), 'Started Completed TimerCancelled0', 'scheduled and cancelled');

-- Effects: one that fails at first, many at once, one of a kind that nobody handles.
SELECT foreman.execute('order', 'transient', '{"do": "A", "effects": [{"kind": "effect", "key": "e", "args": {"fail before": 2}, "on_result": "on done"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', 'transient') = 'A on done' $$), 'an effect that fails twice is done at the third attempt');
SELECT is((SELECT array_agg(what) FROM t.log), '{order:transient:e}'::text[], 'once');
SELECT count(foreman.execute('order', 'many ' || i, '{"do": "A", "effects": [{"kind": "effect", "on_result": "on done"}, {"kind": "effect", "on_result": "on done"}]}')) FROM generate_series(1, 50) i \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 50 FROM foreman.workflows WHERE workflow_id LIKE 'many %' AND sequence = 3) $$), 'effects of many workflows are done');
SELECT is((SELECT count(*) || ' ' || count(DISTINCT what) FROM t.log WHERE what LIKE 'order:many%'), '100 100', 'each once');
SELECT is((SELECT array_agg(key) FROM foreman.workflow_effects('order', 'many 1')), '{1.1,1.2}'::text[], 'an effect without a key has the number of its event and its place');
SELECT foreman.execute('order', 'nobody', '{"do": "A", "effects": [{"kind": "of nobody", "key": "e", "queue": "outside", "on_result": "on done"}]}') \g /dev/null
SELECT is(w.effects('order', 'nobody') || (SELECT attempt FROM foreman.jobs WHERE kind = 'of nobody'), 'e open0', 'an effect of a kind without handler waits');
SELECT foreman.create_queue('outside', backoff_base => '1 ms', backoff_max => '1 ms', if_not_exists => true) \g /dev/null
-- A worker outside whose lease ends: the next one does it, and the late one is not heard of.
SELECT token AS late, job_id AS job FROM foreman.claim('{outside}', 'first', lease => '1 s') \gset
SELECT ok(t.wait_until(format($$ EXISTS (SELECT FROM foreman.jobs WHERE job_id = %s AND state = 'retryable' AND run_at < clock_timestamp()) $$, :job)), 'its lease has ended');
SELECT token AS next FROM foreman.claim('{outside}', 'second') \gset
SELECT isnt(foreman.complete(:job, :'late', '"late"'), 'completed', 'the first one is too late');
SELECT is(foreman.complete(:job, :'next', '"right"'), 'completed', 'the second one is not');
SELECT ok(t.wait_until($$ w.events('order', 'nobody') = 'A on done' $$), 'the workflow hears of one result');
SELECT is(foreman.workflow_state('order', 'nobody') #>> '{data,result}', 'right', 'the right one');

-- The result comes while the workflow cannot be folded: it waits until that is mended.
SELECT foreman.create_queue('q', backoff_base => '1 ms', backoff_max => '1 ms', if_not_exists => true) \g /dev/null
CREATE FUNCTION w.picky(state jsonb, event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'cannot read this event'; END $$;
SELECT foreman.create_workflow_type('broken', 'w.decide', 'w.evolve', queue => 'q') \g /dev/null
SELECT foreman.execute('broken', '1', '{"do": "A", "effects": [{"kind": "effect", "key": "e", "run_at": "2100-01-01", "on_result": "on done"}]}') \g /dev/null
SELECT foreman.alter_workflow_type('broken', evolve => 'w.picky') \g /dev/null
SELECT foreman.run_now(job_id) FROM foreman.workflow_effects('broken', '1') \g /dev/null
SELECT ok(t.wait_until($$ w.inputs('broken', '1') = 'effect dead' $$), 'a result that cannot be handled is set aside');
SELECT is(w.effects('broken', '1'), 'e completed', 'the effect is done and stays so');
SELECT foreman.alter_workflow_type('broken', evolve => 'w.evolve') \g /dev/null
SELECT is(foreman.retry_workflow_dead_letters('broken', '1'), 1::int8, 'it is tried again');
SELECT ok(t.wait_until($$ w.events('broken', '1') = 'A on done' $$), 'and is handled');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
