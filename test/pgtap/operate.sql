-- retry, run_now, reschedule, delete_job and their siblings for many: on jobs that wait, run, have finished or never
-- were.
\ir lib/helpers.sql
SELECT no_plan();
SELECT foreman.register_handler('note', 't.note(foreman.job)') \g /dev/null
SELECT foreman.register_handler('hold', 't.hold') \g /dev/null
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
SELECT foreman.register_handler('fails', 't.fails', backoff_base => '1 hour', backoff_max => '1 hour', max_attempts => 3) \g /dev/null

-- run_now: waiting jobs only.
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS later, foreman.enqueue('fails') AS failed \gset
SELECT is(foreman.run_now(:later), 'rescheduled', 'a scheduled job is run now');
SELECT is(t.outcome(:later), 'completed 1', 'and completes');
SELECT is(foreman.run_now(:later), 'finished', 'a finished one is not');
SELECT is(t.runs(:later), 1::int8, 'it ran once');
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 1' $$, :failed)), 'a job fails and waits an hour');
SELECT foreman.run_now(:failed) \g /dev/null
SELECT ok(t.wait_until(format($$ t.state(%s) = 'retryable 2' $$, :failed)), 'run_now gives it its next attempt');
SELECT is(foreman.run_now(0), 'not_found', 'one that never was is not found');

-- reschedule: time, priority or both.
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS moved \gset
SELECT is(foreman.reschedule(:moved, priority => 9), 'rescheduled', 'a priority');
SELECT is((SELECT priority || ' ' || (run_at > now() + interval '1 minute') FROM foreman.jobs WHERE job_id = :moved), '9 true', 'leaves the time');
SELECT is(foreman.reschedule(:moved, clock_timestamp() + interval '300 ms'), 'rescheduled', 'an earlier time');
SELECT is(t.outcome(:moved), 'completed 1', 'is met');
SELECT is((SELECT priority FROM foreman.jobs WHERE job_id = :moved), 9, 'with the priority it had');
SELECT ok((SELECT started_at >= run_at FROM foreman.jobs WHERE job_id = :moved), 'and not before');
SELECT throws_ok(format('SELECT foreman.reschedule(%s)', :moved), '22004', NULL, 'neither is refused');
SELECT throws_ok(format('SELECT foreman.reschedule(%s, priority => 101)', :moved), '22003', NULL, 'a priority out of range is refused');
SELECT throws_ok(format('SELECT foreman.reschedule(%s, %L)', :moved, 'infinity'), '22008', NULL, 'so is an infinite time');

-- A running one: a request, honoured when it is put back; dropped when it completes.
SELECT foreman.enqueue('hold', '{"gate": "a"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'a job runs');
SELECT is(foreman.reschedule(:held, now() + interval '1 day'), 'requested', 'reschedule leaves a request');
SELECT is(foreman.delete_job(0), 'not_found', 'others are answered meanwhile');
INSERT INTO t.gate VALUES ('a');
SELECT is(t.outcome(:held), 'completed 1', 'it completes');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'and the request goes');
CREATE FUNCTION t.held_fails(job foreman.job) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM t.hold(job); RAISE EXCEPTION 'after the gate'; END $$;
SELECT foreman.register_handler('held_fails', 't.held_fails', backoff_base => '10 ms') \g /dev/null
SELECT foreman.enqueue('held_fails', '{"gate": "b"}') AS held \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :held)), 'another runs');
SELECT foreman.reschedule(:held, now() + interval '1 day', 5) \g /dev/null
INSERT INTO t.gate VALUES ('b');
SELECT ok(t.wait_until(format($$ t.state(%s) LIKE 'retryable%%' $$, :held)), 'and fails');
SELECT ok((SELECT run_at > now() + interval '23 hours' AND priority = 5 FROM foreman.jobs WHERE job_id = :held), 'it goes on when and as was asked');
SELECT ok(t.wait_until('NOT EXISTS (SELECT FROM foreman.job_request)'), 'the request is gone');

-- delete_job.
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS waits, foreman.enqueue('hold', '{"gate": "c"}') AS runs \gset
SELECT ok(t.wait_until(format($$ t.state(%s) = 'running 1' $$, :runs)), 'one runs');
SELECT is(foreman.delete_job(:waits), 'deleted', 'a waiting job is deleted');
SELECT is(t.state(:waits), 'nowhere', 'and gone');
SELECT is(foreman.delete_job(:waits), 'not_found', 'once');
SELECT is(foreman.delete_job(:later), 'deleted', 'a completed one is deleted');
SELECT is(t.state(:later), 'nowhere', 'and gone');
SELECT is(foreman.delete_job(:runs), 'delete_requested', 'a running one is interrupted');
SELECT ok(t.wait_until(format($$ t.state(%s) = 'nowhere' $$, :runs)), 'and gone');
SELECT is(t.runs(:runs), 0::int8, 'without an effect');
SELECT foreman.enqueue('fails', max_attempts => 1) AS dead \gset
SELECT is(t.outcome(:dead), 'discarded 1', 'a dead letter');
SELECT is(foreman.delete_job(:dead), 'deleted', 'can be deleted');
SELECT is(t.state(:dead), 'nowhere', 'and is gone');

-- retry.
SELECT foreman.enqueue('note', '{"what": "again"}', metadata => '{"m": 1}') AS again \gset
SELECT is(t.outcome(:again), 'completed 1', 'a job completes');
SELECT is(foreman.retry(:again), true, 'and is retried');
SELECT ok(t.wait_until(format('t.runs(%s) = 2', :again)), 'it runs again');
SELECT is(t.outcome(:again), 'completed 1', 'counting from 1');
SELECT is((SELECT args::text || metadata::text FROM foreman.jobs WHERE job_id = :again), '{"what": "again"}{"m": 1}', 'with its args and metadata');
SELECT foreman.enqueue('note', run_at => now() + interval '1 day') AS waits \gset
SELECT is(foreman.retry(:waits), false, 'a waiting one is not retried');
SELECT is(foreman.cancel(:waits), 'cancelled', 'a cancelled one');
SELECT is(foreman.retry(:waits), true, 'is retried');
SELECT is(t.outcome(:waits), 'completed 1', 'and completes');
SELECT is(foreman.retry(0), false, 'one that never was is not');
SELECT foreman.create_queue('small', keep_args => 10) \g /dev/null
SELECT foreman.enqueue('note', jsonb_build_object('what', repeat('x', 100)), queue => 'small') AS big, foreman.enqueue('note', '1', queue => 'small') AS tiny \gset
SELECT is(t.outcome(:big), 'completed 1', 'args beyond the queue''s keep_args');
SELECT is((SELECT args FROM foreman.jobs WHERE job_id = :big), NULL, 'are not kept in history');
SELECT throws_ok(format('SELECT foreman.retry(%s)', :big), '55000', NULL, 'so the job cannot be retried');
SELECT is(t.state(:big), 'completed 1', 'and stays as it is');

-- Many at once, in the order of the array; an error undoes all.
SELECT array_agg(job_id) AS ids FROM foreman.enqueue_array('note', array_fill('{}'::jsonb, ARRAY[3]), run_at => now() + interval '1 day') \gset
SELECT results_eq(format('SELECT outcome FROM foreman.reschedule_many(%L::int8[] || 0::int8, now() + interval %L)', :'ids', '2 days'), ARRAY['rescheduled', 'rescheduled', 'rescheduled', 'not_found'], 'reschedule_many');
SELECT results_eq(format('SELECT job_id FROM foreman.run_now_many(%L)', :'ids'), format('SELECT unnest(%L::int8[])', :'ids'), 'run_now_many');
SELECT is(t.outcome(id), 'completed 1', 'they run') FROM unnest(:'ids'::int8[]) id;
SELECT results_eq(format('SELECT retried FROM foreman.retry_many(0::int8 || %L::int8[])', :'ids'), ARRAY[false, true, true, true], 'retry_many');
SELECT ok(t.wait_until(format('(SELECT count(*) FROM t.log WHERE job_id = ANY (%L)) = 6', :'ids')), 'they run again');
SELECT is(t.outcome(id), 'completed 1', 'and complete') FROM unnest(:'ids'::int8[]) id;
SELECT results_eq(format('SELECT outcome FROM foreman.delete_job_many(%L::int8[] || 0::int8)', :'ids'), ARRAY['deleted', 'deleted', 'deleted', 'not_found'], 'delete_job_many');
SELECT throws_ok('SELECT * FROM foreman.cancel_many(ARRAY[1, NULL]::int8[])', '22004', NULL, 'an id that is NULL is refused');
SELECT throws_ok('SELECT foreman.cancel(NULL)', '22004', NULL, 'alone as well');

-- expires_at: what has not begun by then is cancelled.
SELECT clock_timestamp() AS asked \gset
SELECT foreman.enqueue('note', run_at => now() + interval '1 hour', expires_at => clock_timestamp() + interval '300 ms') AS expires,
       foreman.enqueue('nobody', expires_at => clock_timestamp() + interval '300 ms') AS unknown,
       foreman.enqueue('note', expires_at => now() + interval '1 hour') AS timely \gset
SELECT is(t.outcome(:timely), 'completed 1', 'in time');
SELECT is(t.outcome(:expires), 'cancelled 0', 'too late');
SELECT is((SELECT reason FROM foreman.jobs WHERE job_id = :expires), 'expired', 'is cancelled as expired');
SELECT is(t.outcome(:unknown), 'cancelled 0', 'whether there is a handler or not');
SELECT is((SELECT count(*) FROM foreman.jobs WHERE job_id IN (:expires, :unknown) AND finished_at < :'asked'::timestamptz + interval '300 ms'), 0::int8, 'not before its time');

-- What cannot be cancelled now is soon tried again.
-- Broken by: a dispatcher that forgets when the next job expires before it looks, and does not look again when that fails.
CREATE FUNCTION t.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON foreman.live_job FOR EACH ROW EXECUTE FUNCTION t.refuse();
SELECT foreman.enqueue('note', run_at => now() + interval '1 hour', expires_at => clock_timestamp() + interval '200 ms') AS refused \gset
SELECT pg_sleep(1) \g /dev/null
SELECT is(t.state(:refused), 'scheduled 0', 'a job that cannot be cancelled when it expires waits');
DROP TRIGGER refuse ON foreman.live_job;
SELECT ok(t.wait_until(format('t.state(%s) = ''cancelled 0''', :refused)), 'and is cancelled as soon as it can be');
SELECT * FROM finish();
