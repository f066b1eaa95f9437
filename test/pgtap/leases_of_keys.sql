-- Leases of jobs with keys: many in one claim, keys that a savepoint gives back, and leases that an operator takes back.
\ir lib/helpers.sql
SELECT no_plan();

-- Before the dispatcher has read the leases nothing with a key is given out.
SELECT foreman.enqueue('out', queue => 'probe', concurrency_key => 'p') \g /dev/null
SELECT ok(t.wait_until($$ (SELECT count(*) = 1 FROM foreman.claim('{probe}', 'w')) $$), 'the leases have been read');

-- More keys than a claim could note before: none is parked, all are given.
SELECT count(foreman.enqueue('out', queue => 'many', concurrency_key => 'k' || g)) FROM generate_series(1, 1500) g \g /dev/null
CREATE TEMP TABLE c AS SELECT * FROM foreman.claim('{many}', 'w', 1000);
INSERT INTO c SELECT * FROM foreman.claim('{many}', 'w', 500);
SELECT is((SELECT count(*) FROM c), 1500::int8, 'claims of 1,500 jobs with keys of their own give them all');
SELECT is((SELECT count(*) FROM foreman.release_many((SELECT array_agg(job_id) FROM c), (SELECT array_agg(token) FROM c)) WHERE answer = 'released'),
          1500::int8, 'all are released');
BEGIN;
CREATE TEMP TABLE d ON COMMIT DROP AS SELECT * FROM foreman.claim('{many}', 'w', 1000);
INSERT INTO d SELECT * FROM foreman.claim('{many}', 'w', 500);
SELECT is((SELECT count(*) FROM d), 1500::int8, 'in one transaction, too');
ROLLBACK;
SELECT is((SELECT count(*) FROM foreman.jobs WHERE queue = 'many' AND state = 'pending'), 0::int8, 'nothing is parked whose key is free');

-- A savepoint.
SELECT foreman.enqueue('out', queue => 'sp', concurrency_key => 'k') AS sp \gset
BEGIN;
SAVEPOINT s;
SELECT is((SELECT count(*) FROM foreman.claim('{sp}', 'w')), 1::int8, 'a job with a key is claimed in a savepoint');
ROLLBACK TO s;
SELECT is((SELECT count(*) FROM foreman.why(:sp) w WHERE w.reason = 'key_busy'), 0::int8, 'rolled back, the savepoint gives the key back at once');
SELECT is((SELECT count(*) FROM foreman.claim('{sp}', 'w')), 1::int8, 'and the job can be claimed again');
ROLLBACK;
SELECT foreman.create_queue('one', max_running => 1) \g /dev/null
SELECT foreman.enqueue('out', queue => 'one') AS one \gset
BEGIN;
SAVEPOINT s;
SELECT count(*) FROM foreman.claim('{one}', 'w') \g /dev/null
ROLLBACK TO s;
SELECT is((SELECT count(*) FROM foreman.why(:one) w WHERE w.reason = 'limit_full'), 0::int8, 'the same of a place in a queue');
SAVEPOINT s;
SELECT count(*) FROM foreman.claim('{one}', 'w') \g /dev/null
RELEASE s;
SELECT is((SELECT count(*) FROM foreman.claim('{one}', 'w')), 0::int8, 'a released one keeps it');
COMMIT;

-- An operator takes a lease back, however long it is.
SELECT job_id AS held, token FROM foreman.claim('{sp}', 'w', lease => '366 days') \gset
SELECT is(foreman.release_lease(:held), 'released', 'a lease of 366 days is taken back');
SELECT is((SELECT (state, attempt, worker_id)::text FROM foreman.jobs WHERE job_id = :held), '(available,0,)', 'its job waits as it did');
SELECT is(foreman.complete(:held, :'token'), 'lost', 'its worker has lost it');
SELECT is(foreman.release_lease(:held), 'not_leased', 'what nobody holds is not taken back');
SELECT is(foreman.release_lease(0), 'not_found', 'nor what is not there');
SELECT is((SELECT count(*) FROM foreman.claim('{sp}', 'w')), 1::int8, 'its key is free again');

-- Rows that somebody deletes by hand: what their leases held is free when the leases are read again, which start() asks for.
SELECT foreman.create_queue('by hand', max_running => 1) \g /dev/null
SELECT foreman.enqueue('out', queue => 'by hand', concurrency_key => 'k') AS gone, foreman.enqueue('out', queue => 'by hand', concurrency_key => 'k') AS stays \gset
SELECT is((SELECT array_agg(job_id) FROM foreman.claim('{by hand}', 'w', 2, lease => '1 h')), ARRAY[:gone]::int8[], 'one job of a queue with one place is claimed');
DELETE FROM foreman.live_job WHERE job_id = :gone;
SELECT ok(EXISTS (SELECT FROM foreman.why(:stays) WHERE reason IN ('limit_full', 'key_busy')), 'it is deleted by hand, and its lease holds place and key');
SELECT foreman.start() \g /dev/null
SELECT ok(t.wait_until(format($$ NOT EXISTS (SELECT FROM foreman.why(%s) WHERE reason IN ('limit_full', 'key_busy')) AND t.state(%1$s) LIKE 'available%%' $$, :stays)),
          'both are free');
SELECT ok(t.wait_until(format($$ (SELECT array_agg(job_id) = ARRAY[%s]::int8[] FROM foreman.claim('{by hand}', 'w', 2)) $$, :stays)), 'and the next one is claimed, long before the lease would have ended');
SELECT * FROM finish();
