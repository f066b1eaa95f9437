-- What the claim of one job reads does not grow with what waits beside it, whatever the statistics say: counted in blocks of
-- our tables and indexes, with a thousand jobs and with many more.
-- Broken by: a claim that looks at keys, future jobs, other kinds or a full key's backlog one by one, each time; a plan that
-- follows the statistics; a limit that is kept in rows.
\ir lib/helpers.sql
SELECT no_plan();
-- Of one job: the mean of twenty claims, each committed.
CREATE PROCEDURE t.claims(queues text[], kinds text[], INOUT blocks int8) LANGUAGE plpgsql AS $$
DECLARE
    got int8;
BEGIN
    FOR i IN 0 .. 20 LOOP
        IF i = 1 THEN blocks := t.blocks(); END IF;
        SELECT count(*) INTO STRICT got FROM foreman.claim(queues, 'w', kinds => kinds);
        IF got <> 1 THEN RAISE EXCEPTION '% jobs were claimed', got; END IF;
        COMMIT;
    END LOOP;
    blocks := (t.blocks() - blocks) / 20;
END $$;

-- Before the dispatcher has read the leases nothing with a key is given out.
SELECT foreman.enqueue('out', queue => 'probe', concurrency_key => 'p') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM foreman.claim('{probe}', 'w')) $$), 'the leases have been read');

-- Many keys: 50,000 concurrency keys, and as many sequences (https://github.com/graphile/worker/pull/558: each claim read the
-- table of all keys; https://github.com/graphile/worker/issues/240).
SELECT count(foreman.enqueue('out', queue => 'keys', concurrency_key => 'k' || i)), count(foreman.enqueue('out', queue => 'lines', sequence_key => 's' || i)) FROM generate_series(1, 1000) i \g /dev/null
CALL t.claims('{keys}', '{out}', 0) \gset few_keys_
CALL t.claims('{lines}', '{out}', 0) \gset few_lines_
SELECT count(foreman.enqueue('out', queue => 'keys', concurrency_key => 'k' || i)), count(foreman.enqueue('out', queue => 'lines', sequence_key => 's' || i)) FROM generate_series(1001, 50000) i \g /dev/null
CALL t.claims('{keys}', '{out}', 0) \gset keys_
CALL t.claims('{lines}', '{out}', 0) \gset lines_
SELECT cmp_ok(:keys_blocks::int8, '<', 2 * :few_keys_blocks::int8, format('50,000 concurrency keys: %s blocks a claim, after %s with 1,000', :keys_blocks, :few_keys_blocks));
SELECT cmp_ok(:lines_blocks::int8, '<', 2 * :few_lines_blocks::int8, format('50,000 sequences: %s blocks a claim, after %s with 1,000', :lines_blocks, :few_lines_blocks));

-- Jobs that are due later (https://github.com/riverqueue/river/issues/785), that failed and wait, and those that no worker
-- here knows, more urgent ones (https://github.com/graphile/worker/pull/274).
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[1000]), queue => 'beside') \g /dev/null
CALL t.claims('{beside}', '{out}', 0) \gset alone_
SELECT t.cost('SELECT foreman.dispatch_once()') AS pass \gset
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[20000]), queue => 'beside', run_at => now() + interval '1 day') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('unsupported', array_fill('{}'::jsonb, ARRAY[20000]), queue => 'beside', priority => -50) \g /dev/null
SELECT count(foreman.fail(job_id, token, 'no', retry_in => '1 h')) FROM foreman.claim('{beside}', 'w', 500, kinds => '{out}') \g /dev/null
CALL t.claims('{beside}', '{out}', 0) \gset beside_
SELECT cmp_ok(:beside_blocks::int8, '<', 2 * :alone_blocks::int8, format('beside 40,500 that cannot be claimed: %s blocks a claim, after %s', :beside_blocks, :alone_blocks));
SELECT cmp_ok(t.cost('SELECT foreman.dispatch_once()'), '<', 2 * :pass::int8 + 50, 'and a pass of the dispatcher does not look at them either');

-- Many jobs in several queues (https://github.com/bensheldon/good_job/issues/1549: 40,000).
SELECT count(*) FROM unnest('{mail,report,import}'::text[]) q, foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[300]), queue => q) \g /dev/null
CALL t.claims('{mail,report,import}', NULL, 0) \gset few_
SELECT count(*) FROM unnest('{mail,report,import}'::text[]) q, foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[14000]), queue => q) \g /dev/null
CALL t.claims('{mail,report,import}', NULL, 0) \gset many_
SELECT cmp_ok(:many_blocks::int8, '<', 2 * :few_blocks::int8, format('42,000 jobs in three queues: %s blocks a claim, after %s with 900', :many_blocks, :few_blocks));

-- Limits cost no row (https://github.com/rails/solid_queue/issues/630: each job of a limit updated the same row) and no look
-- at the others (https://github.com/riverqueue/river/issues/1145).
SELECT foreman.create_queue('limited', max_running => 100, max_running_per_key => 50, rate_limit => 100000, rate_period => '1 s') \g /dev/null
SELECT foreman.create_queue('unlimited', max_running_per_key => 50) \g /dev/null
SELECT count(foreman.enqueue('out', queue => q, concurrency_key => 'k')) FROM unnest('{limited,unlimited}'::text[]) q, generate_series(1, 60) \g /dev/null
CREATE FUNCTION t.rows_written() RETURNS int8 LANGUAGE sql AS $$
    SELECT sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid))::int8
      FROM pg_class WHERE relnamespace = 'foreman'::regnamespace $$;
BEGIN;
SELECT t.rows_written() AS before \gset
SELECT job_id AS held, token FROM foreman.claim('{limited}', 'w') \gset
SELECT is(t.rows_written() - :before, 1::int8, 'a claim under three limits writes one row, the job');
SELECT t.rows_written() AS before \gset
SELECT foreman.complete(:held, :'token') \g /dev/null
SELECT is(t.rows_written() - :before, 2::int8, 'its end two: that goes, and one of history comes');
COMMIT;
CALL t.claims('{unlimited}', '{out}', 0) \gset unlimited_
CALL t.claims('{limited}', '{out}', 0) \gset limited_
SELECT cmp_ok(:limited_blocks::int8, '<=', :unlimited_blocks::int8 + 4, format('and reads as much as one without: %s blocks and %s', :limited_blocks, :unlimited_blocks));

-- A full key with a long backlog in front of the others, and statistics that know of nothing, or of far too much
-- (https://github.com/timgit/pg-boss/pull/845: a plan that looked at the backlog thousands of times).
ALTER TABLE foreman.live_job SET (autovacuum_enabled = false);
SELECT foreman.enqueue('out', queue => 'saturated', concurrency_key => 'few ' || i) FROM generate_series(1, 200) i \g /dev/null
CALL t.claims('{saturated}', '{out}', 0) \gset open_
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[10000]), queue => 'saturated', concurrency_key => 'many', priority => -1) \g /dev/null
SELECT clock_timestamp() AS asked \gset
SELECT is((SELECT j.concurrency_key FROM foreman.claim('{saturated}', 'w') c JOIN foreman.live_job j USING (job_id)), 'many', 'the first of 10,000 takes the key');
SELECT clock_timestamp() - :'asked' AS first, clock_timestamp() AS asked \gset
SELECT isnt((SELECT j.concurrency_key FROM foreman.claim('{saturated}', 'w') c JOIN foreman.live_job j USING (job_id)), 'many', 'a claim of one more finds another one');
SELECT cmp_ok(clock_timestamp() - :'asked'::timestamptz, '<', greatest(interval '3 s', 20 * :'first'::interval), 'without taking the 9,999 one by one');
DELETE FROM pg_statistic WHERE starelid = 'foreman.live_job'::regclass;
UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE oid = 'foreman.live_job'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'foreman.live_job'::regclass);
CALL t.claims('{saturated}', '{out}', 0) \gset unknown_
SELECT cmp_ok(:unknown_blocks::int8, '<', 2 * :open_blocks::int8, format('behind a full key, by statistics of an empty table: %s blocks a claim, after %s', :unknown_blocks, :open_blocks));
UPDATE pg_class SET reltuples = 1e9, relpages = 1 WHERE oid = 'foreman.live_job'::regclass OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'foreman.live_job'::regclass);
CALL t.claims('{saturated}', '{out}', 0) \gset wrong_
SELECT cmp_ok(:wrong_blocks::int8, '<', 2 * :open_blocks::int8, format('and by those of a huge one: %s blocks', :wrong_blocks));

-- The same with one sequence (https://github.com/graphile/worker/pull/274: many jobs in a single named queue).
SELECT foreman.enqueue('out', queue => 'line', sequence_key => 'few ' || i) FROM generate_series(1, 100) i \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('out', array_fill('{}'::jsonb, ARRAY[10000]), queue => 'line', sequence_key => 'many', priority => -1) \g /dev/null
SELECT clock_timestamp() AS asked \gset
SELECT is((SELECT j.sequence_key FROM foreman.claim('{line}', 'w') c JOIN foreman.live_job j USING (job_id)), 'many', 'the first of a sequence of 10,000 is claimed');
SELECT clock_timestamp() - :'asked' AS first, clock_timestamp() AS asked \gset
SELECT isnt((SELECT j.sequence_key FROM foreman.claim('{line}', 'w') c JOIN foreman.live_job j USING (job_id)), 'many', 'a claim of one more finds another one');
SELECT cmp_ok(clock_timestamp() - :'asked'::timestamptz, '<', greatest(interval '3 s', 20 * :'first'::interval), 'without taking the 9,999 one by one');
CALL t.claims('{line}', '{out}', 0) \gset line_
SELECT cmp_ok(:line_blocks::int8, '<', 2 * :open_blocks::int8, format('and then: %s blocks a claim', :line_blocks));

-- What executors and run_once() claim by.
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers stop');
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
CREATE PROCEDURE t.runs(queue text, INOUT blocks int8) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 0 .. 20 LOOP
        IF i = 1 THEN blocks := t.blocks(); END IF;
        IF foreman.run_once(queue, 1) <> 1 THEN RAISE EXCEPTION 'nothing ran'; END IF;
        COMMIT;
    END LOOP;
    blocks := (t.blocks() - blocks) / 20;
END $$;
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[1000]), queue => 'run') \g /dev/null
CALL t.runs('run', 0) \gset few_runs_
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[20000]), queue => 'run') \g /dev/null
SELECT count(*) FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[20000]), queue => 'run', run_at => now() + interval '1 day') \g /dev/null
CALL t.runs('run', 0) \gset runs_
SELECT cmp_ok(:runs_blocks::int8, '<', 2 * :few_runs_blocks::int8, format('40,000 jobs more: %s blocks a job that runs, after %s', :runs_blocks, :few_runs_blocks));

-- Jobs that wait for one: what a pass reads for each does not grow with their number, nor with what else is blocked, under plans
-- that were made for nearly empty tables (https://github.com/graphile/worker/issues/240).
SELECT foreman.enqueue('note', queue => 'first') AS first \gset
SELECT count(foreman.enqueue('note', queue => 'few', depends_on => ARRAY[:first::int8])) FROM generate_series(1, 500) \g /dev/null
-- In one transaction: the dispatcher hears of it afterwards, and takes none of them.
BEGIN;
SELECT foreman.run_once('first', 1) \g /dev/null
SELECT t.cost('SELECT foreman.dispatch_once()') / 500 AS few \gset
COMMIT;
SELECT cmp_ok(:few::int8, '>', 0::int8, 'a pass reads something for each');
SELECT ok(t.wait_until($$ (SELECT count(*) = 500 FROM foreman.live_job WHERE queue = 'few' AND state = 'w') $$), '500 dependants are let go');
SELECT foreman.enqueue('note', queue => 'gate') AS gate, foreman.enqueue('note', queue => 'shut', run_at => now() + interval '1 day') AS shut \gset
SELECT count(foreman.enqueue('note', queue => 'others', depends_on => ARRAY[:shut::int8])) FROM generate_series(1, 10000) \g /dev/null
SELECT count(foreman.enqueue('note', queue => 'many', depends_on => ARRAY[:gate::int8])) FROM generate_series(1, 10000) \g /dev/null
BEGIN;
SELECT foreman.run_once('gate', 1) \g /dev/null
SELECT t.cost('SELECT foreman.dispatch_once() FROM generate_series(1, 20)') / 10000 AS many \gset
COMMIT;
SELECT ok(t.wait_until($$ (SELECT count(*) = 10000 FROM foreman.live_job WHERE queue = 'many' AND state = 'w') $$), 'so are 10,000, beside as many that wait for another');
SELECT cmp_ok(:many::int8, '<', 2 * :few::int8, format('%s blocks a dependant of 10,000, after %s of 500', :many, :few));
SELECT * FROM finish();
