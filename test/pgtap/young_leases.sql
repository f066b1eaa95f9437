-- P4, P7, P10: a lease that is younger than two seconds is on the board alone. Nobody can tell by what he sees or does:
-- the job is running for every view and function, and nobody else gets it.
\ir lib/helpers.sql
SELECT no_plan();

SELECT foreman.create_queue('y') \g /dev/null
SELECT foreman.enqueue('out', queue => 'y') AS job \gset
SELECT pg_current_wal_insert_lsn() AS before \gset
-- After two seconds it may be in its row, as on a machine that stands still.
SELECT clock_timestamp() AS asked \gset
BEGIN;
SELECT job_id, token FROM foreman.claim('{y}', 'me', lease => '1 h') \gset
SELECT ok(pg_current_xact_id_if_assigned() IS NULL, 'a claim takes no transaction id');
COMMIT;
SELECT ok((SELECT state = 'w' AND worker IS NULL OR clock_timestamp() - :'asked' >= interval '2 s' FROM foreman.live_job WHERE job_id = :job), 'and writes no row');
SELECT is((SELECT concat_ws(' ', state, attempt, worker_id, leased_until > now() + '50 min', started_at <= clock_timestamp()) FROM foreman.jobs WHERE job_id = :job),
          'running 1 me t t', 'the view shows who has the job');
SELECT is(foreman.heartbeat(:job, :'token', progress => 0.5, note => 'half'), 'active', 'its worker says how far it is');
SELECT is((SELECT concat_ws(' ', progress, progress_note) FROM foreman.jobs WHERE job_id = :job), '0.5 half', 'the view shows it');
SELECT is((SELECT concat_ws(' ', reason, detail ->> 'worker_id', detail ->> 'attempt') FROM foreman.why(:job)), 'running me 1', 'why() says so');
SELECT is((SELECT count(*) FROM foreman.list_jobs(state => 'running', queue => 'y')), 1::int8, 'list_jobs() finds it among the running');
SELECT is((SELECT count(*) FROM foreman.list_jobs(state => 'available', queue => 'y')), 0::int8, 'and not among the available');
SELECT is((SELECT count(*) FROM foreman.claim('{y}', 'other', 10)), 0::int8, 'nobody else can claim it');
SELECT ok((SELECT state = 'w' OR clock_timestamp() - :'asked' >= interval '2 s' FROM foreman.live_job WHERE job_id = :job), '(it was not written meanwhile)');
SELECT is(foreman.heartbeat(:job, gen_random_uuid()), 'lost', 'another token is lost');
SELECT is(foreman.complete(:job, gen_random_uuid()), 'lost', 'and completes nothing');
SELECT is(foreman.complete(:job, :'token', '{"n": 1}'), 'completed', 'the right one does');
SELECT is((SELECT concat_ws(' ', state, attempt, result, started_at < finished_at) FROM foreman.jobs WHERE job_id = :job), 'completed 1 {"n": 1} t', 'the job is in history');
SELECT is(foreman.complete(:job, :'token'), 'lost', 'once');

-- What is asked of a job that is leased so.
CREATE TABLE t.lease (what text, job_id int8, token uuid);
CREATE PROCEDURE t.lease(VARIADIC names text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM foreman.enqueue('out', queue => name) FROM unnest(names) AS n(name);
    COMMIT;
    INSERT INTO t.lease SELECT name, c.job_id, c.token FROM unnest(names) AS n(name), foreman.claim(ARRAY[name], 'me', lease => '1 h') c;
END $$;
CREATE FUNCTION t.id(what text) RETURNS int8 LANGUAGE sql AS $$ SELECT job_id FROM t.lease l WHERE l.what = $1 $$;
CREATE FUNCTION t.do(what text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT foreman.%s FROM t.lease WHERE what = %L', call, what) INTO answer;
    RETURN answer;
END $$;
CALL t.lease('cancel', 'delete', 'move', 'many', 'release', 'fail', 'snooze');
SELECT is(t.do('cancel', 'cancel(job_id)'), 'cancel_requested', 'cancel asks the worker');
SELECT is(t.do('cancel', 'heartbeat(job_id, token)'), 'cancel_requested', 'who hears of it');
SELECT is(t.do('cancel', $$fail(job_id, token, 'stopped')$$), 'cancelled', 'and obeys');
SELECT is(foreman.cancel_where(queue => 'many'), 1::int8, 'so does cancel_where()');
SELECT is(t.do('many', 'heartbeat(job_id, token)'), 'cancel_requested', 'who hears of that, too');
SELECT is(t.do('many', 'complete(job_id, token)'), 'completed', 'and has finished all the same');
SELECT is(t.do('delete', 'delete_job(job_id)'), 'delete_requested', 'delete waits');
SELECT is(t.do('move', $$reschedule(job_id, now() + '1 day')$$), 'requested', 'reschedule waits');
SELECT is(t.do('move', $$fail(job_id, token, 'no')$$), 'retryable', 'until the worker has failed');
SELECT ok((SELECT run_at > now() + '23 h' FROM foreman.jobs WHERE job_id = t.id('move')), 'then the job is due when it was moved to');
SELECT is(t.do('release', 'release_lease(job_id)'), 'released', 'an operator gives the job back');
SELECT is(t.do('release', 'complete(job_id, token)'), 'lost', 'the worker has lost it');
SELECT is((SELECT count(*) FROM foreman.claim('{release}', 'other')), 1::int8, 'and another one gets it');
SELECT is(t.do('fail', $$fail(job_id, token, 'no', retry_in => '1 h')$$), 'retryable', 'fail');
SELECT is(t.do('snooze', $$snooze_lease(job_id, token, '1 h')$$), 'retryable', 'snooze');
SELECT is((SELECT string_agg(state || ' ' || attempt, ', ' ORDER BY job_id) FROM foreman.jobs WHERE job_id IN (t.id('fail'), t.id('snooze'))), 'retryable 1, scheduled 0', 'as ever');

-- It expires only while it waits. Both times come before the lease is written into its row.
SELECT foreman.enqueue('out', queue => 'expiry', expires_at => clock_timestamp() + '1.5 s') AS job \gset
SELECT token FROM foreman.claim('{expiry}', 'me', lease => '1 h') \gset
SELECT foreman.enqueue('out', queue => 'expiry2', expires_at => clock_timestamp() + '1.6 s') AS other \gset
SELECT is(t.outcome(:other), 'cancelled 0', 'a job that waits expires');
SELECT is(foreman.complete(:job, :'token'), 'completed', 'a job that was claimed before does not');

-- A handler is registered for a kind of which jobs are leased.
SELECT foreman.enqueue('soon', '{"what": "leased"}', queue => 'handler') AS job \gset
SELECT token FROM foreman.claim('{handler}', 'me', lease => '1 h') \gset
SELECT foreman.enqueue('soon', '{"what": "not leased"}', queue => 'handler') AS other \gset
SELECT foreman.register_handler('soon', 't.note(foreman.job)') \g /dev/null
SELECT is(t.outcome(:other), 'completed 1', 'an executor runs what is not leased');
SELECT is(t.runs(:job), 0::int8, 'and leaves what is');
SELECT is(foreman.complete(:job, :'token'), 'completed', 'which its worker completes');
SELECT is(t.runs(:job), 0::int8, 'alone');

-- Two-phase commit: a claim cannot be prepared, the end of a lease can.
CREATE FUNCTION t.free() RETURNS bool LANGUAGE sql AS $$
    SELECT bool_and(value = 0) FROM foreman.metrics WHERE name = 'foreman_board_used' AND labels ->> 'table' = 'leases' $$;
SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE state = 'running' \g /dev/null
SELECT t.wait_until('t.free()') \g /dev/null
CALL t.lease('p1', 'p2', 'p3');
BEGIN;
SELECT t.do('p1', 'complete(job_id, token)') \g /dev/null
PREPARE TRANSACTION 'young_1';
BEGIN;
SELECT t.do('p2', 'release(job_id, token)') \g /dev/null
PREPARE TRANSACTION 'young_2';
BEGIN;
SELECT t.do('p3', 'complete(job_id, token)') \g /dev/null
PREPARE TRANSACTION 'young_3';
COMMIT PREPARED 'young_1';
COMMIT PREPARED 'young_2';
ROLLBACK PREPARED 'young_3';
SELECT is(t.outcome(t.id('p1')), 'completed 1', 'a prepared completion completes');
SELECT ok(t.wait_until(format('t.state(%s) = ''available 0'' AND t.state(%s) = ''available 0''', t.id('p2'), t.id('p3'))), 'a job that was given back, or whose completion was rolled back, is free');
SELECT ok(t.wait_until('t.free()'), 'nothing stays on the board');
SELECT is((SELECT count(*) FROM foreman.claim('{p1,p2,p3}', 'other', 10)), 2::int8, 'both can be claimed');

-- Rows that somebody deletes by hand.
SELECT count(foreman.release_lease(job_id)) FROM foreman.jobs WHERE state = 'running' \g /dev/null
CALL t.lease('gone');
DELETE FROM foreman.live_job WHERE job_id = t.id('gone');
SELECT ok(t.wait_until('t.free()'), 'the board forgets the lease of a row that is gone');

-- In one transaction that keeps its snapshot, and whose job nobody else sees.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT foreman.enqueue('out', queue => 'own', run_at => '2000-01-01') AS job \gset
SELECT foreman.enqueue('out', queue => 'elsewhere') \g /dev/null
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 \g /dev/null
SELECT token FROM foreman.claim('{own}', 'me') \gset
SELECT is(foreman.complete(:job, :'token'), 'completed', 'claimed and completed under REPEATABLE READ');
COMMIT;
SELECT is(t.state(:job), 'completed 1', 'once');

-- A long name of a worker has no room on the board: its lease is in the row at once.
SELECT foreman.enqueue('out', queue => 'long') AS job \gset
SELECT count(*) FROM foreman.claim('{long}', repeat('w', 65)) \g /dev/null
SELECT is((SELECT state FROM foreman.live_job WHERE job_id = :job), 'r', 'a lease under a long name is written at once');
SELECT count(foreman.enqueue('out', queue => 'behind')) FROM generate_series(1, 4) \g /dev/null
SELECT count(*) FROM foreman.claim('{behind}', 'me', 2) \g /dev/null
SELECT is((SELECT count(*) FROM foreman.claim('{behind}', repeat('w', 65), 2)), 2::int8, 'and gets the jobs that stand behind young leases of others');
SELECT * FROM finish();
