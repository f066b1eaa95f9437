-- throttle(), throttle_lease(): one report cools the whole queue down, flat or exponentially, counted once per window
-- however many workers report it; a success forgets the windows only 120 s after the last one ended.
-- Broken by: a counter that every report bumps; a gate that a success in flight opens; a queue that nobody wakes at
-- the end of its window.
\ir lib/helpers.sql
SELECT no_plan();
-- Throttles where its args say so; otherwise it leaves a note.
CREATE FUNCTION t.limited(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_sleep(coalesce((job.args ->> 's')::float8, 0));
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, 'limited');
    IF (job.args ->> 'throttles')::bool AND (SELECT count(*) FROM t.log WHERE job_id = job.job_id) = 1 THEN PERFORM foreman.throttle(); END IF;
END $$;
SELECT foreman.register_handler('limited', 't.limited') \g /dev/null
CREATE FUNCTION t.window(q text) RETURNS interval LANGUAGE sql AS $$ SELECT throttled_until - now() FROM foreman.queues WHERE queue = q $$;

-- The whole queue waits, others go on, and it wakes at the end of the window by itself.
SELECT foreman.create_queue('narrow', throttle_base => '4 s') \g /dev/null
SELECT foreman.enqueue('limited', '{"throttles": true}', queue => 'narrow') AS first \gset
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.queues WHERE queue = 'narrow' AND throttled_until IS NOT NULL) $$), 'a throttled job cools its queue down');
SELECT coalesce(throttled_until, now()) AS opens FROM foreman.queues WHERE queue = 'narrow' \gset
SELECT foreman.enqueue('limited', queue => 'narrow') AS sibling, foreman.enqueue('limited') AS other \gset
SELECT is(t.outcome(:other), 'completed 1', 'another queue goes on');
SELECT is(t.state(:sibling), 'available 0', 'a sibling waits');
SELECT is(t.state(:first), 'scheduled 0', 'no attempt is charged');
SELECT foreman.enqueue('outside', queue => 'narrow') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{narrow}', 'w')), 0::int8, 'workers outside get nothing either');
-- Nothing else ends these waits soon: a poll comes once an hour.
CALL foreman.wait_for_job('{narrow}', '60 s');
SELECT ok(clock_timestamp() BETWEEN :'opens' AND :'opens'::timestamptz + interval '30 s', 'wait_for_job() returns at the end of the window');
SELECT is(t.outcome(:sibling), 'completed 1', 'and executors wake at it');
SELECT is(t.outcome(:first), 'completed 1', 'for the one that was throttled, too');
SELECT cmp_ok((SELECT min(l.at) FROM t.log l WHERE job_id = :sibling), '>=', (SELECT min(l.at) + interval '3.9 s' FROM t.log l WHERE job_id = :first), 'not before');

-- Many reports of one window count once. Each job of this queue runs alone, several at a time.
SELECT foreman.create_queue('many', throttle_base => '10 s', throttle_max => '1 hour') \g /dev/null
SELECT foreman.register_handler('burst', 't.limited', max_group => 1) \g /dev/null
SELECT foreman.enqueue('out', queue => 'many') FROM generate_series(1, 20) \g /dev/null
CREATE TABLE t.leases AS SELECT job_id, token FROM foreman.claim('{many}', 'w', 20);
-- They take so long that another executor is there before the first one closes the queue.
SELECT foreman.enqueue_array('burst', array_fill('{"throttles": true, "s": 1.5}'::jsonb, ARRAY[3]), queue => 'many') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) >= 2 FROM t.log WHERE what = 'limited' AND job_id IN (SELECT job_id FROM foreman.jobs WHERE queue = 'many')) $$), 'several executors report');
SELECT is((SELECT count(DISTINCT foreman.throttle_lease(job_id, token)) FROM t.leases), 1::int8, 'and twenty leases');
SELECT ok(t.window('many') BETWEEN interval '5 s' AND interval '10.5 s', 'the window is the first one');

-- The hint of a handler is ignored: an outside worker that fails with retry_in does not cool anything down, and one
-- that throttles names no time.
SELECT ok((SELECT min(run_at) > now() + interval '5 s' FROM foreman.jobs WHERE queue = 'many' AND kind = 'out'), 'its jobs come back with it');

-- Windows double: on the virtual clock, with the workers away.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
CREATE FUNCTION t.throttle_at(q text, at timestamptz) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
    l record;
BEGIN
    PERFORM set_config('foreman.fake_now', at::text, false);
    PERFORM foreman.enqueue('out', queue => q, run_at => at);
    RETURN NULL;
END $$;
SELECT foreman.create_queue('grows', throttle_base => '60 s', throttle_max => '300 s'), foreman.create_queue('flat') \g /dev/null
SELECT foreman.enqueue('out', queue => q, run_at => '2026-01-01') FROM unnest('{grows,flat}'::text[]) q, generate_series(1, 12) \g /dev/null
SET foreman.fake_now = '2031-01-01 00:00:00+00';
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:01:00+00', 'the first window: 60 s');
SELECT is((SELECT count(*) FROM foreman.claim('{grows}', 'w')), 0::int8, 'it gates claims');
SET foreman.fake_now = '2031-01-01 00:01:00+00';
-- Two jobs are taken in the second window: one throttles, the other succeeds in flight.
CREATE TABLE t.two AS SELECT job_id, token, row_number() OVER () AS n FROM foreman.claim('{grows}', 'w', 2);
SELECT foreman.throttle_lease(job_id, token) FROM t.two WHERE n = 1 \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:03:00+00', 'the second: 120 s');
SELECT is((SELECT foreman.complete(job_id, token) FROM t.two WHERE n = 2), 'completed', 'one in flight completes');
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:03:00+00', 'that opens nothing');
SET foreman.fake_now = '2031-01-01 00:04:59+00';
SELECT foreman.complete(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:08:59+00', 'a success 119 s after the window ended forgets nothing: 240 s');
SET foreman.fake_now = '2031-01-01 00:08:59+00';
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:13:59+00', 'the longest: 300 s');
SET foreman.fake_now = '2031-01-01 00:15:59+00';
SELECT foreman.complete(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{grows}', 'w') \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'grows'), '2031-01-01 00:16:59+00', 'a success 120 s after it does: 60 s again');
-- Without throttle_max all are flat.
SET foreman.fake_now = '2031-01-01 00:00:00+00';
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{flat}', 'w') \g /dev/null
SET foreman.fake_now = '2031-01-01 00:01:00+00';
SELECT foreman.throttle_lease(job_id, token) FROM foreman.claim('{flat}', 'w') \g /dev/null
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'flat'), '2031-01-01 00:02:00+00', 'by default every window is 60 s');
-- In a transaction that rolls back nothing cools down; a stale token cools nothing down either.
SET foreman.fake_now = '2031-01-01 01:00:00+00';
CREATE TABLE t.one AS SELECT job_id, token FROM foreman.claim('{flat}', 'w');
BEGIN;
SELECT foreman.throttle_lease(job_id, token) FROM t.one \g /dev/null
ROLLBACK;
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'flat'), NULL, 'rolled back');
SELECT is((SELECT foreman.throttle_lease(job_id, gen_random_uuid()) FROM t.one), 'lost', 'a wrong token');
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'flat'), NULL, 'cools nothing down');
-- A pass honours the window that it opens itself, and one that is open.
SELECT foreman.create_queue('pass') \g /dev/null
SELECT foreman.enqueue('limited', '{"throttles": true}', queue => 'pass', run_at => '2026-01-01') AS first, foreman.enqueue('limited', queue => 'pass', run_at => '2026-01-02') AS second \gset
SELECT is(foreman.drain('pass'), 1::int8, 'drain() stops where a job throttles');
SELECT is(foreman.drain('pass'), 0::int8, 'and leaves the queue alone');
SET foreman.fake_now = '2031-01-01 01:01:00+00';
SELECT is(foreman.drain('pass'), 2::int8, 'until its window is over');
-- start() forgets windows of clocks that were not the server's.
SELECT foreman.enqueue('limited', '{"throttles": true}', queue => 'pass', run_at => '2026-01-01') AS again \gset
SELECT foreman.drain('pass') \g /dev/null
RESET foreman.fake_now;
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ (SELECT throttled_until IS NULL FROM foreman.queues WHERE queue = 'pass') $$), 'start() forgets cool-downs');

-- Bad input.
SELECT throws_ok($$ SELECT foreman.create_queue('bad', throttle_base => '10 s', throttle_max => '9 s') $$, '22023', 'throttle_max must not be less than throttle_base', 'a longest window below the first');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', throttle_max => '59 s') $$, '22023', 'throttle_max must not be less than throttle_base', 'below the default first one');
SELECT throws_ok($$ SELECT foreman.alter_queue('narrow', throttle_max => '1 s') $$, '22023', 'throttle_max must not be less than throttle_base', 'below the one that the queue has');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', throttle_base => '0') $$, '22008', NULL, 'no window at all');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', throttle_base => '1 month') $$, '22023', NULL, 'months');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', throttle_base => '-1 s') $$, '22008', NULL, 'a negative one');
SELECT is((SELECT count(*) FROM foreman.queues WHERE queue = 'bad'), 0::int8, 'nothing is changed');
SELECT is(foreman.alter_queue('narrow', throttle_max => '4 s'), true, 'equal is fine');
SELECT * FROM finish();
