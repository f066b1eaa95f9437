-- why(): a test for each reason. `claimed` and `locked` need other sessions at certain points: test/isolation;
-- those of servers that are set up otherwise: test/tap.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)', max_group => 1) \g /dev/null
CREATE FUNCTION t.why(id int8) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(reason, ', ' ORDER BY n) FROM foreman.why(id) WITH ORDINALITY w(reason, detail, until, n) $$;
CREATE FUNCTION t.detail(id int8, wanted text, member text) RETURNS jsonb LANGUAGE sql AS $$ SELECT detail -> member FROM foreman.why(id) WHERE reason = wanted $$;

-- Jobs that are no longer there, or never were.
SELECT is(t.why(999999), 'not_found', 'a job that is nowhere');
SELECT throws_ok('SELECT * FROM foreman.why(NULL)', '22004', NULL, 'NULL is refused');
SELECT foreman.enqueue('note') AS done \gset
SELECT is(t.outcome(:done), 'completed 1', 'a job completes');
SELECT is(t.why(:done), 'finished', 'one that has ended');
SELECT is(t.detail(:done, 'finished', 'state'), '"completed"', 'and how');
SELECT foreman.enqueue('note', run_at => 'tomorrow') AS gone \gset
SELECT foreman.cancel(:gone, 'a "reason"') \g /dev/null
SELECT is((SELECT detail FROM foreman.why(:gone)), '{"state": "cancelled", "reason": "a \"reason\"", "attempt": 0}', 'one that was cancelled, and the reason');
SELECT foreman.enqueue('note') AS shy \gset
SELECT is(t.outcome(:shy), 'completed 1', 'executors are there');

-- Time.
SELECT foreman.enqueue('note', run_at => '2100-01-01') AS later \gset
SELECT results_eq(format('SELECT reason, until FROM foreman.why(%s)', :later), $$ VALUES ('due_later'::text, '2100-01-01'::timestamptz) $$, 'due later');

-- The queue.
SELECT foreman.create_queue('shut') \g /dev/null
SELECT foreman.pause_queue('shut') \g /dev/null
SELECT foreman.enqueue('note', queue => 'shut') AS shut, foreman.enqueue('note', queue => 'shut', run_at => '2100-01-01') AS both \gset
SELECT is(t.why(:shut), 'paused', 'its queue is paused');
SELECT is(t.why(:both), 'due_later, paused', 'two reasons are two rows');
SELECT foreman.create_queue('cool', throttle_base => '1 h') \g /dev/null
CREATE FUNCTION t.throttled(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT foreman.throttle() $$;
SELECT foreman.register_handler('throttled', 't.throttled(jsonb)') \g /dev/null
SELECT foreman.enqueue('throttled', queue => 'cool') AS hot \gset
SELECT ok(t.wait_until(format('t.why(%s) ~ ''cooling_down''', :hot)), 'its queue cools down');
SELECT cmp_ok((SELECT until FROM foreman.why(:hot) WHERE reason = 'cooling_down'), '>', now() + interval '50 min', 'and until when');

-- Running, locks, and keys.
SELECT foreman.enqueue('hold', '{"gate": "g"}', concurrency_key => 'k') AS runs \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''running''', :runs)), 'a job that runs');
SELECT is(t.detail(:runs, 'running', 'attempt'), '1', 'its attempt');
SELECT is(t.detail(:runs, 'running', 'worker_pid'), (SELECT to_jsonb(pid) FROM foreman.workers WHERE job_id = :runs), 'and its executor');
SELECT foreman.enqueue('note', concurrency_key => 'k') AS behind \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :behind)), 'a job of the same key is parked');
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :behind), format($$ VALUES ('key_busy'::text, '{"concurrency_key": "k", "max_running_per_key": 1, "held_by": [%s]}'::jsonb) $$, :runs), 'its key is in use, and by which job');
INSERT INTO t.gate VALUES ('g');
SELECT is(t.outcome(:behind), 'completed 1', 'the key is free');
CREATE FUNCTION t.locks(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(77) $$;
SELECT foreman.register_handler('locks', 't.locks(jsonb)', max_group => 1) \g /dev/null
SELECT pg_advisory_lock(77) \g /dev/null
SELECT foreman.enqueue('locks') AS locks \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''running, waiting_for_lock''', :locks)), 'its handler waits for a lock');
SELECT is(t.detail(:locks, 'waiting_for_lock', 'blocked_by'), format('[{"pid": %s, "role": "%s"}]', pg_backend_pid(), session_user)::jsonb, 'and whose it is');
SELECT pg_advisory_unlock(77) \g /dev/null
SELECT is(t.outcome(:locks), 'completed 1', 'which is given back');

-- Sequences.
SELECT foreman.enqueue('note', sequence_key => 's', run_at => 'tomorrow') AS head, foreman.enqueue('note', sequence_key => 's') AS next \gset
SELECT is(t.why(:head), 'due_later', 'the head of a sequence waits for its own time');
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :next)), 'the next one is parked');
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :next), format($$ VALUES ('sequence'::text, '{"sequence_key": "s", "head": %s, "head_state": "scheduled"}'::jsonb) $$, :head), 'behind the head, and its state');
SELECT foreman.cancel(:head) \g /dev/null
SELECT is(t.outcome(:next), 'completed 1', 'and goes when that has');

-- Other jobs.
SELECT foreman.enqueue('note', depends_on => ARRAY[:later]) AS waits \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :waits), format($$ VALUES ('dependencies'::text, '{"jobs": [%s]}'::jsonb) $$, :later), 'it waits for other jobs');
SELECT foreman.enqueue('hold', '{"gate": "u"}', unique_key => 'u') AS holder \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :holder)), 'the holder of a unique key runs');
SELECT foreman.enqueue('hold', '{"gate": "u"}', unique_key => 'u', on_conflict => 'replace') AS successor \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :successor), format($$ VALUES ('unique_key'::text, '{"unique_key": "u", "jobs": [%s]}'::jsonb) $$, :holder), 'it follows the holder of its unique key');
INSERT INTO t.gate VALUES ('u');
SELECT is(t.outcome(:successor), 'completed 1', 'and runs after it');

-- Nobody to run it.
SELECT foreman.enqueue('unheard', queue => 'out') AS unheard \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :unheard), $$ VALUES ('no_handler'::text, '{"kind": "unheard", "outside_workers": 0}'::jsonb) $$, 'its kind has no handler (P10)');
SELECT job_id AS claimed, token FROM foreman.claim('{out}', 'worker 7', lease => '1 h') \gset
SELECT is(t.why(:unheard), 'running', 'an outside worker has it');
SELECT is(t.detail(:unheard, 'running', 'worker_id'), '"worker 7"', 'which');
SELECT cmp_ok((SELECT until FROM foreman.why(:unheard)), '>', now() + interval '50 min', 'and until when');
SELECT foreman.complete(:claimed, :'token') \g /dev/null

SELECT count(*) FROM foreman.enqueue_array('hold', array_fill('{"gate": "all"}'::jsonb, ARRAY[8])) \g /dev/null
SELECT ok(t.wait_until(format('(SELECT count(*) FROM foreman.jobs WHERE state = ''running'') = %s', current_setting('foreman.max_executors'))), 'all executors are busy');
SELECT foreman.enqueue('note', priority => 50) AS crowded \gset
SELECT is(t.why(:crowded), 'executors_busy', 'it waits for one of them');
SELECT is(jsonb_array_length(t.detail(:crowded, 'executors_busy', 'running')), current_setting('foreman.max_executors')::int, 'and what they run');
INSERT INTO t.gate VALUES ('all');
SELECT is(t.outcome(:crowded), 'completed 1', 'it had its turn');

-- Limits of the queue.
SELECT foreman.create_queue('full', max_running => 1), foreman.create_queue('rated', rate_limit => 1, rate_period => '1 h') \g /dev/null
SELECT foreman.enqueue('hold', '{"gate": "full"}', queue => 'full') AS holder \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :holder)), 'the only place of a queue is taken');
SELECT foreman.enqueue('note', queue => 'full') AS full \gset
SELECT is(t.why(:full), 'limit_full', 'a second job finds its queue full');
SELECT is(t.detail(:full, 'limit_full', 'held_by'), jsonb_build_array(:holder), 'and who holds it');
INSERT INTO t.gate VALUES ('full');
SELECT is(t.outcome(:full), 'completed 1', 'until that has ended');
SELECT foreman.enqueue('note', queue => 'rated') AS first \gset
SELECT is(t.outcome(:first), 'completed 1', 'the first of the hour runs');
SELECT foreman.enqueue('note', queue => 'rated') AS rated \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''rate_limited''', :rated)), 'the second waits for a token');
SELECT ok((SELECT until > now() AND until <= now() + interval '1 h' FROM foreman.why(:rated) WHERE reason = 'rate_limited'), 'and it is said when that is there');
SELECT foreman.delete_job(:rated) \g /dev/null

DROP ROLE IF EXISTS pgtap_why_nologin, pgtap_why_asks;
CREATE ROLE pgtap_why_nologin LOGIN;
CREATE ROLE pgtap_why_asks LOGIN;
GRANT USAGE ON SCHEMA t TO pgtap_why_nologin;
SELECT foreman.register_handler('nologin', 't.note(foreman.job)', run_as => 'pgtap_why_nologin') \g /dev/null
ALTER ROLE pgtap_why_nologin NOLOGIN;
SELECT foreman.enqueue('nologin') AS barred \gset
SELECT current_setting('server_version_num')::int < 170000 AS refuses \gset
\if :refuses
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :barred), $$ VALUES ('role'::text, '{"role": "pgtap_why_nologin", "lacks": "LOGIN"}'::jsonb) $$, 'its role cannot log in');
\endif
SELECT foreman.delete_job(:barred), foreman.unregister_handler('nologin') \g /dev/null

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT foreman.enqueue('note') AS stopped \gset
SELECT is(t.why(:stopped), 'stopped', 'the database was stopped');
BEGIN;
SELECT foreman.run_once() AS ran \gset
SELECT is(:ran::int8, 1::int8, 'run_once() runs it in a transaction');
SELECT is(t.why(:stopped), 'finished', 'which is seen in there');
ROLLBACK;
SELECT foreman.start() \g /dev/null
SELECT is(t.outcome(:stopped), 'completed 1', 'started');

-- Rights: whoever sees the job may ask; to others it is nowhere.
SELECT is(t.as_role('pgtap_why_asks', 'SELECT reason FROM foreman.why(1)'), 'ERROR 42501', 'nobody asks without a grant');
SELECT foreman.grant_role('monitor', 'pgtap_why_asks', 'shut') \g /dev/null
SELECT is(t.as_role('pgtap_why_asks', format('SELECT reason FROM foreman.why(%s)', :shut)), 'paused', 'a monitor of its queue may ask');
SELECT is(t.as_role('pgtap_why_asks', format('SELECT reason FROM foreman.why(%s)', :later)), 'not_found', 'a job of a queue without a right is nowhere');
SELECT foreman.grant_role('producer', 'pgtap_why_asks', 'default') \g /dev/null
SELECT is(t.as_role('pgtap_why_asks', format('SELECT reason FROM foreman.why(%s)', :later)), 'due_later', 'a producer of its queue may ask');
DROP OWNED BY pgtap_why_asks, pgtap_why_nologin;
DROP ROLE pgtap_why_asks, pgtap_why_nologin;
SELECT * FROM finish();
