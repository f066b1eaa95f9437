-- What operators do to jobs: cancel, retry, reschedule, delete, dead letters, await, start and stop.
-- Workers are stopped; run_once() and drain() run jobs in this session.
SET client_min_messages = warning;
CREATE EXTENSION pg_foreman;
SELECT foreman.stop();
CREATE SCHEMA control_test;
CREATE FUNCTION control_test.echo(args jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT args';
CREATE FUNCTION control_test.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'always'; END $$;
SELECT foreman.register_handler('echo', 'control_test.echo'), foreman.register_handler('fails', 'control_test.fails', max_attempts => 1);

-- cancel: a waiting job at once, a finished one not any more.
SELECT foreman.enqueue('echo', '1'), foreman.enqueue('echo', '2', run_at => now() + interval '1 day'), foreman.enqueue('echo', '3');
SELECT foreman.cancel(1), foreman.cancel(2, 'too late'), foreman.cancel(1), foreman.cancel(404);
SELECT foreman.drain();
SELECT foreman.cancel(3);
SELECT job_id, state, attempt, reason, finished_at IS NOT NULL AS finished FROM foreman.jobs ORDER BY job_id;

-- In the transaction that enqueued it, and undone with it.
BEGIN;
SELECT foreman.enqueue('echo', '4');
SELECT foreman.cancel(4);
SELECT state FROM foreman.jobs WHERE job_id = 4;
SAVEPOINT s;
SELECT foreman.retry(4);
SELECT state FROM foreman.jobs WHERE job_id = 4;
ROLLBACK TO s;
SELECT state FROM foreman.jobs WHERE job_id = 4;
COMMIT;

-- retry: whatever is finished is due again with all of its attempts; what is not, is left alone.
SELECT foreman.enqueue('fails', '5');
SELECT foreman.drain();
SELECT job_id, state, attempt FROM foreman.jobs WHERE job_id IN (3, 4, 5) ORDER BY job_id;
SELECT foreman.retry(3), foreman.retry(4), foreman.retry(5), foreman.retry(5), foreman.retry(404);
SELECT job_id, state, attempt, run_at <= now() AS due, jsonb_array_length(errors) AS errors FROM foreman.jobs WHERE job_id IN (3, 4, 5) ORDER BY job_id;
SELECT foreman.drain();
SELECT job_id, state, attempt, result, jsonb_array_length(errors) AS errors FROM foreman.jobs WHERE job_id IN (3, 4, 5) ORDER BY job_id;

-- Args that history did not keep cannot be run again.
SELECT foreman.create_queue('small', keep_args => 10);
SELECT foreman.enqueue('echo', '"longer than ten bytes"', queue => 'small');
SELECT foreman.drain();
SELECT state, args, result FROM foreman.jobs WHERE job_id = 6;
SELECT foreman.retry(6);

-- run_now and reschedule.
SELECT foreman.enqueue('echo', '7', run_at => '9000-01-01 00:00+00', priority => 5);
SELECT foreman.reschedule(7, '8000-01-01 00:00+00');
SELECT state, run_at = '8000-01-01 00:00+00' AS moved, priority FROM foreman.jobs WHERE job_id = 7;
SELECT foreman.reschedule(7, priority => -5);
SELECT state, run_at = '8000-01-01 00:00+00' AS moved, priority FROM foreman.jobs WHERE job_id = 7;
SELECT foreman.run_now(7);
SELECT state, priority FROM foreman.jobs WHERE job_id = 7;
SELECT foreman.drain();
SELECT foreman.run_now(7), foreman.reschedule(7, now()), foreman.run_now(404), foreman.reschedule(404, now());

-- delete_job: whatever it is, it is gone.
SELECT foreman.enqueue('echo', '8'), foreman.enqueue('fails', '9'), foreman.enqueue('echo', '10');
SELECT foreman.delete_job(8);
SELECT foreman.drain();
SELECT job_id, state FROM foreman.jobs WHERE job_id IN (8, 9, 10) ORDER BY job_id;
SELECT foreman.delete_job(9), foreman.delete_job(10), foreman.delete_job(10);
SELECT count(*) FROM foreman.jobs WHERE job_id IN (8, 9, 10);

-- Several at once: one row for each, in the order given.
SELECT count(*) FROM foreman.enqueue_array('echo', ARRAY['11', '12', '13', '14', '15']::jsonb[], run_at => '9000-01-01 00:00+00');
SELECT * FROM foreman.cancel_many('{12,11,404,12}', 'both');
SELECT * FROM foreman.retry_many('{11,404,13}');
SELECT * FROM foreman.run_now_many('{13,12,404}');
SELECT * FROM foreman.reschedule_many('{14,12,404}', priority => 1);
SELECT * FROM foreman.delete_job_many('{15,12,404}');
SELECT * FROM foreman.cancel_many('{}');
SELECT job_id, state, priority, reason FROM foreman.jobs WHERE job_id BETWEEN 11 AND 15 ORDER BY job_id;
SELECT foreman.drain();

-- Dead letters.
SELECT count(*) FROM foreman.enqueue_array('fails', ARRAY['16', '17', '18', '19']::jsonb[], queue => 'q', tags => '{t}');
SELECT foreman.enqueue('fails', '20', queue => 'other');
SELECT foreman.drain();
SELECT foreman.count_dead_letters(), foreman.count_dead_letters(queue => 'q'), foreman.count_dead_letters('fails', 'other'), foreman.count_dead_letters('echo');
SELECT job_id, kind, queue, args, attempt, max_attempts, reason, errors -> 0 ->> 'message' AS error, tags FROM foreman.dead_letters(queue => 'q', max_rows => 3);
SELECT job_id FROM foreman.dead_letters(queue => 'q', before_id => 17);
SELECT job_id FROM foreman.dead_letters('fails', since => now() + interval '1 hour');
SELECT foreman.retry_dead_letter(16), foreman.retry_dead_letter(16), foreman.retry_dead_letter(404);
SELECT foreman.retry_dead_letters(queue => 'q', max_rows => 2);
SELECT job_id, state, attempt FROM foreman.jobs WHERE queue = 'q' ORDER BY job_id;
SELECT foreman.purge_dead_letters(queue => 'q', older_than => '1 hour'), foreman.purge_dead_letters('fails', 'q'), foreman.purge_dead_letters();
SELECT count(*) FROM foreman.dead_letters();
SELECT foreman.cancel(job_id) FROM foreman.jobs WHERE queue = 'q' ORDER BY job_id;

-- What happened to a job.
SELECT event, attempt, detail ->> 'message' AS message FROM foreman.job_events WHERE job_id = 16 ORDER BY at, event;
SELECT foreman.enqueue('echo', '21', expires_at => now() + interval '1 hour');
SELECT foreman.drain();
SELECT event, attempt FROM foreman.job_events WHERE job_id = 21 ORDER BY at, event;

-- An expired job is cancelled, not run.
SELECT foreman.enqueue('echo', '22', expires_at => '2020-01-01 00:00+00');
SELECT foreman.drain() + foreman.dispatch_once() >= 0 AS done;
SELECT state, reason, attempt FROM foreman.jobs WHERE job_id = 22;

-- await: what ended, what did not in time, and what is not there.
CALL foreman.await(21, NULL);
CALL foreman.await(22, '1 hour');
SELECT foreman.enqueue('echo', '23');
CALL foreman.await(23, '0');
CALL foreman.await(23, '50 ms');
CALL foreman.await(404, '1 s');
BEGIN;
CALL foreman.await(21, '1 s');
ROLLBACK;
DO $$ DECLARE s text; r jsonb; BEGIN CALL foreman.await(21, '1 s', s, r); END $$;

-- start and stop say whether they changed anything.
SELECT name, ok FROM foreman.health() WHERE name = 'permission';
SELECT foreman.stop();
SET client_min_messages = error;
SELECT foreman.start(), foreman.start();
SELECT name, ok FROM foreman.health() WHERE name = 'permission';
SELECT foreman.stop();

-- Nothing of this in a read-only transaction.
BEGIN READ ONLY;
SELECT foreman.cancel(23);
ROLLBACK;
BEGIN READ ONLY;
SELECT foreman.stop();
ROLLBACK;

DROP SCHEMA control_test CASCADE;
DROP EXTENSION pg_foreman;
