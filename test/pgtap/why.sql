-- why(): a test for each reason, with what is told of it. `locked` and the first moment of `claimed` need other sessions
-- at certain points: test/isolation. Those of servers that are set up otherwise are in test/tap: not_preloaded (008), copied
-- (009), disabled (001), standby (025), no_worker for want of a dispatcher or of a free slot (007).
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)', max_group => 1) \g /dev/null
CREATE FUNCTION t.why(id int8) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(reason, ', ' ORDER BY n) FROM foreman.why(id) WITH ORDINALITY w(reason, detail, until, n) $$;
CREATE FUNCTION t.detail(id int8, wanted text, member text) RETURNS jsonb LANGUAGE sql AS $$ SELECT detail -> member FROM foreman.why(id) WHERE reason = wanted $$;

-- Jobs that are no longer there, or never were.
SELECT results_eq('SELECT * FROM foreman.why(999999)', $$ VALUES ('not_found'::text, '{"job_id": 999999}'::jsonb, NULL::timestamptz) $$, 'a job that is nowhere');
SELECT throws_ok('SELECT * FROM foreman.why(NULL)', '22004', NULL, 'NULL is refused');
SELECT foreman.enqueue('note') AS done \gset
SELECT is(t.outcome(:done), 'completed 1', 'a job completes');
SELECT is(t.why(:done), 'finished', 'one that has ended');
SELECT is((SELECT detail FROM foreman.why(:done)), '{"state": "completed", "attempt": 1}', 'and how');
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS gone \gset
SELECT foreman.cancel(:gone, 'a "reason"') \g /dev/null
SELECT is((SELECT detail FROM foreman.why(:gone)), '{"state": "cancelled", "reason": "a \"reason\"", "attempt": 0}', 'one that was cancelled, and the reason');
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails(jsonb)', max_attempts => 2, backoff_base => '1 h') \g /dev/null
SELECT foreman.enqueue('fails') AS failing, foreman.enqueue('fails', max_attempts => 1) AS dead \gset
SELECT is(t.outcome(:dead), 'discarded 1', 'a job is discarded');
SELECT is((SELECT detail FROM foreman.why(:dead)), '{"state": "discarded", "reason": "no", "attempt": 1}', 'and why');

-- Nothing in its way: seen in the transaction that enqueues it.
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.workers WHERE state = 'idle') $$), 'an executor is idle');
BEGIN;
SELECT foreman.enqueue('note') AS ready \gset
SELECT is(t.why(:ready), 'ready', 'a job that nothing keeps from running');
SELECT is(t.detail(:ready, 'ready', 'role'), to_jsonb(current_user::text), 'executors of its role are there');
SELECT is(t.detail(:ready, 'ready', 'executors'), (SELECT to_jsonb(count(*)) FROM foreman.workers), 'and how many');
COMMIT;
SELECT is(t.outcome(:ready), 'completed 1', 'it runs');
-- Of another role there is no executor yet, and those that rest will make room for one.
DROP ROLE IF EXISTS pgtap_why_other;
CREATE ROLE pgtap_why_other LOGIN;
SELECT foreman.register_handler('of_other', 't.note(foreman.job)', run_as => 'pgtap_why_other') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('hold', array_fill('{"gate": "start"}'::jsonb, ARRAY[8])) \g /dev/null
SELECT ok(t.wait_until(format('(SELECT count(*) FROM foreman.jobs WHERE state = ''running'') = %s', current_setting('foreman.max_executors'))), 'all executors are started');
INSERT INTO t.gate VALUES ('start');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.live_job WHERE kind = 'hold') AND NOT EXISTS (SELECT FROM foreman.workers WHERE state = 'busy') $$), 'and rest');
BEGIN;
SELECT foreman.enqueue('of_other') AS others \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :others), $$ VALUES ('no_worker'::text, '{"role": "pgtap_why_other", "executors": 0}'::jsonb) $$, 'nobody is there to run it yet');
COMMIT;
SELECT is(t.outcome(:others), 'completed 1', 'one comes');

-- Time.
SELECT foreman.enqueue('note', run_at => '2100-01-01') AS later \gset
SELECT results_eq(format('SELECT reason, until FROM foreman.why(%s)', :later), $$ VALUES ('due_later'::text, '2100-01-01'::timestamptz) $$, 'due later');
SELECT ok(t.wait_until(format('t.state(%s) = ''retryable 1''', :failing)), 'another one has failed');
SELECT results_eq(format('SELECT reason, detail, until FROM foreman.why(%s)', :failing), format($$ SELECT 'due_later'::text, '{"attempt": 1}'::jsonb, run_at FROM foreman.jobs WHERE job_id = %s $$, :failing), 'and is tried again later');

-- The queue.
SELECT foreman.create_queue('shut') \g /dev/null
SELECT foreman.pause_queue('shut') \g /dev/null
SELECT foreman.enqueue('note', queue => 'shut') AS shut, foreman.enqueue('note', queue => 'shut', run_at => '2100-01-01') AS both \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :shut), $$ VALUES ('paused'::text, '{"queue": "shut"}'::jsonb) $$, 'its queue is paused');
SELECT is(t.why(:both), 'due_later, paused', 'two reasons are two rows');
SELECT foreman.create_queue('cool', throttle_base => '1 h') \g /dev/null
CREATE FUNCTION t.throttled(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT foreman.throttle() $$;
SELECT foreman.register_handler('throttled', 't.throttled(jsonb)') \g /dev/null
SELECT foreman.enqueue('throttled', queue => 'cool') AS hot \gset
SELECT ok(t.wait_until(format('t.why(%s) ~ ''cooling_down''', :hot)), 'its queue cools down');
SELECT is((SELECT detail FROM foreman.why(:hot) WHERE reason = 'cooling_down'), '{"queue": "cool", "windows": 1}', 'which, and how often in a row');
SELECT cmp_ok((SELECT until FROM foreman.why(:hot) WHERE reason = 'cooling_down'), '>', now() + interval '50 min', 'and until when');

-- Running, locks, and keys.
SELECT foreman.enqueue('hold', '{"gate": "g"}', concurrency_key => 'k') AS runs \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''running''', :runs)), 'a job that runs');
SELECT is(t.detail(:runs, 'running', 'attempt'), '1', 'its attempt');
SELECT is(t.detail(:runs, 'running', 'worker_pid'), (SELECT to_jsonb(pid) FROM foreman.workers WHERE job_id = :runs), 'and its executor');
SELECT ok(t.detail(:runs, 'running', 'seconds')::int BETWEEN 0 AND 60, 'and since when');
CREATE PROCEDURE t.steps(args jsonb) LANGUAGE plpgsql AS $$ BEGIN LOOP COMMIT; EXIT WHEN EXISTS (SELECT FROM t.gate WHERE name = args ->> 'gate'); PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT foreman.register_handler('steps', 't.steps(jsonb)', lane => 'procedure') \g /dev/null
SELECT foreman.enqueue('steps', '{"gate": "steps"}') AS steps \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''running''', :steps)), 'so does one of lane procedure');
SELECT is(t.detail(:steps, 'running', 'worker_pid'), (SELECT to_jsonb(pid) FROM foreman.workers WHERE job_id = :steps), 'in its executor');
INSERT INTO t.gate VALUES ('steps');
SELECT is(t.outcome(:steps), 'completed 1', 'to its end');
-- Executors have found jobs to be short, and claim many of these together.
CREATE FUNCTION t.dawdle(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.03) $$;
SELECT foreman.register_handler('dawdle', 't.dawdle(jsonb)') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[600]), queue => 'quick') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 600 FROM foreman.jobs WHERE queue = 'quick' AND state = 'completed') $$), 'many short jobs run');
SELECT count(*) FROM foreman.enqueue_array('dawdle', array_fill('{}'::jsonb, ARRAY[60])) \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.live_job j, foreman.why(j.job_id) w, foreman.workers k WHERE j.kind = 'dawdle' AND w.reason = 'claimed'
    AND k.pid = (w.detail ->> 'worker_pid')::int AND k.job_id = (w.detail ->> 'behind')::int8) $$), 'an executor has claimed it, and runs another one of its group first');
SELECT foreman.delete_where(kind => 'dawdle') \g /dev/null
SELECT foreman.enqueue('note', concurrency_key => 'k') AS behind \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :behind)), 'a job of the same key is parked');
SELECT ok(t.wait_until(format('t.why(%s) = ''key_busy''', :behind)), 'its key is in use');
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :behind), format($$ VALUES ('key_busy'::text, '{"concurrency_key": "k", "max_running_per_key": 1, "held_by": [%s]}'::jsonb) $$, :runs), 'by which job');
INSERT INTO t.gate VALUES ('g');
SELECT is(t.outcome(:behind), 'completed 1', 'the key is free');
CREATE FUNCTION t.locks(args jsonb) RETURNS void LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(77) $$;
SELECT foreman.register_handler('locks', 't.locks(jsonb)', max_group => 1) \g /dev/null
SELECT pg_advisory_lock(77) \g /dev/null
SELECT foreman.enqueue('locks') AS locks \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''running, waiting_for_lock''', :locks)), 'its handler waits for a lock');
SELECT is(t.detail(:locks, 'waiting_for_lock', 'worker_pid'), t.detail(:locks, 'running', 'worker_pid'), 'in the same executor');
SELECT is(t.detail(:locks, 'waiting_for_lock', 'blocked_by'), format('[{"pid": %s, "role": "%s"}]', pg_backend_pid(), session_user)::jsonb, 'and whose it is');
SELECT pg_advisory_unlock(77) \g /dev/null
SELECT is(t.outcome(:locks), 'completed 1', 'which is given back');

-- Sequences.
SELECT foreman.enqueue('note', sequence_key => 's', run_at => now() + interval '1 day') AS head, foreman.enqueue('note', sequence_key => 's') AS next \gset
SELECT is(t.why(:head), 'due_later', 'the head of a sequence waits for its own time');
SELECT ok(t.wait_until(format('t.why(%s) = ''sequence''', :next)), 'the next one is parked');
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
SELECT count(*) FROM foreman.worker_heartbeat('worker 7', '{out}') \g /dev/null
SELECT is(t.detail(:unheard, 'no_handler', 'outside_workers'), '1', 'how many workers outside there are for its queue');
SELECT job_id AS claimed, token FROM foreman.claim('{out}', 'worker 7', lease => '1 h') \gset
SELECT is(t.why(:unheard), 'running', 'an outside worker has it');
SELECT is(t.detail(:unheard, 'running', 'worker_id'), '"worker 7"', 'which');
SELECT cmp_ok((SELECT until FROM foreman.why(:unheard)), '>', now() + interval '50 min', 'and until when');
SELECT foreman.complete(:claimed, :'token') \g /dev/null

SELECT count(*) FROM foreman.enqueue_array('hold', array_fill('{"gate": "all"}'::jsonb, ARRAY[8])) \g /dev/null
SELECT ok(t.wait_until(format('(SELECT count(*) FROM foreman.jobs WHERE state = ''running'') = %s', current_setting('foreman.max_executors'))), 'all executors are busy');
SELECT foreman.enqueue('note', priority => 50) AS crowded \gset
SELECT jsonb_agg(job_id ORDER BY slot) AS busy FROM foreman.workers WHERE job_id IS NOT NULL \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :crowded), format($$ VALUES ('executors_busy'::text, '{"role": "%s", "executors": 3, "max_executors": 3, "running": %s}'::jsonb) $$, current_user, :'busy'), 'it waits for one of them, and what they run');
SELECT foreman.enqueue('of_other') AS others \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :others), format($$ VALUES ('executors_busy'::text, '{"role": "pgtap_why_other", "executors": 0, "max_executors": 3, "running": %s}'::jsonb) $$, :'busy'), 'so does one whose role has none of them');
INSERT INTO t.gate VALUES ('all');
SELECT is(t.outcome(:crowded), 'completed 1', 'it had its turn');
SELECT is(t.outcome(:others), 'completed 1', 'both had');

-- Limits of the queue.
SELECT foreman.create_queue('full', max_running => 1), foreman.create_queue('rated', rate_limit => 1, rate_period => '1 h') \g /dev/null
SELECT foreman.enqueue('hold', '{"gate": "full"}', queue => 'full') AS holder \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :holder)), 'the only place of a queue is taken');
SELECT foreman.enqueue('note', queue => 'full') AS full \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :full), format($$ VALUES ('limit_full'::text, '{"queue": "full", "max_running": 1, "held_by": [%s]}'::jsonb) $$, :holder), 'a second job finds its queue full, and who holds it');
INSERT INTO t.gate VALUES ('full');
SELECT is(t.outcome(:full), 'completed 1', 'until that has ended');
SELECT foreman.enqueue('note', queue => 'rated') AS first \gset
SELECT is(t.outcome(:first), 'completed 1', 'the first of the hour runs');
SELECT foreman.enqueue('note', queue => 'rated') AS rated \gset
SELECT ok(t.wait_until(format('t.why(%s) = ''rate_limited''', :rated)), 'the second waits for a token');
SELECT is((SELECT detail FROM foreman.why(:rated)), '{"queue": "rated", "rate_limit": 1}', 'of the queue''s rate');
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
SELECT foreman.enqueue('of_other', run_at => clock_timestamp() + interval '1 h') AS barred \gset
REVOKE CONNECT ON DATABASE :"dbname" FROM PUBLIC;
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.workers WHERE pid IS NOT NULL)'), 'no session of the role is left');
SELECT foreman.start(), foreman.run_now(:barred) \g /dev/null
SELECT ok(t.wait_until(format('t.why(%s) = ''role''', :barred)), 'its role is not let in');
SELECT is((SELECT detail FROM foreman.why(:barred)), '{"role": "pgtap_why_other", "lacks": "CONNECT"}', 'for want of CONNECT');
DROP OWNED BY pgtap_why_other;
DROP ROLE pgtap_why_other;
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :barred), $$ VALUES ('role'::text, '{"role": "pgtap_why_other", "lacks": "existence"}'::jsonb) $$, 'its role is gone');
GRANT CONNECT ON DATABASE :"dbname" TO PUBLIC;
SELECT foreman.delete_job(:barred), foreman.unregister_handler('of_other') \g /dev/null

SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.workers WHERE pid IS NOT NULL)'), 'stopped');
SELECT foreman.enqueue('note') AS stopped \gset
SELECT results_eq(format('SELECT reason, detail FROM foreman.why(%s)', :stopped), $$ VALUES ('stopped'::text, '{}'::jsonb) $$, 'the database was stopped');
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
