-- Defects that engines of workflows had, assay-workflow 0.1.4 first of all, and some of earlier builds of ours: none is here.
-- Those that other files show are listed in test/README.md.
\ir lib/helpers.sql
\ir lib/workflows.sql
\ir lib/outside_workflows.sql
SELECT no_plan();

SELECT foreman.create_queue('hands', backoff_base => '3 s', backoff_max => '3 s') \g /dev/null
CREATE FUNCTION o.hands(worker text, lease interval DEFAULT NULL) RETURNS SETOF foreman.live_job LANGUAGE sql AS $$
    SELECT j.* FROM foreman.claim('{hands}', worker, lease => hands.lease) c JOIN foreman.live_job j USING (job_id) $$;

-- A claim that does not look at the time until which a failed effect is to wait.
SELECT foreman.signal_workflow('flow', 'r', '{}') \g /dev/null
SELECT o.work('r', '[{"command": "schedule_effect", "sequence": 1, "kind": "by hand", "queue": "hands", "max_attempts": 3}]') \g /dev/null
SELECT job_id, token FROM foreman.claim('{hands}', 'w') \gset
SELECT is(foreman.fail(:job_id, :'token', 'broken'), 'retryable', 'an effect fails');
SELECT is((SELECT count(*) FROM foreman.claim('{hands}', 'w')), 0::bigint, 'nobody gets it before its back-off has passed');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.claim('{hands}', 'silent', lease => '1 s')) $$), 'afterwards somebody does');
SELECT cmp_ok((SELECT clock_timestamp() - (errors -> 0 ->> 'at')::timestamptz FROM foreman.jobs WHERE job_id = :job_id), '>=', interval '2.2 s', 'after most of three seconds');

-- An effect whose worker is silent, with attempts left: failed without an event, so that its workflow hangs.
SELECT ok(t.wait_until(format('(SELECT state = ''retryable'' FROM foreman.jobs WHERE job_id = %s)', :job_id)), 'when its worker is silent, it is tried again');
SELECT is(w.events('flow', 'r'), 'WorkflowStarted EffectScheduled', 'of which the workflow need not know');
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.claim('{hands}', 'silent', lease => '1 s')) $$), 'a worker has it for the last time, and is silent');
SELECT ok(t.wait_until($$ o.happened('r', 'EffectFailed') $$), 'then the workflow hears of it');
SELECT is(o.data('r', 'EffectFailed') #>> '{error,reason}', 'lease expired', 'with the reason');
SELECT is(o.work('r', '[{"command": "fail", "sequence": 2, "reason": "nobody did it"}]'), 'accepted', 'and is due to a worker');

-- A time limit that is stored, and nobody looks at.
CREATE FUNCTION o.sleep(args jsonb) RETURNS void LANGUAGE sql AS 'SELECT pg_sleep(60)';
SELECT foreman.register_handler('sleep', 'o.sleep') \g /dev/null
SELECT foreman.signal_workflow('flow', 's', '{}') \g /dev/null
SELECT o.work('s', '[{"command": "schedule_effect", "sequence": 1, "kind": "sleep", "timeout": "100 ms", "max_attempts": 1}]') \g /dev/null
SELECT ok(t.wait_until($$ o.happened('s', 'EffectFailed') $$, 20), 'the time limit of an effect holds');
SELECT alike(o.data('s', 'EffectFailed') #>> '{error,message}', '%timed out after 100 ms', 'and is what the workflow hears');
SELECT o.work('s', '[{"command": "complete", "sequence": 2}]') \g /dev/null

-- A lock of a session that sticks to a connection of a pool.
SELECT foreman.signal_workflow('flow', 'l', '{}'), foreman.execute('order', 'l', '{"do": "A"}') \g /dev/null
SELECT o.work('l', '[{"command": "complete", "sequence": 1}]') \g /dev/null
SELECT is_empty($$ SELECT locktype, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype IN ('advisory', 'object', 'userlock', 'tuple') $$,
    'a session that began and decided workflows holds no lock afterwards');
SELECT is_empty($$ SELECT l.locktype, l.mode, a.backend_type FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.backend_type LIKE 'pg_foreman%' AND l.locktype IN ('advisory', 'userlock') $$,
    'nor do workers ever hold one of a session');

-- The record of an input that the job of a later one handled goes when somebody cancels its own job.
BEGIN;
SELECT foreman.signal_workflow('order', 'x', '{"do": "A"}', 'i') \g /dev/null
SELECT job_id FROM foreman.live_job WHERE kind = 'workflow:order' AND args ->> 'workflow_id' = 'x' \gset
SELECT foreman.reschedule(:job_id, now() + interval '1 day') \g /dev/null
SELECT foreman.signal_workflow('order', 'x', '{"do": "B"}') \g /dev/null
COMMIT;
SELECT ok(t.wait_until($$ w.events('order', 'x') = 'A B' $$), 'the job of a later input handles those before it');
SELECT is(foreman.cancel(:job_id), 'cancelled', 'the job of the first one is cancelled');
SELECT is(w.inputs('order', 'x'), 'signal accepted', 'its record stays');
SELECT is((SELECT outcome || ' ' || first_sequence FROM foreman.execute('order', 'x', '{"do": "A"}', input_id => 'i')), 'accepted 1', 'and answers whoever sends it again');
SELECT is(w.events('order', 'x'), 'A B', 'without doing it again');

-- A state that two versions of evolve made, where it was replaced while decide ran.
CREATE SCHEMA n;
CREATE FUNCTION n.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('by', coalesce(state ->> 'by', '') || '1') $$;
CREATE FUNCTION n.decide(now timestamptz, state jsonb, input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF input ? 'deploy' THEN
        CREATE OR REPLACE FUNCTION n.evolve(state jsonb, event jsonb) RETURNS jsonb LANGUAGE sql AS $f$ SELECT jsonb_build_object('by', coalesce(state ->> 'by', '') || '2') $f$;
    END IF;
    RETURN '{"events": [{"type": "A"}]}';
END $$;
SELECT foreman.create_workflow_type('deployed', 'n.decide', 'n.evolve') \g /dev/null
SELECT foreman.execute('deployed', 'a', '{}') \g /dev/null
SELECT foreman.execute('deployed', 'a', '{}') \g /dev/null
SELECT is(foreman.workflow_state('deployed', 'a'), '{"by": "11"}', 'a state by the first version');
SELECT foreman.execute('deployed', 'a', '{"deploy": true}') \g /dev/null
SELECT is(foreman.workflow_state('deployed', 'a'), '{"by": "222"}', 'after a deploy in the middle of a decision it is by the second one alone');
SELECT foreman.execute('deployed', 'a', '{}') \g /dev/null
SELECT is(foreman.workflow_state('deployed', 'a'), '{"by": "2222"}', 'also after the next one');
SELECT is((SELECT folded FROM foreman.workflow_instance WHERE workflow_type = 'deployed'), '{"by": "2222"}', 'in its snapshot, too');

SELECT t.wait_until('w.counted()') \g /dev/null
SELECT is_empty('SELECT w.broken()', 'nothing is broken');
SELECT * FROM finish();
