-- Ageing: every n-th job claimed of a queue is its oldest due one, whatever its priority, so that nothing waits for ever
-- behind a stream of more urgent jobs.
-- Broken by: a choice by priority alone; a chunk that takes more than its turn.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.create_queue('ages', ageing => 5), foreman.create_queue('plain') \g /dev/null

-- Outside: 40 urgent jobs, and ten that were due long before.
CREATE FUNCTION t.fill(q text, k text) RETURNS void LANGUAGE sql AS $$
    SELECT foreman.enqueue(k, queue => q, priority => 10, run_at => '2026-01-01'::timestamptz + n * interval '1 s', args => '{"what": "old"}') FROM generate_series(1, 10) n;
    SELECT foreman.enqueue(k, queue => q, priority => -10, run_at => '2026-02-01', args => '{"what": "urgent"}') FROM generate_series(1, 40) $$;
SELECT t.fill('plain', 'out'), t.fill('ages', 'out') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{plain}', 'w', 40) WHERE priority = 10), 0::int8, 'without ageing the old ones wait');
SELECT is((SELECT count(*) FROM foreman.claim('{ages}', 'w', 40) WHERE priority = 10), 8::int8, 'with it every fifth claimed is an old one');
SELECT is((SELECT array_agg(run_at ORDER BY run_at) FROM foreman.jobs WHERE queue = 'ages' AND priority = 10 AND state = 'available'),
          (SELECT array_agg('2026-01-01'::timestamptz + n * interval '1 s') FROM generate_series(9, 10) n), 'the oldest first');
SELECT is((SELECT count(*) FROM foreman.claim('{ages}', 'w', 100)), 10::int8, 'the rest comes as well');

-- Executors: in the order that they ran.
SELECT t.fill('ages', 'note') \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until('(SELECT count(*) = 50 FROM t.log)'), 'executors run all');
SELECT cmp_ok((SELECT count(*) FROM (SELECT what FROM t.log ORDER BY n LIMIT 25) l WHERE what = 'old'), '>=', 3::int8, 'old ones among the first half');
SELECT cmp_ok((SELECT count(*) FROM (SELECT what FROM t.log ORDER BY n LIMIT 25) l WHERE what = 'old'), '<=', 8::int8, 'and no more than their share');

-- Settings.
SELECT is((SELECT ageing FROM foreman.queues WHERE queue = 'ages'), 5, 'the view shows it');
SELECT throws_ok($$ SELECT foreman.alter_queue('ages', ageing => 0) $$, '22003', NULL, 'every zeroth is none');
SELECT throws_ok($$ SELECT foreman.alter_queue('ages', ageing => 1) $$, '22003', NULL, 'every job would be no priority');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', ageing => -3) $$, '22003', NULL, 'nor a negative one');
SELECT * FROM finish();
