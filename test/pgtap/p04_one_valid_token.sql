-- P4: outside workers: at least once. At most one valid token a job; a call with a stale token changes nothing and answers
-- `lost`. P8: the job of a dead outside worker is due again when its lease ends.
\ir lib/helpers.sql
SELECT no_plan();

-- A lease that ends by itself.
SELECT foreman.enqueue('out', '{"n": 1}') AS job \gset
SELECT job_id AS id1, token AS t1 FROM foreman.claim('{default}', 'w1', lease => '3 s') \gset
SELECT is(:id1::int8, :job::int8, 'a worker claims the job');
SELECT is(t.state(:job), 'running 1', 'it runs');
-- While the lease goes from the board into the row the job may look available for one look.
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :job)), 'nobody renews its lease: when it ends, the job waits for its retry');
SELECT is(t.error(:job, 0, 'message'), 'lease expired', 'and says why');
SELECT is(t.error(:job, 0, 'attempt'), '1', 'the attempt is charged');
SELECT foreman.run_now(:job) \g /dev/null
SELECT token AS t2, attempt FROM foreman.claim('{default}', 'w2') \gset
SELECT is(:attempt, 2, 'another worker makes the second attempt');
SELECT isnt(:'t1'::text, :'t2'::text, 'with a token of its own');

-- The first one comes back late.
SELECT is(foreman.heartbeat(:job, :'t1'), 'lost', 'a stale token has no heartbeat');
SELECT is(foreman.complete(:job, :'t1', '"stolen"'), 'lost', 'completes nothing');
SELECT is(foreman.fail(:job, :'t1', 'mine'), 'lost', 'fails nothing');
SELECT is(foreman.fail(:job, :'t1', 'mine', discard => true), 'lost', 'discards nothing');
SELECT is(foreman.snooze_lease(:job, :'t1', '1 h'), 'lost', 'snoozes nothing');
SELECT is(foreman.throttle_lease(:job, :'t1'), 'lost', 'throttles nothing');
SELECT is(foreman.release(:job, :'t1'), 'lost', 'releases nothing');
SELECT is(t.state(:job), 'running 2', 'the job is as it was');
SELECT is((SELECT throttled_until FROM foreman.queues WHERE queue = 'default'), NULL, 'so is its queue');
SELECT is(foreman.heartbeat(:job, :'t2'), 'active', 'the holder has it');
SELECT is(foreman.complete(:job, :'t2', '{"ok": true}'), 'completed', 'and completes it');
SELECT is(t.state(:job), 'completed 2', 'which is its state');
SELECT is((SELECT result FROM foreman.jobs WHERE job_id = :job), '{"ok": true}', 'with the result');

-- Twice.
SELECT is(foreman.complete(:job, :'t2'), 'lost', 'a second complete answers lost');
SELECT is(foreman.fail(:job, :'t2', 'after all'), 'lost', 'so does a fail after it');
SELECT is(t.state(:job), 'completed 2', 'and changes nothing');
SELECT is(foreman.heartbeat(:job, :'t2'), 'lost', 'there is nothing left to renew');

-- Unknown jobs, tokens of other jobs, malformed ones.
SELECT foreman.enqueue('out') AS other \gset
SELECT token AS t3 FROM foreman.claim('{default}', 'w3') \gset
SELECT is(foreman.complete(0, :'t3'), 'lost', 'an unknown job is lost');
SELECT is(foreman.complete(:job, :'t3'), 'lost', 'the token of another job is lost');
SELECT is(foreman.heartbeat(:job, :'t3'), 'lost', 'for heartbeats too');
SELECT throws_ok(format('SELECT foreman.complete(%s, %L)', :other, 'secret'), '22P02', NULL, 'a malformed token is refused');
SELECT throws_ok(format('SELECT foreman.complete(%s, NULL)', :other), '22004', NULL, 'so is none');
SELECT is(t.state(:other), 'running 1', 'its holder keeps it');

-- A claim that is rolled back gives nothing away.
SELECT foreman.release(:other, :'t3') \g /dev/null
BEGIN;
SELECT token AS t4 FROM foreman.claim('{default}', 'w4') \gset
ROLLBACK;
SELECT is(foreman.complete(:other, :'t4'), 'lost', 'a token whose claim was rolled back is no token');
SELECT is(t.state(:other), 'available 0', 'the job waits');
BEGIN;
SAVEPOINT s;
SELECT count(*) FROM foreman.claim('{default}', 'w4') \g /dev/null
ROLLBACK TO s;
COMMIT;
SELECT is((SELECT job_id FROM foreman.claim('{default}', 'w5')), :other::int8, 'and is found again, also after a savepoint');
SELECT * FROM finish();
