-- concurrency_key and sequence_key: how many of a key run at once, in which order, and that nothing is left behind.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('alone', 't.note(foreman.job)', max_group => 1) \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails(jsonb)', backoff_base => '1 h', max_attempts => 2) \g /dev/null

-- One of a key at a time; other keys go on.
SELECT foreman.enqueue('hold', '{"gate": "a"}', concurrency_key => 'a') AS a1 \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :a1)), 'the first job of a key runs');
SELECT foreman.enqueue('note', concurrency_key => 'a') AS a2 \gset
SELECT foreman.enqueue('note', concurrency_key => 'b') AS b1 \gset
SELECT is(t.outcome(:b1), 'completed 1', 'a job of another key runs meanwhile');
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :a2)), 'the second job of the key waits');
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:a1), 'completed 1', 'the first ends');
SELECT is(t.outcome(:a2), 'completed 1', 'and the second runs');

-- max_running_per_key.
SELECT foreman.create_queue('two', max_running_per_key => 2) \g /dev/null
SELECT array_agg(job_id ORDER BY ordinal) AS ids FROM foreman.enqueue_array('hold', array_fill('{"gate": "two"}'::jsonb, ARRAY[4]), queue => 'two', concurrency_key => 'k') \gset
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'two' AND state = 'running') = 2 $$), 'two of the key run');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'two' AND state = 'pending') = 2 $$), 'the other two wait');
INSERT INTO t.gate VALUES ('two');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'two' AND state = 'completed') = 4 $$), 'until those have ended');

-- Many keys, many jobs: all of them run, once, and none is left waiting while workers idle
-- (https://github.com/rails/solid_queue/issues/476).
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT count(foreman.enqueue('alone', jsonb_build_object('what', i % 7), queue => 'many', concurrency_key => 'k' || i % 7)) FROM generate_series(1, 700) i \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'many' AND state = 'completed') = 700 $$, 60), '700 jobs of 7 keys complete');
SELECT is((SELECT count(*) FROM t.log l JOIN foreman.jobs j USING (job_id) WHERE j.queue = 'many'), 700::int8, 'each once');

-- A key with many jobs does not starve one with few: fairness among tenants, asked for in
-- https://github.com/timgit/pg-boss/issues/446 and https://github.com/timgit/pg-boss/issues/659.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{"what": "many"}'::jsonb, ARRAY[6000]), queue => 'fair', concurrency_key => 'many') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{"what": "few"}'::jsonb, ARRAY[10]), queue => 'fair', concurrency_key => 'few') \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'fair' AND state = 'completed') = 6010 $$, 60), 'both keys complete');
SELECT cmp_ok((SELECT count(*) FROM t.log WHERE what = 'many' AND n < (SELECT max(n) FROM t.log WHERE what = 'few')), '<', 3000::int8, 'the few are done before half of the many');

-- A sequence: one after another, in the order of ids, also when enqueued in another order of run_at. Asked for in
-- https://github.com/riverqueue/river/issues/551, https://github.com/pgmq/pgmq/issues/294 and https://github.com/pgmq/pgmq/pull/442.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT count(foreman.enqueue('alone', jsonb_build_object('what', i), queue => 'seq', run_at => now() - make_interval(secs => i), sequence_key => 's' || i % 3)) FROM generate_series(1, 150) i \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'seq' AND state = 'completed') = 150 $$, 60), '150 jobs of 3 sequences complete');
SELECT is_empty($$ SELECT * FROM (SELECT l.what::int % 3 AS s, l.job_id, lag(l.job_id) OVER (PARTITION BY l.what::int % 3 ORDER BY l.n) AS before
    FROM t.log l JOIN foreman.jobs j USING (job_id) WHERE j.queue = 'seq') x WHERE job_id < before $$, 'each sequence in the order of its ids');

-- A head that failed blocks its sequence (policy block), until it has ended.
SELECT foreman.enqueue('fails', '{}', queue => 'seq', sequence_key => 'x') AS head \gset
SELECT foreman.enqueue('note', '{}', queue => 'seq', sequence_key => 'x') AS next \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''retryable 1''', :head)), 'the head of a sequence fails');
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :next)), 'the next one waits behind it');
SELECT foreman.run_now(:head) \g /dev/null
SELECT is(t.outcome(:head), 'discarded 2', 'the head is discarded');
SELECT is(t.outcome(:next), 'completed 1', 'and the next one runs');
-- What waits behind a head that is due later lies still: it is not let go only to be parked again.
CREATE FUNCTION t.version(id int8) RETURNS text LANGUAGE sql AS $$ SELECT xmin::text || ctid::text FROM foreman.live_job WHERE job_id = id $$;
SELECT foreman.enqueue('note', '{}', queue => 'seq', run_at => now() + interval '1 day', sequence_key => 'still') AS head \gset
SELECT foreman.enqueue('note', '{}', queue => 'seq', sequence_key => 'still') AS next \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :next)), 'the next one is parked');
SELECT foreman.enqueue('note', '{"what": "probe"}') AS probe \gset
SELECT is(t.outcome(:probe), 'completed 1', 'a probe runs');
SELECT t.version(:next) AS version \gset
SELECT foreman.dispatch_once() \g /dev/null
SELECT foreman.enqueue('note', '{"what": "probe"}') AS probe \gset
SELECT is(t.outcome(:probe), 'completed 1', 'another');
SELECT is(t.version(:next), :'version', 'it has not been touched meanwhile');
-- A change of the policy, or of the limit for each key, lets go what it held up.
SELECT foreman.create_queue('seq', sequence_policy => 'skip') \g /dev/null
SELECT is(t.outcome(:next), 'completed 1', 'it runs as soon as the policy says skip');
SELECT foreman.alter_queue('seq', sequence_policy => 'block') \g /dev/null
SELECT foreman.enqueue('hold', '{"gate": "wider"}', queue => 'seq', concurrency_key => 'wider') AS first \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :first)), 'one of a key runs');
SELECT foreman.enqueue('note', queue => 'seq', concurrency_key => 'wider') AS second \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :second)), 'another waits');
SELECT foreman.alter_queue('seq', max_running_per_key => 2) \g /dev/null
SELECT is(t.outcome(:second), 'completed 1', 'until the limit is raised');
INSERT INTO t.gate VALUES ('wider');
SELECT is(t.outcome(:first), 'completed 1', 'the first ends as well');
-- A head that is cancelled while it waits lets the next one go.
SELECT foreman.enqueue('note', '{}', queue => 'seq', run_at => now() + interval '1 day', sequence_key => 'y') AS head \gset
SELECT foreman.enqueue('note', '{}', queue => 'seq', sequence_key => 'y') AS next \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''pending 0''', :next)), 'a head that is due later blocks as well');
SELECT foreman.cancel(:head) \g /dev/null
SELECT is(t.outcome(:next), 'completed 1', 'until it is cancelled');
-- Policy skip passes over it.
SELECT foreman.create_queue('skips', sequence_policy => 'skip') \g /dev/null
SELECT foreman.enqueue('fails', '{}', queue => 'skips', sequence_key => 'x') AS head \gset
SELECT foreman.enqueue('note', '{}', queue => 'skips', sequence_key => 'x') AS next \gset
SELECT is(t.outcome(:next), 'completed 1', 'with policy skip the next one runs');
SELECT is(t.state(:head), 'retryable 1', 'while the head waits for its retry');
-- What is due later is in nobody's way: it takes no concurrency key before its time, and nothing of a sequence with policy
-- skip waits for it (https://github.com/procrastinate-org/procrastinate/issues/1599).
SELECT foreman.enqueue('note', run_at => now() + interval '1 day', priority => -1, concurrency_key => 'future') AS future, foreman.enqueue('note', concurrency_key => 'future') AS ready \gset
SELECT is(t.outcome(:ready), 'completed 1', 'a job of a key runs before one that is due later');
SELECT foreman.enqueue('note', queue => 'skips', run_at => now() + interval '1 day', sequence_key => 'future') AS future2, foreman.enqueue('note', queue => 'skips', sequence_key => 'future') AS ready \gset
SELECT is(t.outcome(:ready), 'completed 1', 'so does one of a sequence with policy skip');
SELECT is(t.state(:future) || ', ' || t.state(:future2), 'scheduled 0, scheduled 0', 'those wait for their time');

-- Outside workers. A row can be seen as available before the board knows, which is told after the commit: it is claimed again.
CREATE FUNCTION t.claim_all(q text, n int) RETURNS int8[] LANGUAGE plpgsql AS $$
DECLARE
    got int8[] := '{}';
    until timestamptz := clock_timestamp() + interval '10 s';
BEGIN
    LOOP
        got := got || ARRAY(SELECT job_id FROM foreman.claim(ARRAY[q], 'w', 10));
        IF cardinality(got) >= n OR clock_timestamp() > until THEN RETURN got; END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT foreman.enqueue('outside', queue => 'out', concurrency_key => 'k') AS o1, foreman.enqueue('outside', queue => 'out', concurrency_key => 'k') AS o2, foreman.enqueue('outside', queue => 'out', concurrency_key => 'l') AS o3 \gset
SELECT job_id AS got, token FROM foreman.claim('{out}', 'w', qty => 10) WHERE job_id = :o1 \gset
SELECT is(:got::int8, :o1::int8, 'claim() takes the first of a key');
SELECT is((SELECT string_agg(t.state(i), ', ') FROM unnest(ARRAY[:o2, :o3]) i), 'pending 0, running 1', 'and not the second; other keys go');
SELECT foreman.complete(:o1, :'token') \g /dev/null
SELECT ok(t.wait_until(format('t.state(%s) = ''available 0''', :o2)), 'the second can be claimed when the first has ended');
BEGIN;
SELECT count(*) FROM foreman.claim('{out}', 'w') \g /dev/null
ROLLBACK;
SELECT is(t.claim_all('out', 1), ARRAY[:o2]::int8[], 'a claim that was rolled back has given the key back');

-- One call takes the head of each sequence and no second of any
-- (https://github.com/pgmq/pgmq/issues/478; https://github.com/pgmq/pgmq/issues/476: a call that gave out several of a group).
SELECT count(foreman.enqueue('outside', queue => 'heads', sequence_key => 'user ' || i % 3)) FROM generate_series(1, 9) i \g /dev/null
CREATE TABLE t.heads AS SELECT job_id, token FROM foreman.claim('{heads}', 'w', qty => 10);
SELECT set_eq('SELECT job_id FROM t.heads', $$ SELECT min(job_id) FROM foreman.jobs WHERE queue = 'heads' GROUP BY sequence_key $$, 'the first of each sequence');
SELECT is((SELECT count(*) FROM foreman.claim('{heads}', 'w', qty => 10)), 0::int8, 'nothing more while these are at work');
SELECT count(foreman.complete(job_id, token)) FROM t.heads \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(DISTINCT sequence_key) FROM foreman.jobs WHERE queue = 'heads' AND state = 'available') = 3 $$), 'their ends let the next of each go');
SELECT set_eq($$ SELECT unnest(t.claim_all('heads', 3)) $$, $$ SELECT min(job_id) FROM foreman.jobs WHERE queue = 'heads' AND state <> 'completed' GROUP BY sequence_key $$, 'the second of each');

SELECT throws_ok($$ SELECT foreman.enqueue('note', concurrency_key => '') $$, '22023', NULL, 'an empty concurrency_key is refused');
SELECT throws_ok($$ SELECT foreman.enqueue('note', sequence_key => repeat('x', 10000)) $$, '22023', NULL, 'a sequence_key of 10 kB too');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', max_running_per_key => 0) $$, '22003', NULL, 'a limit of 0 too');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', sequence_policy => 'stop') $$, '22023', NULL, 'a policy that there is not too');
SELECT * FROM finish();
