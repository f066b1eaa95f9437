-- Cases that other queues learned the hard way: finalizing, cancelling, reaping, cooling down and sharing out, for jobs that
-- workers outside hold. What is not here is in leases, p04, p08 and outside_bad_input.
\ir lib/helpers.sql
SELECT no_plan();

-- Claims: priority, then time, then order of arrival; nothing before its time, a retry included.
SELECT foreman.enqueue('c', '1', queue => 'order'), foreman.enqueue('c', '2', queue => 'order'), foreman.enqueue('c', '3', queue => 'order', priority => -5),
       foreman.enqueue('c', '4', queue => 'order', run_at => clock_timestamp() - interval '1 h'), foreman.enqueue('c', '5', queue => 'order', priority => 5),
       foreman.enqueue('c', '6', queue => 'order', run_at => clock_timestamp() + interval '1 h') \g /dev/null
SELECT is((SELECT array_agg(args::text) FROM foreman.claim('{order}', 'w', 10)), '{3,4,1,2,5}', 'priority, then run_at, then id; not the future one');
SELECT is((SELECT count(*) FROM foreman.claim('{order}', 'w', 10)), 0::int8, 'each once');

-- Attempts up to the last, by fail and by silence. The error log grows with each.
SELECT foreman.create_queue('tries', backoff_base => '0') \g /dev/null
SELECT foreman.enqueue('t', queue => 'tries', max_attempts => 3) AS t \gset
SELECT is((SELECT foreman.fail(job_id, token, 'e' || attempt) FROM foreman.claim('{tries}', 'w')), 'retryable', 'first of three');
SELECT is(t.state(:t), 'retryable 1', 'one is charged, and without backoff it is due at once');
SELECT is((SELECT foreman.fail(job_id, token, 'e' || attempt) FROM foreman.claim('{tries}', 'w')), 'retryable', 'second of three');
SELECT is((SELECT foreman.fail(job_id, token, 'e' || attempt) FROM foreman.claim('{tries}', 'w')), 'discarded', 'the third is the last');
SELECT is((SELECT array_agg(e ->> 'message' ORDER BY e ->> 'attempt') FROM foreman.jobs j, jsonb_array_elements(j.errors) e WHERE job_id = :t), '{e1,e2,e3}', 'each left its error');
SELECT is((SELECT count(*) FROM foreman.claim('{tries}', 'w')), 0::int8, 'a dead letter is not claimed');

-- The reaper: a lease whose holder never said a word, with attempts left and without; beside it one that is fresh, which it
-- leaves alone. Without backoff what is revived is due at once.
SELECT foreman.enqueue('r', queue => 'tries', max_attempts => 2) AS r2, foreman.enqueue('r', queue => 'tries', max_attempts => 1) AS r1,
       foreman.enqueue('r', queue => 'tries') AS fresh \gset
CREATE TEMP TABLE r AS SELECT * FROM foreman.claim('{tries}', 'silent', 2, lease => '1 s');
CREATE TEMP TABLE fresh AS SELECT * FROM foreman.claim('{tries}', 'awake', lease => '1 h');
SELECT is((SELECT array_agg(job_id) FROM r), ARRAY[:r2, :r1]::int8[], 'two in silent hands');
SELECT is(t.outcome(:r1, 20), 'discarded 1', 'without attempts left it is a dead letter');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :r1), 'lease expired', 'which says why');
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :r2), 20), 'with one left it waits');
SELECT ok((SELECT run_at <= clock_timestamp() FROM foreman.jobs WHERE job_id = :r2), 'no longer than the queue says');
SELECT is((SELECT count(*) FROM foreman.dead_letters('r')), 1::int8, 'one dead letter');
SELECT is(t.state(:fresh), 'running 1', 'the fresh one is left alone');
SELECT is(foreman.rescue_once(), 0::int8, 'by a pass of one''s own too');
SELECT is((SELECT foreman.heartbeat(job_id, token) FROM fresh), 'active', 'and its worker goes on');
SELECT is((SELECT foreman.complete(job_id, token) FROM fresh), 'completed', 'to its end');
SELECT is((SELECT array_agg(job_id || ' ' || attempt) FROM foreman.claim('{tries}', 'next')), ARRAY[:r2 || ' 2'], 'a new worker makes the next attempt');

-- Throttling: uncharged, the whole queue cools, and a success that was under way does not end that.
SELECT foreman.enqueue('h', queue => 'hot') AS h1, foreman.enqueue('h', queue => 'hot') AS h2, foreman.enqueue('h', queue => 'hot') AS h3 \gset
CREATE TEMP TABLE h AS SELECT * FROM foreman.claim('{hot}', 'w', 2);
SELECT is((SELECT foreman.throttle_lease(job_id, token) FROM h WHERE job_id = :h1), 'retryable', 'the first is turned away');
SELECT is((SELECT attempt || ' ' || (run_at > clock_timestamp() + interval '50 s') FROM foreman.jobs WHERE job_id = :h1), '0 true', 'uncharged, a minute later');
SELECT is((SELECT foreman.complete(job_id, token) FROM h WHERE job_id = :h2), 'completed', 'its sibling succeeds');
SELECT is((SELECT count(*) FROM foreman.claim('{hot}', 'w', 10)), 0::int8, 'the queue cools all the same');
SELECT is((SELECT count(*) FROM foreman.claim('{hot,order}', 'w', 10, kinds => '{h}')), 0::int8, 'whatever is asked for beside it');
SELECT is(t.state(:h3), 'available 0', 'the third waits');

-- Cancel: once is enough, it does not outlive its attempt, and nothing rewrites what has ended.
SELECT foreman.enqueue('k', queue => 'kill') AS k \gset
CREATE TEMP TABLE k AS SELECT * FROM foreman.claim('{kill}', 'w');
SELECT is(foreman.cancel(:k, 'first'), 'cancel_requested', 'asked once');
SELECT is(foreman.cancel(:k, 'second'), 'cancel_requested', 'asked twice');
SELECT is((SELECT array_agg(answer) FROM k, foreman.heartbeat_many(ARRAY[k.job_id], ARRAY[k.token])), '{cancel_requested}', 'heartbeat_many says so');
SELECT is((SELECT foreman.snooze_lease(job_id, token, '1 h') FROM k), 'cancelled', 'a snooze is the end');
SELECT is(foreman.cancel(:k), 'finished', 'a cancel of what has ended says so');
SELECT is(foreman.retry(:k), true, 'it is wanted after all');
SELECT is((SELECT foreman.heartbeat(job_id, token) FROM foreman.claim('{kill}', 'w')), 'active', 'and its new attempt knows of no cancel');
SELECT foreman.enqueue('k', queue => 'kill2') AS late \gset
SELECT is((SELECT foreman.complete(job_id, token) FROM foreman.claim('{kill2}', 'w')), 'completed', 'one completes');
SELECT is(foreman.cancel(:late, 'late'), 'finished', 'a late cancel');
SELECT is((SELECT state || coalesce(reason, '') FROM foreman.jobs WHERE job_id = :late), 'completed', 'rewrites nothing');
SELECT is(foreman.cancel(-1), 'not_found', 'a cancel of nothing');

-- Delete and reschedule of a job that is held are requests too; what is due again obeys them.
SELECT foreman.enqueue('d', queue => 'del') AS d1, foreman.enqueue('d', queue => 'del') AS d2, foreman.enqueue('d', queue => 'del') AS d3 \gset
CREATE TEMP TABLE d AS SELECT * FROM foreman.claim('{del}', 'w', 3);
SELECT is(foreman.delete_job(:d1), 'delete_requested', 'delete of a job in other hands');
SELECT is(t.state(:d1), 'running 1', 'which goes on');
SELECT is((SELECT foreman.heartbeat(job_id, token) FROM d WHERE job_id = :d1), 'cancel_requested', 'until its heartbeat');
SELECT is((SELECT foreman.release(job_id, token) FROM d WHERE job_id = :d1), 'cancelled', 'and ends');
SELECT is(t.state(:d1), 'nowhere', 'then it is nowhere');
SELECT is((SELECT foreman.release(job_id, token) FROM d WHERE job_id = :d2), 'released', 'one is released');
SELECT is(t.state(:d2), 'available 0', 'uncharged');
SELECT is((SELECT foreman.complete(job_id, token) FROM d WHERE job_id = :d3), 'completed', 'the third completes');

-- Two queues in one claim, and only those that are named.
SELECT foreman.enqueue('q', queue => 'q1') AS q1, foreman.enqueue('q', queue => 'q2') AS q2, foreman.enqueue('q', queue => 'q3') AS q3 \gset
SELECT is((SELECT array_agg(queue ORDER BY queue) FROM foreman.claim('{q1,q2}', 'w', 10)), '{q1,q2}', 'a worker runs its queues and no other');

-- The registry: who is there, under which label; a share follows the limit, and ends with it.
SELECT foreman.create_queue('shared', max_running => 7) \g /dev/null
SELECT foreman.worker_heartbeat('a', '{shared}', 'web-1'), foreman.worker_heartbeat('b', '{shared,other}', 'web-2') \g /dev/null
SELECT is((SELECT array_agg(concat_ws(' ', worker_id, label, queues) ORDER BY worker_id) FROM foreman.workers WHERE worker_id IN ('a', 'b')),
          ARRAY['a web-1 {shared}', 'b web-2 {shared,other}'], 'both are listed, with their labels and queues');
SELECT is((SELECT sum(slots) FROM unnest('{a,b}'::text[]) w, foreman.worker_heartbeat(w, '{shared}')), 7::int8, 'together they have the limit');
SELECT foreman.alter_queue('shared', max_running => 1) \g /dev/null
SELECT is((SELECT array_agg(slots ORDER BY w) FROM unnest('{a,b}'::text[]) w, foreman.worker_heartbeat(w, '{shared}')), '{1,0}', 'a limit below the number of workers leaves some without');
SELECT foreman.drop_queue('shared') \g /dev/null
SELECT is((SELECT slots FROM foreman.worker_heartbeat('a', '{shared}')), NULL, 'a queue that is dropped has no limit');
SELECT is((SELECT label FROM foreman.workers WHERE worker_id = 'a'), NULL, 'a heartbeat without a label has none');
SELECT * FROM finish();
