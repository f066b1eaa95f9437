-- Dead letters by workflow: effects, undos, inputs and timers. What is retried is open again, and its end reaches decide.
\ir lib/helpers.sql
\ir lib/workflows.sql
SELECT no_plan();
CREATE TABLE w.broken_kinds (kind text);
CREATE FUNCTION w.effect(j foreman.job) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM w.broken_kinds WHERE broken_kinds.kind = j.kind) THEN RAISE 'broken' USING ERRCODE = 'P0007'; END IF;
    RETURN j.args -> 'result';
END $$;
SELECT foreman.register_handler('effect', 'w.effect(foreman.job)', backoff_base => '1 ms'), foreman.register_handler('undo', 'w.effect(foreman.job)', backoff_base => '1 ms') \g /dev/null
INSERT INTO w.broken_kinds VALUES ('effect'), ('undo');
CREATE FUNCTION w.dead(type text DEFAULT NULL, id text DEFAULT NULL, only_what text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(d.what || ' ' || d.name, ', ' ORDER BY d.what, d.name), 'none') FROM foreman.workflow_dead_letters(type, id, what => only_what) d $$;

-- decide takes the failure; the effect is retried later, and its result is an input like any other.
SELECT foreman.execute('order', '1', '{"do": "A", "effects": [{"kind": "effect", "key": "pay", "max_attempts": 1, "args": {"result": 7}, "on_result": "on paid", "on_failure": "on unpaid"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '1') = 'A on unpaid' $$), 'decide takes the failure of an effect');
SELECT is(w.dead('order', '1'), 'effect pay', 'its dead letter is found by its workflow');
SELECT is((SELECT (workflow_type, workflow_id, kind, attempts, args, errors -> 0 ->> 'message')::text FROM foreman.workflow_dead_letters('order')), '(order,1,effect,1,"{""result"": 7}",broken)', 'and tells all of it');
SELECT is(foreman.retry_workflow_dead_letters('order', '2'), 0::int8, 'another workflow has none');
DELETE FROM w.broken_kinds WHERE kind = 'effect';
SELECT foreman.stop() \g /dev/null
SELECT is(foreman.retry_workflow_dead_letters('order', '1'), 1::int8, 'it is retried');
SELECT is(w.effects('order', '1'), 'pay open', 'the effect is open again');
SELECT is((SELECT count(*) FROM foreman.workflow_effects('order', '1') WHERE error IS NULL AND ended_at IS NULL), 1::int8, 'and has not failed');
SELECT is(foreman.count_workflow_dead_letters(), 0::int8, 'no dead letter is left');
SELECT is(foreman.retry_workflow_dead_letters('order', '1'), 0::int8, 'a second retry finds nothing');
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '1') = 'A on unpaid on paid' $$), 'its result reaches decide');
SELECT is(w.effects('order', '1'), 'pay completed', 'and it is completed');

-- retry_dead_letter() of the job does the same.
INSERT INTO w.broken_kinds VALUES ('effect');
SELECT foreman.execute('order', '2', '{"do": "A", "effects": [{"kind": "effect", "key": "pay", "max_attempts": 1, "on_failure": "on unpaid"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '2') = 'A on unpaid' $$), 'another one fails');
-- An effect that was decided anew under its key is not done twice.
DELETE FROM w.broken_kinds;
SELECT foreman.execute('order', '2', '{"do": "B", "effects": [{"kind": "effect", "key": "pay"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', '2') = 'pay failed, pay completed' $$), 'decide asked for it anew, and it is done');
SELECT job_id FROM foreman.workflow_dead_letters('order', '2') \gset
SELECT is(foreman.retry_dead_letter(:job_id), false, 'the dead letter of the first one is not retried');
SELECT is((SELECT state || ': ' || reason FROM foreman.jobs WHERE job_id = :job_id), 'cancelled: superseded by what was asked for in its place', 'it ends as cancelled');
SELECT is(w.effects('order', '2'), 'pay cancelled, pay completed', 'so does its effect');

-- Undos, timers and inputs.
INSERT INTO w.broken_kinds VALUES ('undo');
SELECT foreman.execute('order', '3', '{"do": "A", "effects": [{"kind": "effect", "key": "book", "undo": {"kind": "undo", "max_attempts": 1}}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'book completed' $$), 'an effect is done');
SELECT foreman.cancel_workflow('order', '3') \g /dev/null
SELECT ok(t.wait_until($$ w.dead('order', '3') = 'undo book' $$), 'the dead letter of an undo is found');
SELECT is(w.dead(only_what => 'effect'), 'none', 'by what they are');
SELECT is(w.dead(only_what => 'undo'), 'undo book', 'too');
DELETE FROM w.broken_kinds;
SELECT is(foreman.retry_workflow_dead_letters('order', what => 'effect'), 0::int8, 'effects are retried alone');
SELECT is(foreman.retry_workflow_dead_letters('order', what => 'undo'), 1::int8, 'or undos');
SELECT ok(t.wait_until($$ w.effects('order', '3') = 'book undone' $$), 'then it is undone');

SELECT foreman.alter_workflow_type('order', on_dead_letter => 'ignore') \g /dev/null
SELECT foreman.execute('order', '4', '{"do": "A"}') \g /dev/null
SELECT foreman.stop() \g /dev/null
SELECT foreman.signal_workflow('order', '4', '{"type": "bad", "raise": "no"}'), foreman.execute('order', '4', '{"do": "B", "timers": [{"key": "soon", "after": "0", "input": {"raise": "no"}}]}') \g /dev/null
UPDATE foreman.live_job SET max_attempts = 1;
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ w.dead('order', '4') = 'input bad, timer soon' $$), 'dead letters of an input and a timer are found');
SELECT is((SELECT string_agg(job_id::text, ' ') FROM foreman.workflow_dead_letters('order', '4', before_id => (SELECT max(job_id) FROM foreman.workflow_dead_letters('order', '4')))), (SELECT min(job_id)::text FROM foreman.workflow_dead_letters('order', '4')), 'a page before');
SELECT is(w.inputs('order', '4'), 'signal dead', 'the input is dead');
SELECT foreman.stop() \g /dev/null
SELECT is(foreman.retry_workflow_dead_letters('order', '4'), 2::int8, 'they are retried');
SELECT is(w.inputs('order', '4'), 'signal pending', 'the input waits again');
CREATE OR REPLACE FUNCTION w.decide_kind(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE sql RETURN '{"events": [{"type": "Taken"}]}'::jsonb;
SELECT foreman.alter_workflow_type('order', decide => 'w.decide_kind', on_dead_letter => 'input') \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '4') = 'A B Taken Taken' $$), 'with a decide that takes them both are handled');
SELECT foreman.alter_workflow_type('order', decide => 'w.decide') \g /dev/null

-- Of a workflow that has ended: the job is done, and nothing else changes.
INSERT INTO w.broken_kinds VALUES ('effect');
SELECT foreman.execute('order', '5', '{"do": "A", "effects": [{"kind": "effect", "key": "late", "max_attempts": 1, "on_failure": "on late", "on_result": "on done"}]}') \g /dev/null
SELECT ok(t.wait_until($$ w.events('order', '5') = 'A on late' $$), 'an effect fails');
SELECT foreman.execute('order', '5', '{"do": "End"}') \g /dev/null
DELETE FROM w.broken_kinds;
SELECT is(foreman.retry_workflow_dead_letters('order', '5'), 1::int8, 'it is retried after the end');
SELECT ok(t.wait_until($$ w.effects('order', '5') = 'late completed' $$), 'it is done');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.workflow_input WHERE state = 'p') $$), 'its result is handled');
SELECT is(w.events('order', '5') || ' ' || w.state('order', '5'), 'A on late End completed 3', 'and comes too late');

SELECT throws_ok($$ SELECT foreman.workflow_dead_letters('nothing') $$, '42704', NULL, 'an unknown type is refused');
SELECT throws_ok($$ SELECT foreman.workflow_dead_letters(NULL, '1') $$, '22023', 'workflow_id needs workflow_type', 'an id alone is refused');
SELECT throws_ok($$ SELECT foreman.count_workflow_dead_letters(what => 'all') $$, '22023', 'what "all" is unknown', 'what there is no such sort of is refused');
SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
