-- P12: limits hold exactly: never more than N running under a concurrency limit, never more than the bucket allows
-- under a rate limit; a dead holder's place is free at once. Many sessions at once: test/tap/041_p12_limits.pl.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)') \g /dev/null
CREATE PROCEDURE t.hold_outside(args jsonb) LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT EXISTS (SELECT FROM t.gate WHERE name = args ->> 'gate') LOOP
        COMMIT;
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
SELECT foreman.register_handler('hold_outside', 't.hold_outside(jsonb)', lane => 'procedure') \g /dev/null
CREATE FUNCTION t.running(queue text) RETURNS int8 LANGUAGE sql AS $$ SELECT count(*) FROM foreman.jobs j WHERE j.queue = $1 AND j.state = 'running' $$;

-- max_running, in the server: lanes transaction and procedure share it. So many of a kind at a time
-- (https://github.com/riverqueue/river/issues/672, https://github.com/graphile/worker/issues/320), which leaves
-- executors to quicker work (https://github.com/graphile/worker/issues/103: slow jobs held up the fast ones).
SELECT foreman.create_queue('two', max_running => 2) \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('hold', array_fill('{"gate": "two"}'::jsonb, ARRAY[2]), queue => 'two') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('hold_outside', array_fill('{"gate": "two"}'::jsonb, ARRAY[2]), queue => 'two') \g /dev/null
SELECT ok(t.wait_until($$ t.running('two') = 2 $$), 'two of the queue run');
SELECT foreman.enqueue('note', '{"what": "other queue"}') AS other \gset
SELECT is(t.outcome(:other), 'completed 1', 'another queue goes on');
SELECT is(t.running('two'), 2::int8, 'and still two');
-- Outside workers share it as well.
SELECT is((SELECT count(*) FROM foreman.claim('{two}', 'w', qty => 10, kinds => '{hold}')), 0::int8, 'claim() finds it full');
-- A dead holder's place is free at once.
SELECT pid AS victim FROM foreman.workers WHERE queue = 'two' LIMIT 1 \gset
SELECT pg_terminate_backend(:victim) \g /dev/null
SELECT ok(t.wait_until(format($$ NOT EXISTS (SELECT FROM foreman.workers WHERE pid = %s) AND t.running('two') = 2 $$, :victim), 10), 'the place of an executor that was ended is taken by another');
-- Live resize.
SELECT foreman.alter_queue('two', max_running => 3) \g /dev/null
SELECT ok(t.wait_until($$ t.running('two') = 3 $$), 'raised to three, a third one runs');
INSERT INTO t.gate VALUES ('two');
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'two' AND state = 'completed') = 4 $$), 'all of them end');

-- max_running, outside: leases hold places until they end, however they end.
SELECT foreman.create_queue('out', max_running => 2, backoff_base => '0 s') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill('{}'::jsonb, ARRAY[20]), queue => 'out') \g /dev/null
SELECT array_agg(job_id) AS ids, array_agg(token) AS tokens FROM foreman.claim('{out}', 'w', qty => 10) \gset
SELECT is(cardinality(:'ids'::int8[]), 2, 'claim() of ten gets two');
SELECT is((SELECT count(*) FROM foreman.claim('{out}', 'x', qty => 10)), 0::int8, 'a second claim nothing');
SELECT is((SELECT count(*) FROM foreman.complete_many((:'ids'::int8[])[1:1], (:'tokens'::uuid[])[1:1])), 1::int8, 'one completes');
SELECT array_agg(job_id) AS ids2, array_agg(token) AS tokens2 FROM foreman.claim('{out}', 'x', qty => 10) \gset
SELECT is(cardinality(:'ids2'::int8[]), 1, 'which lets one go');
BEGIN;
SELECT count(*) FROM foreman.release_many(:'ids2', :'tokens2') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{out}', 'x', qty => 10)), 0::int8, 'a place is free at the commit, not before');
COMMIT;
BEGIN;
SELECT count(*) FROM foreman.claim('{out}', 'x', qty => 10) \g /dev/null
ROLLBACK;
SELECT array_agg(job_id) AS ids3, array_agg(token) AS tokens3 FROM foreman.claim('{out}', 'x', qty => 10, lease => '1 s') \gset
SELECT is(cardinality(:'ids3'::int8[]), 1, 'a claim that was rolled back took no place');
-- While the lease goes from the board into the row the job may look available for one look, and its place is free a moment
-- after the row says that the lease has ended.
SELECT ok(t.wait_until(format($$ (SELECT state FROM foreman.jobs WHERE job_id = %s) = 'retryable' $$, (:'ids3'::int8[])[1])), 'its lease ends');
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM foreman.claim('{out}', 'x', qty => 10)) $$), 'an ended lease gives its place back');

-- A prepared transaction outlives the process that counts its places.
SELECT foreman.create_queue('prep', max_running => 1), foreman.enqueue('outside', queue => 'prep') \g /dev/null
\set ON_ERROR_STOP off
BEGIN;
SELECT count(*) FROM foreman.claim('{prep}', 'x') \g /dev/null
PREPARE TRANSACTION 'pgtap_p12';
\set ON_ERROR_STOP on
SELECT is(:'LAST_ERROR_SQLSTATE'::text, '0A000', 'what was claimed under a limit cannot be prepared');
SELECT is((SELECT count(*) FROM foreman.claim('{prep}', 'x')), 1::int8, 'and the place is free again');

-- Rate limits of queues.
SELECT foreman.create_queue('rated', rate_limit => 5, rate_period => '1 h') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{"what": "rated"}'::jsonb, ARRAY[50]), queue => 'rated') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'rated' AND state = 'completed') = 5 $$), 'five of the queue start in the hour');
SELECT foreman.enqueue('note', '{"what": "probe"}') AS probe \gset
SELECT is(t.outcome(:probe), 'completed 1', 'a probe runs');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'rated' AND state = 'completed'), 5::int8, 'no sixth');
SELECT foreman.create_queue('outrated', rate_limit => 3, rate_period => '1 h') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill('{}'::jsonb, ARRAY[20]), queue => 'outrated') \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{outrated}', 'w', qty => 2)), 2::int8, 'outside workers: two');
SELECT is((SELECT count(*) FROM foreman.claim('{outrated}', 'w', qty => 10)), 1::int8, 'and one');
SELECT is((SELECT count(*) FROM foreman.claim('{outrated}', 'w', qty => 10)), 0::int8, 'and no more');
SELECT foreman.create_queue('fast', rate_limit => 20, rate_period => '100 ms') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{"what": "fast"}'::jsonb, ARRAY[200]), queue => 'fast') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) FROM foreman.jobs WHERE queue = 'fast' AND state = 'completed') = 200 $$), 'tokens that come back let the rest go');
SELECT is_empty($$ SELECT * FROM (SELECT at, lag(at, 40) OVER (ORDER BY at) AS before FROM t.log WHERE what = 'fast') x WHERE at - before < interval '95 ms' $$, 'never more than the bucket allows in any window');

-- A handler that claims in a savepoint, which is rolled back, keeps the place in which it runs itself.
CREATE TABLE t.claimed (jobs int8);
CREATE FUNCTION t.claims(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '20 s';
BEGIN
    BEGIN
        PERFORM foreman.claim('{own}', 'w', kinds => '{outside}');
        RAISE 'no';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    -- Another executor that looks into the queue has a place of it for a moment.
    LOOP
        INSERT INTO t.claimed SELECT count(*) FROM foreman.claim('{own}', 'w', qty => 10, kinds => '{outside}') HAVING count(*) > 0;
        EXIT WHEN FOUND OR clock_timestamp() > deadline;
    END LOOP;
END $$;
SELECT foreman.create_queue('own', max_running => 2), foreman.register_handler('claims', 't.claims(foreman.job)') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('outside', array_fill('{}'::jsonb, ARRAY[5]), queue => 'own') \g /dev/null
SELECT foreman.enqueue('claims', queue => 'own') AS claims \gset
SELECT is(t.outcome(:claims), 'completed 1', 'a handler claims from its own queue');
SELECT is((SELECT jobs FROM t.claimed), 1::int8, 'after one claim was rolled back there is room for one, beside the handler itself');

-- A limit of the queue and one of each key hold together (https://github.com/dbos-inc/dbos-transact-py/pull/820).
SELECT foreman.create_queue('both', max_running => 2, max_running_per_key => 1) \g /dev/null
SELECT count(foreman.enqueue('outside', queue => 'both', concurrency_key => k)) FROM generate_series(1, 4) i, unnest('{a,b,c}'::text[]) k \g /dev/null
CREATE TABLE t.both (job_id int8, token uuid, key text);
-- Claims all that it may, and completes one of what it has.
CREATE PROCEDURE t.work(INOUT most int8, INOUT most_of_key int8) LANGUAGE plpgsql AS $$
DECLARE
    deadline timestamptz := clock_timestamp() + interval '20 s';
    done record;
BEGIN
    WHILE clock_timestamp() < deadline AND EXISTS (SELECT FROM foreman.live_job WHERE queue = 'both') LOOP
        INSERT INTO t.both SELECT job_id, token FROM foreman.claim('{both}', 'w', qty => 10);
        UPDATE t.both b SET key = j.concurrency_key FROM foreman.live_job j WHERE j.job_id = b.job_id;
        COMMIT;
        most := greatest(most, (SELECT count(*) FROM t.both));
        most_of_key := greatest(most_of_key, (SELECT max(n) FROM (SELECT count(*) AS n FROM t.both GROUP BY key) k));
        DELETE FROM t.both WHERE job_id = (SELECT job_id FROM t.both ORDER BY random() LIMIT 1) RETURNING * INTO done;
        PERFORM foreman.complete(done.job_id, done.token) WHERE done.job_id IS NOT NULL;
        COMMIT;
    END LOOP;
END $$;
CALL t.work(0, 0) \gset
SELECT is(:most || ' ' || :most_of_key, '2 1', 'two of the queue at a time, and never two of a key');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'both' AND state = 'completed'), 12::int8, 'until all are done');
-- Nor do several rules cost time where none of them is reached (https://github.com/hatchet-dev/hatchet/issues/2866:
-- seconds before each of four jobs in a chain).
SELECT foreman.create_queue('rules', max_running => 10, max_running_per_key => 1, rate_limit => 1000, rate_period => '1 s') \g /dev/null
BEGIN;
SELECT foreman.enqueue('note', queue => 'rules', concurrency_key => 'k', sequence_key => 's') AS a \gset
SELECT foreman.enqueue('note', queue => 'rules', concurrency_key => 'k', sequence_key => 's', depends_on => ARRAY[:a]) AS b \gset
SELECT foreman.enqueue('note', queue => 'rules', concurrency_key => 'l', sequence_key => 's', depends_on => ARRAY[:b]) AS c \gset
SELECT foreman.enqueue('note', queue => 'rules', concurrency_key => 'k', sequence_key => 's', depends_on => ARRAY[:c]) AS d \gset
SELECT clock_timestamp() AS enqueued \gset
COMMIT;
SELECT is(t.outcome(:d), 'completed 1', 'a chain of jobs with a limit, a rate, a key and a sequence completes');
SELECT cmp_ok((SELECT finished_at FROM foreman.jobs WHERE job_id = :d) - :'enqueued'::timestamptz, '<', interval '10 s', 'its four jobs at once');

-- Named scopes.
-- Its next token is so far away that what comes before it is asked again takes nothing of that.
SELECT is(foreman.set_rate_limit('api', 1, 0.01), true, 'a named limit is made');
SELECT results_eq($$ SELECT granted, retry_in FROM foreman.acquire('api') $$, $$ VALUES (true, NULL::interval) $$, 'its first token is granted');
-- Seen: three in a hundred began empty, when the clock went on while they were made.
SELECT is((SELECT count(foreman.set_rate_limit('scope ' || i, 1, 0.001)) FROM generate_series(1, 200) i), 200::int8, 'two hundred more');
SELECT is((SELECT count(*) FROM generate_series(1, 200) i, foreman.acquire('scope ' || i) a WHERE a.granted), 200::int8, 'have one as well');
SELECT ok((SELECT NOT granted AND retry_in > interval '50 s' AND retry_in <= interval '100 s' FROM foreman.acquire('api')), 'then it says in how long the next one is there (granted_then_throttled)');
SELECT ok((SELECT NOT granted AND retry_in = interval '60 s' FROM foreman.acquire('nobody')), 'an unknown scope grants nothing (unknown_scope)');
SELECT is(foreman.set_rate_limit('api', 100, 1), false, 'a limit is changed');
SELECT is((SELECT granted FROM foreman.acquire('api', 50)), false, 'what it has stays');
SELECT is(foreman.set_rate_limit('big', 100, 0.001), true, 'another one');
SELECT is((SELECT granted FROM foreman.acquire('big', 60)), true, 'a cost above one');
SELECT is((SELECT granted FROM foreman.acquire('big', 60)), false, 'is taken whole or not at all');
SELECT ok((SELECT NOT granted AND retry_in IS NULL FROM foreman.acquire('big', 101)), 'a cost above the capacity never comes');
SELECT is(foreman.drain_rate_limit('big'), true, 'a bucket is emptied');
SELECT is((SELECT granted FROM foreman.acquire('big')), false, 'then nothing is granted');
SELECT is(foreman.drain_rate_limit('nobody', if_exists => true), false, 'no such bucket');

SELECT throws_ok($$ SELECT foreman.create_queue('bad', max_running => 0) $$, '22003', NULL, 'max_running 0 is refused');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', rate_limit => 0) $$, '22003', NULL, 'rate_limit 0 too');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', rate_period => '1 s') $$, '22023', NULL, 'a period without a limit too');
SELECT throws_ok($$ SELECT foreman.create_queue('bad', rate_limit => 1, rate_period => '1 month') $$, '22023', NULL, 'months too');
SELECT throws_ok($$ SELECT foreman.set_rate_limit('bad', 10, 0) $$, '22023', NULL, 'a bucket without refill too');
SELECT throws_ok($$ SELECT foreman.set_rate_limit('', 10, 1) $$, '22023', NULL, 'an empty scope too');
SELECT throws_ok($$ SELECT foreman.acquire('api', 0) $$, '22003', NULL, 'a cost of 0 too');
SELECT * FROM finish();
