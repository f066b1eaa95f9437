-- Outside workers: claim, heartbeat, complete, fail, snooze, throttle, release, and their _many siblings.
\ir lib/helpers.sql
SELECT no_plan();

-- What is claimed: the queues named, in order, kinds without a handler here unless named.
SELECT foreman.register_handler('here', 't.hold') \g /dev/null
SELECT foreman.enqueue('out', '{"n": 1}', queue => 'a', tags => '{x,y}', metadata => '{"m": 1}') AS a1,
       foreman.enqueue('out', queue => 'a', priority => -1) AS a2, foreman.enqueue('out', queue => 'b') AS b1,
       foreman.enqueue('later', queue => 'a', run_at => now() + interval '1 h') AS a3 \gset
SELECT is((SELECT array_agg(job_id) FROM foreman.claim('{nothing}', 'w')), NULL, 'an empty queue answers no rows');
SELECT is((SELECT array_agg(job_id) FROM foreman.claim('{a}', 'w', 10, kinds => '{unheard}')), NULL, 'so do kinds that nobody enqueued');
CREATE TEMP TABLE c AS SELECT * FROM foreman.claim('{a}', 'w', 10);
SELECT is((SELECT array_agg(job_id) FROM c), ARRAY[:a2, :a1]::int8[], 'claims what is due in its queues, the least priority first');
SELECT is((SELECT (queue, kind, args, attempt, max_attempts, priority, tags, metadata)::text FROM c WHERE job_id = :a1),
          '(a,out,"{""n"": 1}",1,5,0,"{x,y}","{""m"": 1}")', 'with all that a worker needs');
SELECT ok((SELECT bool_and(leased_until BETWEEN now() + interval '50 s' AND now() + interval '70 s') FROM c), 'for a minute by default');
SELECT is((SELECT (state, worker_id)::text FROM foreman.jobs WHERE job_id = :a1), '(running,w)', 'the view tells who holds it');

-- Heartbeats.
SELECT is(foreman.heartbeat(:a1, token, extend => '2 h', progress => 0.5, note => 'half'), 'active', 'a heartbeat extends')
  FROM c WHERE job_id = :a1;
SELECT is((SELECT (progress, progress_note, leased_until > now() + interval '110 min')::text FROM foreman.jobs WHERE job_id = :a1),
          '(0.5,half,t)', 'and tells its progress at once');
SELECT is(foreman.heartbeat(:a1, token, note => 'only a note'), 'active', 'a heartbeat with nothing but a note') FROM c WHERE job_id = :a1;
SELECT is((SELECT (progress, progress_note)::text FROM foreman.jobs WHERE job_id = :a1), '(0.5,"only a note")', 'keeps it, and the progress');
SELECT is((SELECT array_agg(answer ORDER BY job_id) FROM foreman.heartbeat_many((SELECT array_agg(job_id) FROM c), (SELECT array_agg(token) FROM c))),
          '{active,active}', 'many at once');
SELECT throws_ok(format('SELECT foreman.heartbeat(%s, %L, progress => 2)', :a1, (SELECT token FROM c WHERE job_id = :a1)), '22023', NULL,
                 'a progress above 1 is refused');

-- Fail: retried with backoff or as asked, discarded at the end.
SELECT is(foreman.fail(:a1, token, 'first', retry_in => '1 h', detail => '{"code": 7}'), 'retryable', 'fail answers what comes next')
  FROM c WHERE job_id = :a1;
SELECT is((SELECT (state, attempt, run_at > now() + interval '59 min')::text FROM foreman.jobs WHERE job_id = :a1), '(retryable,1,t)', 'later, as asked');
SELECT is(t.error(:a1, 0, 'message') || t.error(:a1, 0, 'detail'), 'first{"code": 7}', 'the error and its detail are kept');
SELECT is((SELECT errors #> '{0,detail,code}' FROM foreman.jobs WHERE job_id = :a1), '7', 'the detail as the value that it is');
SELECT is(foreman.fail(:a2, token, 'never', discard => true), 'discarded', 'a worker may refuse a job') FROM c WHERE job_id = :a2;
SELECT is((SELECT reason FROM foreman.dead_letters() WHERE job_id = :a2), 'never', 'which is then a dead letter');
SELECT foreman.enqueue('once', queue => 'a', max_attempts => 1) AS once \gset
SELECT is(foreman.fail(job_id, token, 'only'), 'discarded', 'the last attempt discards') FROM foreman.claim('{a}', 'w');

-- Snooze, throttle, release charge nothing.
SELECT foreman.enqueue('out', queue => 'z') AS z \gset
SELECT is(foreman.snooze_lease(job_id, token, '1 h'), 'retryable', 'snooze puts it back') FROM foreman.claim('{z}', 'w');
SELECT is(t.state(:z), 'scheduled 0', 'uncharged, later');
SELECT foreman.run_now(:z) \g /dev/null
SELECT is(foreman.release(job_id, token), 'released', 'release puts it back') FROM foreman.claim('{z}', 'w');
SELECT is(t.state(:z), 'available 0', 'uncharged, now');
SELECT is(foreman.throttle_lease(job_id, token), 'retryable', 'throttle cools the queue down') FROM foreman.claim('{z}', 'w');
SELECT foreman.enqueue('out', queue => 'z') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{z}', 'w')), 0::int8, 'nothing of it is claimed meanwhile');
SELECT ok((SELECT throttled_until > now() + interval '50 s' FROM foreman.queues WHERE queue = 'z'), 'for a minute');

-- Many.
SELECT count(*) FROM foreman.enqueue_array('bulk', (SELECT array_agg(to_jsonb(i)) FROM generate_series(1, 500) i), queue => 'bulk') \g /dev/null
CREATE TEMP TABLE m AS SELECT * FROM foreman.claim('{bulk}', 'w', 500);
SELECT is((SELECT count(DISTINCT token) FROM m), 500::int8, 'every job has a token of its own');
SELECT is((SELECT array_agg(DISTINCT answer) FROM foreman.complete_many((SELECT array_agg(job_id ORDER BY job_id) FROM m WHERE attempt = 1),
           (SELECT array_agg(token ORDER BY job_id) FROM m), (SELECT array_agg(args ORDER BY job_id) FROM m))), '{completed}', '500 are completed in one call');
SELECT is((SELECT count(*) FROM foreman.jobs j JOIN m USING (job_id) WHERE j.state = 'completed' AND j.result = m.args), 500::int8, 'each with its own result');
SELECT is((SELECT array_agg(DISTINCT answer) FROM foreman.complete_many((SELECT array_agg(job_id ORDER BY job_id) FROM m),
           (SELECT array_agg(token ORDER BY job_id) FROM m))), '{lost}', 'and lost the second time');
SELECT throws_ok($$ SELECT foreman.complete_many('{1,2}', '{}') $$, '2202E', NULL, 'as many tokens as jobs');
SELECT foreman.enqueue('x', queue => 'many') AS x1, foreman.enqueue('x', queue => 'many') AS x2 \gset
CREATE TEMP TABLE x AS SELECT * FROM foreman.claim('{many}', 'w', 2);
SELECT is((SELECT array_agg(answer ORDER BY job_id) FROM foreman.fail_many(ARRAY[:x1, :x2], (SELECT array_agg(token ORDER BY job_id) FROM x), '{one,two}')),
          '{retryable,retryable}', 'fail_many');
SELECT is(t.error(:x2, 0, 'message'), 'two', 'each with its own error');

-- Cancel of a leased job is told by the heartbeat, and honoured when the lease ends.
SELECT foreman.enqueue('out', queue => 'k') AS k1, foreman.enqueue('out', queue => 'k') AS k2, foreman.enqueue('out', queue => 'k') AS k3 \gset
CREATE TEMP TABLE k AS SELECT * FROM foreman.claim('{k}', 'w', 2);
SELECT is(foreman.cancel(:k1, 'stop'), 'cancel_requested', 'cancel of a leased job is a request');
SELECT is(foreman.cancel(:k2), 'cancel_requested', 'of another');
SELECT is(foreman.heartbeat(:k1, token), 'cancel_requested', 'its next heartbeat says so') FROM k WHERE job_id = :k1;
SELECT is(foreman.fail(:k1, token, 'stopped'), 'cancelled', 'a fail is then a cancel') FROM k WHERE job_id = :k1;
SELECT is((SELECT (state, reason)::text FROM foreman.jobs WHERE job_id = :k1), '(cancelled,stop)', 'with the reason');
SELECT is(foreman.complete(:k2, token), 'completed', 'a complete stays completed') FROM k WHERE job_id = :k2;
INSERT INTO k SELECT * FROM foreman.claim('{k}', 'w', lease => '5 s');
SELECT is(foreman.cancel(:k3), 'cancel_requested', 'of a third');
SELECT is(t.outcome(:k3, 30), 'cancelled 1', 'a worker that is silent ends as cancelled, not retried');

-- Workers and their shares.
SELECT foreman.create_queue('limited', max_running => 10) \g /dev/null
SELECT is((SELECT slots FROM foreman.worker_heartbeat('w1', '{limited,free}', 'first') WHERE queue = 'limited'), 10, 'alone, a worker has the whole limit');
SELECT is((SELECT slots FROM foreman.worker_heartbeat('w2', '{limited}')), 5, 'the second takes half');
SELECT is((SELECT slots FROM foreman.worker_heartbeat('w3', '{limited}')), 3, 'the third a third');
SELECT is((SELECT array_agg(slots ORDER BY w) FROM unnest('{w1,w2,w3}'::text[]) w, foreman.worker_heartbeat(w, '{limited}')), '{4,3,3}', 'together they have the limit');
SELECT is((SELECT slots FROM foreman.worker_heartbeat('w9', '{free}')), NULL, 'a queue without a limit has no shares');
SELECT is((SELECT array_agg(worker_id ORDER BY worker_id) FROM foreman.workers WHERE worker_id IS NOT NULL), '{w1,w2,w3,w9}', 'the view lists them');

-- Bad input changes nothing.
SELECT throws_ok($$ SELECT foreman.claim('{}', 'w') $$, '22023', NULL, 'no queues');
SELECT throws_ok($$ SELECT foreman.claim(NULL, 'w') $$, '22004', NULL, 'NULL queues');
SELECT throws_ok($$ SELECT foreman.claim('{a}', 'w', 0) $$, '22003', NULL, 'qty 0');
SELECT throws_ok($$ SELECT foreman.claim('{a}', 'w', 1000000000) $$, '22003', NULL, 'qty 10^9');
SELECT throws_ok($$ SELECT foreman.claim('{a}', repeat('w', 10240)) $$, '22023', NULL, 'a worker id of 10 kB');
SELECT throws_ok($$ SELECT foreman.claim('{a}', 'w', lease => '-1 s') $$, '22008', NULL, 'a negative lease');
SELECT throws_ok($$ SELECT foreman.claim('{a}', 'w', lease => '1 month') $$, '22023', NULL, 'a lease of a month');
SELECT * FROM finish();
