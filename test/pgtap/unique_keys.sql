-- unique_key, unique_for and on_conflict: one unfinished job of a kind for each key, and what the others get.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold(foreman.job)') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails(jsonb)', backoff_base => '0 s', max_attempts => 1) \g /dev/null

-- Among waiting jobs. Asked for as a replacement on conflict (https://github.com/timgit/pg-boss/issues/548), and so
-- that what comes last is what runs (https://github.com/timgit/pg-boss/issues/81: debounced data was lost).
SELECT foreman.enqueue('note', '{"what": "first"}', run_at => now() + interval '1 day', unique_key => 'k') AS first \gset
SELECT is(foreman.enqueue('note', '{"what": "second"}', unique_key => 'k'), :first::int8, 'skip answers the job that is there');
SELECT is((SELECT inserted FROM foreman.enqueue_info('note', '{"what": "second"}', unique_key => 'k')), false, 'and says so');
SELECT isnt(foreman.enqueue('hold', '{"gate": "g0"}', run_at => now() + interval '1 day', unique_key => 'k'), :first::int8, 'a key is unique for its kind only');
SELECT throws_ok($$ SELECT foreman.enqueue('note', '{}', unique_key => 'k', on_conflict => 'raise') $$, '23505', NULL, 'raise raises unique_violation');
SELECT foreman.enqueue('note', '{"what": "later"}', run_at => '2100-01-01', priority => 7, unique_key => 'k', on_conflict => 'replace') AS replaced \gset
SELECT is(:replaced::int8, :first::int8, 'replace answers the job that is there');
SELECT results_eq(format('SELECT args, priority, run_at FROM foreman.jobs WHERE job_id = %s', :first),
    $$ VALUES ('{"what": "later"}'::jsonb, 7, '2100-01-01'::timestamptz) $$, 'with args, priority and run_at changed');
SELECT foreman.enqueue('note', '{"what": "kept time"}', unique_key => 'k', on_conflict => 'preserve_run_at') \g /dev/null
SELECT results_eq(format('SELECT args, priority, run_at FROM foreman.jobs WHERE job_id = %s', :first),
    $$ VALUES ('{"what": "kept time"}'::jsonb, 0, '2100-01-01'::timestamptz) $$, 'preserve_run_at changes all but run_at');
SELECT foreman.enqueue('note', '{"what": "now"}', unique_key => 'k', on_conflict => 'replace') \g /dev/null
SELECT is(t.outcome(:first), 'completed 1', 'a job that was moved to now runs');
SELECT is((SELECT what FROM t.log WHERE job_id = :first), 'now', 'with the args that it was given last');
SELECT isnt(foreman.enqueue('note', '{"what": "anew"}', unique_key => 'k'), :first::int8, 'the key is free when its job has ended');
SELECT is((SELECT count(*) FROM foreman.enqueue_array('note', ARRAY['{}', '{}', '{}']::jsonb[], run_at => now() + interval '1 day', unique_key => 'array') WHERE inserted), 1::int8,
    'an array with a unique key makes one job');

-- While the holder runs: at most one runs, and at most one more waits for its end, as wished for in
-- https://github.com/timgit/pg-boss/issues/308, https://github.com/timgit/pg-boss/issues/367,
-- https://github.com/riverqueue/river/issues/62 and https://github.com/procrastinate-org/procrastinate/issues/1050.
SELECT foreman.enqueue('hold', '{"gate": "g1"}', unique_key => 'r') AS runs \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''running 1''', :runs)), 'the holder runs');
SET statement_timeout = '5 s';
SELECT is(foreman.enqueue('hold', '{"gate": "g1"}', unique_key => 'r'), :runs::int8, 'skip answers the running job, at once');
SELECT foreman.enqueue('hold', '{"gate": "g1", "n": 1}', unique_key => 'r', on_conflict => 'replace') AS successor \gset
SELECT isnt(:successor::int8, :runs::int8, 'replace queues a successor');
SELECT is(t.state(:successor), 'pending 0', 'which waits');
SELECT is(foreman.enqueue('hold', '{"gate": "g1", "n": 2}', unique_key => 'r', on_conflict => 'replace'), :successor::int8, 'exactly one');
SELECT is((SELECT args ->> 'n' FROM foreman.jobs WHERE job_id = :successor), '2', 'with the last args');
SELECT is(foreman.enqueue('hold', '{"gate": "g1"}', unique_key => 'r'), :successor::int8, 'skip answers the successor then');
RESET statement_timeout;
INSERT INTO t.gate VALUES ('g1');
SELECT is(t.outcome(:runs), 'completed 1', 'the holder ends');
SELECT is(t.outcome(:successor), 'completed 1', 'then its successor runs');
SELECT is((SELECT min(n) FROM t.log WHERE job_id = :successor) > (SELECT max(n) FROM t.log WHERE job_id = :runs), true, 'after it');

-- A handler that asks for its own job once more, and for one that its transaction has claimed but not begun:
-- both were read already, so a changed row would be lost.
CREATE FUNCTION t.again(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO t.log (job_id, what) VALUES (job.job_id, job.args ->> 'what');
    IF job.args ? 'next' THEN
        PERFORM foreman.enqueue(job.kind, jsonb_build_object('what', job.args ->> 'next'), unique_key => job.args ->> 'key', on_conflict => 'replace');
    END IF;
END $$;
SELECT foreman.register_handler('again', 't.again(foreman.job)') \g /dev/null
SELECT foreman.enqueue('again', '{"what": "self", "key": "own", "next": "self again"}', unique_key => 'own') \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.log WHERE what = 'self again') $$), 'a handler that replaces its own job gets a successor');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT foreman.enqueue('again', '{"what": "one", "key": "two", "next": "two anew"}', unique_key => 'one'),
       foreman.enqueue('again', '{"what": "two"}', unique_key => 'two') \g /dev/null
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM t.log WHERE what = 'two anew') $$), 'what it replaces of its own group is not lost');
SELECT ok(t.wait_until($$ NOT EXISTS (SELECT FROM foreman.jobs WHERE kind = 'again' AND finished_at IS NULL) $$), 'and nothing is left');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'stopped');
SELECT foreman.enqueue('again', '{"what": "passed", "key": "pass", "next": "passed again"}', unique_key => 'pass') \g /dev/null
SELECT is(foreman.run_once(), 1::int8, 'run_once() runs such a job');
SELECT ok((SELECT foreman.dispatch_once()) >= 0, 'dispatch_once() lets the successor go');
-- The dispatcher does that while the workers are stopped, too; dispatch_once() leaves to it what it has locked already.
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.jobs WHERE kind = 'again' AND state = 'available') $$), 'or the dispatcher has');
SELECT is(foreman.run_once(), 1::int8, 'and it runs');
SELECT is((SELECT what FROM t.log ORDER BY n DESC LIMIT 1), 'passed again', 'with what it was given');
SELECT foreman.start() \g /dev/null

-- unique_for: for a while, finished or not.
SELECT foreman.enqueue('note', '{"what": "window"}', unique_key => 'w', unique_for => '1 h') AS window \gset
SELECT is(t.outcome(:window), 'completed 1', 'a job with unique_for completes');
SELECT is(foreman.enqueue('note', '{"what": "window"}', unique_key => 'w', unique_for => '1 h'), :window::int8, 'its key is held all the same');
SELECT is(foreman.enqueue('note', '{"what": "window"}', unique_key => 'w'), :window::int8, 'for everybody');
SELECT foreman.stop() \g /dev/null
SELECT ok(t.wait_until('t.no_workers()'), 'the workers are gone');
SET foreman.fake_now = '2100-06-01';
SELECT isnt(foreman.enqueue('note', '{"what": "window"}', unique_key => 'w', unique_for => '1 h'), :window::int8, 'until the time is over');
RESET foreman.fake_now;
SELECT foreman.start() \g /dev/null

-- A retry never trips over a newer sibling (forge-jobs: requeue_single_skips_when_dedupe_sibling_is_active,
-- cleanup_superseded_retries_marks_redundant_failed_dead).
SELECT foreman.enqueue('fails', '{}', unique_key => 's') AS old \gset
SELECT is(t.outcome(:old), 'discarded 1', 'a job with a key is discarded');
SELECT foreman.enqueue('fails', '{}', run_at => now() + interval '1 day', unique_key => 's') AS newer \gset
SELECT is(foreman.retry(:old), false, 'its retry is refused while a newer job has the key');
SELECT is(t.state(:old), 'cancelled 1', 'and it is cancelled');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :old), 'superseded by job ' || :newer, 'with the reason');
SELECT foreman.cancel(:newer) \g /dev/null
SELECT foreman.unregister_handler('fails') \g /dev/null
SELECT is(foreman.retry(:newer), true, 'with the key free a retry is a retry');
SELECT is((SELECT unique_key FROM foreman.jobs WHERE job_id = :newer), 's', 'and holds its key again');
SELECT is(foreman.enqueue('fails', '{}', unique_key => 's'), :newer::int8, 'against others');

-- Failing and retried: the key stays with the job, so that its next attempt can collide with nobody, nor stop other queues
-- (https://github.com/oban-bg/oban/issues/1416, https://github.com/timgit/pg-boss/issues/522,
-- https://github.com/procrastinate-org/procrastinate/issues/1543).
SELECT foreman.register_handler('fails', 't.fails(jsonb)', backoff_base => '1 h', max_attempts => 3) \g /dev/null
SELECT foreman.enqueue('fails', '{}', unique_key => 'f') AS failing \gset
SELECT ok(t.wait_until(format('t.state(%s) = ''retryable 1''', :failing)), 'a job with a key fails and waits');
SELECT is(foreman.enqueue('fails', '{}', unique_key => 'f'), :failing::int8, 'and holds its key meanwhile');
SELECT is(foreman.enqueue('fails', '{}', unique_key => 'f', run_at => now() + interval '1 day'), :failing::int8, 'also against one that is to run later');
SELECT foreman.run_now(:failing) \g /dev/null
SELECT ok(t.wait_until(format('t.state(%s) = ''retryable 2''', :failing)), 'its second attempt comes');
SELECT foreman.enqueue('note', '{"what": "elsewhere"}', queue => 'elsewhere') AS elsewhere \gset
SELECT is(t.outcome(:elsewhere), 'completed 1', 'and another queue goes on');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE unique_key = 'f'), 1::int8, 'there was one job of the key all the time');

-- Bad input.
SELECT throws_ok($$ SELECT foreman.enqueue('note', unique_key => '') $$, '22023', NULL, 'an empty key is refused');
SELECT throws_ok($$ SELECT foreman.enqueue('note', unique_key => repeat('x', 10000)) $$, '22023', NULL, 'one of 10 kB too');
SELECT throws_ok($$ SELECT foreman.enqueue('note', unique_key => 'k', on_conflict => 'merge') $$, '22023', NULL, 'an action that there is not too');
SELECT throws_ok($$ SELECT foreman.enqueue('note', unique_for => '1 h') $$, '22023', 'unique_for needs a unique_key', 'unique_for alone too');
SELECT throws_ok($$ SELECT foreman.enqueue('note', unique_key => 'k', unique_for => '1 month') $$, '22023', NULL, 'months too');
SELECT * FROM finish();
