-- What made a job is kept with it, through retries into the history and the dead letters, and nobody can pretend it.
\ir lib/helpers.sql
SELECT no_plan();

-- Where a job is, and its origin.
CREATE FUNCTION t.origin(id int8) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', 'live', origin, origin_id) FROM foreman.live_job WHERE job_id = id
    UNION ALL SELECT concat_ws(' ', 'history', origin, origin_id) FROM foreman.job_history WHERE job_id = id
    UNION ALL SELECT concat_ws(' ', 'dead', origin, origin_id) FROM foreman.dead_letter WHERE job_id = id $$;
CREATE FUNCTION t.fails(args jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
CREATE FUNCTION t.fine(args jsonb) RETURNS void LANGUAGE sql AS '';
SELECT foreman.register_handler('fails', 't.fails', backoff_base => '10 ms', backoff_max => '10 ms') \g /dev/null

-- A caller.
SELECT foreman.enqueue('later') AS plain, foreman.enqueue('later', unique_key => 'k', concurrency_key => 'c', sequence_key => 's') AS keyed,
       (SELECT job_id FROM foreman.enqueue_array('later', ARRAY['1'::jsonb])) AS listed \gset
SELECT is(t.origin(:plain), 'live', 'a job that somebody enqueued has no origin');
SELECT is(t.origin(:keyed), 'live', 'nor has one with keys');
SELECT is(t.origin(:listed), 'live', 'nor one of an array');

-- A schedule.
SELECT foreman.schedule_job('later', '@yearly', 'later') \g /dev/null
SELECT foreman.trigger_schedule('later') AS job \gset
SELECT run_id AS run FROM foreman.schedule_runs WHERE job_id = :job \gset
SELECT is(t.origin(:job), 'live s ' || :run, 'the job of a schedule names its run');
SELECT foreman.cancel(:job) \g /dev/null
SELECT is(t.origin(:job), 'history s ' || :run, 'also when it was cancelled');
SELECT foreman.retry(:job) \g /dev/null
SELECT is(t.origin(:job), 'live s ' || :run, 'and when it is retried from the history');
SELECT foreman.schedule_job('fails', '@yearly', 'fails', max_attempts => 3) \g /dev/null
SELECT foreman.trigger_schedule('fails') AS job \gset
SELECT run_id AS run FROM foreman.schedule_runs WHERE job_id = :job \gset
SELECT is(t.outcome(:job), 'discarded 3', 'a job of a schedule fails three times');
SELECT is(t.origin(:job), 'dead s ' || :run, 'its dead letter names the run');
SELECT foreman.register_handler('fails', 't.fine') \g /dev/null
SELECT foreman.retry(:job) \g /dev/null
SELECT is(t.outcome(:job), 'completed 1', 'it is retried and completes');
SELECT is(t.origin(:job), 'history s ' || :run, 'and is still the job of that run');

-- A command.
SELECT foreman.schedule('command', '@yearly', 'SELECT 1') \g /dev/null
SELECT foreman.trigger_schedule('command') AS job \gset
SELECT run_id AS run, kind AS kind FROM foreman.schedule_run WHERE job_id = :job \gset
SELECT is(t.outcome(:job), 'completed 1', 'a command runs');
SELECT is(t.origin(:job), 'history s ' || :run, 'as the job of its run');
SELECT foreman.enqueue(:'kind', jsonb_build_object('run_id', :run), max_attempts => 1) AS forged \gset
SELECT is(t.outcome(:forged), 'discarded 1', 'a job that claims in its args to be that run does not run its command');
SELECT is(t.error(:forged, 0, 'message'), format('no command of a schedule is kept for job %s', :forged), 'and says why');
SELECT is(t.origin(:forged), 'dead', 'it was made by a caller');

-- A batch.
BEGIN;
SELECT foreman.create_batch('b', on_complete => 'complete') AS batch \gset
SELECT foreman.enqueue('fails', batch_id => :batch) AS member \gset
COMMIT;
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.live_job WHERE kind = 'complete') $$), 'a batch ends');
SELECT is((SELECT t.origin(job_id) FROM foreman.live_job WHERE kind = 'complete'), 'live b ' || :batch, 'the job that its end made names the batch');
SELECT is(t.origin(:member), 'history', 'its own jobs were made by a caller');

-- An end is told to those that wait for it, and to no batch with the number of the job.
SELECT setval('foreman.job_id_seq', 900000) \g /dev/null
ALTER TABLE foreman.job_batch ALTER batch_id RESTART WITH 900001;
BEGIN;
SELECT foreman.create_batch('numbered as a job', on_complete => 'numbered') AS batch,
       foreman.enqueue('later', '1') AS job \gset
SELECT foreman.enqueue('later', batch_id => :batch) AS member, foreman.enqueue('later', depends_on => ARRAY[:job]) AS waits \gset
COMMIT;
SELECT is(:batch, :job, 'a batch and a job have the same number');
SELECT foreman.cancel(:job) \g /dev/null
SELECT ok(t.wait_until(format($$ t.state(%s) = 'cancelled 0' $$, :waits)), 'the end of the job reaches what depends on it');
SELECT foreman.cancel(:member) \g /dev/null
SELECT ok(t.wait_until($$ EXISTS (SELECT FROM foreman.live_job WHERE kind = 'numbered') $$), 'the end of the batch makes its job');

SELECT * FROM finish();
